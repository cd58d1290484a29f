//! Sessions end by themselves: with time and with their token, but not with their collector.

use super::{Browser, only_session, token_id};
use crate::any_store::access::{command, new_token};
use crate::host_clock::{HostClock, in_seconds};
use crate::patience::until;
use crate::process::{Collector, OWNER};

const MINUTE_S: i64 = 60;

/// Uses a session at a time, and waits until that is noted.
fn used_at(browser: &mut Browser, collector: &Collector, clock: &HostClock, minute: i64) {
    clock.set(minute * MINUTE_S);
    assert!(browser.is_in(), "in minute {minute}");
    let mut owner = collector.owner();
    let recent = in_seconds((minute - 1) * MINUTE_S);
    until("its use is noted", || only_session(&mut owner)["last_seen"].as_i64().unwrap() > recent);
}

#[test]
fn an_idle_session_ends_after_an_hour() {
    let root = tempfile::tempdir().unwrap();
    let clock = HostClock::at(0);
    let collector = Collector::start_with_environment(root.path(), &clock.variables());
    let mut browser = Browser::signed_in(&collector, &new_token(root.path(), "viewer"));
    used_at(&mut browser, &collector, &clock, 50);
    used_at(&mut browser, &collector, &clock, 105);
    clock.set((105 + 61) * MINUTE_S);
    assert!(!browser.is_in());
    let left = collector.owner().get("/v1/sessions").unwrap().json();
    assert_eq!(left["data"].as_array().unwrap().len(), 0, "{left}");
}

#[test]
fn a_used_session_ends_after_twelve_hours() {
    let root = tempfile::tempdir().unwrap();
    let clock = HostClock::at(0);
    let collector = Collector::start_with_environment(root.path(), &clock.variables());
    let mut browser = Browser::signed_in(&collector, OWNER);
    for minute in (50..12 * 60 - 5).step_by(50) {
        used_at(&mut browser, &collector, &clock, minute);
    }
    used_at(&mut browser, &collector, &clock, 12 * 60 - 10);
    clock.set((12 * 60 + 1) * MINUTE_S);
    assert!(!browser.is_in());
}

#[test]
fn a_session_ends_with_its_token() {
    let root = tempfile::tempdir().unwrap();
    let clock = HostClock::at(0);
    let collector = Collector::start_with_environment(root.path(), &clock.variables());
    let (made, token) = command(root.path(), &["token", "new", "--role", "viewer", "--expires-in", "1"]);
    assert!(made);
    clock.set(23 * 60 * MINUTE_S + 50 * MINUTE_S);
    let mut expiring = Browser::signed_in(&collector, token.trim().strip_prefix("token=").unwrap());
    let mut revoked = Browser::signed_in(&collector, &new_token(root.path(), "auditor"));
    assert!(revoked.is_in() && expiring.is_in());
    assert!(command(root.path(), &["token", "revoke", &token_id(root.path(), "auditor")]).0);
    assert!(!revoked.is_in() && expiring.is_in());
    clock.set(24 * 60 * MINUTE_S + MINUTE_S);
    assert!(!expiring.is_in(), "the session is 11 minutes old");
    assert_eq!(expiring.get("/v1/requests").status, 401);
}

#[test]
fn a_restart_ends_no_session() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut of_store = Browser::signed_in(&collector, &new_token(root.path(), "viewer"));
    let mut of_environment = Browser::signed_in(&collector, OWNER);
    assert!(collector.terminate().success());
    let collector = Collector::start(root.path());
    (of_store, of_environment) = (of_store.at(&collector), of_environment.at(&collector));
    assert!(of_store.is_in() && of_environment.is_in());
    collector.kill();
    let collector = Collector::start_without_tokens(root.path());
    (of_store, of_environment) = (of_store.at(&collector), of_environment.at(&collector));
    assert!(of_store.is_in());
    assert!(!of_environment.is_in(), "its token is not in the environment any more");
}

#[test]
fn a_session_has_the_role_of_its_token_alone() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut browser = Browser::signed_in(&collector, &new_token(root.path(), "auditor"));
    let first = browser.secret.clone();
    assert_eq!(browser.get("/v1/audit").status, 200);
    assert_eq!(browser.sign_in(&new_token(root.path(), "viewer")).status, 303);
    assert_ne!(browser.secret, first);
    assert_eq!(browser.get("/v1/audit").status, 403);
    browser.secret = first;
    assert!(!browser.is_in(), "the same browser had it before");
}
