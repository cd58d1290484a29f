//! Sessions and pages of several collectors.

use super::another;
use crate::any_store::access::new_token;
use crate::any_store::persons::{begun, settings};
use crate::any_store::policy::{POLICY, put};
use crate::any_store::sessions::{Browser, only_session};
use crate::process::Collector;
use crate::scripted::ScriptedProvider;

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn collectors_share_sessions() {
    let root = tempfile::tempdir().unwrap();
    let (one, two): (Collector, Collector) = (another(root.path(), "one"), another(root.path(), "two"));
    let mut browser = Browser::signed_in(&one, &new_token(root.path(), "viewer"));
    let mut moved = browser.at(&two);
    assert!(moved.is_in());
    assert_eq!(only_session(&mut one.owner()), only_session(&mut two.owner()));
    assert_eq!(moved.sign_out().status, 303);
    assert!(!browser.is_in(), "it has ended everywhere");
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_person_comes_back_to_another_collector() {
    let root = tempfile::tempdir().unwrap();
    let provider = ScriptedProvider::start();
    let path = settings(root.path(), &provider, "");
    let started = |name: &str| {
        let logs = root.path().join(name);
        std::fs::create_dir_all(&logs).unwrap();
        Collector::start_with(root.path(), &logs, &[("HEADGATE_COLLECTOR_CONFIG", &path)])
    };
    let (one, two) = (started("one"), started("two"));
    let (cookie, callback) = begun(&mut Browser::of(&one), &provider, "/audit");
    let mut browser = Browser::of(&two);
    let reply = browser.send("GET", &callback, &cookie, b"");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/audit")), "{}", reply.text());
    assert!(browser.is_in() && browser.at(&one).is_in());
    for collector in [&one, &two] {
        let again = Browser::of(collector).send("GET", &callback, &cookie, b"");
        assert!(again.status == 400 && again.text().contains("finished before"), "{}", again.text());
    }
    assert_eq!(browser.at(&one).sign_out().status, 303);
    assert!(!browser.is_in());
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_revision_of_one_collector_is_on_the_pages_of_the_other() {
    let root = tempfile::tempdir().unwrap();
    let (one, two): (Collector, Collector) = (another(root.path(), "one"), another(root.path(), "two"));
    let mut browser = Browser::signed_in(&two, &new_token(root.path(), "viewer"));
    for (base, key) in [(0, "alice"), (1, "bob"), (2, "alice")] {
        assert_eq!(put(&mut one.owner(), base, &POLICY.replace("id: alice", &format!("id: {key}"))).status, 200);
        for _ in 0..2 {
            let page = browser.get("/keys").text();
            let shown = ["alice", "bob"].map(|id| page.contains(&format!("data-row=\"{id}\"")));
            assert_eq!(shown, [key == "alice", key == "bob"], "{base}: {page}");
        }
    }
}
