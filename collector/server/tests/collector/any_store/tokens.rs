//! The life of a token: created, shown once, used, expired, revoked, and each step recorded.

use crate::any_store::access::{command, new_token};
use crate::client::Client;
use crate::patience::{eventually, until};
use crate::process::Collector;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn make(owner: &mut Client, wanted: &Value) -> Value {
    let reply = owner.post("/v1/tokens", wanted.to_string().as_bytes()).unwrap();
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// Returns the token with this id once its use has been recorded.
fn used(owner: &mut Client, id: &str) -> Value {
    eventually("its use is noted", || {
        let all = owner.get("/v1/tokens").unwrap().json();
        let one = all["data"].as_array().unwrap().iter().find(|token| token["id"] == id).cloned().unwrap();
        one["last_used"].is_i64().then_some(one)
    })
}

#[test]
fn the_life_of_a_token_is_recorded() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let made =
        make(&mut owner, &json!({"role": "auditor", "name": "audit 2026", "expires_at": "2099-01-01T00:00:00Z"}));
    let (id, token) = (text(&made, "id"), text(&made, "token"));
    assert_eq!(collector.with_token(token).get("/v1/audit").unwrap().status, 200);
    let listed = used(&mut owner, id);
    assert_eq!((text(&listed, "role"), text(&listed, "name")), ("auditor", "audit 2026"));
    assert_eq!(listed["created_by"], "environment-owner");
    assert!(!owner.get("/v1/tokens").unwrap().text().contains(token), "shown once");

    let revoked = owner.send("DELETE", &format!("/v1/tokens/{id}"), b"").unwrap();
    assert_eq!(revoked.status, 200);
    assert!(revoked.json()["revoked_at"].is_i64());
    assert_eq!(collector.with_token(token).get("/v1/audit").unwrap().status, 401);
    let again = owner.send("DELETE", &format!("/v1/tokens/{id}"), b"").unwrap();
    assert_eq!(again.json()["revoked_at"], revoked.json()["revoked_at"]);

    let log = owner.get(&format!("/v1/audit?resource_ids[]={id}&order=asc")).unwrap();
    let types: Vec<_> = log.json()["data"].as_array().unwrap().iter().map(|e| text(e, "type").to_owned()).collect();
    assert_eq!(types, ["token.created", "token.revoked"]);
    assert!(!log.text().contains(token));
    assert_eq!(log.json()["data"][0]["changes"][2], json!({"path": "role", "after": "auditor"}));
}

#[test]
fn a_token_is_valid_until_it_expires() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let soon = SystemTime::now() + Duration::from_secs(4);
    let at = soon.duration_since(UNIX_EPOCH).unwrap().as_micros().to_string();
    let made = make(&mut owner, &json!({"role": "viewer", "expires_at": at}));
    let mut viewer = collector.with_token(text(&made, "token"));
    let mut served = 0;
    until("it expires", || {
        let (before, status) = (SystemTime::now(), viewer.get("/v1/requests").unwrap().status);
        served += u32::from(status == 200);
        assert!(status == if before > soon { 401 } else { 200 } || SystemTime::now() > soon, "{status}");
        status == 401
    });
    assert!(served > 0, "it was valid before");
}

#[test]
fn a_command_names_the_user_who_ran_it() {
    let root = tempfile::tempdir().unwrap();
    let mut init = std::process::Command::new(crate::process::BINARY);
    init.arg("init").env_remove("SUDO_USER").env("USER", "olga");
    crate::store::place(&mut init, root.path());
    assert!(init.output().unwrap().status.success());
    let collector = Collector::start(root.path());
    let made = collector.owner().get("/v1/audit?event_types[]=token.created").unwrap().json();
    assert_eq!(made["data"][0]["actor"], json!({"id": "command", "kind": "command", "name": "olga"}));
}

#[test]
fn a_bad_request_for_a_token_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    for body in [
        json!({}),
        json!({"role": "god"}),
        json!({"role": "viewer", "sha256": "0"}),
        json!({"role": "viewer", "name": ""}),
        json!({"role": "viewer", "expires_at": "2001-01-01T00:00:00Z"}),
        json!({"role": "viewer", "expires_at": "soon"}),
    ] {
        assert_eq!(owner.post("/v1/tokens", body.to_string().as_bytes()).unwrap().status, 400, "{body}");
    }
    assert_eq!(owner.send("DELETE", "/v1/tokens/tok_none", b"").unwrap().status, 404);
}

#[test]
fn the_last_owner_stays() {
    let root = tempfile::tempdir().unwrap();
    let (made, first) = command(root.path(), &["init"]);
    assert!(made);
    let collector = Collector::start_without_tokens(root.path());
    let mut owner = collector.with_token(first.trim().strip_prefix("owner_token=").unwrap());
    let all = owner.get("/v1/tokens").unwrap().json();
    let id = text(&all["data"][0], "id").to_owned();
    let refused = owner.send("DELETE", &format!("/v1/tokens/{id}"), b"").unwrap();
    assert_eq!((refused.status, text(&refused.json()["error"], "code")), (409, "last_owner"));
    assert!(!command(root.path(), &["token", "revoke", &id]).0);
    let second = new_token(root.path(), "owner");
    let (listed, lines) = command(root.path(), &["token", "list"]);
    assert!(listed && lines.contains(&id) && lines.lines().count() == 2, "{lines}");
    assert!(command(root.path(), &["token", "revoke", &id]).0);
    assert_eq!(owner.get("/v1/tokens").unwrap().status, 401);
    let mut owner = collector.with_token(&second);
    let log = owner.get("/v1/audit?actor_ids[]=command").unwrap().json();
    assert_eq!(log["data"].as_array().unwrap().len(), 3);
    assert_eq!(log["data"][0]["type"], "token.revoked");
}

#[test]
fn a_denied_route_is_recorded_with_its_actor() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for _ in 0..3 {
        assert_eq!(collector.ingest().get("/v1/audit").unwrap().status, 403);
    }
    let log = collector.owner().get("/v1/audit?event_types[]=access.denied").unwrap().json();
    let first = log["data"].as_array().unwrap().last().unwrap();
    assert_eq!((text(first, "outcome"), text(first, "code")), ("denied", "role_not_allowed"));
    assert_eq!(
        (text(&first["actor"], "id"), text(&first["resource"], "name")),
        ("environment-ingest", "GET /v1/audit")
    );
}
