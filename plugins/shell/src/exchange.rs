//! One client request and its answer: feeds the events to a [`Gate`] and carries out its effects.
//!
//! Here is the way of the request; that of the answer is in `answer.rs`, and the end in `end.rs`.

mod answer;
mod end;

pub(crate) use end::settle;

use crate::cells::CellsOn;
use crate::claims::Slot;
use crate::exchange_id::ExchangeId;
use crate::host::{Action, Body, Headers, NO_ROOM};
use crate::http_calls::{HttpCalls, WAKE};
use crate::member::{Member, MemberHost};
use crate::pending_resets;
use crate::worker::{Random, apply, with_worker};
use headgate_limits::FleetStatus;
use headgate_policy::document::Stages;
use headgate_policy::{Effect, Effects, Flow, Gate, HeaderView, Policy, Reply, RequestEnv, Timestamp};
use headgate_record::ProxyRefusal;
use std::sync::Arc;

/// Maximum number of times that a request asks whether the fleet's counts have come.
const MAX_WAKES: u32 = 100;

/// The gate of a request, and the state of its host calls.
pub(crate) struct Exchange {
    pub(crate) gate: Gate,
    /// The host's number of the gate's context.
    pub(crate) context: u32,
    /// Its id among the exchanges of the worker, once it is one of them.
    pub(crate) id: Option<ExchangeId>,
    policy: Arc<Policy>,
    effects: Effects,
    /// The next provider was named, and the host has not chosen the route again since.
    route_is_stale: bool,
    /// Whether the client has received everything that it will receive.
    ending: bool,
    http_calls: HttpCalls,
    /// The place of its reservations, should this VM die.
    claim: Option<Slot>,
    /// The body of a request that waits for the fleet's counts, and how often it has asked.
    waiting: Option<(Vec<u8>, u32)>,
    buffered: usize,
    /// Bytes of a held response so far.
    response_buffered: usize,
    /// The chunks of the response are paused: bytes of the last one, see [`crate::pending_resumes`].
    paced: Option<usize>,
}

impl Exchange {
    pub(crate) fn new(host: &impl MemberHost, context: u32, policy: &Arc<Policy>, stages: Stages) -> Self {
        let random = with_worker(host, |worker| worker.random(host)).unwrap_or_default();
        let memory = host.with_member(Member::begin_request).unwrap_or_default();
        Self {
            gate: Gate::new(policy, Timestamp(host.now_us()), random).in_memory(&memory).with_stages(stages),
            context,
            id: None,
            policy: Arc::clone(policy),
            effects: Effects::new(),
            route_is_stale: false,
            ending: false,
            http_calls: HttpCalls::default(),
            claim: None,
            waiting: None,
            buffered: 0,
            response_buffered: 0,
            paced: None,
        }
    }

    pub(crate) fn request_headers(&mut self, host: &impl MemberHost, whole: bool) -> Action {
        let flow = host.with_headers(Headers::Request, |head| {
            self.ask_proxy(host);
            if self.gate.routes() && host.is_http_1_0() {
                self.http_1_0(host, head)
            } else {
                self.gate.request_headers(head, whole, &mut self.effects)
            }
        });
        self.apply_flow(host, flow)
    }

    /// Tells the gate what only the proxy knows: the name of the caller, and the cluster that its route has chosen.
    fn ask_proxy(&mut self, host: &impl MemberHost) {
        if let Some(name) = self.policy.identity_property().and_then(|path| host.caller_name(path)) {
            self.gate.take_caller_name(name);
        }
        if !self.gate.routes()
            && let Some(cluster) = host.cluster()
        {
            self.gate.take_cluster(&cluster);
        }
    }

    pub(crate) fn request_body(&mut self, host: &impl MemberHost, size: usize, whole: bool) -> Action {
        self.buffered = size;
        if whole {
            return self.body_is_whole(host, size);
        }
        let flow = self.gate.request_body_grows(size as u64, &mut self.effects);
        self.apply_flow(host, flow)
    }

    /// With trailers, HTTP/2 never marks the body's last chunk: the trailers do.
    pub(crate) fn request_trailers(&mut self, host: &impl MemberHost) -> Action {
        self.body_is_whole(host, self.buffered)
    }

    /// An HTTP call of this exchange has its answer, or has failed.
    pub(crate) fn call_answered(&mut self, host: &impl MemberHost, token: u32, body_size: usize) {
        let Some(answer) = self.http_calls.answered(host, token, body_size) else { return };
        if answer.number == WAKE {
            // A collector that cannot be reached is not waited for.
            return self.woken(host, answer.status == Some(200));
        }
        let said = answer.status.map(|status| (status, answer.body.as_slice()));
        let flow = self.gate.call_done(answer.number, said, Timestamp(host.now_us()), &mut self.effects);
        if flow != Flow::Pause && self.resume(host, flow) == Action::Continue {
            let _ = host.resume_request();
        }
    }

