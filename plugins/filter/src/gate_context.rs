//! The filter in the listener: feeds one client request to a [`Gate`] and does what it says.

use crate::asking::{Asking, WAKE};
use crate::claims::Slot;
use crate::delivery::send_soon;
use crate::ending;
use crate::host::{self, Buffer, Headers};
use crate::worker::{apply, forget, open, with_worker};
use headgate_policy::{Effect, Effects, EndSigns, Flow, Gate, Head, Moment, Number, Policy, Reply};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// Envoy's response flags that name the client: connection ended (DC), stream reset (DR), protocol error (DPE).
const CLIENT_FLAGS: u64 = 0x4000 | 0x1000_0000 | 0x4_0000;
/// Those that name the provider: reset (UR), connection failure (UF), termination (UC), protocol error (UPE).
const PROVIDER_FLAGS: u64 = 0x10 | 0x20 | 0x40 | 0x80_0000;

/// A request asks so often whether the fleet's counts have come.
const MOST_WAKES: u32 = 100;

/// See the module's text.
pub(crate) struct GateContext {
    /// The host's number of this context.
    id: u32,
    policy: Rc<Policy>,
    gate: Gate,
    effects: Effects,
    id_is_open: bool,
    closed: bool,
    /// The client has got the last it is to get.
    ending: bool,
    asking: Asking,
    /// Where it lies what this request has reserved, should this VM die.
    claim: Option<Slot>,
    /// The body of a request that waits for the fleet's counts, and how often it has asked.
    waiting: Option<(Vec<u8>, u32)>,
    buffered: usize,
    /// Bytes of a held response so far.
    response_buffered: usize,
}

impl GateContext {
    pub(crate) fn new(id: u32, policy: &Rc<Policy>) -> Self {
        with_worker(|worker| worker.open = worker.open.saturating_add(1));
        Self {
            id,
            policy: Rc::clone(policy),
            gate: new_gate(policy),
            effects: Effects::new(),
            id_is_open: false,
            closed: false,
            ending: false,
            asking: Asking::default(),
            claim: None,
            waiting: None,
            buffered: 0,
            response_buffered: 0,
        }
    }

    fn perform(&mut self) {
        let now_us = host::now_us();
        for effect in self.effects.drain(..) {
            match apply(effect, now_us) {
                Some(Effect::Reply(reply)) => send(&reply),
                Some(Effect::EndStream) => {
                    self.ending = true;
                    ending::begin(self.id, now_us);
                }
                _ => {}
            }
        }
    }

    /// While the request is held, what is to be done waits too: Envoy looks for the route again after each change.
    fn obey(&mut self, flow: Flow) -> Action {
        if flow != Flow::Hold {
            self.perform();
        }
        match flow {
            Flow::Continue => Action::Continue,
            Flow::Hold | Flow::Answered => Action::Pause,
        }
    }

    /// The body is whole: one copy into the VM, then the decision.
    fn body_is_whole(&mut self, size: usize) -> Action {
        if self.waiting.is_some() {
            return Action::Pause;
        }
        if !self.gate.awaits_body() {
            // Answered, or on its way: to touch its route or body now would crash the proxy.
            let flow = self.gate.request_body_grows(size as u64, &mut self.effects);
            return self.obey(flow);
        }
        let flow = self.gate.request_body_grows(size as u64, &mut self.effects);
        if flow != Flow::Hold {
            return self.obey(flow);
        }
        let body = match host::buffer(Buffer::RequestBody, size) {
            Err(host::NO_ROOM) => {
                let flow = self.gate.request_out_of_memory(&mut self.effects);
                return self.obey(flow);
            }
            body => body.unwrap_or_default(),
        };
        if self.waits_for_counts(0) {
            self.waiting = Some((body, 1));
            return Action::Pause;
        }
        self.decide(body)
    }

    /// Whether the proxy has just started, and the counts of its limits are on their way: the request then waits for them, for
    /// a tenth of a second normally, and asks again when the collector has said something.
    fn waits_for_counts(&mut self, asked: u32) -> bool {
        let Some((collector, _)) = self.policy.collector() else { return false };
        let now_ms = host::now_us() / 1_000;
        let starting = || with_worker(|worker| worker.counts.standing(&self.policy, now_ms).starting) == Some(true);
        !self.policy.limits().is_empty() && starting() && asked < MOST_WAKES && self.asking.wake(collector)
    }

