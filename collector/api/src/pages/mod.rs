//! The pages: their table, and the way to them.
//!
//! A page needs a session where a route of the API needs a token. The guard puts into the extensions of a request what a handler
//! needs: the [`Caller`](super::caller::Caller) for the audit log, the `Person` for the frame, and the `Form` that a `POST` has
//! sent, once its text against forged forms has been checked.

mod answer;
mod applied;
mod assets;
mod audit;
mod counts;
mod evidence;
mod fleet;
mod forwarders;
mod frame;
mod guardrails;
mod help;
mod keys;
mod logs;
mod models;
mod overview;
mod playground;
mod policy;
mod retention;
mod sums;
mod tokens;
mod try_out;
mod usage;
mod visit;

pub(super) use answer::{PageError, html, see_other};
pub(super) use frame::frame;

use super::access::Access;
use super::app::App;
use super::packets;
use super::session;
use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{MethodRouter, get, post};
use headgate_collector_pages::frame::Page;

/// A page that needs a session whose role has this access.
struct Guarded {
    handler: MethodRouter<App>,
    access: Access,
}

/// Guards a page.
fn page(handler: MethodRouter<App>, access: Access) -> Guarded {
    Guarded { handler, access }
}

/// Returns the access that a page of the menu requires.
const fn access(page: Page) -> Access {
    match page {
        Page::Overview
        | Page::Logs
        | Page::Usage
        | Page::Limits
        | Page::Budgets
        | Page::Models
        | Page::Keys
        | Page::Guardrails
        | Page::Planes
        | Page::Try
        | Page::Playground
        | Page::Completeness
        | Page::Help => Access::Read,
        Page::Audit | Page::Policy | Page::Evidence | Page::Retention | Page::Forwarders => Access::Audit,
        Page::Tokens => Access::Own,
    }
}

/// Returns the table of pages.
fn pages() -> Vec<(&'static str, Guarded)> {
    let mut pages = vec![
        (Page::Overview.path(), page(get(overview::show), access(Page::Overview))),
        (Page::Logs.path(), page(get(logs::list), access(Page::Logs))),
        ("/logs/{id}", page(get(logs::one), access(Page::Logs))),
        (Page::Usage.path(), page(get(usage::show), access(Page::Usage))),
        ("/usage.csv", page(get(usage::csv), access(Page::Usage))),
        ("/usage.json", page(get(usage::json), access(Page::Usage))),
        (Page::Limits.path(), page(get(counts::limits), access(Page::Limits))),
        ("/limits.json", page(get(counts::limits_json), access(Page::Limits))),
        (Page::Budgets.path(), page(get(counts::budgets), access(Page::Budgets))),
        ("/budgets.json", page(get(counts::budgets_json), access(Page::Budgets))),
        (Page::Audit.path(), page(get(audit::list), access(Page::Audit))),
        (Page::Completeness.path(), page(get(fleet::gaps), access(Page::Completeness))),
        ("/gaps.json", page(get(fleet::gaps_json), access(Page::Completeness))),
        (Page::Planes.path(), page(get(fleet::planes), access(Page::Planes))),
        ("/dataplanes.json", page(get(fleet::planes_json), access(Page::Planes))),
        (Page::Help.path(), page(get(help::show), access(Page::Help))),
        ("/help/traffic", page(get(help::traffic), access(Page::Help))),
        ("/auth/logout", page(post(session::sign_out), Access::Read)),
    ];
    pages.extend(policy_pages());
    pages.extend(evidence_pages());
    pages.extend(owner_pages());
    pages
}

/// Returns the pages about the policy.
fn policy_pages() -> Vec<(&'static str, Guarded)> {
    vec![
        (Page::Models.path(), page(get(models::list), access(Page::Models))),
        ("/models/{*alias}", page(get(models::one), access(Page::Models))),
        (Page::Keys.path(), page(get(keys::list), access(Page::Keys))),
        ("/keys/{*id}", page(get(keys::one), access(Page::Keys))),
        (Page::Guardrails.path(), page(get(guardrails::list), access(Page::Guardrails))),
        ("/guardrails/{*id}", page(get(guardrails::one), access(Page::Guardrails))),
        (Page::Try.path(), page(get(try_out::show), access(Page::Try))),
        (Page::Playground.path(), page(get(playground::show), access(Page::Playground))),
        (Page::Policy.path(), page(get(policy::list), access(Page::Policy))),
        ("/policy/{rev}", page(get(policy::one), access(Page::Policy))),
        ("/policy/{rev}/diff", page(get(policy::diff), access(Page::Policy))),
    ]
}

/// Returns the pages about evidence packets.
fn evidence_pages() -> Vec<(&'static str, Guarded)> {
    let of = access(Page::Evidence);
    vec![
        (Page::Evidence.path(), page(get(evidence::show).post(evidence::create), of)),
        ("/evidence/{id}/packet.zip", page(get(packets::archive), of)),
        ("/evidence/{id}/delete", page(get(evidence::ask_delete).post(evidence::delete), of)),
    ]
}

/// Returns the pages on which an owner changes something.
fn owner_pages() -> Vec<(&'static str, Guarded)> {
    vec![
        (Page::Retention.path(), page(get(retention::show), access(Page::Retention))),
        ("/retention/change", page(get(retention::preview).post(retention::set), Access::Own)),
        ("/retention/clock", page(post(retention::confirm_clock), Access::Own)),
        ("/retention/holds", page(post(retention::place), Access::Own)),
        ("/retention/holds/{id}/release", page(get(retention::ask_release).post(retention::release), Access::Own)),
        (Page::Forwarders.path(), page(get(forwarders::show), access(Page::Forwarders))),
        ("/forwarders/{id}/test", page(post(forwarders::test), Access::Own)),
        ("/forwarders/{id}/pause", page(post(forwarders::pause), Access::Own)),
        ("/forwarders/{id}/resume", page(post(forwarders::resume), Access::Own)),
        ("/forwarders/{id}/retry", page(post(forwarders::retry), Access::Own)),
        ("/forwarders/{id}/drop", page(post(forwarders::drop_dead_letters), Access::Own)),
        (Page::Tokens.path(), page(get(tokens::show).post(tokens::create), access(Page::Tokens))),
        ("/tokens/{id}/revoke", page(get(tokens::ask_revoke).post(tokens::revoke), Access::Own)),
        ("/tokens/sessions/{id}/end", page(post(tokens::end_session), Access::Own)),
    ]
}

/// The formats by which the address of a page answers its data.
const FORMATS: [&str; 3] = ["csv", "json", "ndjson"];

/// Returns the addresses of pages with the end of a format. They lead to the routes of the API, which check the rights.
fn exports() -> Router<App> {
    FORMATS.into_iter().fold(Router::new(), |router, end| {
        router
            .route(&format!("/logs.{end}"), get(move |query, headers| logs::exported(query, headers, end)))
            .route(&format!("/audit.{end}"), get(move |query, headers| audit::exported(query, headers, end)))
    })
}

/// Returns the router for the pages, and for signing in.
pub(super) fn router(app: &App) -> Router<App> {
    let open = Router::new()
        .route("/login", get(session::show))
        .route("/auth/login", post(session::sign_in))
        .route("/auth/oidc", get(session::begin))
        .route("/auth/oidc/callback", get(session::callback))
        .route("/signed-out", get(session::signed_out))
        .route("/assets/{name}", get(assets::one));
    let all = pages().into_iter().fold(open, |router, (path, Guarded { handler, access })| {
        router.route(path, handler.route_layer(from_fn_with_state((app.clone(), access), session::require)))
    });
    all.merge(exports()).layer(map_response(answer::protected))
}
