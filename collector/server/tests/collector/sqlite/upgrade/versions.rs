//! Upgrades from each version: all its data is there and is answered alike after the real binary has upgraded it.
//!
//! The present collector creates a store with all kinds of rows. A database of an earlier version is created by the steps up to
//! that version, and filled with the rows that had a table then, in the columns and form of that time.

use super::{file, newest, steps};
use crate::any_store::audit;
use crate::any_store::fleet::{Proxy, budget, row};
use crate::any_store::retention::{rules, set};
use crate::process::{BINARY, Collector, run};
use crate::records::{batch, record};
use headgate_record::{AttemptError, HEARTBEAT_PATH, Heartbeat, INGEST_PATH, RejectedBy, RequestRecord};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::thread;

/// A full segment, and the start of another.
const RECORDS: u64 = 16_384 + 700;
/// Columns of a record before retention had any, and before the later search columns.
const COLUMNS_BEFORE: [(usize, u8); 3] = [(10, 23), (17, 25), (19, 49)];
/// Number of dimensions of usage before later ones were added.
const FIRST_DIMENSIONS: usize = 10;

/// The queries, and the first version with the data for each answer.
const QUESTIONS: [(usize, &str); 28] = [
    (1, "/v1/requests?order=asc&limit=100&total=true"),
    (1, "/v1/requests?limit=100&status=429&team=team-3"),
    (1, "/v1/requests?limit=20&tag[cost]=high&total=true"),
    (1, "/v1/requests?limit=20&q=OWNER-7&total=true"),
    (1, "/v1/requests/facets?facets=status,surface,key_id,team,provider,served_model,error_code,rejected_by"),
    (1, "/v1/requests/facets?facets=retention_class,policy_id,node,config_revision&stream=true"),
    (1, "/v1/requests/facets?facets=status&latency_ms[gte]=900&retention_class=30d"),
    (1, "/v1/usage?from=2026-01-01&to=2026-01-03&bucket=day&group_by[]=team&group_by[]=status&total=true"),
    (1, "/v1/usage?from=2026-01-01&to=2026-01-03&group_by[]=application&group_by[]=config_revision&total=true"),
    (1, "/v1/usage?from=2026-01-01&to=2026-01-03&cost_center[not]=cc-1&group_by[]=tenant&group_by[]=team&total=true"),
    (1, "/v1/requests?limit=20&total=true&session_id=session-3&session_id=session-4"),
    (1, "/v1/requests?limit=20&total=true&application[not]=app-1&attempt_error=timeout&finish_reason=length"),
    (1, "/v1/requests/facets?facets=application,attempt_error,attempt_provider,finish_reason,stage,usage_source"),
    (1, "/v1/requests/histogram?bars=20&team=team-3"),
    (1, "/v1/requests/facets?facets=outcome,status"),
    (1, "/v1/requests/facets?facets=source,status"),
    (2, "/v1/audit?order=asc&limit=100&outcomes=success&sources=console"),
    (2, "/v1/audit?order=asc&limit=100&q=alice&sources=console"),
    (2, "/v1/audit?order=asc&limit=100&actor=Ann"),
    (1, "/v1/gaps?state=all"),
    (1, "/v1/damage"),
    (2, "/v1/audit?order=asc&limit=100&event_types[]=user.added"),
    (2, "/v1/tokens"),
    (3, "/v1/budgets"),
    (5, "/v1/dataplanes"),
    (9, "/v1/policy/revisions"),
    (10, "/v1/retention"),
    (10, "/v1/holds"),
];
/// Members of an answer that depend on the time of the request.
const PASSING: [&str; 9] =
    ["clock", "config_revisions", "last_used", "now", "passes", "proxies", "sender", "stale", "state"];

