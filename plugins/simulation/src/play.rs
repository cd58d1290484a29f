//! Plays the proxy: calls Gate and Attempt in the order in which Envoy calls them, and performs their effects.

use crate::acts::{Acts, Script};
use crate::case::{Case, CheckAct, ProviderAct, Request};
use crate::outcome::{Outcome, Upstream, text};
use crate::step::{CountedWhen, Step, TimedStep};
use crate::worker::Worker;
use headgate_policy::document::Stages;
use headgate_policy::{
    Closing, Disconnect, Effect, Effects, Flow, Gate, HeaderView, HttpCall, Policy, RecordSeq, Reply, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Cuts the body of an answer into the chunks that the gateway sees.
pub type Split<'a> = &'a dyn Fn(&[u8]) -> Vec<Vec<u8>>;
/// Sees the end of an exchange: the gate, its closing facts, and the record as it was written.
pub type AtClose<'a> = &'a dyn Fn(&Gate, &Closing, &[u8]);

/// A request, and the way in which it is played.
#[derive(Clone, Copy)]
pub struct Play<'a> {
    /// The client's request.
    pub request: &'a Request,
    /// The providers' part.
    pub acts: Acts<'a>,
    /// The answers of external checks, in the order of the guardrails.
    pub checks: &'a [CheckAct],
    /// The chunks of answers.
    pub split: Split<'a>,
    /// The stages, if they are not the policy's.
    pub stages: Option<Stages>,
    /// Whether the steps are kept.
    pub traced: bool,
    /// Sees the end.
    pub at_close: Option<AtClose<'a>>,
}

impl<'a> Play<'a> {
    /// Returns a case, whose answers come in one chunk.
    #[must_use]
    pub fn of(case: &'a Case) -> Self {
        Self {
            request: &case.request,
            acts: Acts::InOrder(&case.providers),
            checks: &case.checks,
            ..Self::alone(&case.request)
        }
    }

    /// Returns a request without acts.
    pub(crate) fn alone(request: &'a Request) -> Self {
        Self {
            request,
            acts: Acts::ByProvider(&[]),
            checks: &[],
            split: &|body| vec![body.to_vec()],
            stages: None,
            traced: false,
            at_close: None,
        }
    }
}

pub(crate) struct Player<'a, 'w> {
    pub(crate) play: Play<'a>,
    pub(crate) script: Script<'a>,
    pub(crate) gate: Gate,
    pub(crate) effects: Effects,
    pub(crate) worker: &'w mut Worker,
    pub(crate) clock: &'w mut Timestamp,
    pub(crate) started: Timestamp,
    seq: u64,
    pub(crate) request_headers: BTreeMap<String, String>,
    pub(crate) response_headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) route: Option<String>,
    pub(crate) retries: u32,
    pub(crate) reply: Option<Reply>,
    /// The body that the gate puts in the place of the client's.
    pub(crate) replaced: Option<Vec<u8>>,
    pub(crate) upstream: Vec<Upstream>,
    pub(crate) acts: Vec<ProviderAct>,
    /// External checks that the gate has requested.
    calls: Vec<HttpCall>,
    /// Whether the gate has ended the stream, so that no further chunk reaches it.
    pub(crate) cut: bool,
    steps: Vec<TimedStep>,
}

impl<'a, 'w> Player<'a, 'w> {
    /// Begins to play the request with this number under a policy. The clock goes on with it.
    pub(crate) fn new(
        policy: &Arc<Policy>,
        worker: &'w mut Worker,
        now: &'w mut Timestamp,
        seq: u64,
        play: Play<'a>,
    ) -> Self {
        let request = play.request;
        let mut request_headers: BTreeMap<String, String> = request.fields().into_iter().collect();
        request_headers.insert(":method".to_owned(), request.method.clone());
        request_headers.insert(":path".to_owned(), request.path.clone());
        let mut gate = Gate::new(policy, *now, random(seq));
        if let Some(stages) = play.stages {
            gate = gate.with_stages(stages);
        }
        if let Some(caller) = &request.caller {
            gate.take_caller_name(caller.clone().into_bytes());
        }
        Self {
            script: Script::new(play.acts),
            gate,
            effects: Effects::new(),
            worker,
            started: *now,
            clock: now,
            seq,
            request_headers,
            response_headers: BTreeMap::new(),
            body: Vec::new(),
            route: None,
            retries: policy.route_retries(),
            reply: None,
            replaced: None,
            upstream: Vec::new(),
            acts: Vec::new(),
            calls: Vec::new(),
            cut: false,
            steps: Vec::new(),
            play,
        }
    }

