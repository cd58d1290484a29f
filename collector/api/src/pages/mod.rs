//! The pages: their table, and the way to them.
//!
//! A page needs a session where a route of the API needs a token. The guard puts into the extensions of a request what a handler
//! needs: the [`Caller`](super::caller::Caller) for the audit log, the `Person` for the frame, and the `Form` that a `POST` has
//! sent, once its text against forged forms has been checked.

mod answer;
mod assets;
mod audit;
mod fleet;
mod frame;
mod logs;

pub(super) use answer::{PageError, html, see_other};
pub(super) use frame::frame;

use super::access::Access;
use super::app::App;
use super::session;
use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
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
        Page::Logs | Page::Planes | Page::Completeness => Access::Read,
        Page::Audit => Access::Audit,
    }
}

/// Returns the table of pages.
fn pages() -> Vec<(&'static str, Guarded)> {
    vec![
        ("/", page(get(home), Access::Read)),
        (Page::Logs.path(), page(get(logs::list), access(Page::Logs))),
        ("/logs/{id}", page(get(logs::one), access(Page::Logs))),
        (Page::Audit.path(), page(get(audit::list), access(Page::Audit))),
        (Page::Completeness.path(), page(get(fleet::gaps), access(Page::Completeness))),
        (Page::Planes.path(), page(get(fleet::planes), access(Page::Planes))),
        ("/auth/logout", page(post(session::sign_out), Access::Read)),
    ]
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
    all.layer(map_response(answer::protected))
}

/// Handles `GET /`.
async fn home() -> Response {
    see_other("/logs")
}