    fn apply_effects<H: MemberHost>(&mut self, host: &H) {
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Route(_) => self.route_is_stale = true,
                Effect::SetRequestHeader(..) if H::CAN.headers_choose_route => self.route_is_stale = false,
                _ => {}
            }
            match apply(host, effect) {
                Some(Effect::Reply(reply)) => send(host, &reply),
                Some(Effect::EndStream) => {
                    self.ending = true;
                    pending_resets::begin(self.context, host.now_us());
                }
                _ => {}
            }
        }
    }

    /// While the request is held, its effects wait too: Envoy looks for the route again after each change.
    fn apply_flow(&mut self, host: &impl MemberHost, flow: Flow) -> Action {
        if flow != Flow::Pause {
            self.apply_effects(host);
        }
        match flow {
            Flow::Continue => Action::Continue,
            Flow::Pause | Flow::Answered => Action::Pause,
        }
    }

    /// The body is whole: one copy into the VM, then the decision.
    fn body_is_whole(&mut self, host: &impl MemberHost, size: usize) -> Action {
        if self.waiting.is_some() {
            return Action::Pause;
        }
        let awaits_body = self.gate.awaits_body();
        let flow = self.gate.request_body_grows(size as u64, &mut self.effects);
        // A request that is answered, or on its way, has its route and body left alone: to touch them would crash the proxy.
        if !awaits_body || flow != Flow::Pause {
            return self.apply_flow(host, flow);
        }
        let body = match host.body(Body::Request, size) {
            Err(NO_ROOM) => {
                let flow = self.gate.request_out_of_memory(&mut self.effects);
                return self.apply_flow(host, flow);
            }
            body => body.unwrap_or_default(),
        };
        if self.waits_for_counts(host, 0) {
            self.waiting = Some((body, 1));
            return Action::Pause;
        }
        self.decide(host, body)
    }

    /// Whether the proxy has just started, and the counts of its limits are on their way: the request then waits for them, for
    /// a tenth of a second normally, and asks again when the collector has said something.
    fn waits_for_counts(&mut self, host: &impl MemberHost, asked: u32) -> bool {
        let Some((collector, _)) = self.policy.collector().filter(|_| self.gate.counts()) else {
            return false;
        };
        let now_ms = host.now_us() / 1_000;
        let starting =
            host.with_member(|member| member.counters.fleet_status(&self.policy, now_ms).starting) == Some(true);
        starting && asked < MAX_WAKES && self.http_calls.wake(host, collector)
    }

    /// Something was heard of the collector.
    fn woken(&mut self, host: &impl MemberHost, reached: bool) {
        let Some((body, asked)) = self.waiting.take() else { return };
        if reached && self.waits_for_counts(host, asked) {
            self.waiting = Some((body, asked.saturating_add(1)));
        } else if self.decide(host, body) == Action::Continue {
            let _ = host.resume_request();
        }
    }

    /// The decision about a whole body.
    fn decide(&mut self, host: &impl MemberHost, body: Vec<u8>) -> Action {
        let now_us = host.now_us();
        let (gate, effects) = (&mut self.gate, &mut self.effects);
        let status = host.with_member(|member| member.counters.fleet_status(&self.policy, now_us / 1_000));
        let flow = status.and_then(|status| {
            with_env(host, status, now_us, |env, random| {
                gate.request_body(body, Timestamp(now_us), env, || random.draw(host), effects)
            })
        });
        let held = self.gate.reservations();
        if !held.is_empty() {
            let claim = host.with_member(|member| member.counters.claims.keep(host, self.policy.limits(), held));
            self.claim = claim.flatten();
        }
        let flow = match flow {
            Some(Flow::Pause) => self.ask(host),
            Some(flow) => flow,
            None => Flow::Continue,
        };
        self.resume(host, flow)
    }

    /// Sends the external checks of the held request, and nothing else yet.
    fn ask(&mut self, host: &impl MemberHost) -> Flow {
        let mut flow = Flow::Pause;
        while let (Flow::Pause, Some(at)) = (flow, self.effects.iter().position(|one| matches!(one, Effect::Call(_)))) {
            if let Effect::Call(call) = self.effects.remove(at)
                && !self.http_calls.send(host, &call)
            {
                flow = self.gate.call_done(call.number, None, Timestamp(host.now_us()), &mut self.effects);
            }
        }
        flow
    }

    /// The request goes on, is answered, or waits on.
    fn resume(&mut self, host: &impl MemberHost, flow: Flow) -> Action {
        let routed = flow == Flow::Continue && self.gate.routes();
        if let (true, Some(id)) = (routed, self.id) {
            id.show_to_attempts(host);
        }
        let action = self.apply_flow(host, flow);
        if routed {
            // The call has the body, and each try writes its own from there: bytes that stay here would be copied for the
            // first try, and kept for others, in vain.
            let _ = host.replace_body(Body::Request, b"");
            if self.route_is_stale {
                let _ = host.clear_route_cache();
            }
        }
        action
    }

    /// Refuses a request over HTTP/1.0, and counts it with those that the proxy refuses by itself.
    fn http_1_0(&mut self, host: &impl MemberHost, head: HeaderView<'_>) -> Flow {
        let flow = self.gate.request_headers_of_http_1_0(head, &mut self.effects);
        if !self.gate.is_aside() {
            let client = host.client_address();
            host.with_member(|member| member.proxy_refusals.request(ProxyRefusal::Http10, &client));
        }
        flow
    }
}

/// Runs a decision on the state of the worker. `None` only if that is in use.
pub(crate) fn with_env<H: MemberHost, T>(
    host: &H,
    fleet_status: FleetStatus,
    now_us: u64,
    act: impl FnOnce(RequestEnv<'_, CellsOn<'_, H>>, &mut Random) -> T,
) -> Option<T> {
    with_worker(host, |worker| {
        worker.cooldowns(host, now_us);
        let decided = worker.with_request_env(host, fleet_status, act);
        if worker.has_news() {
            host.with_member(|member| worker.hand_over(member));
        }
        decided
    })
}

fn send(host: &impl MemberHost, reply: &Reply) {
    let headers: Vec<(&str, &str)> = reply.headers.iter().map(|(name, value)| (*name, value.as_ref())).collect();
    let _ = host.reply(reply.status, &headers, &reply.body);
}
