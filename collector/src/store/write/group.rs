//! One transaction's worth of batches.

mod copies;
mod rows;

use super::super::columns::{self, Cells};
use super::super::conflicts::{Conflict, Delivery};
use super::super::db::{Db, Result};
use super::super::gaps::{self, Boot, News};
use super::super::names::Names;
use super::super::senders::{Claim, claim};
use super::super::usage::Tally;
use super::super::{Log, StoreError};
use crate::validate::{CheckedBatch, CheckedRecord};
use headgate_record::{Acknowledgement, Refusal};

const CONFLICT: Refused =
    Refused("conflict: another record with this node, boot and seq is stored", Conflict::OtherContent);
const ID_TAKEN: Refused = Refused("conflict: another record with this id is stored", Conflict::IdTaken);
const TOO_FAR: Refused =
    Refused("`seq` is further than a worker can have come since it was heard last", Conflict::NumberTooFar);

/// Why a record is refused: for its sender, and for the audit log.
#[derive(Clone, Copy)]
struct Refused(&'static str, Conflict);

pub(super) struct Group<'a> {
    db: &'a Db,
    names: &'a mut Names,
    kept: Box<dyn Keep<'a> + 'a>,
    now: i64,
    next_position: i64,
    first_position: i64,
    dropped: i64,
    tally: Tally,
    news: News,
}

enum Stored {
    New,
    Again,
    Refused(Refused),
}

/// Where a record goes if it is new.
#[derive(Clone, Copy)]
struct Place {
    position: i64,
    boot: i64,
    now: i64,
}

