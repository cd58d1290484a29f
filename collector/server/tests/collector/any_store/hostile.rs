//! Malicious records and requests: stored as data or refused, and a refused one leaves no trace.

mod outputs;

use crate::client::Client;
use crate::process::Collector;
use crate::records::{BASE_US, batch, id, record};
use headgate_record::INGEST_PATH;

const CANARY: &str = "CANARY-7f3a91";

#[test]
fn control_characters_are_kept_as_data() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let year = 365 * 24 * 3_600_000_000_u64;
    let texts =
        ["a\r\nb: c", "\u{1b}[31mred", "\u{202e}olleh\u{2066}", "=1+1", "<script>", "'; DROP TABLE requests; --", "\0"];
    let mut records = Vec::new();
    for (seq, text) in (1_u64..).zip(texts) {
        let mut odd = record("n", "b", seq);
        odd.requested_model = Some((*text).to_owned());
        odd.started_at = if seq % 2 == 0 { BASE_US - year } else { BASE_US + year };
        records.push(serde_json::to_string(&odd).unwrap());
    }
    let reply = collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap();
    assert_eq!(reply.json()["stored"], texts.len(), "{}", reply.text());
    let mut owner = collector.owner();
    for (seq, (text, sent)) in (1_u64..).zip(texts.iter().zip(&records)) {
        let one = owner.get(&format!("/v1/requests/{}", id("b", seq))).unwrap();
        // Hidden characters are escaped, which changes no value.
        assert_eq!(one.json(), serde_json::from_str::<serde_json::Value>(sent).unwrap());
        assert!(one.body.iter().all(|byte| *byte >= 0x20), "nothing that a terminal obeys");
        let query: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let found = owner.get(&format!("/v1/requests?requested_model={query}")).unwrap();
        assert_eq!(found.json()["data"][0]["seq"], seq);
    }
    let sheet = owner.get("/v1/requests.csv").unwrap();
    assert_eq!(sheet.text().lines().count(), texts.len() + 1, "no text breaks its line");
    assert!(
        sheet.body.iter().all(|byte| *byte >= 0x20 || matches!(byte, b'\r' | b'\n')),
        "nothing that a terminal obeys"
    );
    assert!(!sheet.text().contains(",=") && sheet.text().contains("\"'=1+1\""), "no formula");
    let old = owner.get("/v1/requests?to=2026-01-01T00:00:00Z&order=asc").unwrap().json();
    assert_eq!(old["data"].as_array().unwrap().len(), 3);
}

/// Returns records that are valid except for one value, which contains the canary.
fn bad_records() -> Vec<String> {
    let good = serde_json::to_string(&record("n", "b", 1)).unwrap();
    let quoted = format!("\"{CANARY}\"");
    let unknown = format!("{{{quoted}:1,");
    vec![
        good.replacen('{', &unknown, 1),
        good.replacen('{', &format!("{{\"prompt\":{quoted},"), 1),
        good.replace("\"status\":200", &format!("\"status\":{quoted}")),
        good.replace("\"stream\":false", &format!("\"stream\":{quoted}")),
        good.replace("\"complete\"", &quoted),
        good.replace("\"attempts\":[", &format!("\"attempts\":[{quoted},")),
        good.replace("\"decisions\":[{", &format!("\"decisions\":[{unknown}").replace("[{{", "[{")),
        good.replace("\"mode\":\"metadata_only\"", &format!("\"mode\":{quoted}")),
        good.replace("\"seq\":1,", &format!("\"seq\":{quoted},")),
        good.replace(&id("b", 1), CANARY),
        good.replace("\"node\":\"n\"", &format!("\"node\":{quoted}")),
        good.replace("rev-7", &CANARY.repeat(40)),
        quoted,
    ]
}

fn collect(client: &mut Client, answers: &mut String, method: &str, path: &str, body: &[u8]) -> u16 {
    let reply = client.send(method, path, body).unwrap();
    answers.push_str(&reply.text());
    answers.push_str(&format!("{:?}", reply.headers));
    reply.status
}

#[test]
fn refused_texts_appear_nowhere() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut answers = String::new();
    let bad = bad_records();
    let mut ingest = collector.ingest();
    let reply = ingest.post(INGEST_PATH, &batch("n", "b", 0, &bad)).unwrap();
    assert_eq!(reply.json()["refused"].as_array().unwrap().len(), bad.len(), "{}", reply.text());
    answers.push_str(&reply.text());
    for body in [
        format!("{{\"node\":\"{CANARY}"),
        format!("{{\"{CANARY}\":1}}"),
        format!("{{\"node\":\"n\",\"boot\":\"b\",\"dropped\":\"{CANARY}\",\"records\":[]}}"),
        CANARY.to_owned(),
    ] {
        assert_eq!(collect(&mut ingest, &mut answers, "POST", INGEST_PATH, body.as_bytes()), 400);
    }
    let mut owner = collector.owner();
    for path in [
        format!("/v1/requests?status={CANARY}"),
        format!("/v1/requests?from={CANARY}"),
        format!("/v1/requests?after={CANARY}"),
        format!("/v1/requests?%20{CANARY}=1"),
        format!("/v1/requests/{CANARY}"),
        format!("/{CANARY}"),
    ] {
        assert!(collect(&mut owner, &mut answers, "GET", &path, b"") >= 400);
    }
    let mut stranger = collector.with_token(CANARY);
    assert_eq!(collect(&mut stranger, &mut answers, "GET", "/v1/requests", b""), 401);
    collect(&mut owner, &mut answers, "GET", "/metrics", b"");
    answers.push_str(&collector.logs());
    assert!(collector.terminate().success());
    assert!(!answers.contains(CANARY), "{answers}");
    crate::store::assert_nowhere(root.path(), CANARY);
}

#[test]
fn depth_and_garbage_end_in_an_answer() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let deep =
        |open: &str| format!("{{\"node\":\"n\",\"boot\":\"b\",\"dropped\":0,\"records\":[{}", open.repeat(30_000));
    for body in [deep("["), deep("{\"a\":"), "[".repeat(1_000_000), "\u{feff}{}".to_owned()] {
        let reply = collector.ingest().post(INGEST_PATH, body.as_bytes()).unwrap();
        assert_eq!(reply.status, 400);
    }
    let closed = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let reply = collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &[closed])).unwrap();
    assert_eq!((reply.status, &reply.json()["refused"][0]["index"]), (200, &0.into()));
}