    pub(crate) fn play(mut self) -> Result<Outcome, String> {
        let routes = self.gate.routes();
        if !routes {
            let (Acts::InOrder(acts) | Acts::Any(acts) | Acts::ByProvider(acts)) = self.play.acts;
            let cluster = acts.first().map_or("alpha", |act| act.provider.trim_end_matches("#fresh"));
            self.gate.take_cluster(cluster.as_bytes());
        }
        self.request()?;
        if routes {
            self.tries()?;
        } else if self.reply.is_none() {
            let (Acts::InOrder(acts) | Acts::Any(acts) | Acts::ByProvider(acts)) = self.play.acts;
            let act = acts.first().cloned().unwrap_or_else(|| ProviderAct::answers("alpha", "{}"));
            self.script.skip();
            self.proxied(&act);
        }
        self.finish()
    }

    pub(crate) fn now(&self) -> Timestamp {
        *self.clock
    }

    fn request(&mut self) -> Result<(), String> {
        let flow = self.let_in();
        if flow == Flow::Answered || self.reply.is_some() { Ok(()) } else { self.outside(flow) }
    }

    /// Gives the request to the gate.
    pub(crate) fn let_in(&mut self) -> Flow {
        let headers = self.request_headers.clone();
        let fields = pairs(&headers);
        let body = self.play.request.body.clone();
        self.step(|_| Step::Arrives { headers: headers.clone(), body_bytes: body.as_ref().map_or(0, String::len) });
        let flow = self.gate.request_headers(HeaderView::new(&fields), body.is_none(), &mut self.effects);
        self.perform();
        if flow != Flow::Pause {
            return flow;
        }
        let untouched = self.play.traced.then(|| self.worker.ledger.clone());
        let mut draw = u32::try_from(self.seq & 0xffff_ffff).unwrap_or(1);
        let draws = || {
            draw = draw.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
            draw
        };
        let (now, env) = (*self.clock, self.worker.request_env());
        let flow = self.gate.request_body(body.unwrap_or_default().into_bytes(), now, env, draws, &mut self.effects);
        if let Some(mut untouched) = untouched {
            self.trace_decisions(&mut untouched);
        }
        self.perform();
        flow
    }

