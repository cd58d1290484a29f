//! A proxy's side of the reports: the rows that are due, and the changes that an answer makes.
//!
//! One worker speaks for all (the host layer sees to it), because the counts are the proxy's, not the worker's. The
//! others hand it the numbers of the cells they touched. A report that gets no answer stays as it is and is sent
//! again: only an answer moves a count from "here" to "there".

use crate::cell::{AccountOffset, Cell};
use crate::counter::{Counter, FleetStatus, Told};
use crate::ledger::{CELLS, Ledger, TRIES, cell_of};
use crate::period::Period;
use crate::reporter_lease::ReporterLease;
use crate::rule::{Compiled, Rules};
use crate::wire::{Reply, ReplyRow, Report, ReportRow, SYNC_SCHEMA, parts, subject};
use std::collections::{BTreeMap, BTreeSet};

/// Most rows of one report.
pub const MAX_ROWS: usize = 2_000;
/// Strays that wait for a collector; more are dropped, oldest first.
const MAX_EVICTED: usize = 20_000;
/// Accounts with reservations are reported again after this, s, so that the collector does not take the proxy for gone.
const REVISIT_S: u64 = 3;
/// An account that was touched this long ago, s, is no longer asked about.
const RECENT_S: u64 = 2;
/// The same where a share was too small: whoever was refused comes again when it was told to.
const WANTED_S: u64 = 30;
/// A share that was too small is asked for again after this at the earliest, ms,
const LEAST_WAIT_MS: u64 = 250;
/// and after this at the latest.
const MOST_WAIT_MS: u64 = 15_000;
/// Bytes of the bitmap of touched cells; one more says that there is a hurry.
const BITMAP_BYTES: usize = CELLS as usize / 8;

/// The process of a proxy, which all its workers have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Its name; empty if it is not known.
    pub id: String,
    /// When it began, ms since the Unix epoch.
    pub began_ms: u64,
}

/// See the module's text.
#[derive(Debug, Default)]
pub struct Reporter {
    node: String,
    boot: String,
    process: Process,
    interval_ms: u64,
    stale_ms: u64,
    seq: u64,
    pending: Option<Pending>,
    evicted_rows: Vec<ReportRow>,
    dirty: BTreeSet<u16>,
    revisit: BTreeMap<u16, u64>,
    /// Cells with shares that were too small, and the time when there may be more, ms.
    again_ms: BTreeMap<u16, u64>,
    /// Another worker is to be told that a share was too small.
    hurried: bool,
    cursor: u64,
    told_rules: Option<String>,
    due_ms: u64,
    answered_ms: u64,
    /// When the first report was made.
    first_ms: u64,
    proxies: u64,
    /// The proxy is about to end.
    ending: bool,
}

/// A report that waits for its answer.
#[derive(Debug)]
struct Pending {
    body: Vec<u8>,
    revision: String,
    with_rules: bool,
    at_s: u64,
    rows: Vec<Sent>,
    evicted_rows: usize,
}

/// The origin of a row of the report.
#[derive(Debug)]
struct Sent {
    cell: u16,
    tag: u64,
    subject: Vec<u8>,
    meter: usize,
    told: Told,
}

impl Reporter {
    /// For the worker with this `boot` on `node`. Reports every `interval_ms`; without an answer for `stale_ms` the
    /// collector counts as unreachable.
    #[must_use]
    pub fn new(node: &str, boot: &str, interval_ms: u64, stale_ms: u64) -> Self {
        Self { node: node.to_owned(), boot: boot.to_owned(), interval_ms, stale_ms, ..Self::default() }
    }

    /// Names the process that this worker is of.
    pub fn set_process(&mut self, process: Process) {
        self.process = process;
    }

    /// Another policy may want another pace.
    pub fn set_pace(&mut self, interval_ms: u64, stale_ms: u64) {
        (self.interval_ms, self.stale_ms) = (interval_ms, stale_ms);
    }

    /// A cell has something to report.
    pub fn touched(&mut self, cell: u16) {
        self.dirty.insert(cell);
    }

    /// Counts that lost their place.
    pub fn add_evicted(&mut self, evicted_rows: Vec<ReportRow>) {
        self.evicted_rows.extend(evicted_rows);
        let excess = self.evicted_rows.len().saturating_sub(MAX_EVICTED);
        self.evicted_rows.drain(..excess);
    }

    /// A share was too small: report now rather than in a moment.
    pub fn hurry(&mut self) {
        (self.due_ms, self.hurried) = (0, true);
    }

