//! The filter in a provider's cluster: feeds one try to an [`Attempt`] and carries out its effects.

use crate::exchange_id::ExchangeId;
use crate::exchanges::with_exchange;
use crate::host::{self, Buffer, Headers};
use crate::worker::{EndedTry, apply, with_worker};
use headgate_policy::{Attempt, AttemptEnd, Call, Effects, HeaderView, Timestamp};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// Bytes of a held answer that are copied into the VM at a time: its beginning is all that is needed of it.
const PIECE: usize = 4 << 10;

/// See the module's text.
pub(crate) struct AttemptContext {
    provider: Rc<str>,
    attempt: Option<(ExchangeId, Attempt)>,
    effects: Effects,
    body_sent: bool,
    /// The response is held; so many bytes of its body have been looked at.
    held: Option<usize>,
}

impl AttemptContext {
    pub(crate) fn new(provider: &Rc<str>) -> Self {
        Self { provider: Rc::clone(provider), attempt: None, effects: Effects::new(), body_sent: false, held: None }
    }

    /// Runs `act` on the attempt and the call that it belongs to. `None` if the request is over, for example because its
    /// client has left: then nothing is to be done for it.
    fn with_call<T>(&mut self, act: impl FnOnce(&mut Attempt, &mut Call, &mut Effects) -> T) -> Option<T> {
        let (id, attempt) = self.attempt.as_mut()?;
        let effects = &mut self.effects;
        with_exchange(*id, |exchange| act(attempt, exchange.gate.call_mut(), effects))
    }

    fn apply_effects(&mut self) {
        for effect in self.effects.drain(..) {
            let _ = apply(effect);
        }
    }

    /// Returns how a try without a response ended: without a connection there is no local address.
    fn end_of(address: Option<&[u8]>, now_us: u64) -> AttemptEnd {
        let Some(address) = address else { return AttemptEnd::NotConnected };
        let kept = with_worker(|worker| worker.connections.has_answered(address, now_us)) == Some(true);
        if kept { AttemptEnd::Lost } else { AttemptEnd::NoResponse }
    }

    /// Shows the attempt the body of a held response, and lets the host pass it on once it is decided.
    fn opening(&mut self, size: usize, last: bool) -> Action {
        let Some(mut looked) = self.held.take() else { return Action::Continue };
        let now = Timestamp(host::now_us());
        let mut holds = true;
        while holds && (looked < size || last) {
            let piece = match size.saturating_sub(looked).min(PIECE) {
                0 => Vec::new(),
                length => host::buffer_part(Buffer::ResponseBody, looked, length).unwrap_or_default(),
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
        self.apply_effects();
        if holds { Action::Pause } else { Action::Continue }
    }

    /// Tells the attempt that its try has ended without an answer.
    fn end(&mut self) -> Option<EndedTry> {
        let (address, now_us) = (connection(), host::now_us());
        let end = Self::end_of(address.as_deref(), now_us);
        self.with_call(|attempt, call, effects| attempt.ended(call, Timestamp(now_us), end, effects))?;
        self.apply_effects();
        let (exchange, attempt) = self.attempt.take()?;
        Some(EndedTry { address: address?, exchange, attempt })
    }
}

/// Handles the router's log entry of a try with an HTTP/2 stream that the provider has reset. The filter in the cluster cannot see that;
/// its last callback has just been called.
pub(crate) fn stream_was_reset() {
    let ended = with_worker(|worker| worker.ended.take()).flatten();
    let Some(ended) = ended.filter(|ended| connection().as_ref() == Some(&ended.address)) else { return };
    let mut effects = Effects::new();
    let context = with_exchange(ended.exchange, |exchange| {
        ended.attempt.stream_was_reset(exchange.gate.call_mut(), &mut effects);
        exchange.context
    });
    if context.is_some_and(|context| host::act_for(context).is_ok()) {
        effects.drain(..).for_each(|effect| drop(apply(effect)));
    }
}

/// Returns the identity of this try's connection.
fn connection() -> Option<Vec<u8>> {
    host::property("upstream\0local_address").ok().filter(|address| !address.is_empty())
}

impl Context for AttemptContext {
    fn on_done(&mut self) -> bool {
        let is_unanswered = self.with_call(|attempt, call, _| attempt.is_unanswered(call)) == Some(true);
        let ended = if is_unanswered { self.end() } else { None };
        with_worker(|worker| worker.ended = ended);
        true
    }
}

impl HttpContext for AttemptContext {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let now = Timestamp(host::now_us());
        let (provider, effects) = (&self.provider, &mut self.effects);
        self.attempt = ExchangeId::current().and_then(|id| {
            let begun = with_exchange(id, |exchange| Attempt::begin(exchange.gate.call_mut(), provider, now, effects));
            Some((id, begun??))
        });
        if self.attempt.is_none() {
            // Without its call there is no credential and no body to send: nothing may go out. The gate puts its own words
            // in place of this body.
            let _ = host::send_local_response(503, &[], b"headgate: this try has no request");
            return Action::Pause;
        }
        self.apply_effects();
        Action::Continue
    }

    /// The gate passed nothing on; the whole body for this provider comes from the call.
    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        if !std::mem::replace(&mut self.body_sent, true) {
            self.with_call(|attempt, call, _| {
                attempt.body(call, |piece| {
                    let _ = host::append_buffer(Buffer::RequestBody, piece);
                });
            });
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let encoded = host::headers(Headers::Response).unwrap_or_default();
        let fields = host::decode_pairs(&encoded);
        let now_us = host::now_us();
        let (now, head) = (Timestamp(now_us), HeaderView::new(&fields));
        let holds =
            self.with_call(|attempt, call, effects| attempt.response_headers(call, now, head, end_of_stream, effects));
        self.held = (holds == Some(true)).then_some(0);
        if let Some(address) = self.attempt.as_ref().and_then(|_| connection()) {
            with_worker(|worker| worker.connections.note(&address, now_us));
        }
        self.apply_effects();
        if self.held.is_some() { Action::Pause } else { Action::Continue }
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.opening(size, end_of_stream)
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        // Whatever there was of the body has been looked at.
        let looked = self.held.unwrap_or(0);
        self.opening(looked, true)
    }
}
