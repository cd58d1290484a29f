//! Exports that the client does not read, and one that cannot be completed.

use crate::client::Client;
use crate::process::Collector;
use crate::records::{attempt, batch, batch_of, record};
use headgate_record::{AttemptError, AttemptKind, AttemptRecord, INGEST_PATH, Usage};
use std::thread::sleep;
use std::time::Duration;

/// Stores more data than the buffers of a local connection hold.
pub(crate) fn fill(collector: &Collector) {
    let wide = |seq: u64| {
        let mut record = record("n", "b", seq);
        for text in [&mut record.client.user_agent, &mut record.client.session_id, &mut record.client.end_user] {
            *text = Some("x".repeat(256));
        }
        record.client.tags = (0..8).map(|tag| (format!("tag-{tag}"), "y".repeat(200))).collect();
        serde_json::to_string(&record).unwrap()
    };
    for first in (1..=6_001).step_by(1_000) {
        let records: Vec<_> = (first..first + 1_000).map(wide).collect();
        assert_eq!(collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap().status, 200);
    }
}

#[test]
fn unread_exports_delay_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    fill(&collector);
    let begin = |_| {
        let mut client = collector.owner();
        assert_eq!(client.begin("/v1/requests.ndjson").unwrap().status, 200);
        client
    };
    let untaken: Vec<Client> = (0..16).map(begin).collect();
    let mut owner = collector.owner();
    for path in ["/v1/requests.csv?limit=1", "/v1/usage.csv", "/v1/audit.csv", "/v1/audit.json", "/v1/audit.ndjson"] {
        let refused = owner.get(path).unwrap();
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{path}");
        assert_eq!(refused.json()["error"]["code"], "busy");
    }
    assert_eq!(owner.get("/v1/requests?limit=1").unwrap().status, 200, "all else goes on");
    drop(untaken);
    let mut tries = 0;
    while owner.get("/v1/requests.csv?limit=1").unwrap().status != 200 {
        tries += 1;
        assert!(tries < 600, "no export has ended");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_export_excludes_later_records() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    fill(&collector);
    let mut client = collector.owner();
    assert_eq!(client.begin("/v1/requests.ndjson?order=asc").unwrap().status, 200);
    let late = batch_of("n", "late", 1..=3);
    assert_eq!(collector.ingest().post(INGEST_PATH, &late).unwrap().json()["stored"], 3);
    let text = String::from_utf8(client.rest().unwrap()).unwrap();
    assert_eq!((text.lines().count(), text.contains("\"late\"")), (7_000, false));
}

#[test]
fn each_column_of_the_sheet_has_its_value() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut record = record("n", "b", 2);
    record.time_to_first_token_us = Some(400_001);
    record.usage = Some(Usage {
        input_tokens: 1_200,
        cached_input_tokens: 300,
        output_tokens: 340,
        reasoning_tokens: 56,
        ..Usage::default()
    });
    record.client.tags = [("app".to_owned(), "a".to_owned()), ("ticket".to_owned(), "T-1".to_owned())].into();
    record.trace_id = Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned());
    record.provider_request_id = Some("req_1".to_owned());
    (record.client.end_user, record.client.session_id) = (Some("user-1".to_owned()), Some("session-1".to_owned()));
    record.client.agent_id = Some("agent-1".to_owned());
    if let Some(caller) = &mut record.caller {
        caller.application = Some("app-1".to_owned());
        (caller.cost_center, caller.tenant) = (Some("cc-1".to_owned()), Some("tenant-1".to_owned()));
    }
    record.parent_span_id = Some("00f067aa0ba902b7".to_owned());
    (record.response_model, record.service_tier) = (Some("gpt-5.2-2026-01-01".to_owned()), Some("priority".to_owned()));
    record.attempts[0].provider_error = Some("overloaded_error".to_owned());
    record.attempts[0].error = Some(AttemptError::Timeout);
    record.attempts.push(AttemptRecord { provider: "local".to_owned(), kind: AttemptKind::Failover, ..attempt() });
    let text = serde_json::to_string(&record).unwrap();
    collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &[text])).unwrap();
    let sheet = collector.owner().get("/v1/requests.csv").unwrap().text();
    let mut lines = sheet.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let (names, cells) = (lines.next().unwrap(), lines.next().unwrap());
    let expected = [
        ("id", record.id.as_str()),
        ("node", "n"),
        ("boot", "b"),
        ("seq", "2"),
        ("environment", "production"),
        ("config_revision", "rev-7"),
        ("surface", "chat_completions"),
        ("requested_model", "chat"),
        ("provider", "openai"),
        ("served_model", "gpt-5.2"),
        ("stream", "true"),
        ("attempts", "2"),
        ("status", "200"),
        ("finish_reason", "stop"),
        ("key_id", "key-2"),
        ("owner", "owner-2"),
        ("team", "team-2"),
        ("project", "assistant"),
        ("tags", "app=a ticket=T-1"),
        ("duration_us", "812345"),
        ("time_to_first_token_us", "400001"),
        ("input_tokens", "1200"),
        ("cached_input_tokens", "300"),
        ("output_tokens", "340"),
        ("reasoning_tokens", "56"),
        ("cost_nano_usd", "4500000"),
        ("cost_usd", "0.004500000"),
        ("assumed", "false"),
        ("price_revision", "2026-01"),
        ("usage_source", "reported"),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("provider_request_id", "req_1"),
        ("application", "app-1"),
        ("cost_center", "cc-1"),
        ("tenant", "tenant-1"),
        ("end_user", "user-1"),
        ("session_id", "session-1"),
        ("agent_id", "agent-1"),
        ("attempt_providers", "openai local"),
        ("attempt_errors", "timeout"),
        ("failover", "true"),
        ("stages", "keys"),
        ("parent_span_id", "00f067aa0ba902b7"),
        ("response_model", "gpt-5.2-2026-01-01"),
        ("service_tier", "priority"),
        ("provider_errors", "overloaded_error"),
        ("policy_ids", "alice-laptop"),
    ];
    for (name, value) in expected {
        let place = names.iter().position(|known| *known == name).unwrap();
        assert_eq!(cells[place], value, "{name}");
    }
    assert_eq!((names[0], cells[0]), ("started_at", "2026-01-01T00:00:00.002Z"));
}
