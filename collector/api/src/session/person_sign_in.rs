//! `GET /auth/oidc` and `GET /auth/oidc/callback`: a person signs in at the identity provider.
//!
//! The page links to the first one. A form would not do: the pages' policy lets forms go to the collector alone, and browsers
//! apply it to redirects too.

use super::cookie::SIGN_IN;
use super::identity_provider::{IdentityProvider, now_s};
use super::refusal::Refusal;
use super::return_to;
use super::visitor::Visitor;
use crate::app::App;
use crate::caller::Holder;
use crate::connections::ConnectionSlot;
use crate::error::ApiError;
use crate::pages::{PageError, see_other};
use crate::write_timeout::commit;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headgate_collector_oidc::{
    Callback, Fault, Identity, PendingSignIn, Provider, RoleFinding, STATE_LIFE_S, StateKey,
};
use headgate_collector_store::{
    KnownPerson, SessionHolder, end_sessions_of, finish_sign_in, make_sign_in_key, sign_in_key,
};
use headgate_collector_types::audit::ActorKind;
use headgate_collector_types::{Role, clock};
use std::sync::Arc;

const BEGIN: &str = "GET /auth/oidc";
const RETURN: &str = "GET /auth/oidc/callback";

/// Handles `GET /auth/oidc`.
pub(crate) async fn begin(
    State(app): State<App>,
    Extension(place): Extension<Arc<ConnectionSlot>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(provider) = &app.provider else { return no_provider() };
    let visitor = visitor(&app, provider, &place, &headers, BEGIN);
    let return_to = return_to::of_query(query.as_deref());
    match begun(&visitor, provider, &return_to).await {
        Ok((address, cookie)) => {
            let mut response = see_other(&address);
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            response
        }
        Err(refusal) => refusal.page(Some(provider), &return_to),
    }
}

/// Handles `GET /auth/oidc/callback`.
pub(crate) async fn callback(
    State(app): State<App>,
    Extension(place): Extension<Arc<ConnectionSlot>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(provider) = &app.provider else { return no_provider() };
    let visitor = visitor(&app, provider, &place, &headers, RETURN);
    let (mut response, given) = match returned(&visitor, provider, query.as_deref()).await {
        Ok((return_to, given)) => (see_other(&return_to), Some(given)),
        Err((return_to, refusal)) => (refusal.page(Some(provider), &return_to), None),
    };
    // However it ends, the sign-in is over.
    for cookie in given.into_iter().chain([SIGN_IN.take(visitor.site(), &headers)]) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn no_provider() -> Response {
    PageError(ApiError::invalid(
        StatusCode::NOT_FOUND,
        "not_found",
        "This collector has no identity provider: persons sign in with tokens. The operator can add [oidc] to the settings.",
    ))
    .into_response()
}

fn visitor<'r>(
    app: &'r App,
    provider: &'r IdentityProvider,
    place: &'r ConnectionSlot,
    headers: &'r HeaderMap,
    route: &'static str,
) -> Visitor<'r> {
    Visitor { app, place, headers, route, tries: &provider.tries, kind: ActorKind::Person }
}

/// Begins a sign-in; returns the address to go to, and the cookie with the state.
async fn begun(
    visitor: &Visitor<'_>,
    provider: &IdentityProvider,
    return_to: &str,
) -> Result<(String, HeaderValue), Refusal> {
    let key = match visitor.app.readers.auth_query(sign_in_key).await.map_err(ApiError::from)? {
        Some(key) => key,
        None => commit(&visitor.app.writes, "the key of sign-ins", make_sign_in_key).await?,
    };
    let key = StateKey::new(&key, provider.settings().issuer.as_str());
    let pending = PendingSignIn::begin(&key, now_s(), return_to).ok_or_else(ApiError::internal)?;
    let address = match provider.authorization_url(&pending).await {
        Ok(address) => address,
        Err(fault) => {
            visitor.note(visitor.stranger(), fault.code(), false).await;
            return Err(refusal(provider, fault));
        }
    };
    let cookie = SIGN_IN.give(visitor.site(), visitor.headers, &pending.cookie(), Some(STATE_LIFE_S));
    Ok((address, cookie.map_err(ApiError::from)?))
}

/// Finishes a sign-in; returns the page to go to, and the cookie of the session or the refusal.
async fn returned(
    visitor: &Visitor<'_>,
    provider: &IdentityProvider,
    query: Option<&str>,
) -> Result<(String, HeaderValue), (String, Refusal)> {
    let own = own(visitor, provider, query.unwrap_or_default()).await;
    let (pending, callback) = own.map_err(|refusal| ("/".to_owned(), refusal))?;
    let return_to = return_to::local(Some(pending.return_to())).to_owned();
    match accepted(visitor, provider, pending, callback).await {
        Ok(given) => Ok((return_to, given)),
        Err(refusal) => Err((return_to, refusal)),
    }
}

