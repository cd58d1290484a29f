//! Untouched counts, and clocks that jump.

use crate::memory::{Memory, Who, concurrency, meter, one_request, rule, rules};
use headgate_limits::{Dimension, FleetStatus, Period, Reply, ReplyRow, Report, Reporter, Rules, Unit, Why};

const ALICE: Who = Who { key: "alice", team: "search", provider: "openai", tag: String::new() };
const FLEET: FleetStatus =
    FleetStatus { shared: true, reachable: true, proxies: 2, starting: false, sync_s: 1, asks_first: false };

/// A proxy with one rule.
struct Proxy {
    rules: Rules,
    memory: Memory,
    reporter: Reporter,
}

impl Proxy {
    fn new(rules: Rules) -> Self {
        Self { rules, memory: Memory::default(), reporter: Reporter::new("n", "b", 1_000, 10_000) }
    }

    fn admit(&mut self, now_s: u64) -> Result<(), Why> {
        let admitted = self.rules.admit(&ALICE, &one_request(), FLEET, now_s, &mut self.memory);
        admitted.map(|_| ()).map_err(|refusal| refusal.why)
    }

    /// The report that is due, if one is.
    fn report(&mut self, now_s: u64) -> Option<Report> {
        std::mem::take(&mut self.memory.touched).into_iter().for_each(|cell| self.reporter.touched(cell));
        let body = self.reporter.report(&self.rules, "1", true, &mut self.memory, now_s * 1_000)?;
        Some(serde_json::from_slice(body).unwrap())
    }

    /// Answers it: one row for each of its rows, and then the changes of others.
    fn answer(&mut self, report: &Report, news: &[ReplyRow], now_s: u64) {
        let same = |row: &headgate_limits::ReportRow| ReplyRow {
            rule: row.rule.clone(),
            meter: row.meter.clone(),
            subject: row.subject.clone(),
            start: row.start,
            total: row.used,
            share: Some(5),
            peers: 1,
            ..ReplyRow::default()
        };
        let rows = report.rows.iter().map(same).chain(news.iter().cloned()).collect();
        let reply = Reply { seq: report.seq, cursor: 1, proxies: 2, rules_wanted: false, rows };
        let body = serde_json::to_vec(&reply).unwrap();
        assert!(self.reporter.answered(&body, &self.rules, &mut self.memory, now_s * 1_000));
    }
}

#[test]
fn others_use_is_known_beforehand() {
    let mut proxy = Proxy::new(rules(vec![rule("purse", &[], &[meter(Unit::NanoUsd, Period::Day, 10_000)])]));
    assert_eq!(proxy.admit(100), Ok(()));
    let report = proxy.report(100).unwrap();
    proxy.answer(&report, &[], 100);
    let day = 86_400;
    let spent = ReplyRow {
        rule: "purse".into(),
        meter: "nano_usd/day".into(),
        subject: vec![String::new()],
        start: day,
        total: 10_000,
        ..ReplyRow::default()
    };
    let report = proxy.report(day + 50).unwrap();
    proxy.answer(&report, &[spent], day + 50);
    assert_eq!(proxy.admit(day + 51), Err(Why::Exhausted), "the others have spent the new day's money");
}

#[test]
fn dead_slot_leaves_reports_in_two_hours() {
    let mut proxy = Proxy::new(rules(vec![rule("slots", &[Dimension::Key], &[concurrency(1)])]));
    assert_eq!(proxy.admit(100), Ok(()));
    let mut reserved = Vec::new();
    for now_s in [100, 200, 3_700, 7_300, 7_400, 7_500] {
        let report = proxy.report(now_s).unwrap();
        reserved.push(report.rows.iter().map(|row| row.open).sum::<u64>());
        proxy.answer(&report, &[], now_s);
    }
    assert_eq!(reserved, [1, 1, 1, 0, 0, 0], "nobody touched it, and yet it is free for other proxies");
}

#[test]
fn clock_set_back_silences_no_proxy() {
    let mut proxy = Proxy::new(rules(vec![rule("r", &[], &[meter(Unit::Requests, Period::Hour, 9)])]));
    let report = proxy.report(7_200).unwrap();
    proxy.answer(&report, &[], 7_200);
    assert_eq!(proxy.report(7_200), None, "the next one is due in a second");
    assert!(proxy.report(3_600).is_some());
}

#[test]
fn clock_set_back_extends_no_share() {
    let mut proxy = Proxy::new(rules(vec![rule("r", &[], &[meter(Unit::Requests, Period::Day, 6)])]));
    assert_eq!(proxy.admit(7_200), Ok(()));
    let report = proxy.report(7_200).unwrap();
    proxy.answer(&report, &[], 7_200);
    let admitted = (0..6).filter(|_| proxy.admit(3_600).is_ok()).count();
    assert_eq!(admitted, 3, "half of six: its share of five has run out");
}

#[test]
fn corrected_clock_blocks_nothing() {
    let mut proxy = Proxy::new(rules(vec![rule("r", &[], &[meter(Unit::Requests, Period::Minute, 1)])]));
    let ahead = 2 * 3_600;
    assert_eq!(proxy.admit(600 + ahead), Ok(()));
    assert_eq!(proxy.admit(600), Ok(()), "two hours are not to be waited out");
    assert_eq!(proxy.admit(601), Err(Why::Exhausted));
    assert_eq!(proxy.admit(530), Err(Why::Exhausted), "but a little back gives nothing away");
}
