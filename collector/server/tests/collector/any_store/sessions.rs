//! Sessions of persons on the pages, from signing in to their end.

mod forged;
mod lives;
mod refused;

use crate::any_store::access::{command, new_token};
use crate::any_store::retention::told;
use crate::client::{Client, Reply};
use crate::process::{Collector, OWNER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

pub(crate) const COOKIE: &str = "__Host-headgate";

/// A browser that reaches the collector through a TLS terminator, as `https://collector`.
pub(crate) struct Browser {
    client: Client,
    /// The secret in the cookie.
    pub(crate) secret: String,
}

impl Browser {
    pub(crate) fn of(collector: &Collector) -> Self {
        Self { client: collector.with_token(""), secret: String::new() }
    }

    /// Returns one that has signed in with a token.
    pub(crate) fn signed_in(collector: &Collector, token: &str) -> Self {
        let mut browser = Self::of(collector);
        let reply = browser.sign_in(token);
        assert_eq!(reply.status, 303, "{}", reply.text());
        browser
    }

    /// Goes on at another collector.
    pub(crate) fn at(&self, collector: &Collector) -> Self {
        Self { client: collector.with_token(""), secret: self.secret.clone() }
    }

    pub(crate) fn sign_in(&mut self, token: &str) -> Reply {
        self.post("/auth/login", &[("token", token)])
    }

    pub(crate) fn sign_out(&mut self) -> Reply {
        let csrf = self.csrf();
        self.post("/auth/logout", &[("csrf", &csrf)])
    }

    /// Returns the text that protects the forms of the session.
    pub(crate) fn csrf(&self) -> String {
        let digest = Sha256::digest(format!("headgate form {}", self.secret));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.send("GET", path, "sec-fetch-site: none\r\n", b"")
    }

    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        self.post_from("sec-fetch-site: same-origin\r\n", path, fields)
    }

    /// Sends a form with header lines that say where it comes from.
    pub(crate) fn post_from(&mut self, site: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let head = format!("{site}content-type: application/x-www-form-urlencoded\r\n");
        self.send("POST", path, &head, form.as_bytes())
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        let cookie = match self.secret.as_str() {
            "" => String::new(),
            secret => format!("cookie: theme=dark; {COOKIE}={secret}\r\n"),
        };
        let reply = self.client.send_with(method, path, &format!("{headers}{cookie}"), body).unwrap();
        if let Some(set) = reply.header("set-cookie").and_then(|set| set.strip_prefix(COOKIE)?.strip_prefix('=')) {
            self.secret = set.split(';').next().unwrap().to_owned();
        }
        reply
    }

    /// Returns whether the session is valid: the first page is shown, or leads to the page to sign in on.
    pub(crate) fn is_in(&mut self) -> bool {
        let reply = self.get("/");
        match (reply.status, reply.header("location")) {
            (200, None) => true,
            (303, Some("/login")) => false,
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the id of the only session.
pub(crate) fn only_session(owner: &mut Client) -> Value {
    let all = owner.get("/v1/sessions").unwrap().json();
    assert_eq!(all["data"].as_array().unwrap().len(), 1, "{all}");
    all["data"][0].clone()
}

/// Returns the public id of the token of a role.
fn token_id(root: &Path, role: &str) -> String {
    let (listed, lines) = command(root, &["token", "list"]);
    assert!(listed);
    let line = lines.lines().find(|line| line.split_whitespace().nth(1) == Some(role));
    line.unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_person_signs_in_reads_and_signs_out() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let token = new_token(root.path(), "viewer");
    let mut browser = Browser::of(&collector);
    assert_eq!(browser.get("/?a=b&c").header("location"), Some("/login?return_to=%2F%3Fa%3Db%26c"));
    let page = browser.get("/login?return_to=%2Flogs%3Fteam%3Da");
    assert!(page.status == 200 && page.text().contains("value=\"/logs?team=a\""), "{}", page.text());

    let reply = browser.post("/auth/login", &[("token", &token), ("return_to", "/logs?team=a")]);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/logs?team=a")), "{}", reply.text());
    let set = reply.header("set-cookie").unwrap();
    assert_eq!(set, format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax; Secure", browser.secret));
    assert!(browser.is_in());
    let mut owner = collector.owner();
    let id = token_id(root.path(), "viewer");
    let session = only_session(&mut owner);
    assert_eq!((&session["token"], &session["address"]), (&json!(id), &json!("127.0.0.1")));
    assert_eq!(session["expires_at"].as_i64().unwrap() - session["created_at"].as_i64().unwrap(), 12 * 3_600_000_000);

    let reply = browser.sign_out();
    assert_eq!((reply.status, reply.header("location")), (303, Some("/login")));
    let set = reply.header("set-cookie").unwrap();
    assert_eq!(set, format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0"));
    for kind in ["session.created", "session.ended"] {
        let entries = told(&mut owner, kind);
        let entry = &entries[0];
        assert_eq!((entries.len(), &entry["actor"]["id"], &entry["resource"]["id"]), (1, &json!(id), &session["id"]));
        assert_eq!((&entry["actor"]["kind"], &entry["actor"]["address"]), (&json!("token"), &json!("127.0.0.1")));
    }
}

#[test]
fn no_secret_is_stored_or_logged() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let token = new_token(root.path(), "auditor");
    let mut browser = Browser::signed_in(&collector, &token);
    let (secret, csrf) = (browser.secret.clone(), browser.csrf());
    assert!(browser.is_in());
    for wrong in ["a-mistyped-token", &token.replace("hgc_", "hgc_f")[..68]] {
        assert_eq!(browser.sign_in(wrong).status, 401);
    }
    assert_eq!(browser.sign_out().status, 303);
    assert!(!collector.logs().contains(&secret[4..]), "{}", collector.logs());
    assert!(collector.terminate().success());
    for secret in [&secret, &secret[4..], &csrf, &token, "a-mistyped-token"] {
        crate::store::assert_nowhere(root.path(), secret);
    }
}

#[test]
fn every_answer_of_a_page_is_protected() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut browser = Browser::of(&collector);
    let login = browser.get("/login").text();
    let style = login.split("href=\"").find(|part| part.contains(".css")).unwrap().split('"').next().unwrap();
    let mut replies = vec![browser.get("/login"), browser.get("/"), browser.get(style), browser.sign_in("wrong")];
    replies.extend([
        browser.sign_in(OWNER),
        browser.get("/"),
        browser.post("/auth/logout", &[]),
        browser.get("/assets/no"),
    ]);
    for reply in &replies {
        let policy = reply.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("referrer-policy"), Some("same-origin"));
        assert_eq!(reply.header("cross-origin-opener-policy"), Some("same-origin"));
        let kept = reply.header("cache-control").unwrap();
        let is_asset = reply.header("content-type").is_some_and(|kind| kind.starts_with("text/css"));
        assert_eq!(kept, if is_asset { "public, max-age=31536000, immutable" } else { "no-store" });
    }
    assert_eq!((replies[2].status, replies[7].status), (200, 404));
    let nothing = browser.get("/nothing");
    assert_eq!((nothing.status, &nothing.json()["error"]["code"]), (404, &json!("not_found")));
}

#[test]
fn the_browser_of_the_same_machine_gets_a_plain_cookie() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let body = format!("token={OWNER}");
    for (host, plain) in [("127.0.0.1:4180", true), ("localhost", true), ("[::1]:9", true), ("logs.example", false)] {
        let mut client = collector.with_token("");
        let head = format!(
            "POST /auth/login HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        client.raw(head.as_bytes()).unwrap();
        let reply = client.reply().unwrap();
        let set = reply.header("set-cookie").unwrap();
        assert_eq!((set.starts_with("headgate=hgs_"), set.ends_with("; Secure")), (plain, !plain), "{host}: {set}");
        let cookie = set.split(';').next().unwrap();
        client.raw(format!("GET / HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n").as_bytes()).unwrap();
        assert_eq!(client.reply().unwrap().status, 200, "{host}");
    }
}

#[test]
fn a_session_reads_the_api_and_changes_nothing_there() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut browser = Browser::signed_in(&collector, &new_token(root.path(), "owner"));
    assert_eq!(browser.get("/v1/requests").status, 200);
    assert_eq!(browser.send("GET", "/v1/requests.csv", "sec-fetch-site: same-origin\r\n", b"").status, 200);
    for site in ["cross-site", "same-site"] {
        let reply = browser.send("GET", "/v1/requests.csv", &format!("sec-fetch-site: {site}\r\n"), b"");
        assert_eq!(reply.status, 401, "a link on another site takes nothing out");
    }
    for (method, path) in [("POST", "/v1/tokens"), ("PUT", "/v1/retention"), ("DELETE", "/v1/sessions/ses_1")] {
        let body = json!({"role": "owner"}).to_string();
        let reply = browser.send(method, path, "sec-fetch-site: same-origin\r\n", body.as_bytes());
        assert_eq!(reply.status, 401, "{method} {path}");
    }
    for wrong in ["Bearer wrong", "Bearer", "Basic dTpw", ""] {
        let reply = browser.send("GET", "/v1/requests", &format!("authorization: {wrong}\r\n"), b"");
        assert_eq!(reply.status, 401, "the header alone counts: {wrong:?}");
    }
    let id = token_id(root.path(), "owner");
    let exports = told(&mut collector.owner(), "requests.exported");
    assert_eq!((exports.len(), &exports[0]["actor"]["id"]), (1, &json!(id)));

    let mut viewer = Browser::signed_in(&collector, &new_token(root.path(), "viewer"));
    assert_eq!(viewer.get("/v1/audit").status, 403);
    let denied = told(&mut collector.owner(), "access.denied");
    assert_eq!(denied[0]["actor"]["id"], json!(token_id(root.path(), "viewer")));
}

#[test]
fn owners_see_and_end_sessions() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut viewer = Browser::signed_in(&collector, &new_token(root.path(), "viewer"));
    assert_eq!(viewer.get("/v1/sessions").status, 403);
    let mut owner = collector.owner();
    let session = only_session(&mut owner);
    let path = format!("/v1/sessions/{}", session["id"].as_str().unwrap());
    let ended = owner.send("DELETE", &path, b"").unwrap();
    assert_eq!((ended.status, &ended.json()["id"]), (200, &session["id"]), "{}", ended.text());
    assert!(!viewer.is_in());
    let again = owner.send("DELETE", &path, b"").unwrap();
    assert_eq!((again.status, &again.json()["error"]["code"]), (404, &json!("session_not_found")));
    let entry = &told(&mut owner, "session.ended")[0];
    assert_eq!(entry["actor"]["id"], "environment-owner");
    assert_eq!(entry["changes"], json!([{"path": "token_id", "before": session["token"]}]));
}
