//! A browser that tries to sign in.

use super::refusal::Refusal;
use super::tries::Tries;
use super::{cookie, site::Site};
use crate::app::App;
use crate::auth::{caller, user_agent};
use crate::caller::{Caller, Holder};
use crate::connections::ConnectionSlot;
use crate::error::ApiError;
use crate::write_timeout::commit;
use axum::http::{HeaderMap, HeaderValue};
use headgate_collector_store::{self as store, NewSession, SessionHolder, hash_token};
use headgate_collector_types::audit::{Actor, ActorKind, Entry, Operation, Resource};
use headgate_collector_types::clock;

/// The browser, and the way on which it tries.
pub(crate) struct Visitor<'r> {
    pub(crate) app: &'r App,
    pub(crate) place: &'r ConnectionSlot,
    pub(crate) headers: &'r HeaderMap,
    /// The route, as in the audit log.
    pub(crate) route: &'static str,
    /// The refused tries on this way.
    pub(crate) tries: &'r Tries,
    /// The kind of the actor.
    pub(crate) kind: ActorKind,
}

impl Visitor<'_> {
    pub(crate) const fn site(&self) -> &Site {
        &self.app.auth.site
    }

    /// Returns how long the browser's address has to wait, if it has to.
    pub(crate) fn wait(&self) -> Option<i64> {
        self.tries.wait(self.place.peer(), clock::now_us())
    }

    /// Returns the actor that a holder is here.
    pub(crate) fn actor(&self, holder: Holder) -> Actor {
        caller(holder, self.place, self.headers).actor()
    }

    /// Returns the actor of whom only the address is known.
    pub(crate) fn stranger(&self) -> Actor {
        let (id, address) = ("unknown".to_owned(), self.place.peer());
        let user_agent = user_agent(self.headers);
        Caller { kind: self.kind, line: id.clone(), id, name: None, address, user_agent, justification: None }.actor()
    }

    /// Begins a session; returns its cookie.
    pub(crate) async fn begin(&self, actor: Actor, holder: SessionHolder) -> Result<HeaderValue, Refusal> {
        let entry = Entry::new("session.created", Operation::Create, actor.clone(), Resource::default());
        if !self.app.audit.may_leave(&entry) {
            return Err(Refusal::too_busy());
        }
        let secret = store::new_session_secret().map_err(ApiError::from)?;
        // A session never goes on with a secret that the browser had before.
        let replaces = cookie::secret(self.site(), self.headers).map(hash_token);
        let (new, now) = (NewSession { hash: hash_token(&secret), holder, replaces }, clock::now_us());
        commit(&self.app.writes, "the session", move |tx| store::begin_session(tx, &new, now, actor)).await?;
        self.place.mark_trusted();
        Ok(cookie::given(self.site(), self.headers, &secret).map_err(ApiError::from)?)
    }

    /// Counts and notes a refused try.
    pub(crate) async fn refuse(&self, actor: Actor, reason: &'static str, refusal: Refusal) -> Refusal {
        match self.note(actor, reason, true).await {
            Some(wait) => Refusal::too_many(wait),
            None => refusal,
        }
    }

    /// Notes a refused try; returns how long the address has to wait.
    pub(crate) async fn note(&self, actor: Actor, reason: &'static str, counts: bool) -> Option<i64> {
        let (address, now) = (self.place.peer(), clock::now_us());
        let tries = self.tries;
        let (place, wait) = if counts { tries.refused(address, now) } else { (tries.place(address, now), None) };
        self.app.audit.refused_session(actor, self.route, reason, &place).await;
        wait
    }
}