    /// The cells that were touched, added to a bitmap for the worker that reports; none if there are none.
    #[must_use]
    pub fn touched_onto(&self, bitmap: &[u8]) -> Option<Vec<u8>> {
        if self.dirty.is_empty() {
            return None;
        }
        let mut bitmap = bitmap.to_vec();
        let hurry = self.hurried || bitmap.len() > BITMAP_BYTES;
        bitmap.resize(BITMAP_BYTES + usize::from(hurry), 0);
        for cell in &self.dirty {
            if let Some(byte) = bitmap.get_mut(usize::from(cell / 8)) {
                *byte |= 1 << (cell % 8);
            }
        }
        Some(bitmap)
    }

    /// The worker that reports has them now.
    pub fn handed_over(&mut self) {
        self.dirty.clear();
        self.hurried = false;
    }

    /// Takes a bitmap of [`Reporter::touched_onto`].
    pub fn take_over(&mut self, bitmap: &[u8]) {
        if bitmap.len() > BITMAP_BYTES {
            self.hurry();
        }
        for cell in 0..CELLS {
            if bitmap.get(usize::from(cell / 8)).is_some_and(|byte| byte & (1 << (cell % 8)) != 0) {
                self.dirty.insert(cell);
            }
        }
    }

    /// Returns the lease with the news of this worker's reports.
    #[must_use]
    pub fn extend_lease(&self, lease: ReporterLease) -> ReporterLease {
        lease.heard(self.answered_ms, self.stale_ms, self.proxies)
    }

    /// Returns the status of a proxy with this worker alone.
    #[must_use]
    pub fn fleet_status(&self, now_ms: u64) -> FleetStatus {
        let first = ReporterLease::default().claimed(0, self.first_ms).unwrap_or_default();
        let lease = self.extend_lease(if self.first_ms == 0 { ReporterLease::default() } else { first });
        FleetStatus { sync_s: self.interval_ms.div_ceil(1_000), ..lease.fleet_status(now_ms) }
    }

    /// Whether there are evicted counts to deliver; a worker without the lease reports only then.
    #[must_use]
    pub fn has_evicted(&self) -> bool {
        !self.evicted_rows.is_empty()
    }

    /// The report to send now, if it is time. `whole` says that this worker speaks for its proxy. The same bytes
    /// come again until [`Reporter::answered`] has taken their answer.
    pub fn report(
        &mut self,
        rules: &Rules,
        revision: &str,
        whole: bool,
        ledger: &mut impl Ledger,
        now_ms: u64,
    ) -> Option<&[u8]> {
        let wait_ms = self.due_ms.saturating_sub(now_ms);
        let asks_again = whole && self.again_ms.values().any(|at_ms| is_over(*at_ms, now_ms));
        // A longer wait than was ever set means that the clock was set back.
        if wait_ms > 0 && wait_ms <= self.interval_ms && !asks_again {
            return None;
        }
        self.due_ms = now_ms.saturating_add(self.interval_ms);
        if self.first_ms == 0 {
            self.first_ms = now_ms;
        }
        if self.pending.is_none() {
            self.pending = Some(self.prepare(rules, revision, whole, ledger, now_ms));
        }
        self.pending.as_ref().map(|pending| pending.body.as_slice())
    }

    fn prepare(
        &mut self,
        rules: &Rules,
        revision: &str,
        whole: bool,
        ledger: &mut impl Ledger,
        now_ms: u64,
    ) -> Pending {
        let now_s = now_ms / 1_000;
        let evicted_rows = self.evicted_rows.len().min(MAX_ROWS);
        let mut rows: Vec<ReportRow> = self.evicted_rows.iter().take(evicted_rows).cloned().collect();
        let mut sent = Vec::new();
        if whole {
            self.revisit
                .extract_if(.., |_, due| !(now_s.saturating_add(1)..=now_s.saturating_add(REVISIT_S)).contains(due))
                .for_each(|(cell, _)| {
                    self.dirty.insert(cell);
                });
            self.dirty.extend(self.again_ms.extract_if(.., |_, at_ms| is_over(*at_ms, now_ms)).map(|(cell, _)| cell));
            while rows.len() < MAX_ROWS
                && let Some(cell) = self.dirty.pop_first()
            {
                self.collect(rules, cell, ledger, now_s, &mut rows, &mut sent);
            }
            if !self.dirty.is_empty() {
                self.due_ms = 0;
            }
        }
        self.seq = self.seq.saturating_add(1);
        let with_rules = whole && self.told_rules.as_deref() != Some(revision);
        let ending = self.ending && whole && self.dirty.is_empty() && evicted_rows == self.evicted_rows.len();
        let report = Report {
            schema: SYNC_SCHEMA,
            node: self.node.clone(),
            boot: self.boot.clone(),
            process: self.process.id.clone(),
            uptime_ms: now_ms.saturating_sub(self.process.began_ms),
            interval_ms: self.interval_ms,
            ending,
            seq: self.seq,
            whole,
            revision: revision.to_owned(),
            cursor: self.cursor,
            rules: with_rules.then(|| rules.told()),
            rows,
        };
        let body = serde_json::to_vec(&report).unwrap_or_default();
        Pending { body, revision: revision.to_owned(), with_rules, at_s: now_s, rows: sent, evicted_rows }
    }

