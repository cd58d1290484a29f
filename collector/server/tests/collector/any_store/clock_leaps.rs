//! Leaps of the host's clock: no entry is deleted early or dated back, and a collector that was only off goes on.

use crate::any_store::retention::{get, numbers, of_class, put, rules, send, told, total, wait_for_run};
use crate::client::Client;
use crate::host_clock::{HostClock, in_seconds, state};
use crate::process::Collector;
use crate::records::batch_of;
use headgate_record::INGEST_PATH;
use serde_json::{Value, json};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

const DAY_S: i64 = 86_400;
const TEN_YEARS_S: i64 = 3_650 * DAY_S;

fn start(root: &Path, clock: &HostClock) -> Collector {
    Collector::start_with_environment(root, &clock.variables())
}

fn deliver(collector: &Collector, seqs: std::ops::RangeInclusive<u64>) {
    let stored = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", seqs.clone())).unwrap().json();
    assert_eq!(stored["stored"], seqs.count(), "{stored}");
}

/// Returns how far the clock is ahead of the time that retention uses, s, as the collector last saw it.
pub(crate) fn ahead_s(client: &mut Client) -> Option<i64> {
    let text = client.get("/metrics").unwrap().text();
    let line = text.lines().find_map(|line| line.strip_prefix("headgate_collector_clock_ahead_seconds "))?;
    line.parse().ok()
}

pub(crate) fn wait_until(mut condition: impl FnMut() -> bool, what: &str) {
    for _ in 0..1_200 {
        if condition() {
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("{what}");
}

#[test]
fn a_clock_years_ahead_deletes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    deliver(&collector, 1..=300);
    crate::any_store::audit::post(&collector, &(1..=20).map(crate::any_store::audit::entry).collect::<Vec<_>>());
    collector.kill();

    let collector = start(root.path(), &HostClock::at(TEN_YEARS_S));
    wait_for_run(&collector);
    let mut owner = collector.owner();
    assert_eq!((total(&mut owner, ""), crate::any_store::audit::everything(&collector).len()), (300, 20));
    let shown = get(&mut owner, "/v1/retention");
    assert_eq!(shown["clock"]["leapt"], true);
    assert!(shown["clock"]["retention"].as_i64().unwrap() < in_seconds(DAY_S), "{shown}");
    assert!(ahead_s(&mut owner).unwrap() > TEN_YEARS_S - DAY_S);
    let leaps = told(&mut owner, "clock.leapt");
    assert_eq!((leaps.len(), leaps[0]["changes"][0]["path"].clone()), (1, json!("time")), "{leaps:?}");
    assert!(collector.logs().contains("POST /v1/retention/clock"), "{}", collector.logs());
    // A shorter retention takes effect a day from the trusted time, not from the clock's.
    let shorter = put(&mut owner, "", "*", &rules(30, json!({}), 180)).json();
    assert!(shorter["takes_effect_at"].as_i64().unwrap() < in_seconds(2 * DAY_S), "{shorter}");
    // The true time does not confirm a wrong clock.
    let refused = state(&mut owner, 0);
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (409, &json!("clocks_disagree")));
    assert_eq!(get(&mut owner, "/v1/retention")["clock"]["leapt"], true);
    collector.kill();

    let collector = Collector::start(root.path());
    wait_for_run(&collector);
    let mut owner = collector.owner();
    assert_eq!((total(&mut owner, ""), crate::any_store::audit::everything(&collector).len()), (300, 20));
    assert_eq!(told(&mut owner, "retention.deleted"), Vec::<Value>::new());
    assert_eq!(get(&mut owner, "/v1/retention")["clock"]["leapt"], false, "it is mended");
}

#[test]
fn after_months_off_an_owner_states_the_time() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    deliver(&collector, 1..=50);
    collector.kill();
    let clock = HostClock::in_days(100);
    let collector = start(root.path(), &clock);
    wait_for_run(&collector);
    let mut owner = collector.owner();
    assert_eq!(total(&mut owner, ""), 50);
    clock.confirm(&mut owner);
    wait_until(|| total(&mut owner, "") == 0, "what is past its time goes");
    let confirmed = told(&mut owner, "clock.confirmed");
    assert_eq!((confirmed.len(), &confirmed[0]["actor"]["id"]), (1, &json!("environment-owner")));
}

