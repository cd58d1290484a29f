use super::*;
use crate::facts::tests::SERVED;
use headgate_record::{EndedBy, RejectedBy};

fn names(registry: &Registry, updates: &[Update]) -> Vec<(String, u64)> {
    let name = |update: &Update| match registry.host_metric(update.series) {
        HostMetric::Undefined(_, name) => (name.to_owned(), update.amount),
        other => panic!("{other:?}"),
    };
    updates.iter().map(name).collect()
}

fn count(registry: &mut Registry, facts: &RequestFacts<'_>) -> Vec<Update> {
    let mut updates = Vec::new();
    registry.request(facts, &mut updates);
    updates
}

const GROUP: &str = ";gen_ai_operation_name=chat;gen_ai_request_model=chat;gen_ai_provider_name=alpha";

#[test]
fn a_served_stream_updates_every_family() {
    let mut registry = Registry::default();
    let usage =
        Usage { input_tokens: 11, output_tokens: 7, cached_input_tokens: 4, reasoning_tokens: 2, ..Usage::default() };
    let facts = RequestFacts { stream: true, usage: Some(usage), nano_usd: Some(23_000), ..SERVED };
    let updates = count(&mut registry, &facts);
    let expected = [
        ("headgate_requests_total", ";status_class=2xx;outcome=success", 1),
        ("gen_ai_client_operation_duration_milliseconds", "", 1),
        ("gen_ai_server_time_to_first_token_milliseconds", "", 1),
        ("gen_ai_client_token_usage_total", ";gen_ai_token_type=input", 11),
        ("gen_ai_client_token_usage_total", ";gen_ai_token_type=output", 7),
        ("headgate_token_parts_total", ";gen_ai_token_type=cached_input", 4),
        ("headgate_token_parts_total", ";gen_ai_token_type=reasoning", 2),
        ("headgate_cost_nano_usd_total", "", 23_000),
    ];
    let expected = expected.map(|(family, labels, amount)| (format!("{family}{GROUP}{labels}"), amount));
    assert_eq!(names(&registry, &updates), expected);
    assert_eq!(count(&mut registry, &facts), updates, "the same series again");
}

#[test]
fn what_is_not_known_has_no_label() {
    let mut registry = Registry::default();
    let facts = RequestFacts {
        surface: "unknown",
        model: "",
        provider: "",
        status: 404,
        ended_by: EndedBy::Gateway,
        rejected_by: Some(RejectedBy::Gateway),
        tried: false,
        first_byte_us: None,
        ..SERVED
    };
    let updates = count(&mut registry, &facts);
    let requests = "headgate_requests_total;status_class=4xx;outcome=refused;stage=request";
    let duration = "gen_ai_client_operation_duration_milliseconds";
    assert_eq!(names(&registry, &updates), [(requests.to_owned(), 1), (duration.to_owned(), 1)]);
}

#[test]
fn the_host_is_asked_once() {
    let mut registry = Registry::default();
    let updates = count(&mut registry, &SERVED);
    registry.defined(updates[0].series, Some(7));
    registry.defined(updates[1].series, None);
    assert_eq!(count(&mut registry, &SERVED), updates);
    assert_eq!(registry.host_metric(updates[0].series), HostMetric::Defined(Kind::Counter, 7));
    assert_eq!(registry.host_metric(updates[1].series), HostMetric::Refused);
    assert_eq!(registry.host_metric(9_999), HostMetric::Refused);
}

#[test]
fn findings_are_counted_by_kind_and_verdict() {
    let decision = |verdict, reason: &str, observed| Decision {
        stage: "guardrails".to_owned(),
        policy_id: Some("pii".to_owned()),
        verdict,
        direction: Some(Direction::Request),
        reason: Some(reason.to_owned()),
        observed,
        ..Decision::default()
    };
    let decisions = [
        decision(Verdict::Mask, "email", Some(3)),
        decision(Verdict::Deny, "words of a stranger", None),
        decision(Verdict::Allow, "unreachable", None),
        decision(Verdict::Allow, "clean", None),
        Decision { stage: "keys".to_owned(), verdict: Verdict::Deny, ..Decision::default() },
    ];
    let mut registry = Registry::default();
    let updates = count(&mut registry, &RequestFacts { decisions: &decisions, ..SERVED });
    let of = |labels: &str| format!("headgate_guardrail_findings_total;guardrail=pii;{labels};direction=request");
    let expected = [
        (of("finding=email;verdict=mask"), 3),
        (of("finding=external;verdict=deny"), 1),
        (of("finding=unreachable;verdict=allow"), 1),
    ];
    assert_eq!(names(&registry, &updates)[2..], expected);
}

#[test]
fn series_are_bounded_whatever_the_policies_name() {
    let mut registry = Registry::default();
    for number in 0..3 * MAX_SERIES {
        let model = format!("model-{number}");
        count(&mut registry, &RequestFacts { model: &model, ..SERVED });
    }
    let decisions: Vec<_> = (0..100)
        .map(|number| Decision {
            stage: "guardrails".to_owned(),
            policy_id: Some(format!("rule-{number}")),
            verdict: Verdict::Mask,
            ..Decision::default()
        })
        .collect();
    count(&mut registry, &RequestFacts { decisions: &decisions, ..SERVED });
    let all: Vec<_> = (0..registry.series.len()).map(|series| Update { series, amount: 0 }).collect();
    let others = names(&registry, &all).into_iter().filter(|(name, _)| name.contains("=other")).count();
    assert_eq!((registry.series.len(), others), (MAX_SERIES + 3, 3));
    let updates = count(&mut registry, &RequestFacts { model: "late", provider: "", ..SERVED });
    let (name, _) = names(&registry, &updates).remove(0);
    assert!(name.contains(";gen_ai_request_model=other;status_class"), "{name}");
}

#[test]
fn a_known_model_at_the_bound_keeps_its_series() {
    let mut registry = Registry::default();
    let first = count(&mut registry, &SERVED);
    for number in 0..MAX_SERIES {
        count(&mut registry, &RequestFacts { model: &number.to_string(), ..SERVED });
    }
    assert_eq!(count(&mut registry, &SERVED), first);
    let aborted = count(&mut registry, &RequestFacts { ended_by: EndedBy::Client, ..SERVED });
    let (name, _) = names(&registry, &aborted[..1]).remove(0);
    assert!(name.contains("=other;gen_ai_provider_name=other;"), "{name}");
    assert_eq!(aborted[1], first[1]);
}

#[test]
fn the_outbox_has_two_series() {
    let mut registry = Registry::default();
    let mut updates = Vec::new();
    registry.outbox(2, 9, &mut updates);
    registry.outbox(0, 4, &mut updates);
    let found = names(&registry, &updates);
    let (queued, dropped) = ("headgate_records_queued".to_owned(), "headgate_records_dropped_total".to_owned());
    assert_eq!(found, [(queued.clone(), 9), (dropped.clone(), 2), (queued, 4), (dropped, 0)]);
    assert!(!registry.is_empty());
}