/// How records get into the tables: one by one, or many at once.
trait Keep<'a> {
    /// Says what comes next.
    fn expect(&mut self, boot: i64, batch: &'a CheckedBatch) -> Result<()>;
    /// Whether it is known, without asking the tables, that something with this (boot, seq) is there.
    fn remembers(&self, boot: i64, record: &CheckedRecord) -> bool;
    /// Something with this (boot, seq) is there: the same record, or another one? `otherwise` if nothing is. The hash
    /// knows, also when the bytes have been damaged since.
    fn known(&self, boot: i64, record: &CheckedRecord, otherwise: Stored) -> Result<Stored>;
    /// Keeps a record, unless it or another one is there already.
    fn store(&mut self, place: Place, record: &'a CheckedRecord) -> Result<Stored>;
    /// Keeps the cells of a record that was new.
    fn describe(&mut self, position: i64, cells: &Cells) -> Result<()>;
    /// Everything is in the tables after this.
    fn finish(&mut self) -> Result<()>;
}

impl<'a> Group<'a> {
    pub(super) fn begin(db: &'a Db, names: &'a mut Names, now: i64) -> Result<Self> {
        let next_position = db
            .prepare_cached("SELECT next_position FROM log_heads WHERE log = 'requests'")?
            .query_row([], |row| row.get(0))?;
        let kept: Box<dyn Keep<'a> + 'a> = match db.bulk() {
            Some(bulk) => Box::new(copies::Copies::new(bulk)),
            None => Box::new(rows::Rows::new(db)),
        };
        let (tally, news) = (Tally::default(), News::default());
        Ok(Self { db, names, kept, now, next_position, first_position: next_position, dropped: 0, tally, news })
    }

    /// Stores a batch. The inner error says that nothing of it was taken, and undoes nothing else.
    pub(super) fn add(&mut self, batch: &'a CheckedBatch) -> Result<Result<Acknowledgement, StoreError>, StoreError> {
        let delivery = Delivery { sender: &batch.sender, node: &batch.node, boot_id: &batch.boot };
        let (conflict, refused) = match claim(self.db, &batch.sender, &batch.boot, self.now)? {
            Claim::Own => return self.add_own(batch, delivery).map(Ok),
            Claim::Foreign => (Conflict::ForeignBoot, StoreError::ForeignBoot),
            Claim::TooMany => (Conflict::TooManyBoots, StoreError::TooManyBoots),
        };
        let seqs: Vec<i64> = batch.records.iter().map(|record| record.seq).collect();
        delivery.refused(self.db, conflict, &seqs)?;
        Ok(Err(refused))
    }

    fn add_own(&mut self, batch: &'a CheckedBatch, delivery: Delivery<'_>) -> Result<Acknowledgement, StoreError> {
        let (mut boot, most) = self.boot(batch, delivery)?;
        self.kept.expect(boot.boot, batch)?;
        if let Some(bulk) = self.db.bulk() {
            let read =
                |names: &mut Names, record: &CheckedRecord| columns::cells(self.db, names, &record.record, self.now);
            let all = |names: &mut Names| batch.records.iter().try_for_each(|record| read(names, record).map(|_| ()));
            self.names.learn(bulk, all)?;
        }
        let mut ack = Acknowledgement::default();
        ack.refused.extend(batch.refused.iter().map(copy));
        let mut stored = Vec::with_capacity(batch.records.len());
        let mut conflicts: Vec<(Conflict, Vec<i64>)> = Vec::new();
        for record in &batch.records {
            let outcome = if record.seq > most { Stored::Refused(TOO_FAR) } else { self.store(&boot, record)? };
            match outcome {
                Stored::New => {
                    ack.stored += 1;
                    stored.push((record.seq, record.started_at));
                }
                Stored::Again => ack.duplicates += 1,
                Stored::Refused(Refused(reason, conflict)) => {
                    ack.refused.push(refusal(record, reason));
                    match conflicts.iter_mut().find(|(known, _)| *known == conflict) {
                        Some((_, seqs)) => seqs.push(record.seq),
                        None => conflicts.push((conflict, vec![record.seq])),
                    }
                }
            }
        }
        conflicts.iter().try_for_each(|(conflict, seqs)| delivery.refused(self.db, *conflict, seqs))?;
        ack.refused.sort_by_key(|refusal| refusal.index);
        self.news.and(&gaps::account(self.db, &mut boot, stored, self.now)?);
        Ok(ack)
    }

    /// Writes what belongs to the group as a whole; returns by how much the senders' drop counts grew.
    pub(super) fn finish(mut self) -> Result<i64, StoreError> {
        if self.next_position > self.first_position {
            self.db.begin_day(Log::Requests.table(), self.now)?;
        }
        self.kept.finish()?;
        self.db
            .prepare_cached("UPDATE log_heads SET next_position = ?1 WHERE log = 'requests'")?
            .execute([self.next_position])?;
        if columns::segment_of(self.next_position) > columns::segment_of(self.first_position) {
            columns::seal(self.db, self.next_position)?;
        }
        self.tally.write(self.db)?;
        gaps::count_news(self.db, &self.news)?;
        Ok(self.dropped)
    }

    /// The boot as it is known, and the highest number that it can have reached; notes its drop count.
    fn boot(&mut self, batch: &CheckedBatch, delivery: Delivery<'_>) -> Result<(Boot, i64), StoreError> {
        let boot = Boot::known(self.db, &batch.node, &batch.boot, self.now)?;
        let highest = batch.records.iter().map(|record| record.seq).fold(batch.dropped, i64::max);
        let most = boot.most(self.db, &batch.node, &batch.boot, highest, self.now)?;
        if batch.dropped > most {
            delivery.refused(self.db, Conflict::NumberTooFar, &[batch.dropped])?;
        } else if batch.dropped > boot.dropped {
            let mut update = self.db.prepare_cached("UPDATE boots SET dropped = ?2 WHERE boot = ?1")?;
            update.execute([boot.boot, batch.dropped])?;
            self.dropped = self.dropped.saturating_add(batch.dropped - boot.dropped);
        }
        Ok((boot, most))
    }

    fn store(&mut self, boot: &Boot, record: &'a CheckedRecord) -> Result<Stored> {
        // A number that is accounted for and not missing was stored once. Retention may have deleted it since.
        let stored_once = record.seq <= boot.highest_seq
            && (self.kept.remembers(boot.boot, record) || !gaps::is_missing(self.db, boot.boot, record.seq)?);
        if stored_once {
            return self.kept.known(boot.boot, record, Stored::Again);
        }
        let position = self.next_position;
        let stored = self.kept.store(Place { position, boot: boot.boot, now: self.now }, record)?;
        if matches!(stored, Stored::New) {
            let cells = columns::cells(self.db, self.names, &record.record, self.now)?;
            self.kept.describe(position, &cells)?;
            self.tally.add(&record.record, &cells);
            self.next_position = position + 1;
        }
        Ok(stored)
    }
}

fn copy(refusal: &Refusal) -> Refusal {
    Refusal { index: refusal.index, seq: refusal.seq, reason: refusal.reason.clone() }
}

fn refusal(record: &CheckedRecord, reason: &str) -> Refusal {
    Refusal { index: record.index, seq: u64::try_from(record.seq).ok(), reason: reason.to_owned() }
}

/// Records dropped by all senders so far.
pub(super) fn dropped_in_all(db: &Db) -> Result<i64> {
    let mut select = db.prepare_cached("SELECT dropped FROM boots WHERE dropped > 0")?;
    let all = select.query_map([], |row| row.get::<_, i64>(0))?;
    // Added up here: the sum of hostile numbers saturates rather than failing at start.
    all.into_iter().try_fold(0_i64, |sum, dropped| Ok(sum.saturating_add(dropped?)))
}
