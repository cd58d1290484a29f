//! Plays the proxy: calls Gate and Attempt in the order in which Envoy calls them, and performs their effects.

use crate::case::{Case, Failure, ProviderAct};
use crate::facts::assert_same_facts;
use crate::memory::Memory;
use headgate_limits::{FleetStatus, OutputEstimates};
use headgate_policy::document::{Stage, Stages};
use headgate_policy::{
    Attempt, AttemptEnd, Cooldowns, Disconnect, Effect, Effects, Flow, Gate, HeaderView, HttpCall, Policy, ProxyAnswer,
    RecordSeq, Reply, RequestEnv, Timestamp, Unsettled,
};
use headgate_record::{AttemptError, RequestRecord};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Response header by which an attempt asks for another try.
const RETRY_HEADER: &str = "x-headgate-retry";
/// Response header after which Envoy makes no other try.
const NOT_AGAIN: &str = "x-envoy-ratelimited";

/// The outcome of a case.
#[derive(Debug)]
pub struct Outcome {
    /// Status that the client receives.
    pub status: u16,
    /// Headers that the client receives.
    pub headers: BTreeMap<String, String>,
    /// Body that the client receives.
    pub body: Vec<u8>,
    /// The requests to providers, one per try.
    pub upstream: Vec<Upstream>,
    /// The record.
    pub record: RequestRecord,
    /// Whether the record is not kept, because the request was not for a model.
    pub aside: bool,
}

/// A request that a provider received.
#[derive(Debug)]
pub struct Upstream {
    /// Cluster it went to.
    pub provider: String,
    /// Headers, including `:path`.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Vec<u8>,
}

/// Loads the policy of the cases.
#[must_use]
pub fn policy(yaml: &str, now_s: u64) -> Arc<Policy> {
    let compiled = headgate_config::compile(yaml, "gateway.yaml", now_s)
        .unwrap_or_else(|problems| panic!("the policy of the cases has problems: {problems:?}"));
    let env = |name: &str| Some(format!("secret-of-{name}"));
    Arc::new(Policy::load(compiled.document_json().as_bytes(), env).unwrap())
}

/// Plays one case. `split` cuts the answer's body into the chunks that the gateway sees.
#[must_use]
pub fn drive(policy: &Arc<Policy>, case: &Case, split: &dyn Fn(&[u8]) -> Vec<Vec<u8>>) -> Outcome {
    let mut player = Player::new(policy, case);
    player.request();
    play(player, case, split)
}

/// Plays one case with some stages only, so that there may be more or fewer tries and checks than the case has. Where the proxy routes, it goes to the first provider of the case, whose cluster has the
/// provider's name, and is tried once. Returns the outcome; its record is the default if there is none.
#[must_use]
pub fn drive_stages(policy: &Arc<Policy>, case: &Case, stages: Stages) -> Outcome {
    let mut player = Player::new(policy, case);
    player.strict = false;
    player.gate = Gate::new(policy, player.now, [7; 16]).with_stages(stages);
    if !stages.has(Stage::Routing) {
        let cluster = case.providers.first().map_or("alpha", |act| act.provider.trim_end_matches("#fresh"));
        player.gate.take_cluster(cluster.as_bytes());
    }
    player.request();
    if stages.has(Stage::Routing) || player.reply.is_some() {
        return play(player, case, &|body| vec![body.to_vec()]);
    }
    let default = ProviderAct::answers("alpha", "{}");
    player.proxied(case.providers.first().unwrap_or(&default));
    player.finish()
}

fn play(mut player: Player<'_>, case: &Case, split: &dyn Fn(&[u8]) -> Vec<Vec<u8>>) -> Outcome {
    let acts = case.providers.clone();
    let mut acts = acts.iter();
    while player.route.is_some() && player.reply.is_none() {
        let default = ProviderAct::answers(player.route.as_deref().unwrap_or_default(), "{}");
        let act = acts.next().or_else(|| (!player.strict).then_some(&default));
        let Some(act) = act else { panic!("a try was made for which the case has no act: {:?}", player.route) };
        if player.one_try(act, split) {
            break;
        }
    }
    assert!(acts.next().is_none() || !player.strict, "the case has more acts than tries were made");
    player.finish()
}

