//! The pages of the policy: their numbers are those of the routes of `/v1`, over sealed and open segments.

use crate::any_store::access::new_token;
use crate::any_store::policy::put;
use crate::any_store::sessions::Browser;
use crate::client::Client;
use crate::process::{Collector, OWNER};
use crate::records::{batch, record};
use headgate_record::{AttemptKind, AttemptRecord, Decision, EndedBy, INGEST_PATH, RejectedBy, RequestRecord};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

const POLICY: &str = r#"environment: test
listen: 127.0.0.1:8080
providers:
  alpha: {format: openai, url: "https://alpha.example/v1"}
models:
  chat: {targets: [{provider: alpha, model: gpt-5}]}
  embed: {targets: [{provider: alpha, model: gpt-5}]}
keys:
  - {id: key-1, sha256: "aa11223344556677889900aabbccddeeff11223344556677889900aabbccddee", owner: owner-1}
  - {id: unused, sha256: "ab11223344556677889900aabbccddeeff11223344556677889900aabbccddee"}
guardrails:
  - {id: pii, detect: {pii: all}, action: mask}
  - {id: words, detect: {words: [hush]}}
"#;

const DAY_US: u64 = 86_400_000_000;

fn now_us() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// Returns a record of the last four days; some were refused, failed over, or met one guardrail or two.
fn made(seq: u64, now: u64) -> RequestRecord {
    let mut one = record("n", "pages", seq);
    one.started_at = now - seq % 4 * DAY_US - 1_000_000 - seq;
    let found =
        |id: &str| Decision { stage: "guardrails".to_owned(), policy_id: Some(id.to_owned()), ..Decision::default() };
    if seq.is_multiple_of(3) {
        one.decisions.extend([found("pii"), found("pii")]);
    }
    if seq.is_multiple_of(5) {
        one.decisions.push(found("words"));
    }
    if seq.is_multiple_of(7) {
        one.requested_model = Some("embed".to_owned());
    }
    if seq.is_multiple_of(11) {
        one.attempts.push(AttemptRecord { kind: AttemptKind::Failover, ..one.attempts[0].clone() });
    }
    if seq.is_multiple_of(13) {
        (one.status, one.ended_by) = (503, EndedBy::Gateway);
    }
    if seq.is_multiple_of(17) {
        (one.status, one.ended_by, one.rejected_by) = (429, EndedBy::Gateway, Some(RejectedBy::Gateway));
    }
    one
}

fn total(owner: &mut Client, filters: &str) -> u64 {
    let reply = owner.get(&format!("/v1/requests?limit=1&total=true&{filters}")).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["total"].as_u64().unwrap()
}

/// Returns the row of a page's table that is about a resource.
fn row(page: &str, id: &str) -> String {
    let start = page.find(&format!("data-row=\"{id}\"")).unwrap_or_else(|| panic!("{id}: {page}"));
    page[start..].split("</tr>").next().unwrap().to_owned()
}

/// Returns a number as pages write it.
fn grouped(number: u64) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", number / 1_000, number % 1_000) }
}

