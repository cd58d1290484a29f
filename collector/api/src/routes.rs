//! The table of all routes: method, path, access, summary, inputs and outputs. The router, error texts, `/openapi.json` and the
//! tests of access rights are derived from this one table, so no route lacks access rights or documentation.

use super::access::Access;
use super::app::App;
use super::export::Format;
use super::openapi::{self, Docs, list_of, of, read_as};
use super::parameter;
use super::route::Route;
use super::values::{Paging, ParamValue, UUID};
use super::{
    audit, auth, corrections, damage, dataplanes, export, forwarders, gaps, health, holds, ingest, limits, log,
    metrics, packets, policy, query, retention, reviews, session, tokens, usage,
};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post, put};
use axum::{Extension, Router};
use headgate_collector_forward::DeadLetter;
use headgate_collector_store::{Correction, Hold, PacketInfo, SessionInfo, TokenInfo};
use headgate_collector_types::audit::Entry;
use headgate_collector_types::retention::Rules;
use headgate_limits::{Reply, Report, SYNC_PATH};
use headgate_record::{Acknowledgement, HEARTBEAT_PATH, Heartbeat, INGEST_PATH, LINES_PATH, RequestRecord};
use serde_json::{Value, json};
use std::sync::Arc;

const DAMAGED: &str = "The disk did not keep the entry as it was stored; see /v1/damage.";

const LOST: &str = "Hashes that this needs are lost.";
const DELETED: &str = "Hashes that this needs are deleted with their segment.";
const CONTRADICTED: &str = "The stored tree contradicts itself.";
const UNBUNDLED: &str = "Entries of the bundle are lost or altered, or one is longer than a bundle has room for.";
const TOO_MANY_BUNDLES: &str = "The token has read too much in this minute.";
const UNSIGNED: &str = "None has been signed.";
const UNREADABLE: &str = "The store cannot be read now.";

const SEVERAL: &str = "Records of several ingest tokens have this id; `GET /v1/requests?id=` lists them.";

const FORWARDER: &str = "The `id` of the forwarder in the settings.";

const FOREIGN: &str = "The boot was opened with another ingest token, or a number leaps.";
const TOO_MANY: &str = "The token has opened too many boots in this hour.";

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