/// Returns the sign-in that this browser has begun, if the callback belongs to it. Nothing can be guessed here, so these
/// refusals do not count.
async fn own(
    visitor: &Visitor<'_>,
    provider: &IdentityProvider,
    query: &str,
) -> Result<(PendingSignIn, Callback), Refusal> {
    let key = visitor.app.readers.auth_query(sign_in_key).await.map_err(ApiError::from)?;
    let key = key.map(|key| StateKey::new(&key, provider.settings().issuer.as_str()));
    let cookie = SIGN_IN.value(visitor.site(), visitor.headers);
    let found = match (key, cookie) {
        (Some(key), Some(cookie)) => PendingSignIn::open(&key, cookie, now_s()),
        _ => Err(Fault::NoState),
    };
    let both = found.and_then(|pending| {
        let callback = Callback::parse(query)?;
        Provider::check_state(&pending, &callback)?;
        Ok((pending, callback))
    });
    match both {
        Ok(both) => Ok(both),
        Err(fault) => {
            visitor.note(visitor.stranger(), fault.code(), false).await;
            Err(refusal(provider, fault))
        }
    }
}

/// Asks the provider for the person, and begins the session.
async fn accepted(
    visitor: &Visitor<'_>,
    provider: &IdentityProvider,
    pending: PendingSignIn,
    callback: Callback,
) -> Result<HeaderValue, Refusal> {
    if let Some(wait) = visitor.wait() {
        visitor.note(visitor.stranger(), "too_many_tries", true).await;
        return Err(Refusal::too_many(wait));
    }
    let found = match first_time(visitor, &pending).await? {
        true => provider.finish(pending, callback).await,
        false => Err(Fault::StateUsed),
    };
    let identity = match found {
        Ok(identity) => identity,
        Err(fault) => {
            return Err(visitor.refuse(visitor.stranger(), fault.code(), refusal(provider, fault)).await);
        }
    };
    let Identity { id, name, role } = identity;
    let settings = provider.settings().fingerprint();
    match role {
        Ok(role) => {
            let person = KnownPerson { id, name, role, settings };
            visitor.begin(visitor.actor(person.clone().into()), SessionHolder::Person(person)).await
        }
        Err(finding) => Err(no_role(visitor, provider, id, name, finding).await),
    }
}

/// Notes that a sign-in is finished; returns whether that is the first time.
async fn first_time(visitor: &Visitor<'_>, pending: &PendingSignIn) -> Result<bool, ApiError> {
    let (id, now) = (pending.id(), clock::now_us());
    // The clocks of two collectors may differ.
    let expires_at = now.saturating_add(STATE_LIFE_S.saturating_mul(2_000_000));
    commit(&visitor.app.writes, "the sign-in", move |tx| finish_sign_in(tx, &id, now, expires_at)).await
}

/// Refuses a person without a role, and ends the sessions of the time when the person had one.
async fn no_role(
    visitor: &Visitor<'_>,
    provider: &IdentityProvider,
    id: String,
    name: Option<String>,
    finding: RoleFinding,
) -> Refusal {
    let shown = name.clone().unwrap_or_else(|| id.clone());
    let holder = Holder { kind: ActorKind::Person, line: id.clone(), id, name, role: Role::Viewer };
    let actor = visitor.actor(holder);
    let person = actor.clone();
    let ended = commit(&visitor.app.writes, "the end of sessions", move |tx| end_sessions_of(tx, &person, None)).await;
    let claim = &provider.settings().roles.claim;
    let why = match finding {
        RoleFinding::NoClaim => format!("its ID token has no claim \"{claim}\" with texts"),
        RoleFinding::NoMatch(1) => format!("the value of the claim \"{claim}\" has no role in the settings"),
        RoleFinding::NoMatch(count) => {
            format!("none of the {count} values of the claim \"{claim}\" has a role in the settings")
        }
        RoleFinding::Unverified => format!("its claim \"{claim}\" is an address that it has not verified"),
    };
    let problem = format!(
        "{} knows you as {shown}, but you have no role here: {why}. Ask the operator of this collector for a role.",
        provider.settings().name
    );
    let refusal = visitor.refuse(actor, "no_role", Refusal::of(StatusCode::FORBIDDEN, problem)).await;
    match ended {
        Ok(()) => refusal,
        Err(error) => error.into(),
    }
}

fn refusal(provider: &IdentityProvider, fault: Fault) -> Refusal {
    let status = match fault {
        fault if fault.is_providers() => StatusCode::BAD_GATEWAY,
        Fault::Denied => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    Refusal::of(status, format!("{} {}. {}", provider.settings().name, fault.cause(), fault.remedy()))
}
