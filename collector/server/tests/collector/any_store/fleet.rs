//! Limits and budgets as proxies and readers see them: reports, totals and shares, without double counting.

use crate::client::Reply as Answer;
use crate::process::Collector;
use headgate_limits::{
    Dimension, Kind, Meter, Period, Reply, Report, ReportRow, Rule, SYNC_PATH, SYNC_SCHEMA, Unit, WhenUnreachable, Zone,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Returns this day's window; a test that runs over midnight takes the intended one.
pub(crate) fn day() -> (u64, Option<u64>) {
    let start = now_s() - now_s() % 86_400;
    (start, Some(start + 2 * 86_400))
}

pub(crate) fn row(rule: &str, subject: &str, used: u64) -> ReportRow {
    let (start, end) = day();
    ReportRow {
        rule: rule.to_owned(),
        meter: "nano_usd/day".to_owned(),
        subject: vec![subject.to_owned()],
        start,
        end,
        max: 1_000,
        used,
        ..ReportRow::default()
    }
}

pub(crate) fn budget(id: &str, warn_at: &[u8]) -> Rule {
    Rule {
        id: id.to_owned(),
        kind: Kind::Budget,
        conditions: Vec::new(),
        per: vec![Dimension::Team],
        meters: vec![Meter { unit: Unit::NanoUsd, period: Some(Period::Day), max: 1_000 }],
        max_cost: None,
        zone: Zone::default(),
        monitor: false,
        warn_only: false,
        warn_at: warn_at.to_vec(),
        when_unreachable: WhenUnreachable::LastKnown,
        webhook_env: None,
    }
}

/// A proxy with one report at a time.
pub(crate) struct Proxy {
    pub(crate) boot: String,
    pub(crate) seq: u64,
    pub(crate) cursor: u64,
    pub(crate) revision: String,
    pub(crate) rules: Option<Vec<Rule>>,
}

impl Proxy {
    pub(crate) fn new(boot: &str) -> Self {
        Self { boot: boot.to_owned(), seq: 0, cursor: 0, revision: "rev-1".to_owned(), rules: None }
    }

    pub(crate) fn with_rules(boot: &str, rules: Vec<Rule>) -> Self {
        Self { rules: Some(rules), ..Self::new(boot) }
    }

    pub(crate) fn body(&self, rows: Vec<ReportRow>) -> Vec<u8> {
        let report = Report {
            schema: SYNC_SCHEMA,
            node: "n".to_owned(),
            boot: self.boot.clone(),
            seq: self.seq,
            whole: true,
            revision: self.revision.clone(),
            cursor: self.cursor,
            rules: self.rules.clone(),
            rows,
            ..Report::default()
        };
        serde_json::to_vec(&report).unwrap()
    }

    pub(crate) fn report(&mut self, collector: &Collector, rows: Vec<ReportRow>) -> Reply {
        self.seq += 1;
        let reply = read(&collector.ingest().post(SYNC_PATH, &self.body(rows)).unwrap());
        assert_eq!(reply.seq, self.seq);
        self.cursor = reply.cursor;
        reply
    }

    pub(crate) fn repeat(&self, collector: &Collector, rows: Vec<ReportRow>) -> Reply {
        read(&collector.ingest().post(SYNC_PATH, &self.body(rows)).unwrap())
    }
}

fn read(answer: &Answer) -> Reply {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

pub(crate) fn listed(collector: &Collector, path: &str) -> Vec<serde_json::Value> {
    let answer = collector.owner().get(path).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].as_array().unwrap().clone()
}

#[test]
fn two_proxies_share_a_limit() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    // A collector that has just started does not know its earlier shares, so it gives none for ten seconds.
    std::thread::sleep(Duration::from_millis(10_100));
    let (mut one, mut two) = (Proxy::new("one"), Proxy::new("two"));
    let first = one.report(&collector, vec![row("team", "search", 200)]);
    assert_eq!(
        (first.rows[0].total, first.rows[0].share, first.rows[0].peers),
        (200, Some(700), 1),
        "an eighth is for newcomers"
    );
    let second = two.report(&collector, vec![row("team", "search", 100)]);
    assert_eq!((second.rows[0].total, second.rows[0].share), (300, Some(0)), "the rest is set aside for the first");
    let third = one.report(&collector, vec![row("team", "search", 0)]);
    assert_eq!((third.rows[0].total, third.rows[0].share, third.proxies), (300, Some(350), 2));
    one.report(&collector, vec![row("team", "search", 0)]);
    let fourth = two.report(&collector, vec![ReportRow { open: 30, ..row("team", "search", 0) }]);
    assert_eq!(fourth.rows[0].share, Some(160), "half of what is neither used, reserved, nor set aside for the first");
    let fifth = one.report(&collector, vec![row("team", "search", 0)]);
    assert_eq!(fifth.rows[0].others_open, 30);
    let budgets = listed(&collector, "/v1/budgets");
    assert_eq!(budgets[0]["used"], 300);
    assert_eq!(budgets[0]["reserved"], 30);
    assert_eq!(budgets[0]["proxies"], 2);
}