/// Returns the table of routes, grouped by feature.
#[must_use]
pub fn routes() -> Vec<Route> {
    [
        requests(),
        usage(),
        data_planes(),
        audit_log(),
        trees(),
        evidence(),
        policies(),
        retention_and_holds(),
        forwarders(),
        access_tokens(),
        service(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns the routes of the request log and its gaps.
#[rustfmt::skip]
fn requests() -> Vec<Route> {
    routes! {
        "POST" INGEST_PATH, Deliver, "Stores a batch of request records" => post(ingest::requests),
            Docs::json(of::<Acknowledgement>).body(ingest::batch).or(409, FOREIGN).or(429, TOO_MANY);
        "POST" LINES_PATH, Deliver, "Stores the records in the lines of a proxy's own logger" => post(ingest::lines),
            Docs::json(of::<ingest::LinesAcknowledgement>).text_body("text/plain").or(409, FOREIGN).or(429, TOO_MANY);
        "GET" "/v1/requests", Read, "The request log, filtered, in pages" => get(query::list),
            filtered(Docs::json(query::page)).query::<query::RequestPaging>().link("get_v1_requests_id", "/data/0/id");
        "GET" "/v1/requests.json", Read, "All records that match, as a JSON list" => query::export(Format::Json),
            filtered(Docs::json(query::all)).query::<query::RequestExport>();
        "GET" "/v1/requests.ndjson", Read, "All records that match, one per line" => query::export(Format::Ndjson),
            filtered(Docs::text(export::NDJSON)).query::<query::RequestExport>();
        "GET" "/v1/requests.csv", Read, "All records that match, as a spreadsheet" => query::export(Format::Csv),
            filtered(Docs::text(export::CSV)).query::<query::RequestExport>();
        "GET" "/v1/requests/histogram", Read, "Records that match over time, by outcome, with tokens and cost" => get(query::histogram),
            filtered(Docs::json(query::bars)).query::<query::Bars>();
        "GET" "/v1/requests/stream", Read, "Records that match as they are stored, as server-sent events" => get(query::stream),
            filtered(Docs::text(query::EVENT_STREAM)).query::<query::StreamParams>().or(429, "Too many streams are open.");
        "GET" "/v1/requests/facets", Read, "The total of the records that match, and how they spread" => get(query::facets),
            filtered(Docs::json(query::facets_schema)).query::<query::FacetParams>();
        "GET" "/v1/requests/{id}", Read, "One record" => get(query::show),
            Docs::json(of::<RequestRecord>).path(id(), "As in `x-headgate-request-id`.").or(409, SEVERAL).or(500, DAMAGED);
        "GET" "/v1/requests/{id}/policy", Audit, "The policy that a request ran under, and its changes" => get(policy::of_request),
            Docs::json(policy::incident).path(id(), "As in `x-headgate-request-id`.").or(409, SEVERAL).or(500, DAMAGED);
        "GET" "/v1/requests/{id}/proof", Read, "The proof that a record is in the log" => get(log::request_proof),
            Docs::text(log::TEXT).path(id(), "As in `x-headgate-request-id`.").or(409, "Hashes that the proof needs are lost, or records of several ingest tokens have this id.")
                .or(500, CONTRADICTED);
        "GET" "/v1/gaps", Read, "Records that are missing or came late, in pages" => get(gaps::list),
            Docs::json(gaps::page).query::<gaps::GapsQuery>();
    }
}

/// Returns the routes of usage, limits and corrections.
#[rustfmt::skip]
fn usage() -> Vec<Route> {
    routes! {
        "GET" "/v1/usage", Read, "Requests, tokens, cost and latency by time and group, in pages" => get(usage::list),
            Docs::json(usage::page).query::<usage::UsageParams>().query::<usage::UsagePaging>();
        "GET" "/v1/usage.csv", Read, "All of it, as a spreadsheet" => get(usage::csv),
            Docs::text(export::CSV).query::<usage::UsageParams>();
        "POST" SYNC_PATH, Deliver, "Counts a proxy's report for limits and budgets, and answers it" => post(limits::sync),
            Docs::json(of::<Reply>).body(read_as::<Report>).or(409, "A later report of this boot has been answered; or it is another token's boot, or `seq` leaps.")
                .or(429, TOO_MANY);
        "GET" "/v1/limits", Read, "The use of each limit, by subject, in pages" => get(limits::limits),
            Docs::json(limits::counts_schema).query::<limits::CountParams<limits::LimitWindow>>();
        "GET" "/v1/budgets", Read, "The use of each budget, by subject, in pages" => get(limits::budgets),
            Docs::json(limits::counts_schema).query::<limits::CountParams<limits::BudgetWindow>>();
        "GET" "/v1/corrections", Audit, "Corrections of counts and usage, in pages" => get(corrections::list),
            Docs::json(corrections::page).query::<Paging>();
        "POST" "/v1/corrections", Own, "Corrects a count or usage that cannot be true; records stay as they are" => post(corrections::create),
            Docs::created(of::<Correction>).body(read_as::<corrections::NewCorrection>)
                .or(409, "There is nothing to correct, a sum would fall below zero, or another correction has this id.");
    }
}

/// Returns the routes of data planes.
#[rustfmt::skip]
fn data_planes() -> Vec<Route> {
    routes! {
        "POST" HEARTBEAT_PATH, Deliver, "Stores the report of a data plane's worker on itself" => post(dataplanes::heartbeat),
            Docs::nothing().body(read_as::<Heartbeat>).or(409, FOREIGN).or(429, TOO_MANY);
        "GET" "/v1/dataplanes", Read, "Data planes, the policies they run, and which are silent" => get(dataplanes::list),
            Docs::json(dataplanes::page);
    }
}

/// Returns the routes of both logs' trees. They answer nothing but hashes.
#[rustfmt::skip]
fn trees() -> Vec<Route> {
    let tile = || json!({"type": "string", "pattern": "^[0-9]{1,2}/(x[0-9]{3}/)*[0-9]{3}(\\.p/[0-9]{1,3})?$", "examples": ["0/x001/067.p/5"]});
    let about = "Level and index of the tile, as in c2sp.org/tlog-tiles.";
    let bundle = || json!({"type": "string", "pattern": "^(x[0-9]{3}/)*[0-9]{3}(\\.p/[0-9]{1,3})?$", "examples": ["x001/067.p/5"]});
    let bundle_about = "Index of the bundle, as in c2sp.org/tlog-tiles.";
    routes! {
        "GET" "/v1/log", Open, "The state of both logs' hash trees and of their checkpoints" => get(log::show),
            Docs::json(of::<log::LogStates>).or(503, UNREADABLE);
        "GET" "/v1/log/requests/consistency", Open, "The proof that the request log has only grown" => get(log::request_growth),
            Docs::json(of::<log::Growth>).query::<log::ConsistencyParams>().or(400, "A parameter cannot be understood, or the log is not that long.").or(409, LOST)
                .or(410, DELETED).or(500, CONTRADICTED).or(503, UNREADABLE);
        "GET" "/v1/log/audit/consistency", Open, "The proof that the audit log has only grown" => get(log::audit_growth),
            Docs::json(of::<log::Growth>).query::<log::ConsistencyParams>().or(400, "A parameter cannot be understood, or the log is not that long.").or(409, LOST)
                .or(410, DELETED).or(500, CONTRADICTED).or(503, UNREADABLE);
        "GET" "/log/requests/checkpoint", Open, "The newest signed checkpoint of the request log" => get(log::request_checkpoint),
            Docs::text(log::TEXT).or(404, UNSIGNED).or(503, UNREADABLE);
        "GET" "/log/requests/tile/entries/{*bundle}", Audit, "Up to 256 entries of the request log, each after its length" => get(log::request_bundle),
            Docs::text(log::TILE).path(bundle(), bundle_about).or(409, UNBUNDLED).or(410, "Entries of the bundle are deleted.").or(429, TOO_MANY_BUNDLES).or(500, CONTRADICTED);
        "GET" "/log/requests/tile/{*tile}", Open, "Hashes of the request log's tree" => get(log::request_tile),
            Docs::text(log::TILE).path(tile(), about).or(409, LOST).or(410, DELETED).or(500, CONTRADICTED).or(503, UNREADABLE);
        "GET" "/log/audit/checkpoint", Open, "The newest signed checkpoint of the audit log" => get(log::audit_checkpoint),
            Docs::text(log::TEXT).or(404, UNSIGNED).or(503, UNREADABLE);
        "GET" "/log/audit/tile/entries/{*bundle}", Audit, "Up to 256 entries of the audit log, each after its length" => get(log::audit_bundle),
            Docs::text(log::TILE).path(bundle(), bundle_about).or(409, UNBUNDLED).or(410, "Entries of the bundle are deleted.").or(429, TOO_MANY_BUNDLES).or(500, CONTRADICTED);
        "GET" "/log/audit/tile/{*tile}", Open, "Hashes of the audit log's tree" => get(log::audit_tile),
            Docs::text(log::TILE).path(tile(), about).or(409, LOST).or(410, DELETED).or(500, CONTRADICTED).or(503, UNREADABLE);
    }
}

/// Returns the routes of the audit log, and damage to both logs.
#[rustfmt::skip]
fn audit_log() -> Vec<Route> {
    routes! {
        "POST" "/v1/audit", Deliver, "Appends audit entries of another system" => post(audit::append),
            Docs::json(of::<Acknowledgement>).body(audit::entries);
        "GET" "/v1/audit", Audit, "The audit log, filtered, in pages" => get(audit::list),
            Docs::json(audit::page).query::<audit::AuditFilter>().query::<audit::AuditPaging>().link("get_v1_audit_id", "/data/0/id")
                .or(404, "`after` or `before` names no entry, or `actor` nobody.");
        "GET" "/v1/audit.json", Audit, "All audit entries that are filtered, as a JSON list" => audit::export(Format::Json),
            exported(Docs::json(audit::all));
        "GET" "/v1/audit.ndjson", Audit, "All audit entries that are filtered, an entry a line" => audit::export(Format::Ndjson),
            exported(Docs::text(export::NDJSON));
        "GET" "/v1/audit.csv", Audit, "All audit entries that are filtered, as a spreadsheet" => audit::export(Format::Csv),
            exported(Docs::text(export::CSV));
        "GET" "/v1/audit/{id}", Audit, "One audit entry" => get(audit::show),
            Docs::json(of::<Entry>).path(id(), "The entry's id.").or(500, DAMAGED);
        "GET" "/v1/audit/{id}/proof", Audit, "The proof that an audit entry is in the log" => get(log::audit_proof),
            Docs::text(log::TEXT).path(id(), "The entry's id.").or(409, LOST).or(500, CONTRADICTED);
        "GET" "/v1/damage", Audit, "Entries of both logs that are altered or lost" => get(damage::list),
            Docs::json(damage::listed);
    }
}

/// Returns the routes of evidence packets and reviews.
#[rustfmt::skip]
fn evidence() -> Vec<Route> {
    routes! {
        "GET" "/v1/packets", Audit, "Evidence packets, the newest first" => get(packets::list),
            Docs::json(list_of::<PacketInfo>);
        "POST" "/v1/packets", Audit, "Asks for an evidence packet: one ZIP with the records of a period and their proofs" => post(packets::create),
            Docs::created(of::<PacketInfo>).body(read_as::<packets::NewPacket>).link("get_v1_packets_id", "/id")
                .or(409, "There are 32 already, or the collector has no folder for them.");
        "GET" "/v1/packets/{id}", Audit, "The state of a packet" => get(packets::show),
            Docs::json(of::<PacketInfo>).path(name(), "`pkt_…`, as the list shows it.");
        "GET" "/v1/packets/{id}/packet.zip", Audit, "The packet" => get(packets::archive),
            Docs::text(packets::ZIP).path(name(), "`pkt_…`, as the list shows it.").or(409, "It is not ready, or another collector has its file.");
        "DELETE" "/v1/packets/{id}", Audit, "Deletes a packet" => delete(packets::delete),
            Docs::json(of::<PacketInfo>).path(name(), "`pkt_…`, as the list shows it.");
        "GET" "/v1/reviews", Audit, "The newest 200 reviews of the logs" => get(reviews::list),
            Docs::json(list_of::<reviews::Review>);
        "POST" "/v1/reviews", Audit, "Records that the caller has looked at the logs of a period, and what was found" => post(reviews::record),
            Docs::created(of::<reviews::Review>).body(read_as::<reviews::NewReview>);
    }
}

/// Returns the routes of the policy.
#[rustfmt::skip]
fn policies() -> Vec<Route> {
    routes! {
        "GET" "/v1/policy", Audit, "The policy in force, secrets masked" => get(policy::in_force),
            Docs::json(policy::whole).or(404, "None has been put here yet.");
        "PUT" "/v1/policy", Change, "Puts a gateway.yaml in force in place of the revision it was made from" => put(policy::apply),
            policy::changing(Docs::json(policy::outcome).text_body("application/yaml"))
                .or(409, "Another version of `headgate` makes another config revision of it.");
        "POST" "/v1/policy/rollback", Change, "Puts an earlier revision in force again" => post(policy::roll_back),
            policy::changing(Docs::json(policy::outcome).body(read_as::<policy::Rollback>)).or(404, "There is no such revision.");
        "GET" "/v1/policy/revisions", Audit, "All revisions of the policy, in pages" => get(policy::list),
            Docs::json(policy::page).query::<Paging>();
        "GET" "/v1/policy/{rev}", Audit, "One revision, secrets masked" => get(policy::show),
            Docs::json(policy::whole).path(policy::Revision::schema(), policy::ABOUT_REVISION);
        "GET" "/v1/policy/{rev}/diff", Audit, "The changes of a revision, by resource, secrets masked" => get(policy::diff),
            Docs::json(policy::difference).path(policy::Revision::schema(), policy::ABOUT_REVISION).query::<policy::DiffParams>();
        "GET" "/v1/policy/{rev}/gateway.yaml", Change, "A revision as it was written" => get(policy::text),
            Docs::text("application/yaml").path(policy::Revision::schema(), policy::ABOUT_REVISION);
    }
}

/// Returns the routes of retention and legal holds.
#[rustfmt::skip]
fn retention_and_holds() -> Vec<Route> {
    routes! {
        "GET" "/v1/retention", Audit, "How long the logs are kept" => get(retention::show),
            Docs::json(of::<retention::Shown>);
        "PUT" "/v1/retention", Own, "Sets how long the logs are kept, or tries it out" => put(retention::set),
            Docs::json(of::<retention::Shown>).body(read_as::<Rules>).query::<retention::RetentionQuery>()
                .header("If-Match", "The revision it was made from, as `GET` answers it in `ETag`.")
                .or(412, "`If-Match` is not the revision any more.").or(428, "`If-Match` is missing.");
        "POST" "/v1/retention/clock", Own, "Says that the host's clock is right although it has leapt" => post(retention::confirm_clock),
            Docs::json(of::<retention::Clock>).body(read_as::<retention::StatedTime>)
                .or(409, "The host's clock says something else.");
        "GET" "/v1/holds", Audit, "Legal holds that stand" => get(holds::list),
            Docs::json(list_of::<Hold>);
        "POST" "/v1/holds", Own, "Places a legal hold: the entries in its scope are not deleted" => post(holds::place),
            Docs::created(of::<holds::PlacedHold>).body(read_as::<holds::NewHold>).or(409, "There are 200 already.");
        "DELETE" "/v1/holds/{id}", Own, "Releases a legal hold" => delete(holds::release),
            Docs::json(of::<Hold>).path(name(), "`hold_…`, as the list shows it.");
    }
}

/// Returns the routes of forwarders.
#[rustfmt::skip]
fn forwarders() -> Vec<Route> {
    routes! {
        "GET" "/v1/forwarders", Audit, "Receivers of the logs, and how far each has them" => get(forwarders::list),
            Docs::json(list_of::<forwarders::ForwarderState>);
        "GET" "/v1/forwarders/{id}/dead-letters", Audit, "Entries that a receiver refuses" => get(forwarders::dead_letters),
            Docs::json(list_of::<DeadLetter>).path(name(), FORWARDER);
        "POST" "/v1/forwarders/{id}/dead-letters/retry", Own, "Delivers refused entries once more, 100 at a time" => post(forwarders::retry),
            Docs::json(of::<forwarders::Retried>).path(name(), FORWARDER);
        "DELETE" "/v1/forwarders/{id}/dead-letters", Own, "Forgets all refused entries; they stay in their log" => delete(forwarders::drop_dead_letters),
            Docs::json(of::<forwarders::Dropped>).path(name(), FORWARDER);
        "POST" "/v1/forwarders/{id}/test", Own, "Delivers one marked event, past all that wait" => post(forwarders::test),
            Docs::json(of::<forwarders::Tested>).path(name(), FORWARDER);
        "POST" "/v1/forwarders/{id}/pause", Own, "Stops deliveries until they are resumed; nothing is lost meanwhile" => post(forwarders::pause),
            Docs::json(of::<forwarders::ForwarderState>).path(name(), FORWARDER);
        "POST" "/v1/forwarders/{id}/resume", Own, "Ends a pause, also one after a failure" => post(forwarders::resume),
            Docs::json(of::<forwarders::ForwarderState>).path(name(), FORWARDER);
        "POST" "/v1/forwarders/{id}/replay", Own, "Delivers a log again from a position on, or skips entries up to it" => post(forwarders::replay),
            Docs::json(of::<forwarders::ForwarderState>).path(name(), FORWARDER).body(read_as::<forwarders::Replay>);
    }
}

/// Returns the routes of tokens.
#[rustfmt::skip]
fn access_tokens() -> Vec<Route> {
    routes! {
        "GET" "/v1/tokens", Own, "All tokens, without their text" => get(tokens::list),
            Docs::json(list_of::<TokenInfo>);
        "POST" "/v1/tokens", Own, "Makes a token and shows it once" => post(tokens::create),
            Docs::created(of::<tokens::MadeToken>).body(read_as::<tokens::NewToken>)
                .link("delete_v1_tokens_id", "/id");
        "DELETE" "/v1/tokens/{id}", Own, "Revokes a token" => delete(tokens::revoke),
            Docs::json(of::<TokenInfo>).path(name(), "`tok_…`, as the list shows it.")
                .or(409, "It is the last owner's.");
        "GET" "/v1/sessions", Own, "Sessions of persons on the pages" => get(session::list),
            Docs::json(list_of::<SessionInfo>);
        "DELETE" "/v1/sessions/{id}", Own, "Ends a session" => delete(session::end),
            Docs::json(of::<SessionInfo>).path(name(), "`ses_…`, as the list shows it.");
    }
}

/// Returns the routes of the service itself, without a token.
#[rustfmt::skip]
fn service() -> Vec<Route> {
    routes! {
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

fn filtered(docs: Docs) -> Docs {
    docs.query::<query::RequestFilter>()
}

fn exported(docs: Docs) -> Docs {
    docs.query::<audit::AuditFilter>().query::<audit::AuditExport>().or(404, "`actor` names nobody.")
}

/// Returns the schema of an id in a path.
fn id() -> Value {
    json!({"type": "string", "pattern": UUID})
}

/// Returns the schema of a name in a path.
fn name() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": 1024})
}

/// Returns the router for the table. Each route has its own guard: the caller is authenticated before its parameters are checked.
pub(super) fn router(app: &App) -> Router<App> {
    let router = routes().into_iter().fold(Router::new(), |router, route| {
        let guarded = match route.access {
            Access::Open => route.handler,
            access => route
                .handler
                .route_layer(from_fn_with_state(Arc::from(route.docs.parameters), parameter::check_parameters))
                .route_layer(from_fn_with_state((app.auth.clone(), access), auth::require)),
        };
        router.route(route.path, guarded)
    });
    router.layer(Extension(openapi::Table(routes)))
}