    /// The rows of one cell.
    fn collect(
        &mut self,
        rules: &Rules,
        number: u16,
        ledger: &mut impl Ledger,
        now_s: u64,
        rows: &mut Vec<ReportRow>,
        sent: &mut Vec<Sent>,
    ) {
        let stored = ledger.read(number);
        let cell = Cell::new(stored.bytes);
        let mut idle = Vec::new();
        for account in cell.accounts() {
            let Some(one) = rules.by_tag(account.tag) else { continue };
            let recent = account.was_touched_since(now_s.saturating_sub(RECENT_S));
            let waits = account.was_touched_since(now_s.saturating_sub(WANTED_S));
            for (meter, counter) in cell.counters(account.place).enumerate() {
                if counter.reserved(now_s) > 0 || counter.holds_share(now_s) {
                    self.revisit.insert(number, now_s.saturating_add(REVISIT_S));
                }
                let counter = Counter { wanted: if waits { counter.wanted } else { 0 }, ..counter };
                for (row, told) in counter_rows(one, meter, &counter, recent, now_s) {
                    if row.idle {
                        idle.push((account.place, meter, rows.len()));
                    }
                    rows.push(ReportRow { subject: parts(account.subject), ..row });
                    let subject = account.subject.to_vec();
                    sent.push(Sent { cell: number, tag: account.tag, subject, meter, told });
                }
            }
        }
        if !idle.is_empty() && !give_back(cell, number, stored.version, &idle, ledger) {
            // Somebody is at work here after all.
            for (_, _, row) in idle {
                rows.get_mut(row).into_iter().for_each(|row| row.idle = false);
            }
        }
    }

    /// Says whether the proxy is about to end: its reports then give all shares back.
    pub fn set_ending(&mut self, ending: bool) {
        if ending && !self.ending {
            self.due_ms = 0;
        }
        self.ending = ending;
    }

    /// The collector did not answer, or not with a success.
    pub fn failed(&mut self, now_ms: u64) {
        self.due_ms = now_ms.saturating_add(self.interval_ms);
    }

    /// The collector's answer to the last report. `false` if it is none.
    pub fn answered(&mut self, body: &[u8], rules: &Rules, ledger: &mut impl Ledger, now_ms: u64) -> bool {
        let Ok(reply) = serde_json::from_slice::<Reply>(body) else { return false };
        if reply.seq != self.seq {
            return false;
        }
        let Some(pending) = self.pending.take() else { return false };
        self.answered_ms = now_ms;
        self.cursor = reply.cursor;
        self.proxies = reply.proxies;
        if pending.with_rules && !reply.rules_wanted {
            self.told_rules = Some(pending.revision);
        } else if reply.rules_wanted {
            self.told_rules = None;
        }
        self.evicted_rows.drain(..pending.evicted_rows.min(self.evicted_rows.len()));
        let rows = reply.rows.get(pending.evicted_rows..).unwrap_or_default();
        self.take_answers(&pending.rows, rows, pending.at_s, ledger);
        for (one, row) in pending.rows.iter().zip(rows).filter(|(_, row)| row.wait_ms > 0) {
            let wait_ms = row.wait_ms.clamp(LEAST_WAIT_MS, MOST_WAIT_MS);
            self.again_ms.insert(one.cell, now_ms.saturating_add(wait_ms));
        }
        let pushed = rows.get(pending.rows.len()..).unwrap_or_default();
        for row in pushed {
            learn(row, rules, ledger, now_ms / 1_000);
        }
        true
    }

