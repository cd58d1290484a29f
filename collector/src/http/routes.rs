//! All routes, as data: method, path, who may, what it is, what it takes and gives. Router, error texts, `/openapi.json` and the
//! tests of rights read this one table, so that no route is without an answer to who may use it and how.

use super::openapi::{self, Docs, list_of, of, read_as};
use super::parameter::{self, Shape};
use super::query::Also;
use super::{
    App, audit, auth, corrections, damage, dataplanes, export, gaps, health, holds, ingest, limits, metrics, policy,
    query, retention, tokens, usage,
};
use crate::audit::Entry;
use crate::retention::Rules;
use crate::store::{Correction, Hold, Role, TokenInfo};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};
use headgate_limits::{Reply, Report, SYNC_PATH};
use headgate_record::{Acknowledgement, HEARTBEAT_PATH, Heartbeat, INGEST_PATH, RequestRecord};
use std::sync::Arc;

const UUID: Shape = Shape::Pattern(
    "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "01890a5d-ac96-774b-bcce-b302099a8057",
);

const DAMAGED: &str = "The disk did not keep the entry as it was stored; see /v1/damage.";

const FOREIGN: &str = "The boot was opened with another ingest token, or a number leaps.";
const TOO_MANY: &str = "The token has opened too many boots in this hour.";

/// What a route asks of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: no token is needed.
    Open,
    /// To deliver.
    Deliver,
    /// To read the request log.
    Read,
    /// To read the audit log.
    Audit,
    /// To change the policy, and to read it as it was written.
    Change,
    /// To manage tokens and retention.
    Own,
}

impl Access {
    /// The roles that have it.
    #[must_use]
    pub const fn roles(self) -> &'static [Role] {
        match self {
            Self::Open => &Role::ALL,
            Self::Deliver => &[Role::Ingest],
            Self::Read => &[Role::Viewer, Role::Auditor, Role::Admin, Role::Owner],
            Self::Audit => &[Role::Auditor, Role::Admin, Role::Owner],
            Self::Change => &[Role::Admin, Role::Owner],
            Self::Own => &[Role::Owner],
        }
    }
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// `GET`, `POST` …
    pub method: &'static str,
    /// Path; parameters in braces.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    /// What it is, in a line.
    pub about: &'static str,
    /// What it takes and gives.
    pub docs: Docs,
    handler: MethodRouter<App>,
}

macro_rules! routes {
    ($($method:literal $path:expr, $access:ident, $about:literal => $handler:expr, $docs:expr;)+) => {
        vec![$(Route {
            method: $method,
            path: $path,
            access: Access::$access,
            about: $about,
            docs: $docs,
            handler: $handler,
        }),+]
    };
}

