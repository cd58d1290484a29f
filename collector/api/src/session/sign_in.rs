//! `GET /login` and `POST /auth/login`: a person signs in with a token.
//!
//! A refused try costs nothing but a lookup, as a wrong token does on every route. Still, tries are slowed down by address. A
//! token that the collector made has 256 random bits, so nobody guesses it, and it is looked at all the same: behind a proxy
//! all persons have one address, and nobody should be able to shut them out.

use super::form::Form;
use super::origin::{Origin, is_unprotected, origin};
use super::{cookie, return_to};
use crate::app::App;
use crate::auth::{caller, user_agent};
use crate::caller::Caller;
use crate::connections::ConnectionSlot;
use crate::error::ApiError;
use crate::pages::{html, see_other};
use crate::write_timeout::commit;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use headgate_collector_pages::login::Login;
use headgate_collector_store::{self as store, KnownToken, NewSession, TokenHash, hash_token, is_made_token};
use headgate_collector_types::audit::{Actor, Entry, Operation, Resource};
use headgate_collector_types::{Role, clock};
use std::sync::Arc;

/// Handles `GET /login`.
pub(crate) async fn show(RawQuery(query): RawQuery) -> Response {
    let return_to = return_to::of_query(query.as_deref());
    html(StatusCode::OK, Login { return_to, problem: None }.render())
}

/// Handles `POST /auth/login`.
pub(crate) async fn sign_in(
    State(app): State<App>,
    Extension(place): Extension<Arc<ConnectionSlot>>,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let form = match Form::read(&app.bodies, request).await {
        Ok(form) => form,
        Err(error) => return Refusal::from(error).page("/"),
    };
    let return_to = return_to::local(form.one("return_to"));
    let client = Client { app: &app, place: &place, headers: &headers };
    match client.try_with(form.one("token").unwrap_or_default().trim()).await {
        Err(refusal) => refusal.page(return_to),
        Ok(given) => {
            let mut response = see_other(return_to);
            response.headers_mut().insert(header::SET_COOKIE, given);
            response
        }
    }
}

/// A refused try: the answer, in words for the person.
struct Refusal {
    status: StatusCode,
    problem: String,
    /// Seconds to wait.
    wait: Option<i64>,
}

impl Refusal {
    fn of(status: StatusCode, problem: impl Into<String>) -> Self {
        Self { status, problem: problem.into(), wait: None }
    }

    fn too_many(wait: i64) -> Self {
        let problem = format!("Too many tries from this address were refused. Try again in {wait} seconds.");
        Self { status: StatusCode::TOO_MANY_REQUESTS, problem, wait: Some(wait) }
    }

    fn page(self, return_to: &str) -> Response {
        let login = Login { return_to: return_to.to_owned(), problem: Some(self.problem) };
        let mut response = html(self.status, login.render());
        let headers = response.headers_mut();
        if let Some(wait) = self.wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let (status, problem) = error.into_parts();
        let wait = (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1);
        Self { status, problem, wait }
    }
}

/// The browser that tries.
struct Client<'r> {
    app: &'r App,
    place: &'r ConnectionSlot,
    headers: &'r HeaderMap,
}

