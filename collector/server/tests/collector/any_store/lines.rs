//! Records in the lines of a proxy's own logger.

use crate::client::Reply;
use crate::process::Collector;
use crate::records::{id, record};
use headgate_record::{INGEST_PATH, LINES_PATH};
use serde_json::{Value, json};

fn line(boot: &str, seq: u64) -> Value {
    let record = serde_json::to_string(&record("n", boot, seq)).unwrap();
    json!({"record": record, "route_id": "headgate-0-openai-compatible", "llm_request": {"messages": "CANARY"}})
}

fn lines(lines: &[Value]) -> Vec<u8> {
    lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n").into_bytes()
}

fn taken(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[test]
fn lines_are_stored_once_by_whichever_way_they_come() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut ingest = collector.ingest();
    let body = lines(&[line("b", 1), json!({"record": ""}), line("b", 2), line("c", 1)]);
    let first = taken(&ingest.post(LINES_PATH, &body).unwrap());
    assert_eq!(first, json!({"stored": 3, "duplicates": 0, "empty": 1, "refused": []}));
    let again = taken(&ingest.post(LINES_PATH, &body).unwrap());
    assert_eq!(again, json!({"stored": 0, "duplicates": 3, "empty": 1, "refused": []}));
    let batch = crate::records::batch_of("n", "b", 1..=3);
    let other_way = taken(&ingest.post(INGEST_PATH, &batch).unwrap());
    assert_eq!((&other_way["stored"], &other_way["duplicates"]), (&json!(1), &json!(2)));
    let list = json!([line("b", 4), line("b", 5)]).to_string();
    assert_eq!(taken(&ingest.post(LINES_PATH, list.as_bytes()).unwrap())["stored"], 2);
    assert_eq!(taken(&ingest.post(LINES_PATH, &lines(&[line("b", 6)])).unwrap())["stored"], 1);
    let mut owner = collector.owner();
    let shown = owner.get(&format!("/v1/requests/{}", id("b", 1))).unwrap();
    assert_eq!(shown.json()["seq"], 1);
    assert_eq!(owner.get("/v1/gaps?state=all").unwrap().json()["data"], json!([]));
    let everything = owner.get("/v1/requests.ndjson").unwrap().text();
    assert_eq!(everything.lines().count(), 7, "{everything}");
    assert!(!everything.contains("CANARY"));
}

#[test]
fn bad_lines_are_refused_alone() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let text = serde_json::to_string(&record("n", "b", 1)).unwrap();
    let of = |text: &str| json!({"record": text}).to_string();
    let cases = [
        ("{\"route_id\":\"1\"}".to_owned(), "has no `record`"),
        ("{\"record\":7}".to_owned(), "wrong type"),
        ("no json".to_owned(), ""),
        (of("CANARY"), ""),
        (of(&text.replace(r#""status":200"#, r#""status":99"#)), "`status`"),
        (of(&text.replace(r#""node":"n""#, r#""node":"""#)), "`node`"),
        (of(&text.replacen('{', r#"{"prompt":"CANARY","#, 1)), "unknown field"),
        (of(&text.replace("rev-7", &"r".repeat(1 << 16))), "65536"),
    ];
    let mut all: Vec<String> = cases.iter().map(|(line, _)| line.clone()).collect();
    all.push(of(&text));
    let reply = collector.ingest().post(LINES_PATH, all.join("\r\n").as_bytes()).unwrap();
    let answer = taken(&reply);
    assert_eq!(answer["stored"], 1);
    let refused = answer["refused"].as_array().unwrap();
    assert_eq!(refused.len(), cases.len(), "{answer}");
    for ((place, (_, expected)), refusal) in cases.iter().enumerate().zip(refused) {
        assert_eq!(refusal["index"], place);
        assert!(refusal["reason"].as_str().unwrap().contains(expected), "{expected}: {refusal}");
    }
    assert_eq!(refused[4]["seq"], 1);
    assert!(!reply.text().contains("CANARY"));
}

#[test]
fn a_body_without_lines_is_refused_as_a_whole() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let workers: Vec<Value> = (0..17).map(|boot| line(&format!("boot-{boot}"), 1)).collect();
    let many = "{\"record\":\"\"}\n".repeat(10_001).into_bytes();
    let cases: [(Vec<u8>, &str); 7] = [
        (b"".to_vec(), "invalid_json"),
        (b"[".to_vec(), "invalid_json"),
        (b"[7]".to_vec(), "invalid_json"),
        (b"\xff\xfe\n\n".to_vec(), "invalid_json"),
        (b"plain text".to_vec(), "invalid_json"),
        (many, "invalid_batch"),
        (lines(&workers), "invalid_batch"),
    ];
    for (body, code) in cases {
        let reply = collector.ingest().post(LINES_PATH, &body).unwrap();
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (400, &json!(code)), "{}", reply.text());
    }
    assert_eq!(taken(&collector.ingest().post(LINES_PATH, &lines(&workers[..16])).unwrap())["stored"], 16);
    assert_eq!(collector.owner().post(LINES_PATH, b"{}").unwrap().status, 403);
    let foreign = collector.owner().post("/v1/tokens", br#"{"role":"ingest","name":"other"}"#).unwrap().json();
    let mut other = collector.with_token(foreign["token"].as_str().unwrap());
    let reply = other.post(LINES_PATH, &lines(&[line("boot-1", 2)])).unwrap();
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (409, &json!("boot_of_another_token")));
}
