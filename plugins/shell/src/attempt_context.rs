//! The filter in a provider's cluster: feeds one try to an [`Attempt`] and carries out its effects.

use crate::exchange_id::ExchangeId;
use crate::exchanges::with_exchange;
use crate::host::{Action, Body, Headers};
use crate::member::MemberHost;
use crate::worker::{EndedTry, apply, with_worker};
use headgate_policy::{Attempt, AttemptEnd, Call, Effects, Timestamp};
use std::sync::Arc;

/// Bytes of a held answer that are copied into the VM at a time: its beginning is all that is needed of it.
const PIECE: usize = 4 << 10;

/// See the module's text.
#[derive(Debug)]
pub struct AttemptContext {
    provider: Arc<str>,
    attempt: Option<(ExchangeId, Attempt)>,
    effects: Effects,
    body_sent: bool,
    /// The response is held; so many bytes of its body have been looked at.
    held: Option<usize>,
}

impl AttemptContext {
    pub(crate) fn new(provider: &Arc<str>) -> Self {
        Self { provider: Arc::clone(provider), attempt: None, effects: Effects::new(), body_sent: false, held: None }
    }

    /// Runs `act` on the attempt and the call that it belongs to. `None` if the request is over, for example because its
    /// client has left: then nothing is to be done for it.
    fn with_call<T>(&mut self, act: impl FnOnce(&mut Attempt, &mut Call, &mut Effects) -> T) -> Option<T> {
        let (id, attempt) = self.attempt.as_mut()?;
        let effects = &mut self.effects;
        with_exchange(*id, |exchange| act(attempt, exchange.gate.call_mut(), effects))
    }

    fn apply_effects(&mut self, host: &impl MemberHost) {
        for effect in self.effects.drain(..) {
            let _ = apply(host, effect);
        }
    }

    /// Returns how a try without a response ended: without a connection there is no local address.
    fn end_of(host: &impl MemberHost, address: Option<&[u8]>, now_us: u64) -> AttemptEnd {
        let Some(address) = address else { return AttemptEnd::NotConnected };
        let kept = with_worker(host, |worker| worker.connections.has_answered(address, now_us)) == Some(true);
        if kept { AttemptEnd::Lost } else { AttemptEnd::NoResponse }
    }

    /// Shows the attempt the body of a held response, and lets the host pass it on once it is decided.
    fn opening(&mut self, host: &impl MemberHost, size: usize, last: bool) -> Action {
        let Some(mut looked) = self.held.take() else { return Action::Continue };
        let now = Timestamp(host.now_us());
        let mut holds = true;
        while holds && (looked < size || last) {
            let piece = match size.saturating_sub(looked).min(PIECE) {
                0 => Vec::new(),
                length => host.body_part(Body::Response, looked, length).unwrap_or_default(),
            };
            looked = looked.saturating_add(piece.len());
            // A host that gives less than it said has nothing more.
            let ends = piece.is_empty() || looked >= size;
            let holds_on = self
                .with_call(|attempt, call, effects| attempt.response_body(call, &piece, last && ends, now, effects));
            holds = holds_on == Some(true);
            if ends {
                break;
            }
        }
        self.held = holds.then_some(looked);
        self.apply_effects(host);
        if holds { Action::Pause } else { Action::Continue }
    }

    /// Tells the attempt that its try has ended without an answer.
    fn end(&mut self, host: &impl MemberHost) -> Option<EndedTry> {
        let (address, now_us) = (host.connection(), host.now_us());
        let end = Self::end_of(host, address.as_deref(), now_us);
        self.with_call(|attempt, call, effects| attempt.ended(call, Timestamp(now_us), end, effects))?;
        self.apply_effects(host);
        let (exchange, attempt) = self.attempt.take()?;
        Some(EndedTry { address: address?, exchange, attempt })
    }
}

