//! The schema of the record: closed, mapped, and stable in a round trip.

use headgate_record::*;
use serde_json::{Map, Value};

/// Returns a record with every field set.
fn full() -> RequestRecord {
    let text = || Some("x".to_owned());
    RequestRecord {
        schema: SCHEMA,
        time_to_first_token_us: Some(1),
        trace_id: text(),
        parent_span_id: text(),
        span_id: text(),
        provider_request_id: text(),
        caller: Some(CallerIdentity {
            key_id: "k".to_owned(),
            owner: text(),
            team: text(),
            project: text(),
            application: text(),
            cost_center: text(),
            use_case: text(),
            risk_class: Some(RiskClass::High),
            tenant: text(),
            source: RequestSource::Playground,
            known_by: KnownBy::JwtClaim,
        }),
        client: ClientContext {
            end_user: text(),
            session_id: text(),
            agent_id: text(),
            user_agent: text(),
            tags: [("a".to_owned(), "b".to_owned())].into(),
        },
        requested_model: text(),
        served_by: Some(ServedBy::default()),
        response_model: text(),
        requested_service_tier: text(),
        service_tier: text(),
        requested_speed: text(),
        speed: text(),
        attempts: vec![AttemptRecord {
            provider: "p".to_owned(),
            model: "m".to_owned(),
            kind: AttemptKind::Failover,
            status: Some(503),
            error: Some(AttemptError::ServerError),
            provider_error: text(),
            started_after_us: 1,
            latency_us: 2,
            span_id: text(),
        }],
        finish_reason: text(),
        decisions: vec![Decision {
            policy_id: text(),
            direction: Some(Direction::Response),
            reason: text(),
            observed: Some(1),
            limit: Some(2),
            ..Decision::default()
        }],
        rejected_by: Some(RejectedBy::Provider),
        error_code: text(),
        usage: Some(Usage {
            cache_write_input_tokens: 2,
            cache_write_1h_input_tokens: 1,
            estimate_reason: Some(EstimateReason::Zero),
            ..Usage::default()
        }),
        other_models: vec![ModelUsage { model: "m".to_owned(), ..ModelUsage::default() }],
        cost: Some(Cost::default()),
        payload: PayloadFacts {
            request_fingerprint: text(),
            response_fingerprint: text(),
            redactions: [("email".to_owned(), 1)].into(),
            ..PayloadFacts::default()
        },
        ..RequestRecord::default()
    }
}

/// Returns the paths of all fields; lists and tags count as one.
fn paths(value: &Map<String, Value>, prefix: &str) -> Vec<String> {
    let paths = value.iter().flat_map(|(name, value)| match value {
        Value::Object(inner) if name != "tags" && name != "redactions" => paths(inner, &format!("{prefix}{name}.")),
        _ => vec![format!("{prefix}{name}")],
    });
    paths.collect()
}

fn as_object(record: &RequestRecord) -> Map<String, Value> {
    serde_json::to_value(record).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default()
}

#[test]
fn otel_mapping_has_exactly_all_fields() {
    let mapping: Value = serde_json::from_str(include_str!("../otel.json")).unwrap();
    let mut mapped: Vec<String> = mapping["fields"].as_object().unwrap().keys().cloned().collect();
    let mut fields = paths(&as_object(&full()), "");
    mapped.sort();
    fields.sort();
    assert_eq!(mapped, fields);
}

#[test]
fn a_record_is_the_same_after_a_round_trip() {
    for record in [full(), RequestRecord::default()] {
        let json = serde_json::to_vec(&record).unwrap();
        assert_eq!(serde_json::from_slice::<RequestRecord>(&json).unwrap(), record);
    }
}

#[test]
fn usage_without_cache_writes_is_compatible() {
    let usage =
        r#"{"input_tokens":3,"output_tokens":2,"cached_input_tokens":1,"reasoning_tokens":0,"source":"reported"}"#;
    let read: Usage = serde_json::from_str(usage).unwrap();
    assert_eq!((read.cache_write_input_tokens, read.cache_write_1h_input_tokens), (0, 0));
    assert_eq!(serde_json::to_string(&read).unwrap(), usage);
}

#[test]
fn unknown_fields_are_refused_everywhere() {
    let record = as_object(&full());
    let nested = ["", "caller", "client", "served_by", "usage", "cost", "payload"];
    for place in nested {
        let mut spoiled = record.clone();
        let object = if place.is_empty() { &mut spoiled } else { spoiled[place].as_object_mut().unwrap() };
        object.insert("prompt".to_owned(), "secret".into());
        assert!(serde_json::from_value::<RequestRecord>(spoiled.into()).is_err(), "in {place:?}");
    }
    for list in ["attempts", "decisions", "other_models"] {
        let mut spoiled = record.clone();
        spoiled[list][0]["prompt"] = "secret".into();
        assert!(serde_json::from_value::<RequestRecord>(spoiled.into()).is_err(), "in {list}");
    }
}

#[test]
fn vocabularies_are_closed() {
    for word in AttemptError::ALL {
        assert_eq!(serde_json::to_value(word).unwrap(), word.as_str());
    }
    assert!(serde_json::from_str::<EndedBy>("\"somehow\"").is_err());
}
