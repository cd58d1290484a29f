//! Records and batches as a data plane sends them.

use headgate_record::{
    AttemptKind, AttemptRecord, CallerIdentity, Cost, Decision, RequestRecord, SCHEMA, ServedBy, Usage,
};

/// 2026-01-01T00:00:00Z, µs.
pub(crate) const BASE_US: u64 = 1_767_225_600_000_000;

/// Returns a UUIDv7 that depends only on boot and number.
pub(crate) fn id(boot: &str, seq: u64) -> String {
    let boot = boot.bytes().fold(0xcbf2_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0193));
    let time = BASE_US / 1000 + seq;
    format!("{:08x}-{:04x}-7{:03x}-8{:03x}-{seq:012x}", time >> 16, time & 0xffff, boot & 0xfff, (boot >> 12) & 0xfff)
}

/// Returns a served request; successive ones start a millisecond apart.
pub(crate) fn record(node: &str, boot: &str, seq: u64) -> RequestRecord {
    RequestRecord {
        schema: SCHEMA,
        id: id(boot, seq),
        node: node.to_owned(),
        boot: boot.to_owned(),
        seq,
        started_at: BASE_US + seq * 1000,
        duration_us: 812_345,
        config_revision: "rev-7".to_owned(),
        environment: "production".to_owned(),
        caller: Some(caller(seq)),
        surface: "chat_completions".to_owned(),
        requested_model: Some("chat".to_owned()),
        served_by: Some(ServedBy { provider: "openai".to_owned(), model: "gpt-5.2".to_owned() }),
        stream: seq.is_multiple_of(2),
        attempts: vec![attempt()],
        status: 200,
        finish_reason: Some("stop".to_owned()),
        decisions: vec![Decision {
            stage: "keys".to_owned(),
            policy_id: Some("alice-laptop".to_owned()),
            ..Decision::default()
        }],
        usage: Some(Usage { input_tokens: 1200, output_tokens: 340, ..Usage::default() }),
        cost: Some(Cost { nano_usd: 4_500_000, price_revision: "2026-01".to_owned(), assumed: false }),
        retention_class: "default".to_owned(),
        ..RequestRecord::default()
    }
}

fn caller(seq: u64) -> CallerIdentity {
    CallerIdentity {
        key_id: format!("key-{}", seq % 200),
        owner: Some(format!("owner-{}", seq % 50)),
        team: Some(format!("team-{}", seq % 10)),
        project: Some("assistant".to_owned()),
        ..CallerIdentity::default()
    }
}

/// Returns a first attempt that was answered.
pub(crate) fn attempt() -> AttemptRecord {
    AttemptRecord {
        provider: "openai".to_owned(),
        model: "gpt-5.2".to_owned(),
        kind: AttemptKind::First,
        status: Some(200),
        error: None,
        provider_error: None,
        started_after_us: 350,
        latency_us: 410_000,
        span_id: None,
    }
}

/// Returns a batch of records, each already JSON.
pub(crate) fn batch(node: &str, boot: &str, dropped: u64, records: &[String]) -> Vec<u8> {
    format!(
        r#"{{"node":{},"boot":{},"dropped":{dropped},"records":[{}]}}"#,
        serde_json::json!(node),
        serde_json::json!(boot),
        records.join(",")
    )
    .into_bytes()
}

/// Returns the batch of valid records with these numbers.
pub(crate) fn batch_of(node: &str, boot: &str, seqs: impl Iterator<Item = u64>) -> Vec<u8> {
    let records: Vec<String> =
        seqs.map(|seq| serde_json::to_string(&record(node, boot, seq)).unwrap_or_default()).collect();
    batch(node, boot, 0, &records)
}
