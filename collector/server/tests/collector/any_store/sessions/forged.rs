//! Forms of other sites, and cookies that no collector has given out.

use super::{Browser, COOKIE};
use crate::any_store::access::new_token;
use crate::any_store::retention::told;
use crate::process::{Collector, OWNER};

#[test]
fn a_form_of_another_site_does_nothing() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut browser = Browser::signed_in(&collector, &new_token(root.path(), "viewer"));
    let mut other = Browser::signed_in(&collector, OWNER);
    let (right, others) = (browser.csrf(), other.csrf());
    let same = "sec-fetch-site: same-origin\r\n";
    for (site, fields) in [
        ("sec-fetch-site: cross-site\r\n", vec![("csrf", right.as_str())]),
        ("sec-fetch-site: same-site\r\n", vec![("csrf", &right)]),
        ("sec-fetch-site: cross-site\r\norigin: https://collector\r\n", vec![("csrf", &right)]),
        ("sec-fetch-site: same-origin\r\nsec-fetch-site: cross-site\r\n", vec![("csrf", &right)]),
        ("origin: https://evil.example\r\n", vec![("csrf", &right)]),
        ("origin: https://collector.evil.example\r\n", vec![("csrf", &right)]),
        ("origin: null\r\n", vec![("csrf", &right)]),
        (same, vec![]),
        ("", vec![]),
        (same, vec![("csrf", "")]),
        (same, vec![("csrf", &others)]),
        (same, vec![("csrf", &right), ("csrf", &right)]),
        (same, vec![("csrf", &right[..63])]),
    ] {
        let reply = browser.post_from(site, "/auth/logout", &fields);
        assert_eq!((reply.status, reply.header("set-cookie")), (403, None), "{site}{fields:?}");
        assert!(reply.text().contains("refused this form"), "{}", reply.text());
    }
    let long = "a".repeat(9_000);
    assert_eq!(browser.post("/auth/logout", &[("csrf", &right), ("more", &long)]).status, 413);
    assert!(browser.is_in() && other.is_in());
    let query = format!("/auth/logout?csrf={right}");
    assert_eq!(browser.post(&query, &[]).status, 403, "the text counts in a form alone");
    assert_eq!(browser.post_from("origin: https://collector\r\n", "/auth/logout", &[("csrf", &right)]).status, 303);
    assert_eq!(other.post_from("", "/auth/logout", &[("csrf", &others)]).status, 303);
}

#[test]
fn a_page_of_another_site_signs_nobody_in() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut browser = Browser::of(&collector);
    let fields = [("token", OWNER)];
    for site in
        ["sec-fetch-site: cross-site\r\n", "sec-fetch-site: same-site\r\n", "origin: null\r\n", "origin: http://a\r\n"]
    {
        let reply = browser.post_from(site, "/auth/login", &fields);
        assert_eq!((reply.status, reply.header("set-cookie")), (403, None), "{site}");
    }
    let reply = browser.post_from("origin: http://collector\r\n", "/auth/login", &fields);
    assert!(reply.status == 400 && reply.text().contains("plain HTTP"), "no browser would keep the cookie");
    let refused = told(&mut collector.owner(), "session.refused");
    assert_eq!(
        (refused[0]["code"].as_str(), refused[0]["actor"]["id"].as_str()),
        (Some("cross_site"), Some("unknown"))
    );
    assert_eq!(browser.post_from("", "/auth/login", &fields).status, 303, "not a browser");
    assert_eq!(browser.post_from("origin: https://collector\r\n", "/auth/login", &fields).status, 303);
}

#[test]
fn a_planted_cookie_is_not_kept() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut browser = Browser::of(&collector);
    let planted = format!("hgs_{}", "1".repeat(64));
    browser.secret = planted.clone();
    assert!(!browser.is_in());
    assert_eq!(browser.sign_in(OWNER).status, 303);
    assert_ne!(browser.secret, planted);
    let mut attacker = Browser::of(&collector);
    attacker.secret = planted;
    assert!(browser.is_in() && !attacker.is_in());

    let own = Browser::signed_in(&collector, &new_token(root.path(), "viewer")).secret;
    browser.secret = own.clone();
    assert_eq!(browser.sign_in(OWNER).status, 303);
    attacker.secret = own;
    assert!(browser.is_in() && !attacker.is_in(), "the session that was there before has ended");
}

#[test]
fn hostile_cookies_are_no_session() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut browser = Browser::signed_in(&collector, OWNER);
    let good = std::mem::take(&mut browser.secret);
    let values = [
        String::new(),
        "hgs_".to_owned(),
        "'; DROP TABLE sessions; --".to_owned(),
        good.to_uppercase(),
        format!("{good}0"),
        format!("\"{good}\""),
        good[4..].to_owned(),
        OWNER.to_owned(),
        "a".repeat(60_000),
        "%00".repeat(1_000),
        ";=".repeat(20_000),
    ];
    for value in &values {
        let reply = browser.send("GET", "/", &format!("cookie: {COOKIE}={value}\r\n"), b"");
        assert_eq!((reply.status, reply.header("location")), (303, Some("/login")));
        assert_eq!(browser.send("GET", "/v1/requests", &format!("cookie: {COOKIE}={value}\r\n"), b"").status, 401);
    }
    for cookie in [
        format!("headgate={good}"),
        format!("__host-headgate={good}"),
        format!("{COOKIE}={good}; {COOKIE}={good}"),
        format!("{COOKIE}=hgs_; {COOKIE}={good}"),
    ] {
        let reply = browser.send("GET", "/", &format!("cookie: {cookie}\r\n"), b"");
        assert_eq!(reply.header("location"), Some("/login"), "{cookie}");
    }
    let reply = browser.send("GET", "/", &format!("cookie: a=\u{e9}\r\ncookie: {COOKIE}={good}\r\n"), b"");
    assert_eq!(reply.status, 200, "cookies of others do not matter");
}
