//! One try at one provider, seen from inside that provider's cluster.
//!
//! The proxy makes the tries; this machine prepares each one, judges how it went, and says where the next one goes.
//! The next target is named as soon as a try begins, because a provider that hangs gives no later chance to do so.
//! The head of a success is held until its body begins: only then is it known that it is an answer.

mod judge;
mod prepare;

use crate::call::{Call, Timestamp, Try};
use crate::effect::{Effect, Effects};
use crate::header_view::HeaderView;
use crate::headers::{RETRY_HEADER, is_quota_header};
use crate::status::status_error;
use headgate_exchange::{Opened, Opening, ProviderFault, rewrite};
use headgate_limits::Quotas;
use headgate_record::{AttemptError, AttemptKind};
use headgate_routing::{NextAttempt, Retry};
pub(crate) use judge::answer;
use judge::{fails_over, kind, retriable, retry_after_ms, set_cooldown};
pub(crate) use prepare::silence;
use prepare::{pass_trace, prepare, remove_headers};
use std::borrow::Cow;
use std::sync::Arc;

/// With this in a response Envoy makes no other try. Providers behind an Envoy of their own send it.
const NOT_AGAIN: &str = "x-envoy-ratelimited";
/// A timer of the proxy may come early by the time that its event loop had taken when it was set, ms. Without this a
/// timeout would now and then be taken for a reset, which the policy may treat otherwise.
const EARLY_MS: u64 = 50;
/// Length of a body up to which it is copied into one piece, bytes.
const ONE_PIECE: usize = 16 << 10;
/// The status that an answer without anything in it stands for: a bad gateway.
const EMPTY_STATUS: u16 = 502;

/// The end of a try before its answer began, as the host reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It failed before there was a connection.
    NotConnected,
    /// There was a connection, but no answer.
    NoResponse,
    /// The same, and the provider has not read the request, as far as can be told: the connection had served others before,
    /// so its server may have closed it as idle.
    Lost,
}

/// See the module's text.
#[derive(Debug)]
pub struct Attempt {
    /// Its place among the tries of the call.
    index: usize,
    /// Reads the beginning of a held answer.
    opening: Option<Box<Opening>>,
}

impl Attempt {
    /// Returns the last try of a call, to end it in the place of its own context.
    #[must_use]
    pub fn last(call: &Call) -> Option<Self> {
        Some(Self { index: call.tries.len().checked_sub(1)?, opening: None })
    }

    /// Begins a try in the cluster of `provider`: sets path, authority, credential and length, and names the next target.
    /// `None` if the request is not one of the gate's or the try was not meant for this provider: then nothing must
    /// go out, for it would carry another provider's credential.
    pub fn begin(call: &mut Call, provider: &str, now: Timestamp, out: &mut Effects) -> Option<Self> {
        let fresh = std::mem::take(&mut call.fresh);
        let (step, kind) = next_step(call, fresh)?;
        let upstream = call.upstream(step)?;
        let policy = &call.policy;
        let target = policy.providers.get(upstream.provider).filter(|target| &*target.name == provider)?;
        let scan = call.scan.as_ref()?;
        let splices = rewrite(scan, &upstream.model, target.stream_usage);
        let again = !call.tries.is_empty();
        let index = call.tries.len();
        prepare(call, target, &splices, again, out);
        let span = pass_trace(call, index, out);
        let here = if fresh { &target.fresh } else { &target.name };
        out.extend(next_route(call, Retry::SameTarget).filter(|next| next != here).map(Effect::Route));
        call.tries.push(Try { fresh, span, splices: Some(splices), ..Try::begun(step, kind, now) });
        Some(Self { index, opening: None })
    }

    /// Hands the pieces of this provider's body, in order, to `each`: a small body in one piece, since each costs a call of
    /// the host.
    pub fn body(&self, call: &Call, mut each: impl FnMut(&[u8])) {
        let Some(splices) = call.tries.get(self.index).and_then(|one| one.splices.as_ref()) else { return };
        if splices.len_after(call.body.len()) <= ONE_PIECE {
            each(&splices.apply(&call.body));
        } else {
            splices.pieces(&call.body).filter(|piece| !piece.is_empty()).for_each(&mut each);
        }
    }

