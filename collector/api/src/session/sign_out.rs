//! `POST /auth/logout` and `GET /signed-out`: ends the session, and leads a person to the provider's own sign-out.

use super::cookie;
use super::guard::SessionId;
use crate::app::App;
use crate::caller::Caller;
use crate::pages::{PageError, html, see_other};
use crate::write_timeout::commit;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use headgate_collector_pages::login::SignedOut;
use headgate_collector_store::end_session;
use headgate_collector_types::audit::ActorKind;

/// Handles `POST /auth/logout`.
pub(crate) async fn sign_out(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(SessionId(id)): Extension<SessionId>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    let is_person = caller.kind == ActorKind::Person;
    commit(&app.writes, "the end of the session", move |tx| end_session(tx, &id, caller.actor())).await?;
    // The policy of the pages does not let a form lead to another site, so a page does.
    let mut response = see_other(if is_person && page(&app).is_some() { "/signed-out" } else { "/login" });
    response.headers_mut().insert(header::SET_COOKIE, cookie::taken(&app.auth.site, &headers));
    Ok(response)
}

/// Handles `GET /signed-out`.
pub(crate) async fn signed_out(State(app): State<App>) -> Response {
    page(&app).map_or_else(|| see_other("/login"), |page| html(StatusCode::OK, page.render()))
}

fn page(app: &App) -> Option<SignedOut> {
    let settings = app.provider.as_ref()?.settings();
    Some(SignedOut { provider: settings.name.clone(), address: settings.logout_url.clone()? })
}