    /// Answers the external checks.
    fn outside(&mut self, mut flow: Flow) -> Result<(), String> {
        let calls = std::mem::take(&mut self.calls);
        let (asked, acts) = (calls.len(), self.play.checks.len());
        if self.script.is_strict() && asked != acts {
            let text = format!("{asked} external checks were asked, and the case has {acts} answers of checks");
            self.script.note(text);
        }
        for (index, call) in calls.iter().enumerate() {
            let check = self.play.checks.get(index).cloned().unwrap_or_else(crate::acts::clean_check);
            let answer = check.fails.is_none().then_some((check.status, check.body.as_bytes()));
            self.step(|_| Step::Asks {
                cluster: call.cluster.clone(),
                body: text(&call.body),
                status: answer.map(|(status, _)| status),
                answer: answer.map(|(_, body)| text(body)).unwrap_or_default(),
            });
            flow = self.gate.call_done(call.number, answer, *self.clock, &mut self.effects);
            self.perform();
        }
        if flow == Flow::Pause { Err("the request is still held".to_owned()) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<Outcome, String> {
        self.pass_time(50);
        if let Some(reply) = self.reply.take() {
            self.response_headers =
                reply.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
            self.response_headers.insert(":status".to_owned(), reply.status.to_string());
            self.body = reply.body;
        }
        let cut = self.cut;
        self.step(|_| Step::Ends { cut });
        let disconnect = if self.gate.ended_early() { Disconnect::ProviderGone } else { Disconnect::Unknown };
        let number = RecordSeq { node: "node", boot: "boot", seq: self.seq };
        let (now, env) = (*self.clock, self.worker.request_env());
        let record = if self.gate.logs() {
            let mut written = Vec::new();
            let closing = self.gate.close(now, disconnect, number, env, &mut written);
            if let Some(at_close) = self.play.at_close {
                at_close(&self.gate, &closing, &written);
            }
            written
        } else {
            self.gate.close_without_record(now, disconnect, env);
            Vec::new()
        };
        self.trace_counts(CountedWhen::After, None);
        Ok(Outcome {
            aside: self.gate.is_aside(),
            status: self.response_headers.get(":status").and_then(|status| status.parse().ok()).unwrap_or(0),
            headers: self.response_headers,
            body: self.body,
            upstream: self.upstream,
            acts: self.acts,
            unplayed: self.script.left(),
            record,
            steps: self.steps,
        })
    }

    pub(crate) fn perform(&mut self) {
        let end = self.body.len();
        self.perform_on_chunk(end);
    }

    pub(crate) fn perform_on_chunk(&mut self, chunk_start: usize) {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::SetRequestHeader("x-envoy-max-retries", value) => {
                    self.retries = value.parse().unwrap_or(self.retries);
                }
                Effect::SetRequestHeader("x-envoy-upstream-rq-per-try-timeout-ms", _) => {}
                Effect::SetRequestHeader(name, value) => {
                    self.request_headers.insert(name.to_owned(), value.into_owned());
                }
                Effect::RemoveRequestHeader(name) => {
                    self.request_headers.remove(name.as_ref());
                }
                Effect::AddResponseHeader(name, value) | Effect::SetResponseHeader(name, value) => {
                    self.response_headers.insert(name.to_owned(), value.into_owned());
                }
                Effect::RemoveResponseHeader(name) => {
                    self.response_headers.remove(name.as_ref());
                }
                Effect::Route(provider) => self.route = Some(provider.to_string()),
                Effect::Reply(reply) => {
                    self.step(|_| Step::Replies { status: reply.status, body: text(&reply.body) });
                    self.reply = Some(reply);
                }
                Effect::ReplaceRequest(bytes) => self.replaced = Some(bytes),
                Effect::ReplaceChunk(bytes) => {
                    self.body.truncate(chunk_start);
                    self.body.extend_from_slice(&bytes);
                }
                Effect::EndStream | Effect::ResetStream => self.cut = true,
                Effect::Call(call) => self.calls.push(call),
                Effect::SetCooldown { target, until_ms, unavailable } => {
                    self.step(|player| Step::Rests { target: player.name_of(target), until_ms, skipped: unavailable });
                    let now_ms = self.clock.as_ms();
                    self.worker.cooldowns.set_cooldown(target, until_ms, unavailable, now_ms);
                }
            }
        }
    }

    pub(crate) fn pass_time(&mut self, us: u64) {
        self.clock.0 = self.clock.0.saturating_add(us);
    }

    /// Notes a step, if steps are kept.
    pub(crate) fn step(&mut self, step: impl FnOnce(&Self) -> Step) {
        if self.play.traced {
            let timed = TimedStep { at_us: self.clock.us_since(self.started), step: step(self) };
            self.steps.push(timed);
        }
    }
}

/// Returns the bytes from which the id of the request with this number is made.
fn random(seq: u64) -> [u8; 16] {
    let mut random = [7; 16];
    for (byte, number) in random.iter_mut().rev().zip(seq.saturating_sub(1).to_le_bytes()) {
        *byte ^= number;
    }
    random
}

pub(crate) fn pairs(headers: &BTreeMap<String, String>) -> Vec<(&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
}
