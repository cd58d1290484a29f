//! Limits and budgets in whole requests: the subjects that are charged, estimates before the usage is known, and the time
//! of counting. Case files play one request each; here one proxy serves several.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

use headgate_limits::{CELLS, FleetStatus, OutputEstimates, Report, Reporter};
use headgate_policy::{
    Attempt, Cooldowns, Disconnect, Effect, Effects, Flow, Gate, HeaderView, Policy, RecordSeq, RequestEnv, Timestamp,
};
use headgate_record::{Decision, EstimateReason, RequestRecord, UsageSource, Verdict};
use headgate_tests::{Memory, policy, record_of};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The beginning of a minute.
const NOON_S: u64 = 1_790_000_040;
const HEAD: &str = r#"
organization: acme
environment: test
listen: 127.0.0.1:1
providers:
  alpha: {format: openai, url: "http://127.0.0.1:2/v1"}
models:
  chat: {targets: [{provider: alpha, model: gpt-4o-mini}]}
teams:
  search: {project: assistant, application: finder}
keys:
  - {id: alice, sha256: 31443d332abed1a229de06db8106ab64883c3b6f8270a5bc4b68831591b82034, owner: alice-smith, team: search}
prices:
  alpha/gpt-4o-mini: {input: "1", cached_input: "0.5", output: "2"}
logging: {tags: [feature]}
"#;
const ASK: &str = r#"{"model":"chat","messages":[{"role":"user","content":"Say hello, please."}]}"#;
const USED: &str = r#"{"usage":{"prompt_tokens":11,"completion_tokens":100}}"#;

struct Proxy {
    policy: Arc<Policy>,
    memory: Memory,
    output_estimates: OutputEstimates,
    /// Whether clients leave before the answers end.
    leaves: bool,
}

impl Proxy {
    fn new(rules: &str) -> Self {
        let policy = policy(&format!("{HEAD}{rules}"), NOON_S);
        Self { policy, memory: Memory::default(), output_estimates: OutputEstimates::default(), leaves: false }
    }

    /// Plays one request with this answer.
    fn ask(&mut self, body: &str, answer: &str) -> RequestRecord {
        self.ask_slowly(NOON_S, NOON_S, body, answer)
    }

    /// Plays a request whose headers came at `begun_s` and whose body was complete at `whole_s`.
    fn ask_slowly(&mut self, begun_s: u64, whole_s: u64, body: &str, answer: &str) -> RequestRecord {
        let (begun, whole) = (Timestamp(begun_s * 1_000_000), Timestamp(whole_s * 1_000_000));
        let (cooldowns, mut unsettled, mut effects) = (Cooldowns::default(), Vec::new(), Effects::new());
        let mut gate = Gate::new(&self.policy, begun, [7; 16]);
        let fields: [(&[u8], &[u8]); 4] = [
            (b":method", b"POST"),
            (b":path", b"/v1/chat/completions"),
            (b"authorization", b"Bearer hg-test-alice"),
            (b"x-headgate-tag-feature", b"chat-box"),
        ];
        assert_eq!(gate.request_headers(HeaderView::new(&fields), false, &mut effects), Flow::Pause);
        let env = RequestEnv {
            cooldowns: &cooldowns,
            ledger: &mut self.memory,
            fleet_status: FleetStatus::ALONE,
            output_estimates: &mut self.output_estimates,
            unsettled: &mut unsettled,
        };
        let flow = gate.request_body(body.as_bytes().to_vec(), whole, env, || 0, &mut effects);
        if flow == Flow::Continue {
            assert!(effects.iter().any(|effect| matches!(effect, Effect::Route(_))));
            let call = gate.call_mut();
            let mut attempt = Attempt::begin(call, "alpha", whole, &mut effects).unwrap();
            let head: [(&[u8], &[u8]); 2] = [(b":status", b"200"), (b"content-type", b"application/json")];
            assert!(attempt.response_headers(call, whole, HeaderView::new(&head), false, &mut effects));
            assert!(!attempt.response_body(call, answer.as_bytes(), true, whole, &mut effects));
            gate.response_headers(HeaderView::new(&head), whole, false, &cooldowns, &mut effects);
            gate.response_body(answer.as_bytes(), !self.leaves, whole, &mut effects);
        }
        let env = RequestEnv {
            cooldowns: &cooldowns,
            ledger: &mut self.memory,
            fleet_status: FleetStatus::ALONE,
            output_estimates: &mut self.output_estimates,
            unsettled: &mut unsettled,
        };
        let disconnect = if self.leaves { Disconnect::ClientGone } else { Disconnect::Unknown };
        record_of(|out| {
            gate.close(whole, disconnect, RecordSeq { node: "n", boot: "b", seq: 1 }, env, out);
        })
    }

