//! Retention: expired entries are deleted, all others stay and are correct afterwards, and a hold keeps entries.

use crate::client::Client;
use crate::host_clock::HostClock;
use crate::patience::until;
use crate::process::Collector;
use crate::records::{batch, id, record};
use headgate_record::{INGEST_PATH, RequestRecord};
use serde_json::{Value, json};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

const SEGMENT: u64 = 16_384;

/// Starts a collector this many days from now; an owner confirms the time.
pub(crate) fn start_in_days(root: &Path, days: i64) -> Collector {
    let clock = HostClock::in_days(days);
    let collector = Collector::start_with_environment(root, &clock.variables());
    clock.confirm(&mut collector.owner());
    collector
}

pub(crate) fn of_class(boot: &str, seq: u64, class: &str) -> RequestRecord {
    let mut record = record("n", boot, seq);
    record.retention_class = class.to_owned();
    record
}

pub(crate) fn send(collector: &Collector, boot: &str, records: &[RequestRecord]) -> (u64, u64) {
    let mut ingest = collector.ingest();
    let mut done = (0, 0);
    for some in records.chunks(4_000) {
        let json: Vec<String> = some.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
        let reply = ingest.post(INGEST_PATH, &batch("n", boot, 0, &json)).unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        let reply = reply.json();
        done = (done.0 + reply["stored"].as_u64().unwrap(), done.1 + reply["duplicates"].as_u64().unwrap());
    }
    done
}

pub(crate) fn get(client: &mut Client, path: &str) -> Value {
    let reply = client.get(path).unwrap();
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply.json()
}

pub(crate) fn total(client: &mut Client, query: &str) -> u64 {
    get(client, &format!("/v1/requests/facets?facets=status&{query}"))["total"].as_u64().unwrap()
}

/// Returns the numbers of all records, which the list, its pages and the export agree on.
pub(crate) fn numbers(client: &mut Client) -> Vec<u64> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = get(client, &format!("/v1/requests?order=asc&limit=500{after}"));
        found.extend(page["data"].as_array().unwrap().iter().map(|r| r["seq"].as_u64().unwrap()));
        if page["has_more"] != true {
            break;
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
    let export = client.get("/v1/requests.ndjson?order=asc").unwrap().text();
    let exported = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap());
    assert_eq!(exported.collect::<Vec<_>>(), found);
    found
}