struct Player<'a> {
    case: &'a Case,
    gate: Gate,
    effects: Effects,
    now: Timestamp,
    worker: Worker,
    request_headers: BTreeMap<String, String>,
    response_headers: BTreeMap<String, String>,
    body: Vec<u8>,
    route: Option<String>,
    retries: u32,
    reply: Option<Reply>,
    /// The body that the gate puts in the place of the client's.
    replaced: Option<Vec<u8>>,
    upstream: Vec<Upstream>,
    whole: bool,
    /// External checks that the gate has requested.
    calls: Vec<HttpCall>,
    /// Whether all acts of the case have to be played.
    strict: bool,
    /// Whether the gate has ended the stream, so that no further chunk reaches it.
    cut: bool,
}

/// The state that a worker keeps for all its requests.
#[derive(Default)]
struct Worker {
    cooldowns: Cooldowns,
    ledger: Memory,
    output_estimates: OutputEstimates,
    unsettled: Vec<Unsettled>,
}

impl Worker {
    fn request_env(&mut self) -> RequestEnv<'_, Memory> {
        RequestEnv {
            cooldowns: &self.cooldowns,
            ledger: &mut self.ledger,
            fleet_status: FleetStatus::ALONE,
            output_estimates: &mut self.output_estimates,
            unsettled: &mut self.unsettled,
        }
    }
}

impl<'a> Player<'a> {
    fn new(policy: &Arc<Policy>, case: &'a Case) -> Self {
        let now = Timestamp(1_790_000_000_000_000);
        let mut request_headers: BTreeMap<String, String> = case.request.headers.clone();
        request_headers.insert(":method".to_owned(), case.request.method.clone());
        request_headers.insert(":path".to_owned(), case.request.path.clone());
        if let Some(key) = &case.request.key {
            request_headers.insert("authorization".to_owned(), format!("Bearer hg-test-{key}"));
        }
        if let Some(body) = &case.request.body {
            request_headers.insert("content-length".to_owned(), body.len().to_string());
        }
        Self {
            case,
            gate: Gate::new(policy, now, [7; 16]),
            effects: Effects::new(),
            now,
            worker: Worker::default(),
            request_headers,
            response_headers: BTreeMap::new(),
            body: Vec::new(),
            route: None,
            retries: policy.route_retries(),
            reply: None,
            replaced: None,
            upstream: Vec::new(),
            whole: false,
            calls: Vec::new(),
            strict: true,
            cut: false,
        }
    }

    /// Plays the one try of a request that the proxy routes.
    fn proxied(&mut self, act: &ProviderAct) {
        let body = self.replaced.take().or_else(|| self.case.request.body.clone().map(String::into_bytes));
        let (provider, headers) = (act.provider.clone(), self.request_headers.clone());
        self.upstream.push(Upstream { provider, headers, body: body.unwrap_or_default() });
        self.pass_time(400);
        let failure = act.fails.map(|failure| match failure {
            Failure::Connect => AttemptError::Connect,
            Failure::Timeout | Failure::Silence => AttemptError::Timeout,
            Failure::Reset | Failure::Lost => AttemptError::Reset,
        });
        let answer = ProxyAnswer { from_provider: failure.is_none(), tries: 1, failure };
        let status = if failure.is_some() { 503 } else { act.status };
        self.response_headers = if failure.is_some() { BTreeMap::new() } else { act.headers.clone() };
        self.response_headers.insert(":status".to_owned(), status.to_string());
        let headers = self.response_headers.clone();
        let (head, whole) = (pairs(&headers), act.body.is_empty() && !act.breaks_off);
        let (head, now) = (HeaderView::new(&head), self.now);
        if self.gate.wants_response_head() {
            self.gate.proxied_response_headers(head, answer, now, whole, &mut self.effects);
            self.perform();
        }
        let body = if failure.is_some() { b"upstream connect error".to_vec() } else { act.body.as_bytes().to_vec() };
        self.respond(if whole { vec![] } else { vec![body] }, !act.breaks_off);
    }

    fn request(&mut self) {
        let headers = self.request_headers.clone();
        let fields = pairs(&headers);
        let body = self.case.request.body.clone();
        let flow = self.gate.request_headers(HeaderView::new(&fields), body.is_none(), &mut self.effects);
        self.perform();
        if flow == Flow::Pause {
            let body = body.unwrap_or_default().into_bytes();
            let mut draw = 1_u32;
            let draws = || {
                draw = draw.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
                draw
            };
            let env = self.worker.request_env();
            let flow = self.gate.request_body(body, self.now, env, draws, &mut self.effects);
            self.perform();
            self.outside(flow);
        }
    }