    /// Something was heard of the collector.
    fn woken(&mut self, reached: bool) {
        let Some((body, asked)) = self.waiting.take() else { return };
        if reached && self.waits_for_counts(asked) {
            self.waiting = Some((body, asked.saturating_add(1)));
        } else if self.decide(body) == Action::Continue {
            let _ = host::resume_request();
        }
    }

    /// The decision about a whole body.
    fn decide(&mut self, body: Vec<u8>) -> Action {
        let now_us = host::now_us();
        let (gate, effects, policy, claim) = (&mut self.gate, &mut self.effects, &self.policy, &mut self.claim);
        let flow = with_worker(|worker| {
            let (lent, random) = worker.lend(policy, now_us);
            let flow = gate.request_body(body, Moment(now_us), lent, || random.draw(), effects);
            *claim = worker.counts.claims.keep(policy.limits(), gate.reservations());
            flow
        });
        let flow = match flow {
            Some(Flow::Hold) => self.ask(),
            Some(flow) => flow,
            None => Flow::Continue,
        };
        self.decided(flow)
    }

    /// Sends what the held request has to ask others, and nothing else yet.
    fn ask(&mut self) -> Flow {
        let mut flow = Flow::Hold;
        while let (Flow::Hold, Some(at)) = (flow, self.effects.iter().position(|one| matches!(one, Effect::Call(_)))) {
            if let Effect::Call(call) = self.effects.remove(at)
                && !self.asking.send(&call)
            {
                flow = self.gate.call_done(call.number, None, &mut self.effects);
            }
        }
        flow
    }

    /// The request goes on, is answered, or waits on.
    fn decided(&mut self, flow: Flow) -> Action {
        if flow == Flow::Continue {
            open(self.gate.call());
            self.id_is_open = true;
        }
        let action = self.obey(flow);
        if flow == Flow::Continue {
            // The call has the body, and each try writes its own from there: what stayed here would be copied for the
            // first try, and kept for others, in vain.
            let _ = host::replace_buffer(Buffer::RequestBody, b"");
            let _ = host::clear_route_cache();
        }
        action
    }

    /// A held response: it waits for the rest of its body, unless it need not any more.
    fn response_grows(&mut self, size: usize) -> Action {
        self.response_buffered = size;
        let now = Moment(host::now_us());
        let holds = self.gate.response_body_grows(size as u64, now, &mut self.effects);
        self.perform();
        if holds { Action::Pause } else { Action::Continue }
    }

    fn response_chunk(&mut self, size: usize, last: bool) {
        let wanted = self.gate.wants_response_body() && size > 0;
        let chunk = if wanted { host::buffer(Buffer::ResponseBody, size) } else { Ok(Vec::new()) };
        match chunk {
            Err(host::NO_ROOM) => self.gate.response_out_of_memory(last, &mut self.effects),
            chunk => {
                let chunk = chunk.unwrap_or_default();
                self.gate.response_body(&chunk, last, Moment(host::now_us()), &mut self.effects);
            }
        }
        self.perform();
    }

    fn end_signs() -> EndSigns {
        let flags = host::response_flags();
        // A client that resets its HTTP/2 stream without an error code leaves no flag; whatever a provider does, leaves one.
        if flags == 0 || flags & CLIENT_FLAGS != 0 {
            EndSigns::ClientGone
        } else if flags & PROVIDER_FLAGS != 0 {
            EndSigns::ProviderGone
        } else {
            EndSigns::Unknown
        }
    }

    /// The proxy has answered by itself; its log has what it knew of the request.
    fn refused_by_proxy(&mut self) {
        let request = host::headers(Headers::Request).unwrap_or_default();
        let response = host::headers(Headers::Response).unwrap_or_default();
        let details = host::property("response\0code_details").unwrap_or_default();
        let (request, response) = (host::decode_pairs(&request), host::decode_pairs(&response));
        let details = std::str::from_utf8(&details).unwrap_or_default();
        self.gate.refused_by_proxy(Head::new(&request), Head::new(&response), details);
    }

