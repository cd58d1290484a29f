//! What is written has the meaning of the plainest construction, for every version, signal and format, on any entry.

mod reference;

use super::Body;
use crate::event::Event;
use crate::settings::{DEFAULT_ACK_TIMEOUT, Format, Kind, Secret, Semconv, Settings, Signal, Start};
use headgate_collector_types::Log;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn settings(signal: Signal, semconv: Semconv, format: Format) -> Settings {
    Settings {
        id: "otel".to_owned(),
        kind: Kind::Otlp,
        url: Secret("http://localhost".to_owned()),
        token: None,
        logs: Log::ALL.to_vec(),
        format,
        signal,
        semconv,
        encoding: Default::default(),
        archive: None,
        start: Start::Oldest,
        index: None,
        filters: Vec::new(),
        filter_text: None,
        awaits_acks: true,
        ack_timeout: DEFAULT_ACK_TIMEOUT,
        signing_key: None,
        hold_until_forwarded: None,
        ca_file: None,
    }
}

/// A record with every field that has a place or a name of its own.
fn whole() -> Value {
    json!({
        "schema": 1, "id": "019b76da-a800-7000-8000-000000000001", "node": "n", "boot": "b", "seq": 1,
        "started_at": 1_767_225_600_000_001_i64, "duration_us": 5_000_017, "time_to_first_token_us": 3,
        "trace_id": "0af7651916cd43dd8448eb211c80319c", "parent_span_id": "b7ad6b7169203331", "span_id": "8000000000000001",
        "environment": "e2e", "caller": {"key_id": "main", "team": "search"},
        "client": {"end_user": "u", "tags": {"purpose": "a \"test\"\n\u{1}é"}}, "surface": "messages",
        "requested_model": "chat", "served_by": {"provider": "alpha", "model": "m"}, "response_model": "m-1",
        "stream": true, "status": 200, "finish_reason": "stop", "ended_by": "complete", "other_models": ["a", "b"],
        "attempts": [
            {"provider": "alpha", "model": "m", "kind": "first", "status": 503, "error": "server_error", "started_after_us": 1, "latency_us": 2},
            {"provider": "beta", "kind": "failover", "status": 200, "started_after_us": 9, "latency_us": 2},
        ],
        "decisions": [{"stage": "keys", "policy_id": "main", "verdict": "allow"}],
        "usage": {"input_tokens": 1, "cache_write_input_tokens": 7, "reasoning_tokens": u64::MAX, "source": "reported"},
        "cost": {"nano_usd": 5, "assumed": false}, "payload": {"request_bytes": 1, "redactions": []},
    })
}

fn event(log: Log, position: i64, members: &Value) -> Event {
    Event::read(log, position, members.to_string().into_bytes()).unwrap()
}

fn check(events: &[Event]) {
    for signal in [Signal::Logs, Signal::Traces] {
        for semconv in Semconv::ALL {
            for format in Format::ALL {
                let settings = settings(signal, semconv, format);
                let written = serde_json::to_vec(&Body { settings: &settings, events }).unwrap();
                // Numbers with a fraction are read with the precision of the reader, so both sides are read.
                let read = |text: &[u8]| serde_json::from_slice::<Value>(text).unwrap();
                let expected = serde_json::to_vec(&reference::body(&settings, events)).unwrap();
                assert_eq!(read(&written), read(&expected), "{signal:?} {semconv:?} {format:?}");
            }
        }
    }
}

#[test]
fn every_field_has_the_attributes_of_the_table() {
    let mut refused = whole();
    refused["status"] = json!(429);
    refused.as_object_mut().unwrap().remove("served_by");
    let mut nulls = whole();
    for name in ["finish_reason", "surface", "duration_us", "trace_id", "requested_model", "environment"] {
        nulls[name] = Value::Null;
    }
    let audit =
        json!({"id": "a", "time": 7, "source": "api", "outcome": "success", "actor": {"id": "x"}, "changes": []});
    let all = [whole(), refused, nulls].map(|members| event(Log::Requests, 3, &members));
    check(&[all.as_slice(), &[event(Log::Audit, 4, &audit)]].concat());
}

/// Any value, a few levels deep.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e12_f64..1e12).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a-z_]{1,9}|\\PC{0,3}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Names of members of an entry, and others.
fn name() -> impl Strategy<Value = String> {
    let known: Vec<_> = whole().as_object().unwrap().keys().cloned().collect();
    prop_oneof![4 => select(known), 1 => "[a-z_]{1,6}(_us)?"]
}

proptest! {
    #[test]
    fn any_entry_has_the_attributes_of_the_table(
        entries in vec((any::<bool>(), vec((name(), value()), 0..6), select(vec!["n", "m"])), 1..5),
    ) {
        let events: Vec<_> = entries
            .into_iter()
            .zip(1..)
            .map(|((is_audit, changed, node), position)| {
                let mut members = whole();
                members["node"] = json!(node);
                changed.into_iter().for_each(|(name, value)| members[name] = value);
                event(if is_audit { Log::Audit } else { Log::Requests }, position, &members)
            })
            .collect();
        check(&events);
    }
}
