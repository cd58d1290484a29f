//! Reason, ticket and approval that a request states: part of the audit entry of each change.

use crate::process::Collector;
use serde_json::{Value, json};

const TOKEN: &[u8] = br#"{"role":"viewer"}"#;

fn newest(collector: &Collector, kind: &str) -> Value {
    let log = collector.owner().get(&format!("/v1/audit?event_types[]={kind}&limit=1")).unwrap().json();
    log["data"][0].clone()
}

#[test]
fn a_change_has_the_reason_that_its_request_states() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let headers =
        "x-headgate-reason: Wartung der Prüfung\r\nx-headgate-ticket: CHG-1042\r\nx-headgate-approved-by: olga\r\n";
    let reply = collector.owner().send_with("POST", "/v1/tokens", headers, TOKEN).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    let stated = json!({"reason": "Wartung der Prüfung", "ticket": "CHG-1042", "approved_by": "olga"});
    assert_eq!(newest(&collector, "token.created")["justification"], stated);

    let id = reply.json()["id"].as_str().unwrap().to_owned();
    let only = "x-headgate-ticket: CHG-1043\r\n";
    assert_eq!(collector.owner().send_with("DELETE", &format!("/v1/tokens/{id}"), only, b"").unwrap().status, 200);
    assert_eq!(newest(&collector, "token.revoked")["justification"], json!({"ticket": "CHG-1043"}));

    let hold = br#"{"log":"requests","reason":"case 7","scope":{"team":"a"}}"#;
    let reply = collector.owner().send_with("POST", "/v1/holds", only, hold).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(newest(&collector, "hold.placed")["justification"], json!({"ticket": "CHG-1043"}));
}

#[test]
fn without_one_an_entry_has_none() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let blank = "x-headgate-reason:   \r\n";
    assert_eq!(collector.owner().send_with("POST", "/v1/tokens", blank, TOKEN).unwrap().status, 201);
    assert_eq!(newest(&collector, "token.created").get("justification"), None);
}

#[test]
fn an_unfit_reason_is_refused_before_anything_changes() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for value in ["x".repeat(257), "tab\tand".to_owned(), "\u{85}".to_owned()] {
        let headers = format!("x-headgate-reason: {value}\r\n");
        let reply = collector.owner().send_with("POST", "/v1/tokens", &headers, TOKEN).unwrap();
        assert_eq!(reply.status, 400, "{}", reply.text());
        let error = &reply.json()["error"];
        assert_eq!((&error["code"], &error["param"]), (&json!("invalid_justification"), &json!("x-headgate-reason")));
    }
    assert_eq!(collector.owner().get("/v1/tokens").unwrap().json()["data"], json!([]));
}

#[test]
fn a_secret_in_a_reason_is_masked() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let secret = format!("sk-proj-{}", "a1B2c3D4".repeat(6));
    let headers = format!("x-headgate-reason: rotated {secret}\r\n");
    assert_eq!(collector.owner().send_with("POST", "/v1/tokens", &headers, TOKEN).unwrap().status, 201);
    let entry = newest(&collector, "token.created");
    assert!(entry["justification"]["reason"].as_str().unwrap().starts_with("rotated "));
    assert!(!entry.to_string().contains(&secret));
}