#[test]
fn after_days_off_retention_catches_up_alone() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    send(&collector, "b", &[of_class("b", 1, "2d"), of_class("b", 2, "default")]);
    collector.kill();
    let clock = HostClock::in_days(6);
    let collector = start(root.path(), &clock);
    wait_for_run(&collector);
    let mut owner = collector.owner();
    assert_eq!(total(&mut owner, ""), 2);
    let mut left = Vec::new();
    for step in 1..=6 {
        let before = ahead_s(&mut owner).unwrap();
        clock.set(6 * DAY_S + step * 23 * 3_600);
        wait_until(|| ahead_s(&mut owner).unwrap() < before - DAY_S / 2, "time goes on");
        wait_for_run(&collector);
        left.push(total(&mut owner, ""));
    }
    assert_eq!(left, [2, 1, 1, 1, 1, 1], "gone when it was kept for its days while a collector ran");
    assert_eq!(get(&mut owner, "/v1/retention")["clock"]["leapt"], false);
    wait_until(|| collector.logs().contains("agree again"), "the operator is told");
}

#[test]
fn a_clock_that_goes_back_does_no_harm() {
    let root = tempfile::tempdir().unwrap();
    let clock = HostClock::in_days(-10);
    let collector = start(root.path(), &clock);
    let mut owner = collector.owner();
    let wanted = json!({"role": "viewer", "expires_at": in_seconds(-9 * DAY_S).to_string()});
    let made = owner.post("/v1/tokens", wanted.to_string().as_bytes()).unwrap().json();
    let status = |collector: &Collector| {
        collector.with_token(made["token"].as_str().unwrap()).get("/v1/requests").unwrap().status
    };
    assert_eq!(status(&collector), 200);
    clock.set(0);
    clock.confirm(&mut owner);
    assert_eq!(status(&collector), 401, "expired");
    deliver(&collector, 1..=100);
    let page = get(&mut owner, "/v1/requests?order=asc&limit=500");
    let entries = get(&mut owner, "/v1/audit?order=asc&limit=100");

    clock.set(-TEN_YEARS_S);
    deliver(&collector, 101..=200);
    assert_eq!(status(&collector), 401, "still");
    wait_until(|| ahead_s(&mut owner).unwrap() < -DAY_S, "it is noticed");
    assert!(collector.logs().contains("it has gone back"), "{}", collector.logs());
    collector.kill();
    let collector = start(root.path(), &clock);
    deliver(&collector, 201..=300);
    assert_eq!(status(&collector), 401, "also after a restart");
    let mut owner = collector.owner();
    let behind = get(&mut owner, &format!("/v1/requests?order=asc&limit=500&after={}", page["next"].as_str().unwrap()));
    assert_eq!(behind["data"].as_array().unwrap().len(), 200, "a cursor goes on behind what it has shown");
    let audit = format!("/v1/audit?order=asc&limit=100&after={}", entries["next"].as_str().unwrap());
    let news = get(&mut owner, &audit)["data"].to_string();
    assert!(news.contains("clock.leapt") && !news.contains("token.created"), "{news}");
    assert_eq!(crate::any_store::usage::requests(&collector), 300, "counted when the requests began");

    clock.set(0);
    wait_until(|| ahead_s(&mut owner).unwrap() == 0, "it is mended");
    collector.kill();
    let collector = Collector::start(root.path());
    wait_for_run(&collector);
    let mut owner = collector.owner();
    assert_eq!(numbers(&mut owner), (1..=300).collect::<Vec<_>>(), "what came meanwhile is as young as it is");
    assert_eq!(told(&mut owner, "retention.deleted"), Vec::<Value>::new());
    assert_eq!(get(&mut owner, "/v1/gaps?state=all")["data"], json!([]));
}

#[test]
fn an_invalid_time_confirms_nothing() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for body in ["", "{}", r#"{"now": "CANARY"}"#, r#"{"now": 5}"#, r#"{"now": "2026-01-01T00:00:00Z", "CANARY": 1}"#] {
        let reply = collector.owner().post("/v1/retention/clock", body.as_bytes()).unwrap();
        assert!(reply.status == 400 && !reply.text().contains("CANARY"), "{body}: {}", reply.text());
    }
    assert_eq!(told(&mut collector.owner(), "clock.confirmed"), Vec::<Value>::new());
}