    /// The response headers: judges the status, and asks the proxy to try again where the policy says so. `whole` says
    /// that no body follows. Returns whether the response is held: then its body goes to [`Attempt::response_body`].
    pub fn response_headers(
        &mut self,
        call: &mut Call,
        now: Timestamp,
        head: HeaderView<'_>,
        whole: bool,
        out: &mut Effects,
    ) -> bool {
        silence(head, call.tries.get(self.index).and_then(|one| call.echo(one.step)), out);
        let status = head.text(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        if call.quotas != Quotas::default() {
            remove_headers(head, is_quota_header, out);
        }
        let Some(one) = call.tries.get_mut(self.index) else { return false };
        one.status = Some(status);
        one.decided = Some(now);
        one.answer = answer(head);
        if (200..300).contains(&status) {
            one.held = true;
            self.opening = Some(Box::new(Opening::new(!one.answer.encoded)));
            return !whole || self.response_body(call, &[], true, now, out);
        }
        one.passed_on = true;
        one.error = status_error(status);
        let asked_ms = retry_after_ms(head, now);
        one.busy = status == 429 || asked_ms.is_some();
        self.move_on(call, status, now, asked_ms, out);
        false
    }

    /// A piece of the body of a held response; `last` says that no more follows. Returns whether it is still held. Once it
    /// is not, the proxy passes it on, or tries again if it was asked to.
    pub fn response_body(
        &mut self,
        call: &mut Call,
        piece: &[u8],
        last: bool,
        now: Timestamp,
        out: &mut Effects,
    ) -> bool {
        let Some(opening) = &mut self.opening else { return false };
        let opened = opening.push(piece, last);
        if opened == Opened::Undecided {
            return true;
        }
        self.opening = None;
        let Some(one) = call.tries.get_mut(self.index) else { return false };
        one.held = false;
        one.passed_on = true;
        let status = match opened {
            Opened::Undecided | Opened::Answer => return false,
            Opened::Nothing => {
                one.error = Some(AttemptError::EmptyAnswer);
                EMPTY_STATUS
            }
            Opened::Error(ProviderFault { status, word }) => {
                one.error = status_error(status);
                one.provider_error = word;
                status
            }
        };
        one.decided = Some(now);
        one.busy = status == 429;
        self.move_on(call, status, now, None, out);
        false
    }

    /// Whether the answer has not begun yet.
    #[must_use]
    pub fn is_unanswered(&self, call: &Call) -> bool {
        call.tries.get(self.index).is_some_and(|one| one.decided.is_none() || one.held)
    }

    /// The proxy has let go of this try. If its answer has not begun, it failed; `end` is the report of the host.
    pub fn ended(&mut self, call: &mut Call, now: Timestamp, end: AttemptEnd, out: &mut Effects) {
        let Some(one) = call.tries.get_mut(self.index).filter(|one| !one.ended) else { return };
        one.ended = true;
        if one.decided.is_some() && !one.held {
            return;
        }
        let held = std::mem::take(&mut one.held);
        one.decided = Some(now);
        let waited_ms = now.us_since(one.started) / 1_000;
        let (step, fresh) = (one.step, one.fresh);
        let timeout_ms = call.alias().map_or(u64::MAX, |alias| alias.failover.first_byte_timeout_ms);
        let timeout_ms = timeout_ms - EARLY_MS.min(timeout_ms / 10);
        let error = match end {
            _ if waited_ms >= timeout_ms => AttemptError::Timeout,
            AttemptEnd::NotConnected => AttemptError::Connect,
            _ if held => AttemptError::ResetMidStream,
            AttemptEnd::NoResponse | AttemptEnd::Lost => AttemptError::Reset,
        };
        if let Some(one) = call.tries.get_mut(self.index) {
            one.error = Some(error);
        }
        // A server that closes an idle connection while a request is on its way has not read that request. A connection that
        // was made for this request and then breaks tells no such thing, and the policy decides.
        if end == AttemptEnd::Lost && error == AttemptError::Reset && !fresh {
            call.fresh = true;
            out.extend(call.provider_of(step).map(|provider| Effect::Route(Arc::clone(&provider.fresh))));
            return;
        }
        set_cooldown(call, step, now, None, out);
        let next = if allows(call, error) { next_route(call, Retry::SameTarget) } else { None };
        out.push(Effect::Route(next.unwrap_or_default()));
    }

    /// The provider has reset the HTTP/2 stream of this try, which [`Attempt::ended`] could not know. A server refuses a stream
    /// like this (REFUSED_STREAM, RFC 9113, 8.7) and has not read the request then. The host does not tell that code from
    /// others, so any reset without an answer counts as one. Unless another target follows, the same one is tried once more.
    pub fn stream_was_reset(&self, call: &mut Call, out: &mut Effects) {
        let is_last = self.index.saturating_add(1) == call.tries.len();
        let Some(one) = call.tries.get(self.index).filter(|one| is_last && !one.fresh) else { return };
        let step = one.step;
        let is_reset = one.error == Some(AttemptError::Reset);
        let another_follows =
            allows(call, AttemptError::Reset) && call.route_plan.peek_next(Retry::SameTarget).is_some();
        if is_reset && !another_follows {
            call.fresh = true;
            out.extend(call.provider_of(step).map(|provider| Effect::Route(Arc::clone(&provider.fresh))));
        }
    }

    /// After an answer that stands for this status: lets the target rest and asks for the next one, if the policy wants it.
    fn move_on(&self, call: &mut Call, status: u16, now: Timestamp, asked_ms: Option<u64>, out: &mut Effects) {
        if !fails_over(call, status) {
            return;
        }
        let Some((step, busy)) = call.tries.get(self.index).map(|one| (one.step, one.busy)) else { return };
        set_cooldown(call, step, now, asked_ms, out);
        let Some(next) = call.route_plan.peek_next(retriable(busy)) else { return };
        let Some(provider) = call.provider_name(next) else { return };
        if let Some(one) = call.tries.get_mut(self.index) {
            one.passed_on = false;
        }
        out.push(Effect::Route(provider));
        out.push(Effect::RemoveResponseHeader(Cow::Borrowed(NOT_AGAIN)));
        out.push(Effect::SetResponseHeader(RETRY_HEADER, Cow::Borrowed("1")));
    }
}

/// Returns this try and its reason: the first of the plan, the one after the failed try, or, on a fresh connection, the
/// same try once more, which does not count as one of the policy's tries.
fn next_step(call: &mut Call, fresh: bool) -> Option<(NextAttempt, AttemptKind)> {
    let Some(last) = call.tries.last_mut() else {
        return call.route_plan.begin().map(|step| (step, kind(step.kind)));
    };
    last.ended = true;
    last.held = false;
    last.passed_on = false;
    if fresh {
        return Some((last.step, AttemptKind::Retry));
    }
    let retriable = retriable(last.busy);
    call.route_plan.advance(retriable).map(|step| (step, kind(step.kind)))
}

/// Whether the policy wants another try after one that ended without an answer.
fn allows(call: &Call, error: AttemptError) -> bool {
    call.alias().is_some_and(|alias| match error {
        AttemptError::Timeout => alias.failover.on_timeout,
        AttemptError::Connect => alias.failover.on_connect,
        _ => alias.failover.on_reset,
    })
}

/// Returns the route of the next try if this one fails like this; empty if there is to be none.
fn next_route(call: &Call, failed: Retry) -> Option<Arc<str>> {
    match call.route_plan.peek_next(failed) {
        Some(next) => call.provider_name(next),
        None => Some(Arc::from("")),
    }
}