    /// Answers the external checks as the case says.
    fn outside(&mut self, mut flow: Flow) {
        let calls = std::mem::take(&mut self.calls);
        assert_eq!(flow == Flow::Pause, !calls.is_empty(), "a request is held for as long as somebody is asked");
        let as_expected = calls.len() == self.case.checks.len() || !self.strict;
        assert!(as_expected, "the case has another number of checks than were asked for");
        for (call, check) in calls.iter().zip(&self.case.checks) {
            let answer = check.fails.is_none().then_some((check.status, check.body.as_bytes()));
            flow = self.gate.call_done(call.number, answer, self.now, &mut self.effects);
            self.perform();
        }
        assert_ne!(flow, Flow::Pause, "the request is still held");
    }

    /// Plays one try. Returns whether its answer went to the client.
    fn one_try(&mut self, act: &ProviderAct, split: &dyn Fn(&[u8]) -> Vec<Vec<u8>>) -> bool {
        let provider = self.route.clone().unwrap();
        assert_eq!(provider, act.provider, "the try went elsewhere");
        self.pass_time(100);
        let (call, here) = (self.gate.call_mut(), provider.trim_end_matches("#fresh"));
        let mut attempt = Attempt::begin(call, here, self.now, &mut self.effects).expect("a try for this provider");
        self.perform();
        let mut body = Vec::new();
        attempt.body(self.gate.call(), |piece| body.extend_from_slice(piece));
        self.upstream.push(Upstream { provider, headers: self.request_headers.clone(), body });
        match act.fails {
            Some(Failure::Silence) => {
                assert!(self.head(&mut attempt, act, false), "a head alone is no answer");
                self.fails(&mut attempt, Failure::Timeout)
            }
            Some(failure) => self.fails(&mut attempt, failure),
            None => self.answers(&mut attempt, act, split),
        }
    }

    fn fails(&mut self, attempt: &mut Attempt, failure: Failure) -> bool {
        // The proxy's timers count from the beginning of its event loop's turn, and so fire a little early.
        self.pass_time(if failure == Failure::Timeout { 480_000 } else { 300 });
        let end = match failure {
            Failure::Connect => AttemptEnd::NotConnected,
            Failure::Lost => AttemptEnd::Lost,
            _ => AttemptEnd::NoResponse,
        };
        attempt.ended(self.gate.call_mut(), self.now, end, &mut self.effects);
        self.perform();
        if self.retries > 0 && self.route.as_deref() != Some("") {
            self.retries -= 1;
            return false;
        }
        // Envoy's answer when no try is left.
        let status = if failure == Failure::Timeout { "504" } else { "503" };
        self.response_headers = [(":status".to_owned(), status.to_owned())].into();
        self.respond_headers(false);
        self.respond(vec![b"upstream connect error or disconnect/reset before headers".to_vec()], true);
        true
    }

    fn answers(&mut self, attempt: &mut Attempt, act: &ProviderAct, split: &dyn Fn(&[u8]) -> Vec<Vec<u8>>) -> bool {
        self.pass_time(400);
        let whole = act.body.is_empty() && !act.breaks_off;
        let chunks = split(act.body.as_bytes());
        let mut held = self.head(attempt, act, whole);
        let last = chunks.len().saturating_sub(1);
        for (index, chunk) in chunks.iter().enumerate() {
            if held {
                let ends = index == last && !act.breaks_off;
                held = attempt.response_body(self.gate.call_mut(), chunk, ends, self.now, &mut self.effects);
                self.perform();
            }
        }
        if held {
            return self.fails(attempt, Failure::Reset);
        }
        // Envoy's own header against retries takes precedence.
        let asks = self.response_headers.contains_key(RETRY_HEADER) && !self.response_headers.contains_key(NOT_AGAIN);
        if self.retries > 0 && asks {
            self.retries -= 1;
            self.response_headers.clear();
            return false;
        }
        self.respond_headers(whole);
        self.respond(if whole { vec![] } else { chunks }, !act.breaks_off);
        true
    }

    /// Passes the headers of an answer to the attempt. Returns whether they are held.
    fn head(&mut self, attempt: &mut Attempt, act: &ProviderAct, whole: bool) -> bool {
        self.response_headers = act.headers.clone();
        self.response_headers.insert(":status".to_owned(), act.status.to_string());
        let headers = self.response_headers.clone();
        let (call, fields) = (self.gate.call_mut(), pairs(&headers));
        let held = attempt.response_headers(call, self.now, HeaderView::new(&fields), whole, &mut self.effects);
        self.perform();
        held
    }

