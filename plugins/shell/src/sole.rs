//! The one context of a request, on a host without filters in the clusters of providers: gate and attempts in one.
//!
//! The filter makes the tries of a JSON request itself, by calls of the host ([`direct`]), or the host makes them by itself
//! ([`answer`]). Such a host has no tick either: its work is done when a request begins.
//!
//! A request may be paused only while a call is under way or after a reply; a host of this kind has nothing else that lets it go on, and
//! crashes. [`SoleContext::action`] is the one place where that is decided.

mod answer;
mod direct;
mod end;
mod share;
mod tries;

use crate::delivery::Uploader;
use crate::exchange::with_env;
use crate::host::{Action, Body, Headers, NO_ROOM};
use crate::http_calls::{HttpCalls, WAKE};
use crate::member::{Member, MemberHost};
use crate::worker::{apply, with_worker};
use headgate_policy::{Effect, Effects, Flow, Gate, HeaderView, Policy, Reply, Timestamp};
use std::sync::Arc;
pub(crate) use tries::Direct;

/// The collector is asked before a request is decided on if its last answer is older than this part of an interval.
const ASKS_PER_INTERVAL: u64 = 5;

/// Most deliveries that one request carries: counts, a heartbeat, records.
const CALLS_PER_REQUEST: u32 = 3;

/// See the module's text.
#[derive(Debug)]
pub struct SoleContext {
    gate: Gate,
    policy: Arc<Policy>,
    effects: Effects,
    /// Carries deliveries to the collector along with this request.
    carrier: Uploader,
    /// Deliveries that it has carried, and when the first one began, µs since the Unix epoch.
    carried: u32,
    carrying_since_us: u64,
    /// Reports that it has waited for, to get a share of a limit.
    asks: u32,
    http_calls: HttpCalls,
    /// External checks that wait for their turn: the host makes one call at a time.
    checks: Vec<headgate_policy::HttpCall>,
    /// The decision about the request's headers, while a delivery is under way.
    deferred: Option<Flow>,
    direct: Option<Direct>,
    /// Whether the host has the request's headers.
    begun: bool,
    /// The host has taken a reply.
    replied: bool,
    /// Calls that the host has accepted and not answered.
    under_way: u32,
    /// The rest of the response is dropped.
    cut: bool,
    /// Whether headers of the response can still be changed.
    head_is_open: bool,
    /// Bytes of a held response.
    held: Vec<u8>,
    closed: bool,
}

impl SoleContext {
    /// The context of one request.
    pub(crate) fn new(host: &impl MemberHost, policy: &Arc<Policy>) -> Self {
        let random = with_worker(host, |worker| worker.random(host)).unwrap_or_default();
        let memory = host.with_member(Member::begin_request).unwrap_or_default();
        Self {
            gate: Gate::new(policy, Timestamp(host.now_us()), random).in_memory(&memory),
            policy: Arc::clone(policy),
            effects: Effects::new(),
            carrier: Uploader::default(),
            carried: 0,
            carrying_since_us: 0,
            asks: 0,
            http_calls: HttpCalls::default(),
            checks: Vec::new(),
            deferred: None,
            direct: None,
            begun: false,
            replied: false,
            under_way: 0,
            cut: false,
            head_is_open: true,
            held: Vec::new(),
            closed: false,
        }
    }

    /// Whether the host may hold the request: it has something that lets the request go on.
    fn action(&self) -> Action {
        if self.under_way > 0 || self.replied { Action::Pause } else { Action::Continue }
    }

    /// The request's headers.
    pub fn request_headers(&mut self, host: &impl MemberHost) -> Action {
        self.begun = true;
        self.do_the_work_of_a_tick(host);
        let flow = host.with_headers(Headers::Request, |head| self.admit(host, head));
        if self.gate.awaits_body() && host.await_request_body().is_err() {
            // A body that nobody reads must not pass.
            self.refuse(host);
            return self.action();
        }
        self.carrying_since_us = host.now_us();
        if self.carries(host) {
            self.deferred = Some(flow);
        } else {
            self.headers_are_decided(host, flow);
        }
        self.action()
    }