pub(crate) fn metric(client: &mut Client, name: &str) -> Option<u64> {
    let text = client.get("/metrics").unwrap().text();
    let line = text.lines().find(|line| line.starts_with(&format!("headgate_collector_{name} ")))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Waits for the end of a run through both logs that used the current trusted time.
pub(crate) fn wait_for_run(collector: &Collector) {
    let mut client = collector.owner();
    let day = |seconds: u64| seconds / 86_400;
    until("a run ends", || {
        let today = get(&mut client, "/v1/retention")["clock"]["retention"].as_u64().unwrap() / 1_000_000;
        let last = metric(&mut client, "retention_last_run_seconds{log=\"audit\"}");
        last.is_some_and(|last| day(last) == day(today))
    });
    assert_eq!(metric(&mut client, "retention_behind{log=\"requests\"}"), Some(0));
}

/// Returns the audit entries of a type, oldest first.
pub(crate) fn told(client: &mut Client, kind: &str) -> Vec<Value> {
    let page = get(client, &format!("/v1/audit?order=asc&limit=100&event_types[]={kind}"));
    page["data"].as_array().unwrap().clone()
}

/// Sets retention, regardless of the current revision.
pub(crate) fn set(client: &mut Client, rules: &Value) -> Value {
    let reply = put(client, "", "*", rules);
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

pub(crate) fn put(client: &mut Client, query: &str, revision: &str, rules: &Value) -> crate::client::Reply {
    let body = rules.to_string();
    let (token, length) = (crate::process::OWNER, body.len());
    let condition = if revision.is_empty() { String::new() } else { format!("if-match: {revision}\r\n") };
    let head = format!(
        "PUT /v1/retention{query} HTTP/1.1\r\nhost: collector\r\nauthorization: Bearer {token}\r\n{condition}content-length: {length}\r\n\r\n"
    );
    client.raw(head.as_bytes()).unwrap();
    client.raw(body.as_bytes()).unwrap();
    client.reply().unwrap()
}

pub(crate) fn rules(days: u64, classes: Value, audit: u64) -> Value {
    json!({"requests": {"days": days, "classes": classes}, "audit": {"days": audit}})
}

#[test]
fn deletion_leaves_correct_data() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let class = |seq: u64| match (seq > SEGMENT + 1, seq % 3) {
        (false, _) => "default",
        (true, 0) => "400d",
        (true, 1) => "named",
        (true, _) => "90d",
    };
    // One number is missing, so positions are one behind numbers; the sender's clock is independent of the time here.
    let seqs: Vec<u64> = (1..=2 * SEGMENT + 700).filter(|seq| *seq != 77).collect();
    let records: Vec<_> = seqs
        .iter()
        .map(|seq| {
            let mut record = of_class("b", *seq, class(*seq));
            record.started_at = if seq % 2 == 0 { 4_000_000_000_000_000 } else { 1_000 };
            record
        })
        .collect();
    assert_eq!(send(&collector, "b", &records).0, seqs.len() as u64);
    set(&mut collector.owner(), &rules(90, json!({"named": 3650}), 36_500));
    collector.kill();

    let collector = start_in_days(root.path(), 89);
    wait_for_run(&collector);
    let mut owner = collector.owner();
    assert_eq!(total(&mut owner, ""), seqs.len() as u64, "not yet");
    collector.kill();
    let collector = start_in_days(root.path(), 92);
    wait_for_run(&collector);
    let mut owner = collector.owner();
    let kept: Vec<u64> = seqs.iter().copied().filter(|seq| matches!(class(*seq), "400d" | "named")).collect();
    let deleted = (seqs.len() - kept.len()) as u64;
    assert_eq!(numbers(&mut owner), kept);
    assert_eq!(total(&mut owner, ""), kept.len() as u64);
    let streams = kept.iter().filter(|seq| *seq % 2 == 0).count() as u64;
    assert_eq!((total(&mut owner, "stream=true"), total(&mut owner, "retention_class=90d")), (streams, 0));
    let facets = get(&mut owner, "/v1/requests/facets?facets=retention_class,key_id");
    assert_eq!(facets["facets"]["retention_class"]["distinct"], 2);
    assert_eq!(metric(&mut owner, "retention_deleted_total{log=\"requests\"}"), Some(deleted));
    assert_eq!(owner.get(&format!("/v1/requests/{}", id("b", 5))).unwrap().status, 404);
    let gaps = get(&mut owner, "/v1/gaps?state=all");
    assert_eq!((gaps["data"].as_array().unwrap().len(), &gaps["data"][0]["first_seq"]), (1, &json!(77)));

    let entries = told(&mut owner, "retention.deleted");
    assert_eq!(
        (entries.len(), &entries[0]["count"], &entries[0]["actor"]["kind"]),
        (1, &json!(deleted), &json!("system"))
    );
    let before = |path: &str| {
        let changes = entries[0]["changes"].as_array().unwrap();
        changes.iter().find(|change| change["path"] == path).map(|change| change["before"].clone()).unwrap()
    };
    assert_eq!((before("first_position"), before("classes")["default"].clone()), (json!(1), json!(SEGMENT)));
    assert_eq!(before("rules"), get(&mut owner, "/v1/retention")["in_force"], "by which rules");

    // Deleted records are known, a missing one may still arrive, and a new one gets its own position.
    assert_eq!(send(&collector, "b", &records[..10]), (0, 10));
    assert_eq!(send(&collector, "b", &[of_class("b", 77, "400d")]), (1, 0));
    assert_eq!(get(&mut owner, "/v1/gaps")["data"], json!([]));
    assert_eq!(send(&collector, "b", &[of_class("b", 2 * SEGMENT + 701, "400d")]), (1, 0));
    assert_eq!(numbers(&mut owner).last(), Some(&(2 * SEGMENT + 701)));
    assert!(collector.terminate().success());
    let count = |sql: &str| u64::try_from(crate::store::number(root.path(), sql)).unwrap();
    assert_eq!(count("SELECT count(*) FROM segments"), 1, "the first one went whole");
    assert_eq!(count("SELECT count(*) FROM segment_columns WHERE part < 64"), 0);
    assert_eq!(count("SELECT count(*) FROM gone_segments WHERE segment = 0 AND length(head) = 32"), 1);
    let leaves = count("SELECT sum(length(leaves)) / 32 FROM gone_leaves");
    assert_eq!(leaves, deleted - SEGMENT, "the hash of each deleted entry is kept");
    assert_eq!(count("SELECT count(*) FROM request_entries"), kept.len() as u64 + 2);
}

#[test]
fn a_killed_deletion_resumes_and_reports_once() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let count = 12_000;
    let records: Vec<_> =
        (1..=count).map(|seq| of_class("b", seq, if seq.is_multiple_of(4) { "400d" } else { "default" })).collect();
    send(&collector, "b", &records);
    collector.kill();
    let mut kills = 0;
    let collector = loop {
        let collector = start_in_days(root.path(), 100);
        let mut owner = collector.owner();
        let mut deleted = || metric(&mut owner, "retention_deleted_total{log=\"requests\"}").unwrap_or(0);
        while deleted() == 0 && total(&mut collector.owner(), "") > count / 4 {}
        if kills == 4 {
            break collector;
        }
        kills += 1;
        sleep(Duration::from_millis(kills * 7));
        collector.kill();
    };
    // Writes and reads continue meanwhile.
    let fresh: Vec<_> = (1..=500).map(|seq| of_class("fresh", seq, "default")).collect();
    assert_eq!(send(&collector, "fresh", &fresh), (500, 0));
    wait_for_run(&collector);
    let mut owner = collector.owner();
    let kept: Vec<u64> = (1..=count).filter(|seq| seq.is_multiple_of(4)).chain(1..=500).collect();
    assert_eq!(numbers(&mut owner), kept);
    assert_eq!(total(&mut owner, ""), kept.len() as u64);
    let entries = told(&mut owner, "retention.deleted");
    let of_requests: Vec<_> = entries.iter().filter(|entry| entry["resource"]["id"] == "requests").collect();
    assert_eq!((of_requests.len(), &of_requests[0]["count"]), (1, &json!(count / 4 * 3)));
    assert_eq!(send(&collector, "b", &records), (0, count));
    assert_eq!(get(&mut owner, "/v1/gaps?state=all")["data"], json!([]));
}

