//! All routes, as data: method, path, who may, what it is. Router, error texts and the tests of rights read this one table, so
//! that no route is without an answer to who may use it.

use super::{App, audit, auth, dataplanes, health, ingest, limits, metrics, policy, query, tokens};
use crate::store::Role;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};
use headgate_limits::SYNC_PATH;
use headgate_record::{HEARTBEAT_PATH, INGEST_PATH};

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
    handler: MethodRouter<App>,
}

macro_rules! routes {
    ($($method:literal $path:expr, $access:ident, $about:literal => $handler:expr;)+) => {
        vec![$(Route { method: $method, path: $path, access: Access::$access, about: $about, handler: $handler }),+]
    };
}

/// The table.
#[must_use]
pub fn routes() -> Vec<Route> {
    routes! {
        "POST" INGEST_PATH, Deliver, "Stores a batch of request records" => post(ingest::requests);
        "GET" "/v1/requests", Read, "The request log, filtered, in pages" => get(query::list);
        "GET" "/v1/requests.json", Read, "All of what is filtered, as a JSON list" => get(query::json);
        "GET" "/v1/requests.ndjson", Read, "All of what is filtered, a record a line" => get(query::ndjson);
        "GET" "/v1/requests.csv", Read, "All of what is filtered, as a spreadsheet" => get(query::csv);
        "GET" "/v1/requests/facets", Read, "The total of what is filtered, and how it spreads" => get(query::facets);
        "GET" "/v1/requests/{id}", Read, "One record" => get(query::one);
        "GET" "/v1/requests/{id}/policy", Audit, "The policy that a request ran under, and what had changed" => get(policy::of_request);
        "GET" "/v1/gaps", Read, "Records that are missing, by sender" => get(query::gaps);
        "POST" SYNC_PATH, Deliver, "Counts a proxy's report for limits and budgets, and answers it" => post(limits::sync);
        "GET" "/v1/limits", Read, "What is used of each limit, by subject, in pages" => get(limits::limits);
        "GET" "/v1/budgets", Read, "What is used of each budget, by subject, in pages" => get(limits::budgets);
        "POST" HEARTBEAT_PATH, Deliver, "Keeps what a worker of a data plane says of itself" => post(dataplanes::heartbeat);
        "GET" "/v1/dataplanes", Read, "Data planes, what they run, and which are silent" => get(dataplanes::list);
        "POST" "/v1/audit", Deliver, "Appends audit entries of another system" => post(audit::append);
        "GET" "/v1/audit", Audit, "The audit log, filtered, in pages" => get(audit::list);
        "GET" "/v1/audit/{id}", Audit, "One audit entry" => get(audit::one);
        "GET" "/v1/policy", Audit, "The policy in force, secrets masked" => get(policy::in_force);
        "PUT" "/v1/policy", Change, "Puts a gateway.yaml in force in place of the revision it was made from" => put(policy::apply);
        "POST" "/v1/policy/rollback", Change, "Puts an earlier revision in force again" => post(policy::roll_back);
        "GET" "/v1/policy/revisions", Audit, "All revisions of the policy, in pages" => get(policy::list);
        "GET" "/v1/policy/{rev}", Audit, "One revision, secrets masked" => get(policy::one);
        "GET" "/v1/policy/{rev}/diff", Audit, "What a revision changed, by resource, secrets masked" => get(policy::diff);
        "GET" "/v1/policy/{rev}/gateway.yaml", Change, "A revision as it was written" => get(policy::text);
        "GET" "/v1/tokens", Own, "All tokens, without their text" => get(tokens::list);
        "POST" "/v1/tokens", Own, "Makes a token and shows it once" => post(tokens::create);
        "DELETE" "/v1/tokens/{id}", Own, "Revokes a token" => delete(tokens::revoke);
        "GET" "/healthz", Open, "Whether the process runs" => get(health::alive);
        "GET" "/readyz", Open, "Whether a write reaches the disk" => get(health::ready);
        "GET" "/metrics", Open, "Metrics in the OpenMetrics text format" => get(metrics::page);
    }
}

/// The table as a router. Each route is guarded by itself.
pub(super) fn router(app: &App) -> Router<App> {
    routes().into_iter().fold(Router::new(), |router, route| {
        let guarded = match route.access {
            Access::Open => route.handler,
            access => route.handler.route_layer(from_fn_with_state((app.clone(), access), auth::require)),
        };
        router.route(route.path, guarded)
    })
}