#[test]
fn a_repeated_report_is_counted_once() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut proxy = Proxy::new("one");
    let rows = vec![row("team", "search", 200), row("team", "ads", 5)];
    assert_eq!(proxy.report(&collector, rows.clone()).rows[0].total, 200);
    assert_eq!(proxy.repeat(&collector, rows.clone()).rows[0].total, 200);
    collector.kill();
    let collector = Collector::start(root.path());
    let again = proxy.repeat(&collector, rows.clone());
    assert_eq!((again.rows[0].total, again.rows[1].total), (200, 5));
    // A collector on SQLite forgets its earlier shares; collectors on a server keep them in the database.
    assert_eq!(again.rows[0].share, crate::store::server().map(|_| 700));
    assert_eq!(proxy.report(&collector, rows).rows[0].total, 400, "the next one is counted");
    let late = Proxy { seq: 1, ..Proxy::new("one") };
    let stale = collector.ingest().post(SYNC_PATH, &late.body(vec![row("team", "search", 9)])).unwrap();
    assert_eq!((stale.status, stale.json()["error"]["code"].as_str()), (409, Some("stale_report")));
    assert_eq!(listed(&collector, "/v1/budgets?subject=search")[0]["used"], 400);
}

#[test]
fn an_answer_brings_counts_near_their_limit() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (mut one, mut two) = (Proxy::new("one"), Proxy::new("two"));
    let rows = vec![row("team", "search", 499), row("team", "ads", 900), row("team", "idle", 1)];
    one.report(&collector, rows);
    let first = two.report(&collector, Vec::new());
    let names: Vec<_> = first.rows.iter().map(|row| row.subject[0].as_str()).collect();
    assert_eq!(names, ["ads", "search", "idle"], "all at first, the dearest ahead");
    assert_eq!(two.report(&collector, Vec::new()).rows, [], "and then what has changed");
    one.report(&collector, vec![row("team", "idle", 1), ReportRow { open: 7, ..row("team", "search", 1) }]);
    let news = two.report(&collector, Vec::new());
    assert_eq!(news.rows.len(), 1, "as far as it is half used");
    assert_eq!((news.rows[0].subject[0].as_str(), news.rows[0].total), ("search", 500));
    assert_eq!((news.rows[0].others_open, news.rows[0].share), (7, None));
    let own = one.report(&collector, vec![row("team", "search", 1)]);
    assert_eq!(own.rows.len(), 1, "a row of the report is not repeated");
    let mut stray = Proxy::new("three");
    stray.seq = 1;
    let body = String::from_utf8(stray.body(Vec::new())).unwrap().replace("\"whole\":true", "\"whole\":false");
    let part = read(&collector.ingest().post(SYNC_PATH, body.as_bytes()).unwrap());
    assert_eq!(
        (part.rows.len(), part.cursor, part.rules_wanted),
        (0, 0, false),
        "who speaks for no proxy, hears no news"
    );
}

#[test]
fn rules_are_requested_once_per_revision() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut proxy = Proxy::new("one");
    assert!(proxy.report(&collector, vec![row("team", "search", 850)]).rules_wanted);
    assert_eq!(listed(&collector, "/v1/budgets")[0]["rule"], serde_json::Value::Null);
    proxy.rules = Some(vec![Rule {
        zone: Zone { name: "Europe/Berlin".to_owned(), offsets: Vec::new() },
        ..budget("team", &[75, 90])
    }]);
    let answered = proxy.report(&collector, Vec::new());
    assert!(!answered.rules_wanted);
    proxy.rules = None;
    collector.kill();
    let collector = Collector::start(root.path());
    assert!(!proxy.report(&collector, Vec::new()).rules_wanted, "known after a restart");
    let all = listed(&collector, "/v1/budgets");
    let one = &all[0];
    assert_eq!(one["subject"], serde_json::json!({"team": "search"}));
    assert_eq!(one["rule"]["time_zone"], "Europe/Berlin");
    assert_eq!(one["rule"]["action"], "block");
    assert_eq!(one["rule"]["when_unreachable"], "last_known");
    assert_eq!((one["percent"].as_f64(), one["close"].as_bool()), (Some(85.0), Some(true)));
    assert_eq!(one["told"], serde_json::json!([75]), "what was used before the rules were known counts too");
    assert_eq!((one["used_usd"].as_str(), one["max_usd"].as_str()), (Some("0.00000085"), Some("0.000001")));
    assert_eq!(one["revision"], "rev-1");
}