#[test]
fn the_audit_log_has_its_own_time_and_holds() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for some in [1..=1_000, 1_001..=2_000, 2_001..=2_500] {
        crate::any_store::audit::post(&collector, &some.map(crate::any_store::audit::entry).collect::<Vec<_>>());
    }
    let mut owner = collector.owner();
    let hold = json!({"log": "audit", "scope": {"resource_id": "key-9"}, "reason": "case 18"});
    let placed = owner.post("/v1/holds", hold.to_string().as_bytes()).unwrap();
    assert_eq!((placed.status, &placed.json()["covers"]), (201, &json!(1)), "{}", placed.text());
    collector.kill();
    let collector = start_in_days(root.path(), 179);
    wait_for_run(&collector);
    assert_eq!(crate::any_store::audit::everything(&collector).len(), 2_500);
    collector.kill();
    let collector = start_in_days(root.path(), 182);
    wait_for_run(&collector);
    assert_eq!(
        crate::any_store::audit::everything(&collector),
        [9],
        "what is held stays, though its maker says it is old"
    );
    let mut owner = collector.owner();
    let entries = told(&mut owner, "retention.deleted");
    assert_eq!((entries.len(), &entries[0]["resource"]["id"]), (1, &json!("audit")));
    assert!(entries[0]["count"].as_u64().unwrap() >= 2_499);
    assert_eq!(told(&mut owner, "hold.placed").len(), 0, "what tells of a hold is kept as long as all else");
    let late = crate::any_store::audit::post(&collector, &[crate::any_store::audit::entry(2_501)]);
    assert_eq!(late["stored"], 1);
}