fn varied(seq: u64) -> RequestRecord {
    let mut varied = record("n", if seq > RECORDS / 2 { "second" } else { "first" }, seq);
    varied.duration_us = seq * 7_919 % 1_000_000;
    varied.client.session_id = Some(format!("session-{}", seq % 2_000));
    if seq.is_multiple_of(13) {
        varied.finish_reason = Some("length".to_owned());
        varied.attempts[0].error = Some(AttemptError::Timeout);
    }
    if let Some(caller) = &mut varied.caller {
        // Each team has one application and one cost center, and several tenants.
        caller.application = caller.team.as_ref().map(|team| format!("app-{}", team.len() + seq as usize % 10 / 5));
        caller.cost_center = Some(format!("cc-{}", seq % 10 / 4));
        caller.tenant = (!seq.is_multiple_of(3)).then(|| format!("tenant-{}", seq % 3));
    }
    if seq.is_multiple_of(7) {
        (varied.status, varied.rejected_by) = (429, Some(RejectedBy::Gateway));
        varied.error_code = Some("rate_limit_exceeded".to_owned());
        varied.served_by = None;
    }
    if seq.is_multiple_of(11) {
        varied.client.tags.insert("cost".to_owned(), if seq.is_multiple_of(2) { "high" } else { "low" }.to_owned());
    }
    if seq.is_multiple_of(5) {
        varied.retention_class = "30d".to_owned();
    }
    varied
}

/// Returns batches of all records except for a gap in the middle.
fn batches() -> Vec<Vec<u8>> {
    let there = (1..=RECORDS).filter(|seq| !(500..=504).contains(seq));
    let mut of_boots = BTreeMap::<String, Vec<String>>::new();
    for one in there.map(varied) {
        of_boots.entry(one.boot.clone()).or_default().push(serde_json::to_string(&one).unwrap());
    }
    let chunks = of_boots.iter().flat_map(|(boot, records)| records.chunks(1_000).map(move |some| (boot, some)));
    chunks.map(|(boot, some)| batch("n", boot, 0, some)).collect()
}

fn post(collector: &Collector, path: &str, body: &Value) -> Value {
    let reply = collector.owner().post(path, body.to_string().as_bytes()).unwrap();
    assert!(reply.status < 300, "{path}: {}", reply.text());
    reply.json()
}

/// Fills a store with all kinds of rows; returns the answers to the queries.
fn fill(collector: &Collector) -> BTreeMap<&'static str, Value> {
    for body in batches() {
        assert_eq!(collector.ingest().post(INGEST_PATH, &body).unwrap().status, 200);
    }
    let mut entries: Vec<_> = (1..=40).map(audit::entry).collect();
    entries.iter_mut().step_by(4).for_each(|entry| entry["actor"]["name"] = json!("Ann"));
    audit::post(collector, &entries);
    post(collector, "/v1/tokens", &json!({"role": "auditor", "name": "audit"}));
    let revoked = post(collector, "/v1/tokens", &json!({"role": "viewer"}));
    let path = format!("/v1/tokens/{}", revoked["id"].as_str().unwrap());
    assert_eq!(collector.owner().send("DELETE", &path, b"").unwrap().status, 200);
    Proxy::with_rules("one", vec![budget("team", &[50])]).report(collector, vec![row("team", "search", 700)]);
    let (node, boot) = ("edge".to_owned(), "e".to_owned());
    let (version, config_revision) = ("0.1.0".to_owned(), "rev-7".to_owned());
    let beat = Heartbeat { node, boot, version, config_revision, queued: 3, last_seq: 3, ..Heartbeat::default() };
    assert_eq!(collector.ingest().post(HEARTBEAT_PATH, &serde_json::to_vec(&beat).unwrap()).unwrap().status, 204);
    assert_eq!(crate::any_store::policy::put(&mut collector.owner(), 0, crate::any_store::policy::POLICY).status, 200);
    set(&mut collector.owner(), &rules(100, json!({"named": 400}), 365));
    post(collector, "/v1/holds", &json!({"log": "requests", "scope": {"team": "team-1"}, "reason": "case 1"}));
    QUESTIONS.iter().map(|(_, question)| (*question, answer(collector, question))).collect()
}

fn answer(collector: &Collector, question: &str) -> Value {
    let reply = collector.owner().get(question).unwrap();
    assert_eq!(reply.status, 200, "{question}: {}", reply.text());
    lasting(reply.json())
}

