//! Filters, pages and cursors.

use crate::client::Client;
use crate::process::Collector;
use crate::records::{BASE_US, attempt, batch, batch_of, record};
use headgate_record::{EndedBy, INGEST_PATH, RejectedBy, RequestRecord};
use serde_json::Value;

fn seqs(reply: &Value) -> Vec<u64> {
    let data = reply["data"].as_array().unwrap();
    data.iter().map(|r| r["seq"].as_u64().unwrap()).collect()
}

/// Two records that differ in everything a filter can ask for: 1 is plain, 2 is the other.
fn pair() -> [RequestRecord; 2] {
    let mut other = record("n", "b", 2);
    other.started_at = BASE_US + 3_600_000_000;
    other.config_revision = "rev-8".to_owned();
    other.environment = "staging".to_owned();
    other.surface = "embeddings".to_owned();
    other.requested_model = Some("embed".to_owned());
    other.status = 429;
    other.ended_by = EndedBy::Gateway;
    other.rejected_by = Some(RejectedBy::Gateway);
    other.error_code = Some("rate_limit_exceeded".to_owned());
    other.attempts = vec![attempt(), attempt()];
    if let Some(served) = &mut other.served_by {
        served.provider = "local".to_owned();
        served.model = "qwen3".to_owned();
    }
    if let Some(caller) = &mut other.caller {
        caller.key_id = "robot".to_owned();
        caller.owner = Some("r\u{e9}mi & co".to_owned());
        caller.team = Some("ops".to_owned());
        caller.project = Some("night".to_owned());
    }
    [record("n", "b", 1), other]
}

#[test]
fn each_filter_finds_what_it_names_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let records = pair().map(|record| serde_json::to_string(&record).unwrap());
    collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap();
    collector.ingest().post(INGEST_PATH, &batch_of("m", "c", 3..=3)).unwrap();
    let cases: [(&str, &[u64]); 34] = [
        ("", &[3, 2, 1]),
        ("order=asc", &[1, 2, 3]),
        ("status=429", &[2]),
        ("status=0", &[]),
        ("status_class=4xx", &[2]),
        ("status_class=2xx", &[3, 1]),
        ("surface=embeddings", &[2]),
        ("requested_model=embed", &[2]),
        ("served_model=qwen3", &[2]),
        ("provider=local", &[2]),
        ("key_id=robot", &[2]),
        ("owner=r%C3%A9mi+%26%20co", &[2]),
        ("team=ops", &[2]),
        ("project=night", &[2]),
        ("project=assistant&order=asc", &[1, 3]),
        ("environment=staging", &[2]),
        ("stream=true", &[2]),
        ("stream=false", &[3, 1]),
        ("rejected_by=gateway", &[2]),
        ("rejected_by=provider", &[]),
        ("ended_by=gateway", &[2]),
        ("error_code=rate_limit_exceeded", &[2]),
        ("config_revision=rev-8", &[2]),
        ("failover=true", &[2]),
        ("failover=false", &[3, 1]),
        ("node=m", &[3]),
        ("node=n&status_class=2xx&stream=false", &[1]),
        ("key_id=nobody", &[]),
        ("from=2026-01-01T01:00:00Z", &[2]),
        ("from=2026-01-01T02:00:00%2B01:00", &[2]),
        ("to=2026-01-01T01:00:00Z", &[3, 1]),
        ("from=1767225600001000&to=1767225600001001", &[1]),
        ("from=1767225600001000&to=1767225600003001&order=asc&status_class=2xx", &[1, 3]),
        ("to=1767225600003000&key_id=robot", &[]),
    ];
    let mut owner = collector.owner();
    for (query, expected) in cases {
        let reply = owner.get(&format!("/v1/requests?{query}")).unwrap();
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        assert_eq!(seqs(&reply.json()), expected, "{query}");
    }
}

#[test]
fn a_parameter_that_is_not_understood_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let cases = [
        ("statsu=200", "statsu"),
        ("status=abc", "status"),
        ("status=99", "status"),
        ("status_class=2", "status_class"),
        ("stream=yes", "stream"),
        ("failover=1", "failover"),
        ("rejected_by=me", "rejected_by"),
        ("ended_by=", "ended_by"),
        ("order=up", "order"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("from=yesterday", "from"),
        ("to=99999999999999999999", "to"),
        ("after=x", "after"),
        ("after=c1_-1", "after"),
        ("team=a&team=b", "team"),
        ("%1b%5b31m=1", "?"),
    ];
    let mut owner = collector.owner();
    for (query, param) in cases {
        let reply = owner.get(&format!("/v1/requests?{query}")).unwrap();
        assert_eq!(reply.status, 400, "{query}");
        assert_eq!(reply.json()["error"]["param"], param, "{query}");
    }
}

/// Reads page after page, letting new records arrive between them.
fn walk(owner: &mut Client, query: &str, mut between: impl FnMut()) -> Vec<u64> {
    let mut found = Vec::new();
    let mut path = format!("/v1/requests?{query}");
    loop {
        let page = owner.get(&path).unwrap().json();
        found.extend(seqs(&page));
        if page["has_more"] != true {
            return found;
        }
        path = format!("/v1/requests?{query}&after={}", page["next"].as_str().unwrap());
        between();
    }
}

#[test]
fn pages_neither_skip_nor_repeat_an_entry_while_new_ones_arrive() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut ingest = collector.ingest();
    ingest.post(INGEST_PATH, &batch_of("n", "b", 1..=100)).unwrap();
    let mut owner = collector.owner();
    let mut newest = 100;
    let mut arrive = || {
        newest += 1;
        ingest.post(INGEST_PATH, &batch_of("n", "b", newest..=newest)).unwrap();
    };
    let down = walk(&mut owner, "limit=7", &mut arrive);
    assert_eq!(down, (1..=100).rev().collect::<Vec<_>>());
    let filtered = "limit=9&stream=true&to=2026-01-01T00:00:00.051Z";
    let some = walk(&mut owner, filtered, &mut arrive);
    assert_eq!(some, (1..=50).rev().filter(|seq| seq % 2 == 0).collect::<Vec<_>>());
    let up = walk(&mut owner, "limit=7&order=asc", &mut arrive);
    assert_eq!(up, (1..=newest).collect::<Vec<_>>());
}

#[test]
fn the_log_can_be_followed_from_an_empty_beginning() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let mut follow = |after: &str| owner.get(&format!("/v1/requests?order=asc{after}")).unwrap().json();
    let empty = follow("");
    assert_eq!((seqs(&empty), &empty["has_more"]), (vec![], &Value::Bool(false)));
    let cursor = format!("&after={}", empty["next"].as_str().unwrap());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=2)).unwrap();
    let page = follow(&cursor);
    assert_eq!(seqs(&page), [1, 2]);
    let cursor = format!("&after={}", page["next"].as_str().unwrap());
    assert_eq!(follow(&cursor)["next"], page["next"]);
}