/// The table.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    let filtered = || query::described(Also::Export);
    let exported = || audit::described(audit::Also::Export);
    routes! {
        "POST" INGEST_PATH, Deliver, "Stores a batch of request records" => post(ingest::requests),
            Docs::json(of::<Acknowledgement>).body(ingest::batch).or(409, FOREIGN).or(429, TOO_MANY);
        "GET" "/v1/requests", Read, "The request log, filtered, in pages" => get(query::list),
            Docs::json(query::page).query(query::described(Also::Pages)).link("get_v1_requests_id", "/data/0/id");
        "GET" "/v1/requests.json", Read, "All of what is filtered, as a JSON list" => get(query::json),
            Docs::json(query::all).query(filtered());
        "GET" "/v1/requests.ndjson", Read, "All of what is filtered, a record a line" => get(query::ndjson),
            Docs::text(export::NDJSON).query(filtered());
        "GET" "/v1/requests.csv", Read, "All of what is filtered, as a spreadsheet" => get(query::csv),
            Docs::text(export::CSV).query(filtered());
        "GET" "/v1/requests/facets", Read, "The total of what is filtered, and how it spreads" => get(query::facets),
            Docs::json(query::spread).query(query::described(Also::Facets));
        "GET" "/v1/requests/{id}", Read, "One record" => get(query::one),
            Docs::json(of::<RequestRecord>).path(UUID, "As in `x-headgate-request-id`.").or(500, DAMAGED);
        "GET" "/v1/requests/{id}/policy", Audit, "The policy that a request ran under, and what had changed" => get(policy::of_request),
            Docs::json(policy::incident).path(UUID, "As in `x-headgate-request-id`.").or(500, DAMAGED);
        "GET" "/v1/gaps", Read, "Records that are missing or came late, in pages" => get(gaps::list),
            Docs::json(gaps::page).query(gaps::described());
        "GET" "/v1/usage", Read, "Requests, tokens, cost and latency by time and group, in pages" => get(usage::list),
            Docs::json(usage::page).query(usage::described(usage::Also::Pages));
        "GET" "/v1/usage.csv", Read, "All of it, as a spreadsheet" => get(usage::csv),
            Docs::text(export::CSV).query(usage::described(usage::Also::Export));
        "POST" SYNC_PATH, Deliver, "Counts a proxy's report for limits and budgets, and answers it" => post(limits::sync),
            Docs::json(of::<Reply>).body(read_as::<Report>).or(409, "A later report of this boot has been answered; or it is another token's boot, or `seq` leaps.")
                .or(429, TOO_MANY);
        "GET" "/v1/limits", Read, "What is used of each limit, by subject, in pages" => get(limits::limits),
            Docs::json(limits::counts).query(limits::described(false));
        "GET" "/v1/budgets", Read, "What is used of each budget, by subject, in pages" => get(limits::budgets),
            Docs::json(limits::counts).query(limits::described(true));
        "GET" "/v1/corrections", Audit, "Corrections of counts and usage, in pages" => get(corrections::list),
            Docs::json(corrections::page).query(corrections::described());
        "POST" "/v1/corrections", Own, "Corrects a count or usage that cannot be true; records stay as they are" => post(corrections::create),
            Docs::created(of::<Correction>).body(read_as::<corrections::NewCorrection>)
                .or(409, "There is nothing to correct, a sum would fall below zero, or another correction has this id.");
        "POST" HEARTBEAT_PATH, Deliver, "Keeps what a worker of a data plane says of itself" => post(dataplanes::heartbeat),
            Docs::nothing().body(read_as::<Heartbeat>).or(409, FOREIGN).or(429, TOO_MANY);
        "GET" "/v1/dataplanes", Read, "Data planes, what they run, and which are silent" => get(dataplanes::list),
            Docs::json(dataplanes::page);
        "POST" "/v1/audit", Deliver, "Appends audit entries of another system" => post(audit::append),
            Docs::json(of::<Acknowledgement>).body(audit::entries);
        "GET" "/v1/audit", Audit, "The audit log, filtered, in pages" => get(audit::list),
            Docs::json(audit::page).query(audit::described(audit::Also::Pages)).link("get_v1_audit_id", "/data/0/id")
                .or(404, "`after` or `before` names no entry, or `actor` nobody.");
        "GET" "/v1/audit.json", Audit, "All audit entries that are filtered, as a JSON list" => get(audit::json),
            Docs::json(audit::all).query(exported()).or(404, "`actor` names nobody.");
        "GET" "/v1/audit.ndjson", Audit, "All audit entries that are filtered, an entry a line" => get(audit::ndjson),
            Docs::text(export::NDJSON).query(exported()).or(404, "`actor` names nobody.");
        "GET" "/v1/audit.csv", Audit, "All audit entries that are filtered, as a spreadsheet" => get(audit::csv),
            Docs::text(export::CSV).query(exported()).or(404, "`actor` names nobody.");
        "GET" "/v1/audit/{id}", Audit, "One audit entry" => get(audit::one),
            Docs::json(of::<Entry>).path(UUID, "The entry's id.").or(500, DAMAGED);
        "GET" "/v1/damage", Audit, "Entries of both logs that are altered or lost" => get(damage::list),
            Docs::json(damage::listed);
        "GET" "/v1/policy", Audit, "The policy in force, secrets masked" => get(policy::in_force),
            Docs::json(policy::whole).or(404, "None has been put here yet.");
        "PUT" "/v1/policy", Change, "Puts a gateway.yaml in force in place of the revision it was made from" => put(policy::apply),
            policy::changing(Docs::json(policy::outcome).text_body("application/yaml"))
                .or(409, "Another version of `headgate` makes another config revision of it.");
        "POST" "/v1/policy/rollback", Change, "Puts an earlier revision in force again" => post(policy::roll_back),
            policy::changing(Docs::json(policy::outcome).body(read_as::<policy::Rollback>)).or(404, "There is no such revision.");
        "GET" "/v1/policy/revisions", Audit, "All revisions of the policy, in pages" => get(policy::list),
            Docs::json(policy::page).query(policy::pages());
        "GET" "/v1/policy/{rev}", Audit, "One revision, secrets masked" => get(policy::one),
            Docs::json(policy::whole).path(policy::REVISION, policy::ABOUT_REVISION);
        "GET" "/v1/policy/{rev}/diff", Audit, "What a revision changed, by resource, secrets masked" => get(policy::diff),
            Docs::json(policy::difference).path(policy::REVISION, policy::ABOUT_REVISION).query(policy::compared());
        "GET" "/v1/policy/{rev}/gateway.yaml", Change, "A revision as it was written" => get(policy::text),
            Docs::text("application/yaml").path(policy::REVISION, policy::ABOUT_REVISION);
        "GET" "/v1/retention", Audit, "How long the logs are kept" => get(retention::show),
            Docs::json(of::<retention::Shown>);
        "PUT" "/v1/retention", Own, "Sets how long the logs are kept, or tries it out" => put(retention::set),
            Docs::json(of::<retention::Shown>).body(read_as::<Rules>).query(retention::described())
                .header("If-Match", "The revision it was made from, as `GET` answers it in `ETag`.")
                .or(412, "`If-Match` is not the revision any more.").or(428, "`If-Match` is missing.");
        "POST" "/v1/retention/clock", Own, "Says that the host's clock is right although it has leapt" => post(retention::confirm_clock),
            Docs::json(of::<retention::Clock>).body(read_as::<retention::StatedTime>)
                .or(409, "The host's clock says something else.");
        "GET" "/v1/holds", Audit, "Legal holds that stand" => get(holds::list),
            Docs::json(list_of::<Hold>);
        "POST" "/v1/holds", Own, "Places a legal hold: what it covers is not deleted" => post(holds::place),
            Docs::created(of::<holds::PlacedHold>).body(read_as::<holds::NewHold>).or(409, "There are 200 already.");
        "DELETE" "/v1/holds/{id}", Own, "Releases a legal hold" => delete(holds::release),
            Docs::json(of::<Hold>).path(Shape::Text, "`hold_…`, as the list shows it.");
        "GET" "/v1/tokens", Own, "All tokens, without their text" => get(tokens::list),
            Docs::json(list_of::<TokenInfo>);
        "POST" "/v1/tokens", Own, "Makes a token and shows it once" => post(tokens::create),
            Docs::created(of::<tokens::MadeToken>).body(read_as::<tokens::NewToken>)
                .link("delete_v1_tokens_id", "/id");
        "DELETE" "/v1/tokens/{id}", Own, "Revokes a token" => delete(tokens::revoke),
            Docs::json(of::<TokenInfo>).path(Shape::Text, "`tok_…`, as the list shows it.")
                .or(409, "It is the last owner's.");
        "GET" "/healthz", Open, "Whether the process runs" => get(health::alive),
            Docs::json(|_| health::status("alive"));
        "GET" "/readyz", Open, "Whether a write reaches the disk" => get(health::ready),
            Docs::json(|_| health::status("ready")).or(503, "It does not, or not in time.");
        "GET" "/metrics", Open, "Metrics in the OpenMetrics text format" => get(metrics::page),
            Docs::text(metrics::OPEN_METRICS).or(503, "They cannot be written.");
        "GET" "/openapi.json", Open, "This document" => get(openapi::page),
            Docs::json(openapi::itself);
    }
}

/// The table as a router. Each route is guarded by itself: first who asks, then what is asked.
pub(super) fn router(app: &App) -> Router<App> {
    routes().into_iter().fold(Router::new(), |router, route| {
        let guarded = match route.access {
            Access::Open => route.handler,
            access => route
                .handler
                .route_layer(from_fn_with_state(Arc::from(route.docs.parameters), parameter::known))
                .route_layer(from_fn_with_state((app.clone(), access), auth::require)),
        };
        router.route(route.path, guarded)
    })
}