#[test]
fn shorter_rules_wait_a_day_and_have_dry_runs() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let classes = ["default", "default", "30d", "named"];
    let records: Vec<_> = (1..=40).map(|seq| of_class("b", seq, classes[usize::try_from(seq % 4).unwrap()])).collect();
    send(&collector, "b", &records);
    collector.kill();
    let collector = start_in_days(root.path(), 20);
    let mut owner = collector.owner();
    let shown = owner.get("/v1/retention").unwrap();
    assert_eq!(shown.header("etag"), Some("\"1\""));
    assert_eq!(shown.json()["in_force"], rules(90, json!({}), 180));
    let short = rules(10, json!({"named": 400}), 365);
    let dry = put(&mut owner, "?dry_run=true", "\"1\"", &short);
    let counts = &dry.json()["would_delete"]["requests"];
    assert_eq!((&counts["entries"], &counts["classes"]), (&json!(20), &json!({"default": 20})), "{}", dry.text());
    assert_eq!(get(&mut owner, "/v1/retention")["revision"], 1, "nothing has changed");
    let changed = put(&mut owner, "", "\"1\"", &short);
    assert_eq!((changed.status, changed.header("etag")), (200, Some("\"2\"")));
    let changed = changed.json();
    assert!(changed["takes_effect_at"].is_u64());
    assert_eq!(changed["in_force"], rules(90, json!({"named": 400}), 365));
    for query in ["", "?dry_run=true"] {
        assert_eq!(put(&mut owner, query, "\"1\"", &short).status, 412, "somebody else was first");
    }
    assert_eq!(put(&mut owner, "", "", &short).status, 428);
    let entry = &told(&mut owner, "retention.changed")[0];
    let change = |path: &str| {
        entry["changes"].as_array().unwrap().iter().find(|change| change["path"] == path).cloned().unwrap()
    };
    assert_eq!(change("rules.requests.days"), json!({"path": "rules.requests.days", "before": 90, "after": 10}));
    collector.kill();
    let collector = start_in_days(root.path(), 20);
    wait_for_run(&collector);
    assert_eq!(total(&mut collector.owner(), ""), 40, "not within a day");
    collector.kill();
    let collector = start_in_days(root.path(), 22);
    wait_for_run(&collector);
    assert_eq!(total(&mut collector.owner(), ""), 20);
    assert_eq!(get(&mut collector.owner(), "/v1/retention")["takes_effect_at"], Value::Null);
}

#[test]
fn names_outlast_their_records() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let before = metric(&mut collector.owner(), "names").unwrap();
    let tagged = |seq: u64| {
        let mut record = of_class("b", seq, "default");
        record.client.tags.insert("ticket".to_owned(), format!("T-{seq}"));
        record
    };
    send(&collector, "b", &(1..=300).map(tagged).collect::<Vec<_>>());
    collector.kill();
    let collector = start_in_days(root.path(), 100);
    wait_for_run(&collector);
    let mut owner = collector.owner();
    assert_eq!(total(&mut owner, ""), 0);
    assert!(metric(&mut owner, "names").unwrap() >= before + 300);
}