    /// Returns the counts that the proxy would report to a collector: the subject of each rule that has a count.
    fn counted(&mut self) -> BTreeMap<String, Vec<String>> {
        let mut reporter = Reporter::new("n", "b", 1_000, 10_000);
        reporter.take_over(&[0xff; CELLS as usize / 8]);
        let limits = self.policy.limits();
        let body = reporter.report(limits, "1", true, &mut self.memory, NOON_S * 1_000).unwrap();
        let report: Report = serde_json::from_slice(body).unwrap();
        report.rows.into_iter().map(|row| (row.rule, row.subject)).collect()
    }
}

/// Returns the decision of a rule that only monitors.
fn watched(record: &RequestRecord) -> Option<&Decision> {
    record.decisions.iter().find(|decision| decision.verdict == Verdict::Monitor)
}

const VALUES: [(&str, &str); 10] = [
    ("key", "alice"),
    ("owner", "alice-smith"),
    ("team", "search"),
    ("project", "assistant"),
    ("application", "finder"),
    ("model", "chat"),
    ("provider", "alpha"),
    ("organization", "acme"),
    ("environment", "test"),
    ("tag:feature", "chat-box"),
];

#[test]
fn each_dimension_has_its_counts() {
    let rule = |(name, _): &(&str, &str)| format!("  - {{id: \"by-{name}\", per: \"{name}\", requests: 9/day}}\n");
    let mut proxy = Proxy::new(&format!("limits:\n{}", VALUES.iter().map(rule).collect::<String>()));
    proxy.ask(ASK, USED);
    let expected = VALUES.iter().map(|(name, value)| (format!("by-{name}"), vec![(*value).to_owned()]));
    assert_eq!(proxy.counted(), expected.collect());
}