    /// Sends a delivery along with this request, if one is due and the client has not waited for too long already.
    fn carries<H: MemberHost>(&mut self, host: &H) -> bool {
        let waited_us = u128::from(host.now_us().saturating_sub(self.carrying_since_us));
        if self.carried >= CALLS_PER_REQUEST || waited_us >= H::CAN.delivery_time.as_micros() {
            return false;
        }
        self.carrier.deliver(host, &self.policy);
        let sent = self.carrier.is_under_way();
        self.carried = self.carried.saturating_add(u32::from(sent));
        self.under_way = self.under_way.saturating_add(u32::from(sent));
        sent
    }

    fn admit(&mut self, host: &impl MemberHost, head: HeaderView<'_>) -> Flow {
        if let Some(name) = self.policy.identity_property().and_then(|path| host.caller_name(path)) {
            self.gate.take_caller_name(name);
        }
        if host.is_http_1_0() {
            return self.gate.request_headers_of_http_1_0(head, &mut self.effects);
        }
        // The host never tells whether a body follows; one that is empty comes as such.
        let whole = !matches!(head.text(":method"), Some("POST" | "PUT" | "PATCH"));
        self.gate.request_headers(head, whole, &mut self.effects)
    }

    fn headers_are_decided(&mut self, host: &impl MemberHost, flow: Flow) {
        self.apply_effects(host);
        if flow == Flow::Answered {
            self.answered(host);
        }
    }

    /// Counts of limits are taken to the collector and back before a request is decided on.
    fn do_the_work_of_a_tick(&self, host: &impl MemberHost) {
        if self.policy.limits().is_empty() {
            return;
        }
        let now_ms = host.now_us() / 1_000;
        let interval_ms = self.policy.collector().map(|(collector, _)| collector.sync_interval_ms);
        host.with_member(|member| {
            let is_old = |interval_ms: u64| now_ms.abs_diff(member.asked_ms) > interval_ms / ASKS_PER_INTERVAL;
            if interval_ms.is_some_and(is_old) && !member.is_quiet(now_ms) {
                member.asked_ms = now_ms;
                member.counters.cells.hurried = true;
            }
            member.counters.tick(host, &self.policy, now_ms);
        });
    }

    /// The request's body, whole.
    pub fn request_body(&mut self, host: &impl MemberHost, size: usize) -> Action {
        if !self.gate.awaits_body() {
            return self.action();
        }
        let flow = self.gate.request_body_grows(size as u64, &mut self.effects);
        if flow != Flow::Pause {
            self.obey(host, flow);
            return self.action();
        }
        let body = if size == 0 { Ok(Vec::new()) } else { host.body(Body::Request, size) };
        let flow = match body {
            Ok(body) => self.decide(host, body),
            Err(NO_ROOM) => self.gate.request_out_of_memory(&mut self.effects),
            // The body is there, and cannot be read: nobody else is to act on it.
            Err(_) => self.decide(host, Vec::new()),
        };
        self.obey(host, flow);
        self.action()
    }

    fn decide(&mut self, host: &impl MemberHost, body: Vec<u8>) -> Flow {
        let (now_us, status) = (host.now_us(), self.fleet_status(host));
        let (gate, effects) = (&mut self.gate, &mut self.effects);
        gate.set_may_await_share(status.asks_first);
        let decided = with_env(host, status, now_us, |env, random| {
            gate.request_body(body, Timestamp(now_us), env, || random.draw(host), effects)
        });
        self.with_share(host, decided.unwrap_or(Flow::Pause))
    }

    /// Carries a decision out. One that waits for checks asks the next of them.
    fn obey(&mut self, host: &impl MemberHost, flow: Flow) {
        let mut flow = flow;
        if flow == Flow::Pause && !self.gate.awaits_share() {
            flow = self.ask(host);
        }
        match flow {
            Flow::Continue => self.let_go(host),
            Flow::Answered => {
                self.apply_effects(host);
                self.answered(host);
            }
            Flow::Pause => {}
        }
    }

    /// Sends the next external check. Returns [`Flow::Pause`] while one is under way.
    fn ask(&mut self, host: &impl MemberHost) -> Flow {
        while let Some(at) = self.effects.iter().position(|effect| matches!(effect, Effect::Call(_))) {
            if let Effect::Call(call) = self.effects.remove(at) {
                self.checks.push(call);
            }
        }
        while !self.checks.is_empty() {
            let call = self.checks.remove(0);
            if self.http_calls.send(host, &call) {
                self.under_way = self.under_way.saturating_add(1);
                return Flow::Pause;
            }
            let flow = self.gate.call_done(call.number, None, Timestamp(host.now_us()), &mut self.effects);
            if flow != Flow::Pause {
                return flow;
            }
        }
        // Nobody is left to ask, and nothing was decided.
        Flow::Answered
    }