    /// Rows of the report, which lie cell by cell, with their answers.
    fn take_answers(&mut self, sent: &[Sent], rows: &[ReplyRow], at_s: u64, ledger: &mut impl Ledger) {
        let answers: Vec<(&Sent, &ReplyRow)> = sent.iter().zip(rows).collect();
        for group in answers.chunk_by(|(one, _), (next, _)| one.cell == next.cell) {
            let Some((Sent { cell: number, .. }, _)) = group.first() else { continue };
            change(*number, ledger, |cell| {
                for (one, row) in group {
                    let Some(place) = cell.find(one.tag, &one.subject) else { continue };
                    let Some(mut counter) = cell.counters(place).nth(one.meter) else { continue };
                    counter.answered(row, one.told, at_s);
                    cell.set_counter(place, one.meter, counter);
                }
            });
        }
    }
}

/// Returns the rows on a counter: its window if it has changed or was asked for, and the one before.
fn counter_rows(one: &Compiled, meter: usize, counter: &Counter, recent: bool, now_s: u64) -> Vec<(ReportRow, Told)> {
    let Some(kept) = one.rule.meters.get(meter).filter(|kept| kept.period != Some(Period::Second)) else {
        return Vec::new();
    };
    let [current, late] = counter.unreported();
    let row = |start: u64, used: u64| ReportRow {
        rule: one.rule.id.clone(),
        meter: kept.name(),
        start,
        max: kept.max,
        used,
        ..ReportRow::default()
    };
    let mut rows = Vec::new();
    if late.amount > 0 {
        let end = kept.period.map_or(u64::MAX, |period| one.rule.zone.window(period, late.start).end);
        let late_row = ReportRow { end: finite(end), late: true, ..row(late.start, late.amount) };
        rows.push((late_row, Told { used: late.amount, open: 0 }));
    }
    let over = now_s >= counter.end;
    let open = if over { 0 } else { counter.reserved(now_s) };
    let asks = recent || open > 0 || open != counter.open_acked || counter.wanted > 0;
    let idle = !asks && counter.holds_share(now_s);
    if current.amount > 0 || (!over && (asks || idle)) {
        let told = Told { used: current.amount, open };
        let current_row = ReportRow {
            end: finite(counter.end),
            open,
            wanted: counter.wanted,
            idle,
            late: over,
            ..row(current.start, current.amount)
        };
        rows.push((current_row, told));
    }
    rows
}

/// Gives shares back before the collector hears of it, so that they are not used twice.
fn give_back(
    mut cell: Cell,
    number: u16,
    version: u32,
    idle: &[(AccountOffset, usize, usize)],
    ledger: &mut impl Ledger,
) -> bool {
    for (place, meter, _) in idle {
        let counter = cell.counters(*place).nth(*meter);
        if let Some(mut counter) = counter {
            counter.give_back_share();
            cell.set_counter(*place, *meter, counter);
        }
    }
    ledger.write(number, cell.bytes(), version)
}

/// Whether the moment has come; one that is further off than any that is set means that the clock was set back.
fn is_over(at_ms: u64, now_ms: u64) -> bool {
    now_ms >= at_ms || at_ms > now_ms.saturating_add(MOST_WAIT_MS)
}

fn finite(end: u64) -> Option<u64> {
    (end != u64::MAX).then_some(end)
}

/// Takes in other proxies' use of a count that this proxy has not reported on.
fn learn(row: &ReplyRow, rules: &Rules, ledger: &mut impl Ledger, now_s: u64) {
    let Some(one) = rules.by_id(&row.rule) else { return };
    let Some(index) = one.rule.meters.iter().position(|meter| meter.name() == row.meter) else { return };
    let subject = subject(&row.subject);
    let number = cell_of(one.rule.per.len(), &subject);
    change(number, ledger, |cell| {
        let place = cell.find(one.tag, &subject).or_else(|| {
            let counters: Vec<Counter> =
                one.rule.meters.iter().map(|meter| Counter::new(one.window(meter, None, now_s))).collect();
            // A count of others makes no account leave: there is always another answer.
            cell.add_if_room(one.tag, &subject, &counters, now_s)
        });
        let Some(place) = place else { return };
        let Some(mut counter) = cell.counters(place).nth(index) else { return };
        let Some(meter) = one.rule.meters.get(index) else { return };
        // Others may be in a window already that no request has brought this counter to.
        let displaced = counter.advance(one.window(meter, Some(&counter), now_s), now_s);
        if displaced.is_none() && counter.start == row.start {
            counter.learned(row);
            cell.set_counter(place, index, counter);
        }
    });
}

fn change(number: u16, ledger: &mut impl Ledger, mut act: impl FnMut(&mut Cell)) {
    for _ in 0..TRIES {
        let stored = ledger.read(number);
        let mut cell = Cell::new(stored.bytes);
        act(&mut cell);
        if ledger.write(number, cell.bytes(), stored.version) {
            return;
        }
    }
}
