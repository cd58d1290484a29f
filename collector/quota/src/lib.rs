//! Limits and budgets of a fleet: one count for all proxies, in durable storage.
//!
//! Proxies decide by themselves and report their use. An answer gives each proxy the use of the whole fleet and its share
//! ([`headgate_limits`]). Counts are in the store, and a report is answered once its counts are on disk. Shares and
//! reservations last seconds and stay in memory. If the transaction of a share fails, the share is given up and expires
//! at the proxies by itself, as after a restart. Several collectors keep shares and reservations in the store (see
//! `members`).

mod changed_counts;
mod check;
mod correct;
mod count;
mod counts;
mod list;
mod proxies;
mod retention;
mod rules;
mod thresholds;
mod units;
mod webhook;

pub use check::{BadReport, MAX_REPORT_BYTES, check_report, meter_of};
pub use correct::{AskedCount, Corrected, CorrectionRequest, Subject};
pub use count::{Count, CountedRule, Window};
pub use list::{CountCursor, CountPage, CountQuery};

use counts::Counts;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{Claim, Conflict, Delivery, MemoryPermit, Readers, Store, WriteHandle, claim};
use headgate_collector_types::{Sender, clock};
use headgate_limits::{Fleet, Reply, Report, Rule};
use rules::RuleBook;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use units::amount;

/// The outcome of a report.
#[derive(Debug)]
pub enum SyncOutcome {
    /// The report is counted. This is the answer.
    Answer(Box<Reply>),
    /// A later report of the same boot has been answered, so the proxy no longer waits for this one.
    Stale,
    /// The report is not counted, and the refusal is noted.
    Refused(ReportRefusal),
}

/// The reason why a report is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportRefusal {
    /// The boot belongs to another sender.
    ForeignBoot,
    /// The sender has opened too many boots.
    TooManyBoots,
    /// A proxy cannot have made so many reports since its last one.
    TooFar,
}

/// The counts, the fleet and the access to the store. Clones share them.
#[derive(Debug, Clone)]
pub struct Limits {
    state: Arc<Mutex<State>>,
    writes: WriteHandle,
    readers: Readers,
    /// Notified when there are crossings to send to webhooks.
    crossed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    fleet: Fleet,
    book: RuleBook,
    /// The `version` in the store after the last report. Another value there means that the report was rolled back.
    version: Option<i64>,
}

impl State {
    fn new() -> Self {
        Self { fleet: Fleet::new(0), book: RuleBook::default(), version: None }
    }
}

impl Limits {
    /// Returns the limits of a collector that has just started.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new())),
            writes: store.writes.clone(),
            readers: store.readers.clone(),
            crossed: Arc::default(),
        }
    }

    /// Sends webhooks and removes ended counts for as long as it is polled.
    pub async fn run(self) {
        tokio::join!(self.run_webhooks(), self.run_cleanup());
    }

    /// Adopts the rules of a policy in the transaction that puts it in force, and reports the thresholds that counts cross by them.
    ///
    /// # Errors
    /// The store cannot be written: the transaction must be given up.
    pub fn put_policy(&self, tx: &Db, name: &str, rules: &[Rule]) -> Result<(), StoreError> {
        let mut state = lock(&self.state);
        let done = state.put_policy(tx, name, rules);
        match done {
            Ok(true) => self.crossed.notify_one(),
            Ok(false) => {}
            Err(_) => *state = State::new(),
        }
        done.map(|_| ())
    }

    /// Counts a report and returns the answer once it is on disk. `permit` is dropped with the report.
    ///
    /// # Errors
    /// The store cannot be written. The proxy may send the same report again.
    pub async fn sync(&self, sender: Sender, report: Report, permit: MemoryPermit) -> Result<SyncOutcome, StoreError> {
        let state = Arc::clone(&self.state);
        let work = move |tx: &Db| {
            let _permit = permit;
            let mut state = lock(&state);
            let done = state.count_report(tx, &sender, &report);
            if done.is_err() {
                *state = State::new();
            }
            done
        };
        let SyncResult { synced, crossed } = self.writes.transact(work).await?;
        if crossed {
            self.crossed.notify_one();
        }
        Ok(synced)
    }
}

/// Returns the report with names of proxies that no other sender can use. A name alone must not be enough to end another
/// sender's proxy or to take over its shares.
fn with_qualified_names(sender: &Sender, report: &Report) -> Report {
    let mut report = report.clone();
    if !report.process.is_empty() {
        report.process = format!("{}/{}", sender.line, report.process);
        report.node = format!("{}/{}", sender.line, report.node);
    }
    report
}

