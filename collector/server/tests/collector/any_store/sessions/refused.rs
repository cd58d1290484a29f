//! Tries to sign in that are refused, and how they are slowed down and noted.

use super::{Browser, token_id};
use crate::any_store::access::{command, new_token};
use crate::any_store::retention::told;
use crate::host_clock::HostClock;
use crate::patience::eventually;
use crate::process::{Collector, INGEST, OWNER};
use serde_json::{Value, json};

const WRONG: &str = "hgc_0000000000000000000000000000000000000000000000000000000000000000";

/// Returns a clock that is at the second second of a minute.
fn early_in_a_minute() -> HostClock {
    let now = i64::try_from(crate::any_store::fleet::now_s()).unwrap();
    HostClock::at(62 - now % 60)
}

#[test]
fn tokens_that_cannot_sign_in() {
    let root = tempfile::tempdir().unwrap();
    let clock = early_in_a_minute();
    let collector = Collector::start_with_environment(root.path(), &clock.variables());
    let (revoked, ingest) = (new_token(root.path(), "admin"), new_token(root.path(), "ingest"));
    let id = token_id(root.path(), "admin");
    assert!(command(root.path(), &["token", "revoke", &id]).0);
    let mut browser = Browser::of(&collector);
    let cases = [
        ("", 400, "Fill in"),
        (WRONG, 401, "revoked or expired"),
        (&revoked, 401, "revoked or expired"),
        (&ingest, 403, "ingest token"),
        (INGEST, 403, "ingest token"),
    ];
    for (token, status, word) in cases {
        let reply = browser.post("/auth/login", &[("token", token), ("return_to", "/logs?a=1")]);
        let text = reply.text();
        assert_eq!((reply.status, reply.header("set-cookie")), (status, None), "{text}");
        assert!(
            text.contains(word) && text.contains("role=\"alert\"") && text.contains("value=\"/logs?a=1\""),
            "{text}"
        );
        assert!(token.is_empty() || !text.contains(token), "the token is not shown again");
    }
    let entries = told(&mut collector.owner(), "session.refused");
    let of = |member: fn(&Value) -> &Value| entries.iter().map(|entry| member(entry).clone()).collect::<Vec<_>>();
    assert_eq!(of(|entry| &entry["code"]), ["unknown_token", "revoked_token", "role_not_allowed", "role_not_allowed"]);
    let actors = of(|entry| &entry["actor"]["id"]);
    assert_eq!(
        actors,
        [json!("unknown"), json!(id), json!(token_id(root.path(), "ingest")), json!("environment-ingest")]
    );
    assert!(entries.iter().all(|entry| entry["actor"]["address"] == "127.0.0.1" && entry["outcome"] == "denied"));
}

#[test]
fn refused_tries_are_slowed_down_and_folded() {
    let root = tempfile::tempdir().unwrap();
    let clock = early_in_a_minute();
    let collector = Collector::start_with_environment(root.path(), &clock.variables());
    let token = new_token(root.path(), "viewer");
    let mut browser = Browser::of(&collector);
    for number in 0..30 {
        let reply = browser.sign_in(&format!("guess-{number}"));
        assert_eq!(reply.status, if number < 5 { 401 } else { 429 }, "{number}");
        let wait: Option<i64> = reply.header("retry-after").map(|wait| wait.parse().unwrap());
        assert_eq!(wait.is_some_and(|wait| (1..=60).contains(&wait)), number >= 5, "{wait:?}");
    }
    assert_eq!(browser.sign_in(OWNER).status, 429, "a token that could be guessed is not looked at");
    assert_eq!(browser.sign_in(WRONG).status, 429);
    assert_eq!(browser.sign_in(&token).status, 303, "nobody shuts out the others of an address");

    let mut owner = collector.owner();
    let first = told(&mut owner, "session.refused");
    assert_eq!(first.len(), 2, "{first:?}");
    clock.set(62 + 60);
    let all =
        eventually("the minute is over", || Some(told(&mut owner, "session.refused")).filter(|all| all.len() >= 4));
    let mut counts: Vec<_> =
        all.iter().map(|entry| (entry["code"].as_str().unwrap(), entry["count"].as_i64())).collect();
    counts.sort_unstable();
    let expected =
        [("too_many_tries", None), ("too_many_tries", Some(25)), ("unknown_token", None), ("unknown_token", Some(5))];
    assert_eq!(counts, expected);
    assert_eq!(Browser::of(&collector).sign_in(OWNER).status, 303, "in the next minute it may try again");
}

#[test]
fn hostile_forms_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    for (head, body, status) in [
        (form, format!("token={}", "a".repeat(9_000)), 413),
        (form, "token=a&".repeat(1_000), 400),
        (form, format!("token={OWNER}&token={OWNER}"), 400),
        (form, format!("{}=1", "%".repeat(8_000)), 400),
        (form, "&".repeat(8_000), 400),
        (form, String::new(), 400),
        ("content-type: text/plain\r\n", format!("token={OWNER}"), 415),
        ("content-type: multipart/form-data; boundary=a\r\n", format!("token={OWNER}"), 415),
        ("", format!("token={OWNER}"), 415),
    ] {
        let mut browser = Browser::of(&collector);
        let reply = browser.send("POST", "/auth/login", head, body.as_bytes());
        assert_eq!(reply.status, status, "{head}{}", reply.text());
        assert!(reply.text().contains("role=\"alert\"") && reply.header("set-cookie").is_none());
    }
    for path in ["/auth/login", "/auth/logout"] {
        assert_eq!(Browser::of(&collector).get(path).status, 405, "{path}");
    }
}

#[test]
fn nobody_is_sent_to_another_site() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for path in [
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\r\nset-cookie: a=b",
        "https://evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        " //evil.example",
        "/\u{0}",
        "/é",
    ] {
        let mut browser = Browser::of(&collector);
        let reply = browser.post("/auth/login", &[("token", OWNER), ("return_to", path)]);
        assert_eq!((reply.status, reply.header("location")), (303, Some("/")), "{path:?}");
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("return_to", path).finish();
        let page = browser.get(&format!("/login?{query}"));
        assert!(page.text().contains("name=\"return_to\" value=\"/\""), "{}", page.text());
    }
    let hostile = "/logs?q=%22%3E%3Cscript%3E";
    let page = Browser::of(&collector).get(&format!("/login?return_to={}", "/logs?q=\"><script>".replace('"', "%22")));
    assert!(!page.text().contains("<script>"), "{}", page.text());
    assert!(Browser::of(&collector).get(&format!("/login?return_to={hostile}")).status == 200);
}