/// Handles the router's log entry of a try with an HTTP/2 stream that the provider has reset. The filter in the cluster cannot see that;
/// its last callback has just been called.
pub(crate) fn stream_was_reset(host: &impl MemberHost) {
    let ended = with_worker(host, |worker| worker.ended.take()).flatten();
    let Some(ended) = ended.filter(|ended| host.connection().as_ref() == Some(&ended.address)) else { return };
    let mut effects = Effects::new();
    let context = with_exchange(ended.exchange, |exchange| {
        ended.attempt.stream_was_reset(exchange.gate.call_mut(), &mut effects);
        exchange.context
    });
    if context.is_some_and(|context| host.act_for(context).is_ok()) {
        effects.drain(..).for_each(|effect| drop(apply(host, effect)));
    }
}

impl AttemptContext {
    /// Has the host take its calls for those of the gate, on a host where the try's own stream is gone by its end. `false` if the request is
    /// over.
    #[must_use]
    pub fn act_for_gate(&self, host: &impl MemberHost) -> bool {
        let id = self.attempt.as_ref().map(|(id, _)| *id);
        let gate = id.and_then(|id| with_exchange(id, |exchange| exchange.context));
        gate.is_some_and(|gate| host.act_for(gate).is_ok())
    }

    /// The router has let go of this try.
    pub fn done(&mut self, host: &impl MemberHost) {
        let is_unanswered = self.with_call(|attempt, call, _| attempt.is_unanswered(call)) == Some(true);
        let ended = if is_unanswered { self.end(host) } else { None };
        with_worker(host, |worker| worker.ended = ended);
    }

    /// The try's headers.
    pub fn request_headers(&mut self, host: &impl MemberHost) -> Action {
        let now = Timestamp(host.now_us());
        let (provider, effects) = (&self.provider, &mut self.effects);
        self.attempt = ExchangeId::current(host).and_then(|id| {
            let begun = with_exchange(id, |exchange| Attempt::begin(exchange.gate.call_mut(), provider, now, effects));
            Some((id, begun??))
        });
        if self.attempt.is_none() {
            // Without its call there is no credential and no body to send: nothing may go out. The gate puts its own words
            // in place of this body.
            let _ = host.reply(503, &[], b"headgate: this try has no request");
            return Action::Pause;
        }
        self.apply_effects(host);
        Action::Continue
    }

    /// The gate passed nothing on; the whole body for this provider comes from the call.
    pub fn request_body(&mut self, host: &impl MemberHost) -> Action {
        if !std::mem::replace(&mut self.body_sent, true) {
            self.with_call(|attempt, call, _| {
                attempt.body(call, |piece| {
                    let _ = host.append_body(Body::Request, piece);
                });
            });
        }
        Action::Continue
    }

    /// The head of the provider's answer.
    pub fn response_headers(&mut self, host: &impl MemberHost, end_of_stream: bool) -> Action {
        let now_us = host.now_us();
        let now = Timestamp(now_us);
        let holds = host.with_headers(Headers::Response, |head| {
            self.with_call(|attempt, call, effects| attempt.response_headers(call, now, head, end_of_stream, effects))
        });
        self.held = (holds == Some(true)).then_some(0);
        if let Some(address) = self.attempt.as_ref().and_then(|_| host.connection()) {
            with_worker(host, |worker| worker.connections.note(&address, now_us));
        }
        self.apply_effects(host);
        if self.held.is_some() { Action::Pause } else { Action::Continue }
    }

    /// Whether the response is held: only then is the size of its body of use.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// More of its body; so many bytes are there.
    pub fn response_body(&mut self, host: &impl MemberHost, size: usize, end_of_stream: bool) -> Action {
        self.opening(host, size, end_of_stream)
    }

    /// Its trailers.
    pub fn response_trailers(&mut self, host: &impl MemberHost) -> Action {
        // Whatever there was of the body has been looked at.
        let looked = self.held.unwrap_or(0);
        self.opening(host, looked, true)
    }
}
