//! Limits and budgets of a fleet: one count for all proxies, kept where nothing is forgotten.
//!
//! Proxies decide by themselves and report what was used; an answer tells each what all have used and what it may add
//! ([`headgate_limits`]). What is counted is in the store and is answered once it is on disk. Shares and reservations
//! are worth seconds and stay in memory; if a transaction that they went with did not come to pass, they are given up
//! and run out at the proxies by themselves, as after a restart. Several collectors have them in the store (`members`).

mod check;
mod correct;
mod count;
mod counts;
mod crossings;
mod list;
mod members;
mod news;
mod retention;
mod rules;
mod webhook;

pub use check::{BadReport, MAX_REPORT_BYTES, check_report, meter_of};
pub use correct::{Asked, AskedCount, Corrected, Subject};
pub use count::{Count, CountedRule, Window};
pub use list::{CountPage, CountQuery, Place};

use crate::clock;
use crate::store::{Claim, Conflict, Db, Delivery, Held, Readers, Sender, Store, StoreError, WriteHandle, claim};
use counts::Counts;
use headgate_limits::{Fleet, Reply, Report};
use rules::RuleBook;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Joins the values of a subject; proxies let no value hold it.
const SEPARATOR: char = '\u{1f}';

/// What came of a report.
#[derive(Debug)]
pub enum Synced {
    /// It is counted; this is the answer.
    Answer(Box<Reply>),
    /// A later report of the same boot has been answered: nobody waits for this one.
    Stale,
    /// It is not counted, and that is noted.
    Refused(Unsound),
}

/// Why a report is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsound {
    /// The boot is another sender's.
    ForeignBoot,
    /// Its sender has opened too many boots.
    TooManyBoots,
    /// A proxy cannot have made so many reports since it was heard last.
    TooFar,
}

/// The counts, the fleet, and the way to the store; clones share them.
#[derive(Debug, Clone)]
pub struct Limits {
    state: Arc<Mutex<State>>,
    writes: WriteHandle,
    readers: Readers,
    /// There are crossings to tell addresses of.
    told: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    fleet: Fleet,
    book: RuleBook,
    /// `version` in the store after the last report; another one there means that it was rolled back.
    version: Option<i64>,
}

impl State {
    fn new() -> Self {
        Self { fleet: Fleet::new(0), book: RuleBook::default(), version: None }
    }
}

impl Limits {
    /// Of a collector that has just started.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self {
            state: Arc::new(Mutex::new(State::new())),
            writes: store.writes.clone(),
            readers: store.readers.clone(),
            told: Arc::default(),
        }
    }

    /// Tells addresses of crossings, and puts away what is over, for as long as it is polled.
    pub async fn keep(self) {
        tokio::join!(self.keep_telling(), self.keep_tidy());
    }

    /// Counts a report; answers once that is on disk. `held` is dropped with the report.
    ///
    /// # Errors
    /// The store cannot be written. The same report may come again.
    pub async fn sync(&self, sender: Sender, report: Report, held: Held) -> Result<Synced, StoreError> {
        let state = Arc::clone(&self.state);
        let work = move |tx: &Db| {
            let _held = held;
            let mut state = lock(&state);
            let done = state.take(tx, &sender, &report);
            if done.is_err() {
                *state = State::new();
            }
            done
        };
        let Done { synced, told } = self.writes.transact(work).await?;
        if told {
            self.told.notify_one();
        }
        Ok(synced)
    }
}

/// The report with names of proxies that no other sender can give: a name alone must not be enough to end, or to take over,
/// what another sender's proxy holds.
fn of_sender(sender: &Sender, report: &Report) -> Report {
    let mut report = report.clone();
    if !report.process.is_empty() {
        report.process = format!("{}/{}", sender.line, report.process);
        report.node = format!("{}/{}", sender.line, report.node);
    }
    report
}

/// What came of a report, and whether there is something to tell.
struct Done {
    synced: Synced,
    told: bool,
}

impl State {
    /// Counts a report if its sender may make it.
    fn take(&mut self, tx: &Db, sender: &Sender, report: &Report) -> Result<Done, StoreError> {
        let now = clock::now_us();
        let seq = i64::try_from(report.seq).unwrap_or(i64::MAX);
        let (conflict, numbers, why) = match claim(tx, sender, &report.boot, now)? {
            Claim::Foreign => (Conflict::ForeignBoot, Vec::new(), Unsound::ForeignBoot),
            Claim::TooMany => (Conflict::TooManyBoots, Vec::new(), Unsound::TooManyBoots),
            Claim::Own if seq <= counts::most_seq(tx, &report.boot, now)? => {
                return self.sync(tx, &of_sender(sender, report));
            }
            Claim::Own => (Conflict::NumberTooFar, vec![seq], Unsound::TooFar),
        };
        Delivery { sender, node: &report.node, boot_id: &report.boot }.refused(tx, conflict, &numbers)?;
        Ok(Done { synced: Synced::Refused(why), told: false })
    }

    fn sync(&mut self, tx: &Db, report: &Report) -> Result<Done, StoreError> {
        let version = counts::version(tx)?;
        if self.version.is_some_and(|known| known != version) {
            *self = Self::new();
        }
        if self.version.is_none() {
            let forgotten = if tx.is_shared() { 0 } else { counts::last_seen_ms(tx)? };
            self.fleet = Fleet::new(forgotten);
        }
        let last_seq = counts::last_seq(tx, &report.boot)?;
        if report.seq < last_seq {
            self.version = Some(version);
            return Ok(Done { synced: Synced::Stale, told: false });
        }
        let now_us = tx.now_us()?;
        let now_ms = amount(now_us) / 1_000;
        let known = self.book.find(tx, &report.revision, now_us)?;
        let mut counts = Counts { tx, revision: known, last_seq, version, now_us, crossings: Vec::new() };
        if let (None, Some(rules)) = (&counts.revision, &report.rules) {
            let learnt = self.book.learn(tx, &report.revision, rules, now_us)?;
            counts.revision = Some(Arc::clone(&learnt));
            counts.cross_again(&learnt)?;
        }
        let mut reply = self.fleet.answer(report, &mut counts, now_ms)?;
        self.note_slots(&counts, report, &reply)?;
        if report.whole {
            reply.rules_wanted = counts.revision.is_none();
            let (rows, cursor) = news::news(&counts, &mut self.fleet, report, now_ms)?;
            reply.rows.extend(rows);
            reply.cursor = cursor;
        }
        for crossing in &counts.crossings {
            crossings::tell(tx, crossing, now_us)?;
        }
        let told = !counts.crossings.is_empty();
        self.version = Some(counts.finish()?);
        Ok(Done { synced: Synced::Answer(Box::new(reply)), told })
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

fn now_ms() -> u64 {
    amount(clock::now_us()) / 1_000
}

/// An amount as it is read from the store.
fn amount(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

fn joined(parts: &[String]) -> String {
    parts.join("\u{1f}")
}

fn parted(subject: &str) -> Vec<String> {
    subject.split(SEPARATOR).map(str::to_owned).collect()
}
