//! `POST /auth/logout`: ends the session.

use super::cookie;
use super::guard::SessionId;
use crate::app::App;
use crate::caller::Caller;
use crate::pages::{PageError, see_other};
use crate::write_timeout::commit;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use headgate_collector_store::end_session;

/// Handles `POST /auth/logout`.
pub(crate) async fn sign_out(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(SessionId(id)): Extension<SessionId>,
    headers: HeaderMap,
) -> Result<Response, PageError> {
    commit(&app.writes, "the end of the session", move |tx| end_session(tx, &id, caller.actor())).await?;
    let mut response = see_other("/login");
    response.headers_mut().insert(header::SET_COOKIE, cookie::taken(&headers));
    Ok(response)
}