#[test]
fn rules_match_in_each_dimension() {
    let rule = |id: &str, name: &str, value: &str| {
        let condition = match name.strip_prefix("tag:") {
            Some(tag) => format!("tag: {{{tag}: \"{value}\"}}"),
            None => format!("{name}: \"{value}\""),
        };
        format!("  - {{id: \"{id}-{name}\", match: {{{condition}}}, requests: 9/day}}\n")
    };
    // No value matches `*xyz*`. Globs over free text need not match any name of the policy.
    let free = |name: &str| !["key", "team", "model", "provider"].contains(&name);
    let rules = VALUES.iter().flat_map(|(name, value)| {
        let start: String = value.chars().take(2).collect();
        let other = free(name).then(|| rule("other", name, "*xyz*"));
        [rule("same", name, value), rule("glob", name, &format!("{start}*"))].into_iter().chain(other)
    });
    let mut proxy = Proxy::new(&format!("limits:\n{}", rules.collect::<String>()));
    proxy.ask(ASK, USED);
    let counted = proxy.counted();
    let expected = VALUES.iter().flat_map(|(name, _)| [format!("same-{name}"), format!("glob-{name}")]);
    let mut expected: Vec<String> = expected.collect();
    expected.sort();
    assert_eq!(counted.into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn slow_requests_count_when_complete() {
    let mut proxy = Proxy::new("limits: [{id: two, requests: 2/min}]\n");
    let statuses: Vec<u16> =
        [0, 0, 60, 60, 120].map(|begun| proxy.ask_slowly(NOON_S + begun, NOON_S + 300, ASK, USED).status).into();
    assert_eq!(statuses, [200, 200, 429, 429, 429], "what was begun in three minutes arrives in one");
    assert_eq!(proxy.ask_slowly(NOON_S + 60, NOON_S + 360, ASK, USED).status, 200);
}

#[test]
fn a_picture_is_estimated_as_1000_tokens() {
    let mut proxy = Proxy::new("limits: [{id: watch, input_tokens: 1/day, monitor: true}]\n");
    let picture = r#"{"model":"chat","messages":[{"role":"user","content":[{"type":"text","text":"What?"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#;
    let record = proxy.ask(picture, r#"{"choices":[]}"#);
    assert_eq!(watched(&record).unwrap().observed, Some(1_002));
    let usage = record.usage.unwrap();
    assert_eq!((usage.source, usage.input_tokens), (UsageSource::Estimated, 1_002));
}

#[test]
fn unknown_length_is_estimated_by_the_mean() {
    let mut proxy = Proxy::new("limits: [{id: watch, output_tokens: 1/day, monitor: true}]\n");
    assert_eq!(watched(&proxy.ask(ASK, USED)).unwrap().observed, Some(512));
    assert_eq!(watched(&proxy.ask(ASK, USED)).unwrap().observed, Some(100 + 100), "used, and the mean");
    let three = ASK.replace(r#""model""#, r#""max_tokens":7,"n":3,"model""#);
    assert_eq!(watched(&proxy.ask(&three, USED)).unwrap().observed, Some(200 + 3 * 7));
}

#[test]
fn answers_without_usage_are_estimated() {
    let mut proxy = Proxy::new("limits: [{id: watch, tokens: 1/day, monitor: true}]\n");
    let record = proxy.ask(ASK, r#"{"choices":[{"message":{"content":"Hello, hello!"}}]}"#);
    let usage = record.usage.unwrap();
    assert_eq!(usage.source, UsageSource::Estimated);
    assert!(usage.input_tokens > 0 && usage.output_tokens > 0, "{usage:?}");
    let next = proxy.ask(&ASK.replace(r#""model""#, r#""max_tokens":1,"model""#), USED);
    let estimate = usage.input_tokens + 1;
    assert_eq!(watched(&next).unwrap().observed, Some(usage.input_tokens + usage.output_tokens + estimate));
}

#[test]
fn monitoring_max_cost_is_on_record() {
    let mut proxy =
        Proxy::new("limits:\n  - {id: watch, max_cost: 0.000000001, monitor: true}\n  - {id: roomy, max_cost: 1}\n");
    let record = proxy.ask(ASK, USED);
    assert_eq!(record.status, 200, "the prompt alone costs more");
    let decision = watched(&record).unwrap();
    assert_eq!((decision.policy_id.as_deref(), decision.reason.as_deref()), (Some("watch"), Some("max_cost")));
    assert_eq!((decision.observed, decision.limit), (Some(11_000 + 200_000), Some(1)));
}

const MONTH: &str = "budgets: [{id: purse, usd: 1, period: month}]\n";

#[test]
fn implausible_counts_spend_no_budget() {
    let mut proxy = Proxy::new(MONTH);
    let absurd = r#"{"choices":[{"message":{"content":"12345678"}}],"usage":{"prompt_tokens":9007199254740992,"completion_tokens":9007199254740992}}"#;
    for _ in 0..10 {
        let record = proxy.ask(ASK, absurd);
        assert_eq!((record.status, record.rejected_by), (200, None));
        let usage = record.usage.unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens), (5, 2));
        assert_eq!(usage.estimate_reason, Some(EstimateReason::Implausible));
        assert_eq!(record.cost.unwrap().nano_usd, 5 * 1_000 + 2 * 2_000);
    }
}

const LIMITED: &str =
    r#"{"model":"chat","max_tokens":1000,"messages":[{"role":"user","content":"Say hello, please."}]}"#;
const BEGUN: &str = r#"{"choices":[{"message":{"content":"12345678"#;

#[test]
fn a_leaving_client_pays_the_reservation() {
    for (setting, output) in [("", 1_000), ("disconnect_charge: 100\n", 1_000), ("disconnect_charge: 25\n", 250)] {
        let mut proxy = Proxy::new(&format!("{setting}{MONTH}"));
        proxy.leaves = true;
        let usage = proxy.ask(LIMITED, BEGUN).usage.unwrap();
        assert_eq!((usage.input_tokens, usage.output_tokens, usage.source), (5, output, UsageSource::Estimated));
        assert_eq!(usage.estimate_reason, Some(EstimateReason::EndedEarly));
    }
}

#[test]
fn a_leaving_client_pays_a_longer_answer() {
    let mut proxy = Proxy::new(&format!("disconnect_charge: 1\n{MONTH}"));
    proxy.leaves = true;
    let long = format!("{BEGUN}{}", "x".repeat(392));
    assert_eq!(proxy.ask(LIMITED, &long).usage.unwrap().output_tokens, 100);
}

#[test]
fn a_leaving_client_pays_reported_usage() {
    let mut proxy = Proxy::new(MONTH);
    proxy.leaves = true;
    let usage =
        proxy.ask(LIMITED, r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#).usage.unwrap();
    assert_eq!((usage.output_tokens, usage.source), (3, UsageSource::Reported));
}

#[test]
fn seen_answer_is_paid_without_reservation() {
    let mut proxy = Proxy::new("");
    proxy.leaves = true;
    assert_eq!(proxy.ask(LIMITED, BEGUN).usage.unwrap().output_tokens, 2);
}

#[test]
fn stream_options_can_be_turned_off() {
    let streamed = r#"{"model":"chat","stream":true,"messages":[]}"#;
    for (setting, asks) in [("", true), (", stream_usage: true", true), (", stream_usage: false", false)] {
        let yaml = HEAD.replace("127.0.0.1:2/v1\"", &format!("127.0.0.1:2/v1\"{setting}"));
        let policy = policy(&yaml, NOON_S);
        let sent = sent(&policy, streamed);
        assert_eq!(sent.contains("stream_options"), asks, "{setting} {sent}");
    }
}

/// Returns the body that the first try sends.
fn sent(policy: &Arc<Policy>, body: &str) -> String {
    let now = Timestamp(NOON_S * 1_000_000);
    let (cooldowns, mut unsettled, mut effects) = (Cooldowns::default(), Vec::new(), Effects::new());
    let (mut memory, mut output_estimates) = (Memory::default(), OutputEstimates::default());
    let mut gate = Gate::new(policy, now, [7; 16]);
    let fields: [(&[u8], &[u8]); 3] =
        [(b":method", b"POST"), (b":path", b"/v1/chat/completions"), (b"authorization", b"Bearer hg-test-alice")];
    gate.request_headers(HeaderView::new(&fields), false, &mut effects);
    let env = RequestEnv {
        cooldowns: &cooldowns,
        ledger: &mut memory,
        fleet_status: FleetStatus::ALONE,
        output_estimates: &mut output_estimates,
        unsettled: &mut unsettled,
    };
    gate.request_body(body.as_bytes().to_vec(), now, env, || 0, &mut effects);
    let attempt = Attempt::begin(gate.call_mut(), "alpha", now, &mut effects).unwrap();
    let mut sent = Vec::new();
    attempt.body(gate.call(), |piece| sent.extend_from_slice(piece));
    String::from_utf8(sent).unwrap()
}