/// Removes members that depend on the time.
fn lasting(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.into_iter().filter(|(name, _)| !PASSING.contains(&name.as_str()));
            members.map(|(name, value)| (name, lasting(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(lasting).collect(),
        other => other,
    }
}

/// Creates a database of this version from the one at `today`.
fn make(version: usize, today: &Path, root: &Path) {
    let db = file(root);
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF").unwrap();
    db.execute("ATTACH ?1 AS today", [today.to_str().unwrap()]).unwrap();
    db.execute_batch("BEGIN").unwrap();
    steps()[..version].iter().for_each(|step| db.execute_batch(step).unwrap());
    let tables = names(&db, "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    tables.iter().for_each(|table| copy(&db, table));
    if version == 1 {
        db.execute("DELETE FROM log_heads WHERE log = 'audit'", []).unwrap();
    }
    if let Some((_, count)) = COLUMNS_BEFORE.iter().find(|(until, _)| (4..*until).contains(&version)) {
        forget_columns(&db, *count);
    }
    if (8..17).contains(&version) {
        forget_dimensions(&db);
    }
    if version >= 6 {
        db.execute_batch(
            "CREATE TRIGGER audit_entries_are_not_changed BEFORE UPDATE ON audit_entries
               BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;",
        )
        .unwrap();
    }
    db.pragma_update(None, "user_version", i64::try_from(version).unwrap()).unwrap();
    if version >= 11 {
        db.pragma_update(None, "application_id", 0x4867_0000 + i64::try_from(version).unwrap()).unwrap();
    }
    db.execute_batch("COMMIT").unwrap();
}

fn names(db: &Connection, sql: &str) -> Vec<String> {
    let mut select = db.prepare(sql).unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Copies the columns of a table that exist in both versions.
fn copy(db: &Connection, table: &str) {
    let columns = |of: &str| names(db, &format!("SELECT name FROM pragma_table_info('{table}', '{of}')"));
    let today = columns("today");
    let shared: Vec<_> = columns("main").into_iter().filter(|column| today.contains(column)).collect();
    if shared.is_empty() {
        return;
    }
    let shared = shared.join(", ");
    // Texts that filters read were once part of the rows. Rows of today lack them, and they were never read again.
    let (more, values) = match columns("main").contains(&"ended_by".to_owned()) {
        true => (
            ", status, stream, attempts, node, surface, environment, config_revision, ended_by",
            ", 200, 0, 1, 1, 1, 1, 1, 1",
        ),
        false => ("", ""),
    };
    db.execute_batch(&format!(
        "DELETE FROM main.{table};
         INSERT INTO main.{table} ({shared}{more}) SELECT {shared}{values} FROM today.{table}"
    ))
    .unwrap();
}

/// Removes later columns.
fn forget_columns(db: &Connection, count: u8) {
    db.execute("DELETE FROM segment_columns WHERE part % 64 >= ?1", [count]).unwrap();
    let mut select = db.prepare("SELECT position, cells FROM fresh").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let rows: Vec<(i64, Vec<u8>)> = rows.map(Result::unwrap).collect();
    assert!(rows.len() > 500);
    for (position, cells) in rows {
        // The last byte of each number has its high bit clear.
        let ends = cells.iter().enumerate().filter(|(_, byte)| **byte < 0x80).map(|(at, _)| at + 1);
        let cells = &cells[..ends.take(count.into()).last().unwrap()];
        db.execute("UPDATE fresh SET cells = ?2 WHERE position = ?1", rusqlite::params![position, cells]).unwrap();
    }
}

/// Merges rows of usage that were one before later dimensions.
fn forget_dimensions(db: &Connection) {
    let mut select = db.prepare("SELECT level, start, combination, totals FROM usage_rollups").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    let rows: Vec<(i64, i64, Vec<u8>, Vec<u8>)> = rows.map(Result::unwrap).collect();
    db.execute("DELETE FROM usage_rollups", []).unwrap();
    let mut together = BTreeMap::<(i64, i64, Vec<u8>), Vec<Vec<u8>>>::new();
    for (level, start, combination, totals) in rows {
        let ends = combination.iter().enumerate().filter(|(_, byte)| **byte < 0x80).map(|(at, _)| at + 1);
        let first = combination[..ends.take(FIRST_DIMENSIONS).last().unwrap()].to_vec();
        together.entry((level, start, first)).or_default().push(totals);
    }
    let mut insert = db.prepare("INSERT INTO usage_rollups VALUES (?1, ?2, ?3, ?4)").unwrap();
    for ((level, start, first), totals) in together {
        insert.execute(rusqlite::params![level, start, first, add_up(&totals)]).unwrap();
    }
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let mut numbers = vec![];
    let (mut number, mut shift) = (0_u64, 0);
    for byte in bytes {
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if *byte < 0x80 {
            numbers.push(number);
            (number, shift) = (0, 0);
        }
    }
    numbers
}

/// Adds stored totals: counters, then histograms as pairs of a distance and a count.
fn add_up(all: &[Vec<u8>]) -> Vec<u8> {
    let mut counters = Vec::<u64>::new();
    let mut histograms = [BTreeMap::<u64, u64>::new(), BTreeMap::new()];
    for totals in all {
        let mut read = numbers(totals).into_iter();
        let count = usize::try_from(read.next().unwrap()).unwrap();
        counters.resize(count, 0);
        counters.iter_mut().for_each(|counter| *counter += read.next().unwrap());
        for histogram in &mut histograms {
            let mut bucket = 0;
            for _ in 0..read.next().unwrap() {
                bucket += read.next().unwrap();
                *histogram.entry(bucket).or_default() += read.next().unwrap();
            }
        }
    }
    let mut out = vec![counters.len() as u64];
    out.extend(counters);
    for histogram in histograms {
        out.push(histogram.len() as u64);
        let mut before = 0;
        for (bucket, count) in histogram {
            out.extend([bucket - before, count]);
            before = bucket;
        }
    }
    out.into_iter().flat_map(leb128).collect()
}

fn leb128(mut number: u64) -> Vec<u8> {
    let mut out = vec![];
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

/// Starts on a database of a version, and compares the answers.
fn comes_forward(version: usize, today: &Path, expected: &BTreeMap<&str, Value>) {
    let root = tempfile::tempdir().unwrap();
    make(version, today, root.path());
    let collector = Collector::start(root.path());
    for (_, question) in QUESTIONS.iter().filter(|(since, _)| *since <= version) {
        assert_eq!(answer(&collector, question), expected[question], "version {version}: {question}");
    }
    let whole = collector.owner().get("/v1/requests.ndjson?order=asc").unwrap().text();
    let seqs = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap());
    assert!(seqs.eq((1..=RECORDS).filter(|seq| !(500..=504).contains(seq))), "version {version}");
    let tokens = answer(&collector, "/v1/tokens");
    assert_eq!(tokens["data"].as_array().unwrap().len(), 2, "version {version}: {tokens}");
    for body in batches().iter().step_by(5) {
        let again = collector.ingest().post(INGEST_PATH, body).unwrap().json();
        assert_eq!(again["stored"], 0, "version {version}: {again}");
    }
    let late = [serde_json::to_string(&varied(502)).unwrap()];
    let late = collector.ingest().post(INGEST_PATH, &batch("n", "first", 0, &late)).unwrap().json();
    assert_eq!(late["stored"], 1, "version {version}: what was missing may come");
    let logs = collector.logs();
    assert!(logs.contains(&format!("brought forward from version {version} to {}", newest())), "{logs}");
    assert!(collector.terminate().success());
    let checked = run(BINARY, &["check", "--data", root.path().join("data").to_str().unwrap()]);
    let said = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
    assert!(checked.status.success() && said.contains("all is well"), "version {version}: {said}");
}

#[test]
fn each_version_answers_alike_when_upgraded() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let expected = fill(&collector);
    assert!(collector.terminate().success());
    let today = root.path().join("data/headgate.db");
    let versions: Vec<usize> = (1..usize::try_from(newest()).unwrap()).collect();
    thread::scope(|scope| {
        for some in versions.chunks(versions.len().div_ceil(2)) {
            let (today, expected) = (&today, &expected);
            scope.spawn(move || some.iter().for_each(|version| comes_forward(*version, today, expected)));
        }
    });
}