    /// The request may go on: by the filter's own tries, or by those of the host.
    fn let_go(&mut self, host: &impl MemberHost) {
        if !self.gate.is_sent() {
            return self.apply_effects(host);
        }
        // The gate leaves it to Envoy's routes, which need it.
        let _ = host.remove_header(Headers::Request, "x-forwarded-proto");
        if self.gate.may_ask_directly() {
            return self.begin_tries(host);
        }
        let body = self.gate.delegated_body();
        self.gate.delegate();
        self.effects.retain(|effect| !matches!(effect, Effect::Route(_)) && !is_of_envoy(effect));
        self.apply_effects(host);
        let _ = host.remove_header(Headers::Request, "accept-encoding");
        if host.replace_body(Body::Request, &body).is_err() {
            self.refuse(host);
        }
    }

    /// The answer to a call of this stream, or its failure.
    pub fn call_answered(&mut self, host: &impl MemberHost, token: u32, body_size: usize) {
        self.under_way = self.under_way.saturating_sub(1);
        if let Some(answer) = self.http_calls.answered(host, token, body_size) {
            if answer.number == WAKE {
                return self.share_has_come(host);
            }
            let said = answer.status.map(|status| (status, answer.body.as_slice()));
            let now = Timestamp(host.now_us());
            let flow = self.gate.call_done(answer.number, said, now, &mut self.effects);
            return self.obey(host, flow);
        }
        if self.direct.as_ref().is_some_and(|direct| direct.awaits(token)) {
            return self.try_answered(host, body_size);
        }
        self.carrier.answered(host, &self.policy, token, body_size);
        if self.gate.awaits_share() {
            return self.share_has_come(host);
        }
        if self.carries(host) {
            return;
        }
        if let Some(flow) = self.deferred.take() {
            self.headers_are_decided(host, flow);
        }
    }

    fn apply_effects(&mut self, host: &impl MemberHost) {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Reply(reply) => self.reply(host, &reply),
                // The rest of the answer is replaced by nothing, and it ends in order.
                Effect::EndStream if self.gate.replaces_answer() => {}
                Effect::EndStream | Effect::ResetStream => self.cut = true,
                Effect::Route(_) | Effect::Call(_) => {}
                effect if is_of_envoy(&effect) => {}
                Effect::ReplaceChunk(bytes) => {
                    // The bytes that were to be replaced must not pass.
                    if host.replace_body(Body::Response, &bytes).is_err() {
                        let _ = host.reset_response();
                    }
                }
                Effect::AddResponseHeader(..) | Effect::SetResponseHeader(..) | Effect::RemoveResponseHeader(_)
                    if !self.head_is_open => {}
                effect => drop(apply(host, effect)),
            }
        }
    }

    fn reply(&mut self, host: &impl MemberHost, reply: &Reply) {
        let headers: Vec<(&str, &str)> = reply.headers.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        self.send_reply(host, reply.status, &headers, &reply.body);
    }

    /// Sends a reply. Should the host refuse its headers, they are left out.
    fn send_reply(&mut self, host: &impl MemberHost, status: u16, headers: &[(&str, &str)], body: &[u8]) {
        let sent = host.reply(status, headers, body).is_ok() || host.reply(status, &[], body).is_ok();
        self.replied |= sent;
        if !sent {
            spoil(host);
        }
    }

    /// Answers a request that the host gives no way to examine.
    fn refuse(&mut self, host: &impl MemberHost) {
        self.effects.clear();
        self.gate.request_out_of_memory(&mut self.effects);
        self.apply_effects(host);
        self.answered(host);
    }

    /// The gateway has answered by itself: nothing more comes.
    fn answered(&mut self, host: &impl MemberHost) {
        if !self.replied {
            spoil(host);
        }
        self.close(host);
    }
}

/// Whether an effect is a control of Envoy's router.
fn is_of_envoy(effect: &Effect) -> bool {
    match effect {
        Effect::SetRequestHeader(name, _) => name.starts_with("x-envoy-"),
        _ => false,
    }
}

/// The host takes no reply, so the request cannot be held: no provider must be able to serve it.
fn spoil(host: &impl MemberHost) {
    let _ = host.replace_body(Body::Request, b"refused");
}