/// The outcome of a report, and whether it crossed a threshold.
struct SyncResult {
    synced: SyncOutcome,
    crossed: bool,
}

impl State {
    /// Counts a report if the sender may speak for its boot.
    fn count_report(&mut self, tx: &Db, sender: &Sender, report: &Report) -> Result<SyncResult, StoreError> {
        let now = clock::now_us();
        let seq = i64::try_from(report.seq).unwrap_or(i64::MAX);
        let (conflict, numbers, refusal) = match claim(tx, sender, &report.boot, now)? {
            Claim::Foreign => (Conflict::ForeignBoot, Vec::new(), ReportRefusal::ForeignBoot),
            Claim::TooMany => (Conflict::TooManyBoots, Vec::new(), ReportRefusal::TooManyBoots),
            Claim::Own if seq <= counts::highest_possible_seq(tx, &report.boot, now)? => {
                return self.sync(tx, &with_qualified_names(sender, report));
            }
            Claim::Own => (Conflict::NumberTooFar, vec![seq], ReportRefusal::TooFar),
        };
        Delivery { sender, node: &report.node, boot_id: &report.boot }.note(tx, conflict, &numbers)?;
        Ok(SyncResult { synced: SyncOutcome::Refused(refusal), crossed: false })
    }

    fn sync(&mut self, tx: &Db, report: &Report) -> Result<SyncResult, StoreError> {
        let version = counts::version(tx)?;
        if self.version.is_some_and(|known| known != version) {
            *self = Self::new();
        }
        if self.version.is_none() {
            let last_seen_ms = if tx.is_shared() { 0 } else { counts::last_seen_ms(tx)? };
            self.fleet = Fleet::new(last_seen_ms);
        }
        let last_seq = counts::last_seq(tx, &report.boot)?;
        if report.seq < last_seq {
            self.version = Some(version);
            return Ok(SyncResult { synced: SyncOutcome::Stale, crossed: false });
        }
        let now_us = tx.now_us()?;
        let now_ms = amount(now_us) / 1_000;
        let known = self.book.find(tx, &report.revision, now_us)?;
        let accepts_rules = known.is_none() && rules::accepts_reported_rules(tx, &report.revision)?;
        let mut counts = Counts { tx, revision: known, last_seq, version, now_us, crossings: Vec::new() };
        if let Some(rules) = report.rules.as_ref().filter(|_| accepts_rules) {
            let inserted = self.book.insert(tx, &report.revision, rules, now_us)?;
            counts.revision = Some(Arc::clone(&inserted));
            counts.recheck_thresholds(&inserted)?;
        }
        let mut reply = self.fleet.answer(report, &mut counts, now_ms)?;
        self.note_slots(&counts, report, &reply)?;
        if report.whole {
            reply.rules_wanted = accepts_rules && counts.revision.is_none();
            let (rows, cursor) = changed_counts::changed_rows(&counts, &mut self.fleet, report, now_ms)?;
            reply.rows.extend(rows);
            reply.cursor = cursor;
        }
        for crossing in &counts.crossings {
            thresholds::record_crossing(tx, crossing, now_us)?;
        }
        let crossed = !counts.crossings.is_empty();
        self.version = Some(counts.finish()?);
        Ok(SyncResult { synced: SyncOutcome::Answer(Box::new(reply)), crossed })
    }

    /// Stores the rules of a revision. Returns whether a threshold was crossed.
    fn put_policy(&mut self, tx: &Db, name: &str, rules: &[Rule]) -> Result<bool, StoreError> {
        let (version, now_us) = (counts::version(tx)?, tx.now_us()?);
        let revision = self.book.replace(tx, name, rules, now_us)?;
        let known = Some(Arc::clone(&revision));
        let mut counts = Counts { tx, revision: known, last_seq: 0, version, now_us, crossings: Vec::new() };
        counts.recheck_thresholds(&revision)?;
        for crossing in &counts.crossings {
            thresholds::record_crossing(tx, crossing, now_us)?;
        }
        let crossed = !counts.crossings.is_empty();
        let now = counts.finish()?;
        // Nothing was undone where the version was the known one.
        self.version = self.version.map(|known| if known == version { now } else { known });
        Ok(crossed)
    }

    fn note_slots(&self, counts: &Counts<'_>, report: &Report, reply: &Reply) -> Result<(), StoreError> {
        let slots = report.rows.iter().zip(&reply.rows).filter(|(row, _)| row.meter == counts::CONCURRENCY);
        for (row, answer) in slots {
            let open = if row.late || row.idle || report.ending { 0 } else { row.open };
            counts.note_slots(row, answer.others_open.saturating_add(open))?;
        }
        Ok(())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
