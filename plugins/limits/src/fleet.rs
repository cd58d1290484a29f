//! The collector's answer to a report: what is counted, and what this proxy may add.
//!
//! Totals are the store's matter, for they must outlive the collector; they are reached through [`Totals`], so that
//! the very code that answers proxies also runs in a simulation of a hundred of them. Shares are worth ten seconds, so a
//! collector that is alone has them in memory only; several that answer one fleet keep them with the totals.

use crate::shares::{Counted, SHARE_TTL_MS, Shares};
use crate::wire::{Reply, ReplyRow, Report, ReportRow};
use std::collections::{BTreeMap, HashMap};

/// Where totals are kept.
pub trait Totals {
    /// Why it could not be done.
    type Fault;

    /// Whether this report has been counted before. If not, it is noted as counted.
    ///
    /// # Errors
    /// The store's own.
    fn is_repeated(&mut self, report: &Report) -> Result<bool, Self::Fault>;

    /// Adds what a row has used, and gives the sum.
    ///
    /// # Errors
    /// The store's own.
    fn add(&mut self, row: &ReportRow, used: u64) -> Result<Total, Self::Fault>;

    /// When each boot was heard, if other collectors hear boots too; this one's report is noted for them.
    ///
    /// # Errors
    /// The store's own.
    fn heard(
        &mut self,
        _: &Report,
        _repeated: bool,
        _now_ms: u64,
    ) -> Result<Option<HashMap<String, Heard>>, Self::Fault> {
        Ok(None)
    }

    /// The shares of a row's count, if other collectors give shares too.
    ///
    /// # Errors
    /// The store's own.
    fn windows(&mut self, _row: &ReportRow) -> Result<Option<Windows>, Self::Fault> {
        Ok(None)
    }

    /// Keeps the shares of a row's count for other collectors.
    ///
    /// # Errors
    /// The store's own.
    fn keep(&mut self, _row: &ReportRow, _windows: &Windows) -> Result<(), Self::Fault> {
        Ok(())
    }
}

/// The shares of a count by the start of the window: clocks differ, so more than one is current.
pub type Windows = BTreeMap<u64, Shares>;

/// When a boot was heard, ms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heard {
    /// Its last report, also if it had come before.
    pub last_ms: u64,
    /// The report before that; 0 if there was none. The last one was made after this one was answered, so it tells of all
    /// that its proxy did until then. How long it was under way is not known.
    pub before_ms: u64,
}

impl Heard {
    /// Takes a report in.
    fn again(&mut self, repeated: bool, now_ms: u64) {
        if !repeated {
            self.before_ms = self.last_ms;
        }
        self.last_ms = now_ms;
    }
}

/// What has been used of a count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// By all proxies, in this window.
    pub used: u64,
    /// Thresholds that have been told of, one bit each.
    pub told: u64,
}

/// Names a count: rule, meter, subject.
type Name = (String, String, Vec<String>);

/// What the collector knows of the proxies that report now.
#[derive(Debug)]
pub struct Fleet {
    reported_ms: u64,
    heard: HashMap<String, Heard>,
    shares: HashMap<Name, Windows>,
    swept_ms: u64,
}

impl Fleet {
    /// Of a collector that has just started. `reported_ms` is when a proxy reported last before that, 0 for never: the
    /// shares that were given then are not known any more, but may still be in use.
    #[must_use]
    pub fn new(reported_ms: u64) -> Self {
        Self { reported_ms, heard: HashMap::new(), shares: HashMap::new(), swept_ms: reported_ms }
    }

    /// Counts a report and answers it, row by row.
    ///
    /// # Errors
    /// The store's own; nothing is to be taken as counted then.
    pub fn answer<T: Totals>(&mut self, report: &Report, totals: &mut T, now_ms: u64) -> Result<Reply, T::Fault> {
        self.sweep(now_ms);
        let repeated = totals.is_repeated(report)?;
        match totals.heard(report, repeated, now_ms)? {
            Some(heard) => self.heard = heard,
            None if report.whole => self.heard.entry(report.boot.clone()).or_default().again(repeated, now_ms),
            None => {}
        }
        let mut rows = Vec::with_capacity(report.rows.len());
        for row in &report.rows {
            let added = if repeated { 0 } else { row.used };
            let total = totals.add(row, added)?;
            let counted = Counted { added, repeated, total: total.used, unheard: 0 };
            if let Some(windows) = totals.windows(row)? {
                self.know(&row.rule, &row.meter, &row.subject, windows);
            }
            rows.push(self.row(report, row, counted, total.told, now_ms));
            if let Some(windows) = self.shares.get(&name(&row.rule, &row.meter, &row.subject)) {
                totals.keep(row, windows)?;
            }
        }
        Ok(Reply { seq: report.seq, cursor: report.cursor, proxies: self.proxies(now_ms), rules_wanted: false, rows })
    }