impl Client<'_> {
    /// Begins a session; returns its cookie.
    async fn try_with(&self, token: &str) -> Result<HeaderValue, Refusal> {
        self.come_from_here().await?;
        if token.is_empty() {
            return Err(Refusal::of(StatusCode::BAD_REQUEST, "Fill in the token."));
        }
        let (address, now) = (self.place.peer(), clock::now_us());
        if let Some(wait) = self.app.tries.wait(address, now).filter(|_| !is_made_token(token)) {
            self.note(self.stranger(), "too_many_tries", true).await;
            return Err(Refusal::too_many(wait));
        }
        let hash = hash_token(token);
        match self.app.auth.token(hash).await? {
            Some(known) if known.role == Role::Ingest => Err(self.refuse_ingest(known).await),
            Some(known) => self.begin(known, hash).await,
            None => Err(self.refuse_token(hash).await),
        }
    }

    /// Refuses forms of other sites, and browsers that would not keep the cookie.
    async fn come_from_here(&self) -> Result<(), Refusal> {
        // Every browser says where a form comes from. A program that does not has no other session to be mixed up with.
        if origin(self.headers) == Origin::Other {
            self.note(self.stranger(), "cross_site", false).await;
            let problem = "The collector refused this form, because a page of another site sent it. Sign in here.";
            return Err(Refusal::of(StatusCode::FORBIDDEN, problem));
        }
        if is_unprotected(self.headers) {
            let problem = "This page came over plain HTTP, so a browser keeps no session, and everybody on the way has read the \
                token. Use https, or the collector's own machine, and have the token replaced.";
            return Err(Refusal::of(StatusCode::BAD_REQUEST, problem));
        }
        Ok(())
    }

    async fn begin(&self, known: KnownToken, token: TokenHash) -> Result<HeaderValue, Refusal> {
        let actor = caller(known, self.place, self.headers).actor();
        let entry = Entry::new("session.created", Operation::Create, actor.clone(), Resource::default());
        if !self.app.audit.may_leave(&entry) {
            let problem =
                "This token has left too many entries in the audit log in this minute. Sign in again in a minute.";
            return Err(Refusal { wait: Some(60), ..Refusal::of(StatusCode::TOO_MANY_REQUESTS, problem) });
        }
        let secret = store::new_session_secret().map_err(ApiError::from)?;
        // A session never goes on with a secret that the browser had before.
        let replaces = cookie::secret(self.headers).map(hash_token);
        let (new, now) = (NewSession { hash: hash_token(&secret), token, replaces }, clock::now_us());
        commit(&self.app.writes, "the session", move |tx| store::begin_session(tx, &new, now, actor)).await?;
        self.place.mark_trusted();
        Ok(cookie::given(self.headers, &secret).map_err(ApiError::from)?)
    }

    async fn refuse_ingest(&self, known: KnownToken) -> Refusal {
        let actor = caller(known, self.place, self.headers).actor();
        let problem = "This is an ingest token, which is for proxies and reads nothing. Use a token of another role.";
        self.refuse(actor, "role_not_allowed", Refusal::of(StatusCode::FORBIDDEN, problem)).await
    }

    async fn refuse_token(&self, hash: TokenHash) -> Refusal {
        let known = self.app.readers.auth_query(move |db| store::token_of(db, &hash)).await.unwrap_or_default();
        let (actor, reason) = match known {
            None => (self.stranger(), "unknown_token"),
            Some(token) => {
                let reason = if token.revoked_at.is_some() { "revoked_token" } else { "expired_token" };
                (Actor { id: token.id, name: token.name, ..self.stranger() }, reason)
            }
        };
        let problem =
            "The collector knows no valid token like this: it is mistyped, revoked or expired. An owner makes tokens.";
        self.refuse(actor, reason, Refusal::of(StatusCode::UNAUTHORIZED, problem)).await
    }

    /// Counts and notes a refused try.
    async fn refuse(&self, actor: Actor, reason: &'static str, refusal: Refusal) -> Refusal {
        match self.note(actor, reason, true).await {
            Some(wait) => Refusal::too_many(wait),
            None => refusal,
        }
    }

    /// Notes a refused try; returns how long the address has to wait.
    async fn note(&self, actor: Actor, reason: &'static str, counts: bool) -> Option<i64> {
        let (address, now) = (self.place.peer(), clock::now_us());
        let tries = &self.app.tries;
        let (place, wait) = if counts { tries.refused(address, now) } else { (tries.place(address, now), None) };
        self.app.audit.refused_session(actor, reason, &place).await;
        wait
    }

    /// Returns the actor of whom only the address is known.
    fn stranger(&self) -> Actor {
        let (id, address) = ("unknown".to_owned(), self.place.peer());
        Caller { line: id.clone(), id, name: None, address, user_agent: user_agent(self.headers) }.actor()
    }
}
