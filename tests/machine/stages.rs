//! Runs every case file with some stages only: a stage that is off is as good as absent, and where the proxy routes, the rest
//! works as it does where the gateway routes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]

use headgate_policy::Policy;
use headgate_policy::document::{Document, Stage, Stages};
use headgate_record::RequestRecord;
use headgate_tests::{Case, Outcome, drive, drive_stages, load_all, policy, record_in};
use std::path::Path;
use std::sync::Arc;

const NOW_S: u64 = 1_790_000_000;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
}

/// Returns the policy of the cases, with a cluster of the proxy for each provider.
fn document() -> Document {
    let yaml = std::fs::read_to_string(folder().join("gateway.yaml")).unwrap();
    let with_clusters = yaml.lines().map(|line| match line.trim_start().split_once(": {format: ") {
        Some((name, rest)) => format!("  {name}: {{clusters: {name}, format: {rest}\n"),
        None => format!("{line}\n"),
    });
    let yaml: String = with_clusters.chain(["stage_sets: {observe: [logging]}\n".to_owned()]).collect();
    headgate_config::compile(&yaml, "gateway.yaml", NOW_S).unwrap().document
}

fn load(document: &Document) -> Arc<Policy> {
    let json = serde_json::to_vec(document).unwrap();
    Arc::new(Policy::load(&json, |name| Some(format!("secret-of-{name}"))).unwrap())
}

fn without(stages: &[Stage]) -> Stages {
    stages.iter().fold(Stages::default(), |set, stage| set.without(*stage))
}

/// Returns every set of the stages that can be on where the proxy routes.
fn proxied_sets() -> impl Iterator<Item = Stages> {
    const OTHERS: [Stage; 4] = [Stage::Keys, Stage::Limits, Stage::Guardrails, Stage::Logging];
    (0..16_u8).map(|bits| {
        OTHERS.into_iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, one)| one).collect()
    })
}

fn timeless(outcome: &Outcome) -> (u16, String, Vec<u8>, String) {
    let upstream: Vec<_> = outcome.upstream.iter().map(|one| (&one.provider, &one.headers, &one.body)).collect();
    (
        outcome.status,
        format!("{:?}", outcome.headers),
        outcome.body.clone(),
        format!("{upstream:?} {:?}", record_in(outcome)),
    )
}

#[test]
fn stages_that_are_off_are_as_good_as_absent() {
    let whole = document();
    let policy = load(&whole);
    let no_limits = Document { limits: Vec::new(), ..whole.clone() };
    let no_guardrails = Document { guardrails: Vec::new(), ..whole.clone() };
    let neither = Document { limits: Vec::new(), guardrails: Vec::new(), ..whole };
    for (off, reduced) in [
        (&[Stage::Limits][..], no_limits),
        (&[Stage::Guardrails], no_guardrails),
        (&[Stage::Limits, Stage::Guardrails], neither),
    ] {
        let reduced = load(&reduced);
        for (path, case) in load_all(folder()) {
            let absent = drive_stages(&reduced, &case, Stages::default());
            let off = drive_stages(&policy, &case, without(off));
            assert_eq!(timeless(&absent), timeless(&off), "{}", path.display());
        }
    }
}

#[test]
fn without_logging_there_is_no_record_and_nothing_else_changes() {
    let policy = load(&document());
    for (path, case) in load_all(folder()) {
        let logged = drive_stages(&policy, &case, Stages::default());
        let mut silent = drive_stages(&policy, &case, without(&[Stage::Logging]));
        assert!(silent.record.is_empty(), "{}", path.display());
        silent.record.clone_from(&logged.record);
        assert_eq!(timeless(&logged), timeless(&silent), "{}", path.display());
    }
}

#[test]
fn every_set_works_where_the_proxy_routes() {
    let policy = load(&document());
    for (path, case) in load_all(folder()) {
        for stages in proxied_sets() {
            let outcome = drive_stages(&policy, &case, stages);
            let at = format!("{} with {:?}", path.display(), stages.iter().collect::<Vec<_>>());
            only_their_decisions(&outcome, stages, &at);
            assert_eq!(outcome.record.is_empty(), !stages.has(Stage::Logging), "{at}");
            if !stages.has(Stage::Guardrails) && !stages.has(Stage::Limits) {
                passes_unchanged(&case, &outcome, stages, &at);
            }
        }
    }
}

fn only_their_decisions(outcome: &Outcome, stages: Stages, at: &str) {
    for decision in &record_in(outcome).decisions {
        let stage = match decision.stage.as_str() {
            "limits" | "budgets" => Stage::Limits,
            "guardrails" => Stage::Guardrails,
            "keys" => Stage::Keys,
            other => panic!("{at}: a decision of {other}"),
        };
        assert!(stages.has(stage), "{at}: {decision:?}");
    }
}

/// Asserts that a request which nothing has to change goes on as it is, but for the wish for the usage of a stream, and its answer
/// but for that usage.
fn passes_unchanged(case: &Case, outcome: &Outcome, stages: Stages, at: &str) {
    let (Some(upstream), Some(body)) = (outcome.upstream.first(), &case.request.body) else { return };
    let sent = String::from_utf8_lossy(&upstream.body);
    let asks = sent.contains("include_usage") && !body.contains("\"include_usage\":true");
    assert!(asks || sent == body.as_str(), "{at}: {sent}");
    assert!(!asks || stages.has(Stage::Logging), "{at}: nobody reads the usage");
    for (name, value) in &case.request.headers {
        let ours = name.starts_with("x-headgate-") || name == "accept-encoding" || name == "content-length";
        let is_key = ["authorization", "x-api-key", "api-key", "x-goog-api-key"].contains(&name.as_str());
        assert!(ours || is_key || upstream.headers.get(name) == Some(value), "{at}: {name}");
    }
    let Some(act) = case.providers.first().filter(|act| act.fails.is_none()) else { return };
    assert_eq!(outcome.status, act.status, "{at}");
    if !asks {
        assert_eq!(String::from_utf8_lossy(&outcome.body), act.body.as_str(), "{at}");
    }
}