    fn respond_headers(&mut self, whole: bool) {
        let headers = self.response_headers.clone();
        let fields = pairs(&headers);
        self.gate.response_headers(
            HeaderView::new(&fields),
            self.now,
            whole,
            &self.worker.cooldowns,
            &mut self.effects,
        );
        self.perform();
    }

    fn respond(&mut self, chunks: Vec<Vec<u8>>, ends: bool) {
        let chunks = self.held_back(chunks, ends);
        let last = chunks.len().saturating_sub(1);
        for (index, chunk) in chunks.into_iter().enumerate() {
            if self.cut {
                break;
            }
            self.pass_time(10);
            self.gate.response_body(&chunk, ends && index == last, self.now, &mut self.effects);
            let before = self.body.len();
            self.body.extend_from_slice(&chunk);
            self.perform_on_chunk(before);
        }
        self.whole = ends;
    }

    /// Joins the chunks of a response that the gate holds.
    fn held_back(&mut self, chunks: Vec<Vec<u8>>, ends: bool) -> Vec<Vec<u8>> {
        if !self.gate.holds_response() {
            return chunks;
        }
        let whole = chunks.concat();
        assert!(self.gate.response_body_grows(whole.len() as u64, self.now, &mut self.effects));
        if ends { vec![whole] } else { vec![] }
    }

    fn finish(mut self) -> Outcome {
        self.pass_time(50);
        if let Some(reply) = self.reply.take() {
            self.response_headers =
                reply.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect();
            self.response_headers.insert(":status".to_owned(), reply.status.to_string());
            self.body = reply.body;
        }
        let disconnect = if self.gate.ended_early() { Disconnect::ProviderGone } else { Disconnect::Unknown };
        let number = RecordSeq { node: "node", boot: "boot", seq: 1 };
        let env = self.worker.request_env();
        let record = if self.gate.logs() {
            let mut closing = None;
            let record = record_of(|out| closing = Some(self.gate.close(self.now, disconnect, number, env, out)));
            assert_same_facts(&self.gate.facts(&closing.unwrap()), &record, self.gate.routes());
            record
        } else {
            self.gate.close_without_record(self.now, disconnect, env);
            RequestRecord::default()
        };
        assert!(self.worker.unsettled.is_empty());
        Outcome {
            aside: self.gate.is_aside(),
            status: self.response_headers.get(":status").map_or(0, |status| status.parse().unwrap()),
            headers: self.response_headers,
            body: self.body,
            upstream: self.upstream,
            record,
        }
    }

    fn perform(&mut self) {
        let end = self.body.len();
        self.perform_on_chunk(end);
    }

    fn perform_on_chunk(&mut self, chunk_start: usize) {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::SetRequestHeader("x-envoy-max-retries", value) => self.retries = value.parse().unwrap(),
                Effect::SetRequestHeader("x-envoy-upstream-rq-per-try-timeout-ms", _) => {}
                Effect::SetRequestHeader(name, value) => {
                    self.request_headers.insert(name.to_owned(), value.into_owned());
                }
                Effect::RemoveRequestHeader(name) => {
                    self.request_headers.remove(name.as_ref());
                }
                Effect::SetResponseHeader(name, value) => {
                    self.response_headers.insert(name.to_owned(), value.into_owned());
                }
                Effect::RemoveResponseHeader(name) => {
                    self.response_headers.remove(name.as_ref());
                }
                Effect::Route(provider) => self.route = Some(provider.to_string()),
                Effect::Reply(reply) => self.reply = Some(reply),
                Effect::ReplaceRequest(bytes) => self.replaced = Some(bytes),
                Effect::ReplaceChunk(bytes) => {
                    self.body.truncate(chunk_start);
                    self.body.extend_from_slice(&bytes);
                }
                Effect::EndStream | Effect::ResetStream => self.cut = true,
                Effect::Call(call) => self.calls.push(call),
                Effect::SetCooldown { target, until_ms, unavailable } => {
                    self.worker.cooldowns.set_cooldown(target, until_ms, unavailable, self.now.as_ms());
                }
            }
        }
    }

    fn pass_time(&mut self, us: u64) {
        self.now.0 += us;
    }
}

fn pairs(headers: &BTreeMap<String, String>) -> Vec<(&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
}

/// Returns the record that `close` writes. It is written as its type would be, byte by byte.
pub fn record_of(close: impl FnOnce(&mut Vec<u8>)) -> RequestRecord {
    let mut written = Vec::new();
    close(&mut written);
    let record: RequestRecord = serde_json::from_slice(&written).unwrap();
    assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&record).unwrap());
    record
}