#[test]
fn a_list_is_sorted_filtered_and_paged() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut proxy = Proxy::new("one");
    let mut rows: Vec<_> = (0..25).map(|team| row("team", &format!("t{team}"), 10 + team)).collect();
    let past = ReportRow { start: 86_400, end: Some(172_800), late: true, ..row("team", "old", 990) };
    let slots =
        ReportRow { meter: "concurrency".to_owned(), start: 0, end: None, max: 8, open: 6, ..row("slots", "t1", 0) };
    let requests = ReportRow { meter: "requests/day".to_owned(), ..row("per-key", "k", 100) };
    rows.extend([past, slots, requests]);
    proxy.report(&collector, rows);
    let used =
        |path: &str| -> Vec<u64> { listed(&collector, path).iter().map(|one| one["used"].as_u64().unwrap()).collect() };
    assert_eq!(used("/v1/budgets"), (10..35).rev().collect::<Vec<_>>());
    assert_eq!(used("/v1/budgets?subject=t7"), [17]);
    assert_eq!(used("/v1/budgets?min_percent=3"), [34, 33, 32, 31, 30]);
    assert_eq!(used("/v1/budgets?window=all&limit=1"), [990]);
    assert!(used("/v1/budgets?id=none").is_empty());
    assert_eq!(used("/v1/limits?meter=requests/day"), [100]);
    let limits = listed(&collector, "/v1/limits");
    assert_eq!((limits[0]["meter"].as_str(), limits[0]["percent"].as_f64()), (Some("concurrency"), Some(75.0)));
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let page = collector.owner().get(&format!("/v1/budgets?limit=10{after}")).unwrap().json();
        all.extend(page["data"].as_array().unwrap().iter().map(|one| one["used"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(all, (10..35).rev().collect::<Vec<_>>());
    for bad in ["window=old", "min_percent=x", "meter=y", "after=1", "limit=0", "unknown=1", "id=a&id=b"] {
        assert_eq!(collector.owner().get(&format!("/v1/budgets?{bad}")).unwrap().status, 400, "{bad}");
    }
    assert_eq!(collector.owner().get("/v1/limits?window=all").unwrap().status, 400);
}

#[test]
fn a_bad_report_is_refused_and_unquoted() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let good = Proxy { seq: 1, ..Proxy::new("one") }.body(vec![row("team", "search", 5)]);
    let good = String::from_utf8(good).unwrap();
    let (start, end) = day();
    let bads = [
        ("{", "invalid_json", "ends too early"),
        (&good.replace("\"schema\":1", "\"schema\":2"), "invalid_report", "`schema`"),
        (&good.replace("\"seq\":1", "\"seq\":0"), "invalid_report", "`seq`"),
        (&good.replace("\"seq\":1", "\"seq\":-1"), "invalid_report", "out of range"),
        (&good.replace("\"boot\":\"one\"", "\"boot\":\"\""), "invalid_report", "`boot`"),
        (&good.replace("\"used\":5", "\"used\":5,\"CANARY\":1"), "invalid_report", "unknown field"),
        (&good.replace("nano_usd/day", "CANARY/day"), "invalid_report", "row 0: `meter`"),
        (&good.replace("\"team\"", &format!("\"{}\"", "CANARY".repeat(99))), "invalid_report", "row 0: `rule`"),
        (&good.replace("search", &"CANARY".repeat(200)), "invalid_report", "row 0: `subject`"),
        (&good.replace("[\"search\"]", "[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\"]"), "invalid_report", "8 parts"),
        (&good.replace("search", "a\\u001fb"), "invalid_report", "separator"),
        (&good.replace(&format!("\"end\":{}", end.unwrap()), &format!("\"end\":{start}")), "invalid_report", "window"),
        (&good.replace("\"used\":5", "\"used\":1e3"), "invalid_report", "wrong type"),
    ];
    for (index, (body, code, reason)) in bads.iter().enumerate() {
        let answer = collector.ingest().post(SYNC_PATH, body.as_bytes()).unwrap();
        let error = &answer.json()["error"];
        assert_eq!((answer.status, error["code"].as_str()), (400, Some(*code)), "{index}: {}", answer.text());
        let said = error["message"].as_str().unwrap();
        assert!(said.contains(reason), "{index}: {said}");
        assert!(!said.contains("CANARY"));
    }
    assert_eq!(listed(&collector, "/v1/budgets").len(), 0, "nothing of them was counted");
    let rows = (0..22_001).map(|_| row("t", "s", 1)).collect();
    let many = collector.ingest().post(SYNC_PATH, &Proxy { seq: 1, ..Proxy::new("one") }.body(rows)).unwrap();
    assert_eq!(many.status, 400);
    let long = collector.ingest().post(SYNC_PATH, &vec![b' '; (32 << 20) + 1]);
    assert!(long.is_err() || long.unwrap().status == 413);
}

#[test]
fn sums_saturate_and_stay_readable() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut proxy = Proxy::new("one");
    let huge = ReportRow { max: u64::MAX, open: u64::MAX, ..row("team", "search", u64::MAX) };
    proxy.report(&collector, vec![huge.clone()]);
    let reply = proxy.report(&collector, vec![huge, ReportRow { max: 0, ..row("none", "x", 1) }]);
    assert_eq!(reply.rows[0].total, i64::MAX as u64);
    let sum = listed(&collector, "/v1/budgets?id=team");
    assert_eq!(sum[0]["used"].as_u64(), Some(i64::MAX as u64));
    let of_nothing = listed(&collector, "/v1/budgets?id=none");
    assert_eq!(of_nothing[0]["percent"].as_f64(), Some(100.0), "of nothing, something is everything");
}
