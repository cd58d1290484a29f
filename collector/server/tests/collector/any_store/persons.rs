//! Persons whom an identity provider knows: signing in, their sessions, and the end of these.

use crate::any_store::retention::told;
use crate::any_store::sessions::{Browser, only_session};
use crate::host_clock::HostClock;
use crate::patience::until;
use crate::process::Collector;
use crate::scripted::ScriptedProvider;
use serde_json::json;
use std::path::Path;

const SIGN_IN: &str = "__Host-headgate-sign-in";

/// Writes settings for sign-in at a provider; returns the path of the file.
pub(crate) fn settings(root: &Path, provider: &ScriptedProvider, more: &str) -> String {
    let path = root.join("collector.toml");
    let issuer = provider.issuer();
    let text = format!(
        "public_url = \"https://collector\"\n[oidc]\nissuer = \"{issuer}\"\nclient_id = \"headgate\"\n\
         roles = {{ ops = \"owner\", all = \"viewer\" }}\n{more}\n"
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn start(root: &Path, provider: &ScriptedProvider, more: &str) -> Collector {
    Collector::start_with_environment(root, &[("HEADGATE_COLLECTOR_CONFIG", &settings(root, provider, more))])
}

/// Begins a sign-in and accepts it at the provider; returns the line with the cookie, and the path of the callback.
pub(crate) fn begun(browser: &mut Browser, provider: &ScriptedProvider, return_to: &str) -> (String, String) {
    let reply = browser.get(&format!("/auth/oidc?return_to={return_to}"));
    assert_eq!(reply.status, 303, "{}", reply.text());
    let set = reply.header("set-cookie").unwrap();
    assert!(set.starts_with(&format!("{SIGN_IN}=")) && set.ends_with("; Max-Age=600"), "{set}");
    assert!(set.contains("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{set}");
    let cookie = format!("cookie: {}\r\n", set.split(';').next().unwrap());
    (cookie, format!("/auth/oidc/callback?{}", provider.accept(reply.header("location").unwrap())))
}

fn signed_in(collector: &Collector, provider: &ScriptedProvider) -> Browser {
    let mut browser = Browser::of(collector);
    let (cookie, callback) = begun(&mut browser, provider, "/logs");
    let reply = browser.send("GET", &callback, &cookie, b"");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/logs")), "{}", reply.text());
    browser
}

#[test]
fn a_person_signs_in_reads_and_signs_out() {
    let root = tempfile::tempdir().unwrap();
    let provider = ScriptedProvider::start();
    let collector =
        start(root.path(), &provider, "name = \"Acme\"\nlogout_url = \"https://login.example/logout?a=1&b=2\"");
    let page = Browser::of(&collector).get("/login?return_to=%2Flogs%3Fq%3Da").text();
    assert!(
        page.contains("href=\"/auth/oidc?return_to=%2Flogs%3Fq%3Da\"") && page.contains("Sign in with Acme"),
        "{page}"
    );
    let mut browser = signed_in(&collector, &provider);
    assert_eq!(browser.get("/v1/requests").status, 200);
    let id = format!("{}#ann", provider.issuer());
    let session = only_session(&mut collector.owner());
    assert_eq!(session["person"], json!(id));
    assert_eq!(
        (&session["name"], &session["role"], session.get("token")),
        (&json!("ann@example.com"), &json!("owner"), None)
    );
    let created = &told(&mut collector.owner(), "session.created")[0];
    let actor = json!({"id": id, "kind": "person", "name": "ann@example.com", "address": "127.0.0.1"});
    assert_eq!(created["actor"], actor);
    assert!(created["changes"].as_array().unwrap().contains(&json!({"path": "role", "after": "owner"})), "{created}");

    let out = browser.sign_out();
    assert_eq!((out.status, out.header("location")), (303, Some("/signed-out")));
    let page = browser.get("/signed-out").text();
    assert!(
        page.contains("http-equiv=\"refresh\" content=\"0; url=https://login.example/logout?a=1&amp;b=2\""),
        "{page}"
    );
    assert!(!browser.is_in());
    let ended = &told(&mut collector.owner(), "session.ended")[0];
    assert_eq!(ended["actor"], actor);
    assert!(ended["changes"].as_array().unwrap().contains(&json!({"path": "person", "before": id})), "{ended}");
}

#[test]
fn the_session_of_a_person_ends() {
    let root = tempfile::tempdir().unwrap();
    let (provider, clock) = (ScriptedProvider::start(), HostClock::at(0));
    let path = settings(root.path(), &provider, "");
    let mut variables = clock.variables().to_vec();
    variables.push(("HEADGATE_COLLECTOR_CONFIG", &path));
    let collector = Collector::start_with_environment(root.path(), &variables);
    let mut browser = signed_in(&collector, &provider);
    let mut owner = collector.owner();
    let session = only_session(&mut owner);
    assert_eq!(session["expires_at"].as_i64().unwrap() - session["created_at"].as_i64().unwrap(), 12 * 3_600_000_000);
    clock.set(50 * 60);
    assert!(browser.is_in());
    until("its use is noted", || only_session(&mut owner)["last_seen"] != session["last_seen"]);
    clock.set((50 + 61) * 60);
    assert!(!browser.is_in(), "an hour without use");
    let mut browser = signed_in_at(&collector, &provider, (50 + 61) * 60);
    let id = only_session(&mut owner)["id"].as_str().unwrap().to_owned();
    assert_eq!(owner.send("DELETE", &format!("/v1/sessions/{id}"), b"").unwrap().status, 200);
    assert!(!browser.is_in(), "an owner has ended it");
}

/// Signs in while all clocks are ahead by some seconds.
fn signed_in_at(collector: &Collector, provider: &ScriptedProvider, ahead_s: i64) -> Browser {
    provider.lock().now_s = Some(crate::host_clock::in_seconds(ahead_s) / 1_000_000);
    signed_in(collector, provider)
}

#[test]
fn a_sign_in_is_finished_once_and_in_ten_minutes() {
    let root = tempfile::tempdir().unwrap();
    let (provider, clock) = (ScriptedProvider::start(), HostClock::at(0));
    let path = settings(root.path(), &provider, "");
    let mut variables = clock.variables().to_vec();
    variables.push(("HEADGATE_COLLECTOR_CONFIG", &path));
    let collector = Collector::start_with_environment(root.path(), &variables);
    let (cookie, callback) = begun(&mut Browser::of(&collector), &provider, "/");
    let asked = provider.asked("/token");
    for (method, status) in [("GET", 303), ("GET", 400), ("GET", 400)] {
        let reply = Browser::of(&collector).send(method, &callback, &cookie, b"");
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    assert_eq!(provider.asked("/token"), asked + 1, "the provider is asked once");
    let (cookie, callback) = begun(&mut Browser::of(&collector), &provider, "/");
    clock.set(601);
    let late = Browser::of(&collector).send("GET", &callback, &cookie, b"");
    assert!(late.status == 400 && late.text().contains("ten minutes"), "{}", late.text());
    let mut codes: Vec<_> =
        told(&mut collector.owner(), "session.refused").iter().map(|entry| entry["code"].clone()).collect();
    // The second one of its minute is an entry with a count once the minute is over.
    codes.dedup();
    assert_eq!(codes, ["used_state", "expired_state"]);
}

#[test]
fn a_restart_and_a_collector_without_the_provider() {
    let root = tempfile::tempdir().unwrap();
    let provider = ScriptedProvider::start();
    let collector = start(root.path(), &provider, "");
    let browser = signed_in(&collector, &provider);
    let (cookie, callback) = begun(&mut Browser::of(&collector), &provider, "/audit");
    collector.kill();
    provider.rotate();
    let collector = start(root.path(), &provider, "");
    assert!(browser.at(&collector).is_in());
    let reply = Browser::of(&collector).send("GET", &callback, &cookie, b"");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/audit")), "the key is in the store");
    collector.kill();
    let collector = Collector::start(root.path());
    assert!(!browser.at(&collector).is_in(), "no settings give persons a role");
    for path in ["/auth/oidc", "/auth/oidc/callback?code=a&state=b"] {
        let reply = Browser::of(&collector).get(path);
        assert!(reply.status == 404 && reply.text().contains("[oidc]"), "{}", reply.text());
    }
    assert_eq!(Browser::of(&collector).get("/signed-out").header("location"), Some("/login"));
}

#[test]
fn a_public_address_protects_the_cookie_behind_any_terminator() {
    let root = tempfile::tempdir().unwrap();
    let provider = ScriptedProvider::start();
    let collector = start(root.path(), &provider, "");
    let body = format!("token={}", crate::process::OWNER);
    // The terminator replaces `Host`, and a browser without `Sec-Fetch-Site` says where the form comes from.
    for (from, status) in [
        ("origin: https://collector\r\n", 303),
        ("", 303),
        ("origin: http://127.0.0.1:4180\r\n", 403),
        ("origin: https://collector.evil.example\r\n", 403),
        ("origin: http://collector\r\n", 403),
        ("sec-fetch-site: cross-site\r\norigin: https://collector\r\n", 403),
    ] {
        let head = format!(
            "POST /auth/login HTTP/1.1\r\nhost: 127.0.0.1:4180\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             {from}content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut client = collector.with_token("");
        client.raw(head.as_bytes()).unwrap();
        let reply = client.reply().unwrap();
        assert_eq!(reply.status, status, "{from}{}", reply.text());
        match reply.header("set-cookie") {
            Some(set) => assert!(set.starts_with("__Host-headgate=hgs_") && set.ends_with("; Secure"), "{set}"),
            None => assert!(reply.text().contains("https://collector"), "{}", reply.text()),
        }
    }
}
