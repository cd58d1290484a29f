//! `GET /login` and `POST /auth/login`: a person signs in with a token.
//!
//! A refused try costs nothing but a lookup, as a wrong token does on every route. Still, tries are slowed down by address. A
//! token that the collector made has 256 random bits, so nobody guesses it, and it is looked at all the same: behind a proxy
//! all persons have one address, and nobody should be able to shut them out.

use super::form::Form;
use super::identity_provider::IdentityProvider;
use super::origin::{Origin, is_unprotected, origin};
use super::refusal::Refusal;
use super::return_to;
use super::visitor::Visitor;
use crate::app::App;
use crate::connections::ConnectionSlot;
use crate::pages::{html, see_other};
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use headgate_collector_pages::login::Login;
use headgate_collector_store::{self as store, KnownToken, SessionHolder, TokenHash, hash_token, is_made_token};
use headgate_collector_types::Role;
use headgate_collector_types::audit::{Actor, ActorKind};
use std::sync::Arc;

/// Handles `GET /login`.
pub(crate) async fn show(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
    let return_to = return_to::of_query(query.as_deref());
    let provider = app.provider.as_ref().map(IdentityProvider::choice);
    html(StatusCode::OK, Login { return_to, problem: None, provider }.render())
}

/// Handles `POST /auth/login`.
pub(crate) async fn sign_in(
    State(app): State<App>,
    Extension(place): Extension<Arc<ConnectionSlot>>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let provider = app.provider.as_ref();
    let form = match Form::read(&app.bodies, request).await {
        Ok(form) => form,
        Err(error) => return Refusal::from(error).page(provider, "/"),
    };
    let return_to = return_to::local(form.one("return_to"));
    let visitor = Visitor {
        app: &app,
        place: &place,
        headers: &headers,
        route: "POST /auth/login",
        tries: &app.tries,
        kind: ActorKind::Token,
    };
    match try_with(&visitor, form.one("token").unwrap_or_default().trim()).await {
        Err(refusal) => refusal.page(provider, return_to),
        Ok(given) => {
            let mut response = see_other(return_to);
            response.headers_mut().insert(header::SET_COOKIE, given);
            response
        }
    }
}

/// Begins a session with a token; returns its cookie.
async fn try_with(visitor: &Visitor<'_>, token: &str) -> Result<HeaderValue, Refusal> {
    comes_from_here(visitor).await?;
    if token.is_empty() {
        return Err(Refusal::of(StatusCode::BAD_REQUEST, "Fill in the token."));
    }
    if let Some(wait) = visitor.wait().filter(|_| !is_made_token(token)) {
        visitor.note(visitor.stranger(), "too_many_tries", true).await;
        return Err(Refusal::too_many(wait));
    }
    let hash = hash_token(token);
    match visitor.app.auth.token(hash).await? {
        Some(known) if known.role == Role::Ingest => Err(refuse_ingest(visitor, known).await),
        Some(known) => visitor.begin(visitor.actor(known.into()), SessionHolder::Token(hash)).await,
        None => Err(refuse_token(visitor, hash).await),
    }
}

/// Refuses forms of other sites, and browsers that would not keep the cookie.
async fn comes_from_here(visitor: &Visitor<'_>) -> Result<(), Refusal> {
    // Every browser says where a form comes from. A program that does not has no other session to be mixed up with.
    if origin(visitor.site(), visitor.headers) == Origin::Other {
        visitor.note(visitor.stranger(), "cross_site", false).await;
        let problem = match visitor.site().origin() {
            Some(own) => format!("The collector refused this form, because it was not sent at {own}. Sign in there."),
            None => "The collector refused this form, because a page of another site sent it. Sign in here.".to_owned(),
        };
        return Err(Refusal::of(StatusCode::FORBIDDEN, problem));
    }
    if is_unprotected(visitor.headers) {
        let problem = "This page came over plain HTTP, so a browser keeps no session, and everybody on the way has read the \
            token. Use https, or the collector's own machine, and have the token replaced.";
        return Err(Refusal::of(StatusCode::BAD_REQUEST, problem));
    }
    Ok(())
}

async fn refuse_ingest(visitor: &Visitor<'_>, known: KnownToken) -> Refusal {
    let actor = visitor.actor(known.into());
    let problem = "This is an ingest token, which is for proxies and reads nothing. Use a token of another role.";
    visitor.refuse(actor, "role_not_allowed", Refusal::of(StatusCode::FORBIDDEN, problem)).await
}

async fn refuse_token(visitor: &Visitor<'_>, hash: TokenHash) -> Refusal {
    let find = move |db: &headgate_collector_db::Db| store::token_of(db, &hash);
    let known = visitor.app.readers.auth_query(find).await.unwrap_or_default();
    let (actor, reason) = match known {
        None => (visitor.stranger(), "unknown_token"),
        Some(token) => {
            let reason = if token.revoked_at.is_some() { "revoked_token" } else { "expired_token" };
            (Actor { id: token.id, name: token.name, ..visitor.stranger() }, reason)
        }
    };
    let problem =
        "The collector knows no valid token like this: it is mistyped, revoked or expired. An owner makes tokens.";
    visitor.refuse(actor, reason, Refusal::of(StatusCode::UNAUTHORIZED, problem)).await
}