#[test]
fn numbers_of_the_pages_are_those_of_the_api() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    assert_eq!(put(&mut owner, 0, POLICY).status, 200);
    let mut ingest = collector.ingest();
    let now = now_us();
    // More than a segment, which is then sealed.
    for first in (1..17_000).step_by(500) {
        let lines: Vec<_> = (first..first + 500).map(|seq| serde_json::to_string(&made(seq, now)).unwrap()).collect();
        assert_eq!(ingest.post(INGEST_PATH, &batch("n", "pages", 0, &lines)).unwrap().status, 200);
    }
    let mut browser = Browser::signed_in(&collector, &new_token(root.path(), "viewer"));

    let keys = browser.get("/keys").text();
    let cost =
        |owner: &mut Client| -> Value { owner.get("/v1/requests?limit=1&totals=true&key_id=key-1").unwrap().json() };
    let nano = cost(&mut owner)["totals"]["cost_nano_usd"].as_u64().unwrap();
    let (used, unused) = (row(&keys, "key-1"), row(&keys, "unused"));
    assert!(used.contains(&format!(">{}<", total(&mut owner, "key_id=key-1"))), "{used}");
    assert!(used.contains(&format!("${}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)), "{used}");
    assert!(unused.contains("not in 30 days") && unused.contains(">0<"), "{unused}");

    let models = browser.get("/models?range=7d").text();
    for alias in ["chat", "embed"] {
        let row = row(&models, alias);
        let all = total(&mut owner, &format!("requested_model={alias}"));
        let errors = total(&mut owner, &format!("requested_model={alias}&outcome=error"));
        let failovers = total(&mut owner, &format!("requested_model={alias}&failover=true"));
        assert!(row.contains(&format!(">{}<", grouped(all))), "{alias} {all}: {row}");
        for part in [errors, failovers] {
            assert!(
                part > 0 && row.contains(&format!("{} of {}", grouped(part), grouped(all))),
                "{alias} {part}: {row}"
            );
        }
    }

    let guardrails = browser.get("/guardrails").text();
    for id in ["pii", "words"] {
        let hits = total(&mut owner, &format!("policy_id={id}&stage=guardrails"));
        assert!(row(&guardrails, id).contains(&format!(">{}<", grouped(hits))), "{id} {hits}");
        let page = browser.get(&format!("/guardrails/{id}")).text();
        let day = now / DAY_US * DAY_US;
        let today = total(&mut owner, &format!("policy_id={id}&stage=guardrails&from={day}"));
        assert!(page.contains(&format!(">{}<", grouped(today))), "{id} {today}: {page}");
    }
}

#[test]
fn revisions_count_their_resources_and_retention_knows_the_oldest() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let mut browser = Browser::signed_in(&collector, OWNER);
    assert!(browser.get("/policy").text().contains("No policy is in force"));
    let retention = browser.get("/retention").text();
    assert!(retention.contains("Oldest there is") && retention.contains(">none<"), "{retention}");
    let second = POLICY.replace("key-1", "key-2").replace("action: mask", "action: block");
    assert_eq!((put(&mut owner, 0, POLICY).status, put(&mut owner, 1, &second).status), (200, 200));
    let page = browser.get("/policy").text();
    let counts = |number: i64| -> Vec<u64> {
        let signs = ["Added", "Changed", "Removed"].map(|title| format!("title=\"{title}\">"));
        let row = row(&page, &number.to_string());
        let after = |sign: &String| {
            row.split_once(sign.as_str())
                .unwrap()
                .1
                .chars()
                .skip(1)
                .take_while(char::is_ascii_digit)
                .collect::<String>()
        };
        signs.iter().map(|sign| after(sign).parse().unwrap()).collect()
    };
    assert_eq!((counts(2), counts(1)), (vec![1, 1, 1], vec![8, 0, 0]), "{page}");
    let diff = owner.get("/v1/policy/2/diff").unwrap().json();
    assert_eq!(diff["counts"], serde_json::json!({"created": 1, "updated": 1, "deleted": 1}));
}

#[test]
fn a_new_revision_is_on_the_pages_at_once() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let mut browser = Browser::signed_in(&collector, OWNER);
    assert!(!browser.get("/keys").text().contains("data-row="), "there is no policy yet");
    assert_eq!(put(&mut owner, 0, POLICY).status, 200);
    for (number, key, other) in [(1, "key-1", "key-2"), (2, "key-2", "key-1"), (3, "key-1", "key-2")] {
        if number > 1 {
            assert_eq!(put(&mut owner, number - 1, &POLICY.replace("key-1", key)).status, 200);
        }
        // The second load reads what the first one has kept.
        for load in 0..2 {
            let page = browser.get("/keys").text();
            let has = |id: &str| page.contains(&format!("data-row=\"{id}\""));
            assert!(has(key) && !has(other), "{number} {load}: {page}");
            assert_eq!(browser.get(&format!("/keys/{key}")).status, 200);
            assert_eq!(browser.get(&format!("/keys/{other}")).status, 404);
            assert!(browser.get("/models").text().contains("data-row=\"embed\""));
            assert!(browser.get("/guardrails").text().contains("data-row=\"words\""));
        }
    }
}