    /// One record for every request, in whatever way it ended.
    fn close(&mut self) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        if self.gate.is_aside() {
            with_worker(|worker| worker.open = worker.open.saturating_sub(1));
            return;
        }
        if self.gate.is_unseen() {
            self.refused_by_proxy();
        }
        let signs = if self.gate.ended_early() { Self::end_signs() } else { EndSigns::Unknown };
        let now = Moment(host::now_us());
        let (gate, policy, claim) = (&mut self.gate, &self.policy, self.claim.take());
        with_worker(|worker| {
            if claim.is_some_and(|claim| !worker.counts.claims.drop(claim)) {
                gate.reservations_are_gone();
            }
            let seq = worker.outbox.take_seq();
            worker.open = worker.open.saturating_sub(1);
            let (node, boot) = (worker.node.clone(), worker.boot.clone());
            let (lent, _) = worker.lend(policy, now.0);
            let record = gate.close(now, signs, Number { node: &node, boot: &boot, seq }, lent);
            worker.record.clear();
            match serde_json::to_writer(&mut worker.record, &record) {
                Ok(()) => {
                    worker.outbox.push(&worker.record);
                }
                Err(_) => worker.outbox.note_dropped(),
            }
            worker.note_outbox();
            send_soon(worker, policy);
        });
        if self.id_is_open {
            forget(self.gate.id());
        }
        if self.ending {
            ending::forget(self.id);
        }
    }
}

fn new_gate(policy: &Rc<Policy>) -> Gate {
    let (random, memory) = with_worker(|worker| (worker.random(), worker.memory.clone())).unwrap_or_default();
    Gate::new(policy, Moment(host::now_us()), random).in_memory(&memory)
}

fn send(reply: &Reply) {
    let headers: Vec<(&str, &str)> = reply.headers.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    let _ = host::send_local_response(reply.status, &headers, &reply.body);
}

impl Context for GateContext {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        let Some(answer) = self.asking.answered(token, body_size) else { return };
        if answer.number == WAKE {
            // A collector that cannot be reached is not waited for.
            return self.woken(answer.status == Some(200));
        }
        let said = answer.status.map(|status| (status, answer.body.as_slice()));
        let flow = self.gate.call_done(answer.number, said, &mut self.effects);
        if flow != Flow::Hold && self.decided(flow) == Action::Continue {
            let _ = host::resume_request();
        }
    }
}

impl HttpContext for GateContext {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let encoded = host::headers(Headers::Request).unwrap_or_default();
        let fields = host::decode_pairs(&encoded);
        let flow = self.gate.request_headers(Head::new(&fields), end_of_stream, &mut self.effects);
        self.obey(flow)
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.buffered = size;
        if end_of_stream {
            return self.body_is_whole(size);
        }
        let flow = self.gate.request_body_grows(size as u64, &mut self.effects);
        self.obey(flow)
    }

    /// With trailers, HTTP/2 never marks the body's last chunk: the trailers do.
    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.body_is_whole(self.buffered)
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let wanted = self.gate.wants_response_head();
        let encoded = if wanted { host::headers(Headers::Response).unwrap_or_default() } else { Vec::new() };
        let fields = host::decode_pairs(&encoded);
        let now = Moment(host::now_us());
        let (gate, effects) = (&mut self.gate, &mut self.effects);
        with_worker(|worker| {
            let cooldowns = worker.cooldowns(now.0).clone();
            gate.response_headers(Head::new(&fields), now, end_of_stream, &cooldowns, effects);
        });
        self.perform();
        if self.gate.holds_response() { Action::Pause } else { Action::Continue }
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if self.ending {
            let _ = host::replace_buffer(Buffer::ResponseBody, b"");
            let _ = host::reset_response();
            return Action::Continue;
        }
        if self.gate.holds_response() && !end_of_stream {
            return self.response_grows(size);
        }
        self.response_chunk(size, end_of_stream);
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        if self.gate.holds_response() {
            // The body's last chunk did not say that it was the last.
            self.response_chunk(self.response_buffered, true);
        }
        let resets = self.gate.response_trailers(Moment(host::now_us()), &mut self.effects);
        self.perform();
        if resets { Action::Pause } else { Action::Continue }
    }

    fn on_log(&mut self) {
        self.close();
    }
}

impl Drop for GateContext {
    fn drop(&mut self) {
        self.close();
    }
}