    /// Takes up the shares of a count as other collectors left them.
    pub fn know(&mut self, rule: &str, meter: &str, subject: &[String], windows: Windows) {
        self.shares.insert(name(rule, meter, subject), windows);
    }

    /// Proxies that have reported lately.
    #[must_use]
    pub fn proxies(&self, now_ms: u64) -> u64 {
        self.heard.values().filter(|heard| is_fresh(heard.last_ms, now_ms)).count() as u64
    }

    /// Reserved of a count, by all proxies that have reported lately.
    #[must_use]
    pub fn open(&self, rule: &str, meter: &str, subject: &[String], start: u64, now_ms: u64) -> u64 {
        self.find(rule, meter, subject, start).map_or(0, |shares| shares.open(now_ms))
    }

    /// Proxies that have reported lately on a count.
    #[must_use]
    pub fn users(&self, rule: &str, meter: &str, subject: &[String], start: u64, now_ms: u64) -> u64 {
        self.find(rule, meter, subject, start).map_or(0, |shares| shares.users(now_ms))
    }

    /// Reserved of a count, by all proxies that have reported lately but the one with this boot.
    #[must_use]
    pub fn others_open(&self, boot: &str, rule: &str, meter: &str, subject: &[String], start: u64, now_ms: u64) -> u64 {
        self.find(rule, meter, subject, start).map_or(0, |shares| shares.others_open(boot, now_ms))
    }

    fn find(&self, rule: &str, meter: &str, subject: &[String], start: u64) -> Option<&Shares> {
        self.shares.get(&name(rule, meter, subject))?.get(&start)
    }

    fn row(&mut self, report: &Report, row: &ReportRow, counted: Counted, told: u64, now_ms: u64) -> ReplyRow {
        let mut answer = ReplyRow {
            rule: row.rule.clone(),
            meter: row.meter.clone(),
            subject: row.subject.clone(),
            start: row.start,
            total: counted.total,
            told,
            ..ReplyRow::default()
        };
        if row.late || !report.whole {
            return answer;
        }
        let shares = shares_of(&mut self.shares, report, row, now_ms);
        let others =
            self.heard.iter().filter(|(proxy, heard)| **proxy != report.boot && is_fresh(heard.last_ms, now_ms));
        let unheard = others.filter(|(proxy, heard)| shares.may_surprise(proxy, heard.before_ms)).count() as u64;
        let counted = Counted { unheard, ..counted };
        let grant = shares.grant(&report.boot, row, counted, now_ms);
        // What an earlier run of this collector gave away is not known here; it runs out by itself.
        let settled = now_ms >= self.reported_ms.saturating_add(SHARE_TTL_MS);
        answer.share = (settled && !row.idle).then_some(grant.share);
        answer.others_open = grant.others_open;
        answer.peers = grant.peers;
        answer
    }

    fn sweep(&mut self, now_ms: u64) {
        if now_ms < self.swept_ms.saturating_add(SHARE_TTL_MS) {
            return;
        }
        self.swept_ms = now_ms;
        self.heard.retain(|_, heard| is_fresh(heard.last_ms, now_ms));
        self.shares.retain(|_, windows| {
            windows.retain(|_, shares| !shares.is_idle(now_ms));
            !windows.is_empty()
        });
    }
}

fn name(rule: &str, meter: &str, subject: &[String]) -> Name {
    (rule.to_owned(), meter.to_owned(), subject.to_vec())
}

fn shares_of<'a>(all: &'a mut HashMap<Name, Windows>, report: &Report, row: &ReportRow, now_ms: u64) -> &'a mut Shares {
    let windows = all.entry(name(&row.rule, &row.meter, &row.subject)).or_default();
    // A proxy whose clock is behind still lives in the old window, and will want its part of the new one.
    windows.range_mut(row.start.saturating_add(1)..).for_each(|(_, shares)| shares.seen(&report.boot, now_ms));
    let before = windows.range(..row.start).next_back().map(|(_, shares)| shares.next_window(row.max, now_ms));
    windows.entry(row.start).or_insert_with(|| before.unwrap_or_else(|| Shares::new(now_ms)))
}

fn is_fresh(seen_ms: u64, now_ms: u64) -> bool {
    now_ms < seen_ms.saturating_add(SHARE_TTL_MS)
}