#[test]
fn usage_is_the_same_whoever_routes() {
    let policy = load(&document());
    let mut compared = 0;
    for (path, case) in load_all(folder()) {
        let routed = record_in(&drive(&policy, &case, &|body| vec![body.to_vec()]));
        let once = routed.attempts.len() == 1 && routed.rejected_by.is_none() && routed.status == 200;
        // The proxy's targets have no context windows, which bound the counts that are believed.
        let bounded = routed.usage.is_some_and(|usage| usage.estimate_reason.is_some());
        if !once || bounded || case.expect.record.is_null() {
            continue;
        }
        let proxied = record_in(&drive_stages(&policy, &case, without(&[Stage::Routing])));
        let of = |record: &RequestRecord| {
            (record.usage, record.finish_reason.clone(), record.stream, record.payload.response_bytes > 0)
        };
        assert_eq!(of(&routed), of(&proxied), "{}", path.display());
        assert_eq!(routed.caller, proxied.caller, "{}", path.display());
        compared += 1;
    }
    assert!(compared > 60, "only {compared} cases were compared");
}

const PROXIED: &str = r#"
environment: test
routing: proxy
stages: [limits, logging]
providers:
  house: {format: openai, clusters: alpha}
prices:
  house/gpt-4o-mini: {input: 1, output: 2}
  "house/small-*": {input: 3, output: 4}
limits:
  - {id: each, per: model, requests: 1000/day}
"#;

/// Returns the outcome of a request for a model through a cluster.
fn asked(policy: &Arc<Policy>, cluster: &str, model: &str) -> Outcome {
    let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
    let answer = r#"{"choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":0}}"#;
    let yaml = format!(
        "request: {{body: '{body}'}}\nproviders: [{{provider: {cluster}, headers: {{content-type: application/json}}, body: '{answer}'}}]\nexpect: {{status: 200, record: {{}}}}\n"
    );
    let case: Case = serde_saphyr::from_str(&yaml).unwrap();
    drive_stages(policy, &case, policy.stages())
}

#[test]
fn models_that_clients_name_have_prices() {
    let policy = policy(PROXIED, NOW_S);
    let price = |model: &str| {
        let record = record_in(&asked(&policy, "alpha", model));
        assert_eq!(record.served_by.unwrap().model, model);
        record.cost.map(|cost| (cost.nano_usd, cost.assumed)).unwrap()
    };
    assert_eq!(price("gpt-4o-mini"), (1_000_000, false));
    assert_eq!(price("gpt-4o-mini-2024-07-18"), (1_000_000, false));
    assert_eq!(price("small-7b"), (3_000_000, false));
    let listed = price("gpt-5");
    assert!(!listed.1 && listed.0 > 0, "the catalogue has it");
    let unknown = price("made-up");
    assert!(unknown.1 && unknown.0 > listed.0, "an unknown model is never cheap: {unknown:?}");
}

#[test]
fn clusters_that_no_provider_names_are_refused() {
    let policy = policy(PROXIED, NOW_S);
    let refused = asked(&policy, "stranger", "gpt-4o-mini");
    assert_eq!((refused.status, refused.upstream.len()), (500, 0));
    assert_eq!(record_in(&refused).decisions[0].reason.as_deref(), Some("cluster_not_mapped"));
}

#[test]
fn text_that_is_no_name_of_a_model_is_refused_or_unknown() {
    let (reads, logs) = (policy(PROXIED, NOW_S), policy(&PROXIED.replace("limits, ", ""), NOW_S));
    for text in ["gpt-4o ", "my secret plan", ""] {
        let refused = asked(&reads, "alpha", text);
        assert_eq!(refused.upstream.len(), 0, "{text:?}");
        assert!((400..500).contains(&refused.status), "{text:?}: {}", refused.status);
        let logged = asked(&logs, "alpha", text);
        assert_eq!((logged.status, logged.upstream.len()), (200, 1), "{text:?}");
        let record = record_in(&logged);
        assert_eq!((record.requested_model, record.served_by.unwrap().model.as_str()), (None, "unknown"), "{text:?}");
    }
}

#[test]
fn keys_are_refused_alike_whoever_routes() {
    let policy = load(&document());
    let mut refused = 0;
    for (path, case) in load_all(folder()) {
        let routed = drive(&policy, &case, &|body| vec![body.to_vec()]);
        if !matches!(
            record_in(&routed).error_code.as_deref(),
            Some("invalid_api_key" | "api_key_expired" | "api_key_disabled")
        ) {
            continue;
        }
        let proxied = drive_stages(&policy, &case, without(&[Stage::Routing]));
        assert_eq!((routed.status, &routed.body), (proxied.status, &proxied.body), "{}", path.display());
        assert_eq!(record_in(&proxied).caller, record_in(&routed).caller, "{}", path.display());
        refused += 1;
    }
    assert!(refused >= 3, "only {refused} cases");
}
