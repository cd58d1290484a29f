//! `/tokens` and the paths below it: tokens and sessions as a page, and the forms that change them. They go through the
//! functions of `/v1/tokens` and `/v1/sessions`.

use super::answer::see_other;
use super::retention::{refused, time_of};
use super::visit::Visit;
use crate::error::ApiError;
use crate::path_param::PathName;
use crate::session::{self, Form};
use crate::tokens::{self, MadeToken};
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::text::rfc3339;
use headgate_collector_pages::tokens::{MadePage, RevokePage, SessionRow, Token, TokenDraft, TokensPage};
use headgate_collector_store::{SessionInfo, TokenInfo};
use headgate_collector_types::clock;
use serde_json::json;

/// Sentences about a change that was made, by the word in the URL.
const DONE: [(&str, &str); 2] = [("revoked", "The token was revoked."), ("ended", "The session was ended.")];

/// Handles `GET /tokens`.
pub(super) async fn show(visit: Visit) -> Response {
    let result = async {
        let done = visit.only("done")?;
        let done = done.and_then(|word| DONE.into_iter().find(|(known, _)| *known == word));
        let view = TokensPage { done: done.map(|(_, sentence)| sentence), ..view(&visit).await? };
        visit.page(Page::Tokens, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Tokens, result).await
}

async fn view(visit: &Visit) -> Result<TokensPage, ApiError> {
    let tokens = tokens::listed(&visit.app, &visit.caller).await?;
    let sessions = session::listed(&visit.app, &visit.caller).await?;
    Ok(TokensPage {
        tokens: tokens.into_iter().map(token).collect(),
        sessions: sessions.into_iter().map(|one| session_row(one, &visit.session)).collect(),
        zone: visit.zone.clone(),
        now: clock::now_us(),
        ..TokensPage::default()
    })
}

fn token(token: TokenInfo) -> Token {
    Token {
        id: token.id,
        role: token.role,
        name: token.name,
        made: (token.created_at, token.created_by),
        expires_at: token.expires_at,
        last_used: token.last_used,
        revoked_at: token.revoked_at,
    }
}

fn session_row(session: SessionInfo, own: &str) -> SessionRow {
    SessionRow {
        is_own: session.id == own,
        id: session.id,
        holder: session.name.or_else(|| session.person.clone()).or(session.token).unwrap_or_default(),
        grant: session.role.map(|role| format!("{role}, {}", session.person.unwrap_or_default())),
        address: session.address,
        times: (session.created_at, session.last_seen, session.expires_at),
    }
}

/// Handles `POST /tokens`. Its answer shows the token's text, so nothing may store it.
pub(super) async fn create(visit: Visit, Extension(form): Extension<Form>) -> Response {
    let result = async {
        let made = async {
            let body = body(&visit, &form)?;
            tokens::make(&visit.app, &visit.caller, &body).await
        };
        let (status, made) = refused(made.await)?;
        match made {
            Ok(made) => shown_once(&visit, made).await,
            Err(problem) => {
                let field = |name| form.one(name).unwrap_or_default().to_owned();
                let draft = TokenDraft {
                    role: field("role"),
                    name: field("name"),
                    expires_at: field("expires_at"),
                    replaces: field("replaces"),
                    problem: Some(problem),
                };
                let view = TokensPage { draft, ..view(&visit).await? };
                visit.page_with(status, Page::Tokens, |frame| view.render(frame)).await
            }
        }
    };
    let result = result.await;
    visit.shown(Page::Tokens, result).await
}

/// Returns the body of `POST /v1/tokens`.
fn body(visit: &Visit, form: &Form) -> Result<Vec<u8>, ApiError> {
    let text = |name| form.one(name).map(str::trim).filter(|text| !text.is_empty());
    let expires_at = time_of(form, "expires_at", &visit.zone)?.map(rfc3339);
    let body = json!({
        "role": text("role"), "name": text("name"), "expires_at": expires_at, "replaces": text("replaces"),
    });
    Ok(body.to_string().into_bytes())
}

async fn shown_once(visit: &Visit, made: MadeToken) -> Result<Response, ApiError> {
    let MadeToken { id, token, role, name, expires_at } = made;
    let view = MadePage { id, token, role: role.as_str(), name, expires_at, zone: visit.zone.clone() };
    visit.page_with(StatusCode::CREATED, Page::Tokens, |frame| view.render(frame)).await
}

/// Handles `GET /tokens/{id}/revoke`: asks before a token is revoked.
pub(super) async fn ask_revoke(visit: Visit, PathName(name): PathName) -> Response {
    let result = async {
        let all = tokens::listed(&visit.app, &visit.caller).await?;
        let found = all.into_iter().find(|token| Some(&token.id) == name.as_ref()).ok_or_else(tokens::not_found)?;
        let view = RevokePage { token: token(found), zone: visit.zone.clone() };
        visit.page(Page::Tokens, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Tokens, result).await
}

/// Handles `POST /tokens/{id}/revoke`.
pub(super) async fn revoke(visit: Visit, PathName(name): PathName) -> Response {
    let result = async {
        let (status, revoked) = refused(tokens::revoke_named(&visit.app, &visit.caller, name).await)?;
        let Err(problem) = revoked else { return Ok(see_other("/tokens?done=revoked")) };
        let view = TokensPage { problem: Some(problem), ..view(&visit).await? };
        visit.page_with(status, Page::Tokens, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Tokens, result).await
}

/// Handles `POST /tokens/sessions/{id}/end`.
pub(super) async fn end_session(visit: Visit, PathName(name): PathName) -> Response {
    let result = session::end_named(&visit.app, &visit.caller, name).await;
    let result = result.map(|_| see_other("/tokens?done=ended"));
    visit.shown(Page::Tokens, result).await
}
