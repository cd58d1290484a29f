//! The collector's answer to a report: the counts, and the amount that this proxy may add.
//!
//! Totals are the store's matter, for they must outlive the collector; they are reached through [`Totals`], so that
//! the very code that answers proxies also runs in a simulation of a hundred of them. Shares are worth ten seconds, so a
//! collector that is alone has them in memory only; several that answer one fleet keep them with the totals.

use crate::shares::{Counted, SHARE_TTL_MS, Shares};
use crate::wire::{Reply, ReplyRow, Report, ReportRow};
use std::collections::{BTreeMap, HashMap};

/// The store of totals.
pub trait Totals {
    /// The reason for the failure.
    type Fault;

    /// Whether this report has been counted before. If not, it is noted as counted.
    ///
    /// # Errors
    /// The store's own.
    fn is_repeated(&mut self, report: &Report) -> Result<bool, Self::Fault>;

    /// Adds the use of a row, and returns the sum.
    ///
    /// # Errors
    /// The store's own.
    fn add(&mut self, row: &ReportRow, used: u64) -> Result<Total, Self::Fault>;

    /// The last report of each proxy, if other collectors hear proxies too.
    ///
    /// # Errors
    /// The store's own.
    fn heard(&mut self, _now_ms: u64) -> Result<Option<HashMap<String, Heard>>, Self::Fault> {
        Ok(None)
    }

    /// Keeps the time of a report for other collectors.
    ///
    /// # Errors
    /// The store's own.
    fn keep_heard(&mut self, _proxy: &str, _heard: &Heard) -> Result<(), Self::Fault> {
        Ok(())
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

/// The times of a proxy's reports. Times are ms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Its node.
    pub node: String,
    /// Pause between two of its reports; 0 if it did not say.
    pub interval_ms: u64,
    /// Its last report, also if it had come before.
    pub last_ms: u64,
    /// The report before that; 0 if there was none. The last one was made after this one was answered, so it tells of all
    /// that its proxy did until then. How long it was under way is not known.
    pub before_ms: u64,
    /// It said that it ends, or another process has taken its place: it holds no shares.
    pub gone: bool,
}

impl Heard {
    /// Takes a report in.
    fn again(&mut self, report: &Report, repeated: bool, now_ms: u64) {
        if !repeated {
            self.before_ms = self.last_ms;
        }
        self.last_ms = now_ms;
        report.node.clone_into(&mut self.node);
        self.interval_ms = report.interval_ms;
        self.gone = report.ending;
    }

    fn is_here(&self, now_ms: u64) -> bool {
        !self.gone && is_fresh(self.last_ms, now_ms)
    }

    /// Whether the proxy that made this report runs in place of this one: it has the same name, it began when this one had
    /// been heard for the last time, and this one is overdue by more than a report. Two proxies of one name that both run never
    /// take each other's place, for each was heard after the other had begun.
    fn is_replaced_by(&self, report: &Report, now_ms: u64) -> bool {
        let patience_ms = self.interval_ms.saturating_mul(5) / 2;
        !self.gone
            && !report.process.is_empty()
            && self.node == report.node
            && self.last_ms <= now_ms.saturating_sub(report.uptime_ms)
            && self.interval_ms > 0
            && now_ms > self.last_ms.saturating_add(patience_ms)
    }
}

/// The use of a count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Total {
    /// By all proxies, in this window.
    pub used: u64,
    /// Thresholds that have been told of, one bit each.
    pub told: u64,
}

/// Names a count: rule, meter, subject.
type Name = (String, String, Vec<String>);

/// The collector's knowledge of the proxies that report now.
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
        if let Some(heard) = totals.heard(now_ms)? {
            self.heard = heard;
        }
        if report.whole {
            self.hear(report, repeated, totals, now_ms)?;
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
        if report.ending {
            // Also where this report says nothing.
            self.give_up(report.proxy());
        }
        Ok(Reply { seq: report.seq, cursor: report.cursor, proxies: self.proxies(now_ms), rules_wanted: false, rows })
    }

    /// Notes a report of a proxy, and that the one whose place it has taken is gone.
    fn hear<T: Totals>(
        &mut self,
        report: &Report,
        repeated: bool,
        totals: &mut T,
        now_ms: u64,
    ) -> Result<(), T::Fault> {
        let mut gone = Vec::new();
        for (proxy, heard) in self.heard.iter_mut().filter(|(proxy, _)| *proxy != report.proxy()) {
            if heard.is_replaced_by(report, now_ms) {
                heard.gone = true;
                totals.keep_heard(proxy, heard)?;
                gone.push(proxy.clone());
            }
        }
        let heard = self.heard.entry(report.proxy().to_owned()).or_default();
        heard.again(report, repeated, now_ms);
        totals.keep_heard(report.proxy(), heard)?;
        gone.iter().for_each(|proxy| self.give_up(proxy));
        Ok(())
    }

    /// Sets nothing aside for a proxy any more.
    fn give_up(&mut self, proxy: &str) {
        self.shares.values_mut().flat_map(BTreeMap::values_mut).for_each(|shares| shares.give_up(proxy));
    }

    /// Takes up the shares of a count as other collectors left them.
    pub fn know(&mut self, rule: &str, meter: &str, subject: &[String], mut windows: Windows) {
        let gone = self.heard.iter().filter(|(_, heard)| heard.gone);
        gone.for_each(|(proxy, _)| windows.values_mut().for_each(|shares| shares.give_up(proxy)));
        self.shares.insert(name(rule, meter, subject), windows);
    }

    /// Proxies that have reported lately.
    #[must_use]
    pub fn proxies(&self, now_ms: u64) -> u64 {
        self.heard.values().filter(|heard| heard.is_here(now_ms)).count() as u64
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

    /// Reserved of a count, by all proxies that have reported lately but this one.
    #[must_use]
    pub fn others_open(
        &self,
        proxy: &str,
        rule: &str,
        meter: &str,
        subject: &[String],
        start: u64,
        now_ms: u64,
    ) -> u64 {
        self.find(rule, meter, subject, start).map_or(0, |shares| shares.others_open(proxy, now_ms))
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
        if report.ending {
            shares.give_up(report.proxy());
            return answer;
        }
        let others = self.heard.iter().filter(|(proxy, heard)| *proxy != report.proxy() && heard.is_here(now_ms));
        let unheard = others.filter(|(proxy, heard)| shares.may_surprise(proxy, heard.before_ms)).count() as u64;
        let counted = Counted { unheard, ..counted };
        let grant = shares.grant(report.proxy(), report.interval_ms, row, counted, now_ms);
        // The grants of an earlier run of this collector are not known here; they expire by themselves.
        let settled = now_ms >= self.reported_ms.saturating_add(SHARE_TTL_MS);
        answer.share = (settled && !row.idle).then_some(grant.share);
        answer.others_open = grant.others_open;
        answer.peers = grant.peers;
        answer.wait_ms =
            if settled { grant.wait_ms } else { self.reported_ms.saturating_add(SHARE_TTL_MS).saturating_sub(now_ms) };
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
    // A proxy with a clock that is behind still lives in the old window, and will want its part of the new one.
    windows.range_mut(row.start.saturating_add(1)..).for_each(|(_, shares)| shares.seen(report.proxy(), now_ms));
    let before = windows.range(..row.start).next_back().map(|(_, shares)| shares.next_window(row.max, now_ms));
    windows.entry(row.start).or_insert_with(|| before.unwrap_or_else(|| Shares::new(now_ms)))
}

fn is_fresh(seen_ms: u64, now_ms: u64) -> bool {
    now_ms < seen_ms.saturating_add(SHARE_TTL_MS)
}
