//! One transaction's worth of batches.

use super::super::StoreError;
use super::super::columns;
use super::super::db::{Db, OptionalExtension, Result, params};
use super::super::derived::{self, Identity};
use super::super::gaps::{self, Boot, News};
use super::super::names::Names;
use super::super::usage::Tally;
use crate::validate::{CheckedBatch, CheckedRecord};
use headgate_record::{Acknowledgement, Refusal};

const INSERT_ENTRY: &str = "INSERT INTO request_entries (position, schema, received_at, bytes, leaf)
    VALUES (?1, ?2, ?3, ?4, ?5)";

/// The hash of what is stored under (boot, seq).
const STORED_LEAF: &str = "SELECT e.leaf FROM requests r JOIN request_entries e USING (position)
    WHERE r.boot = ?1 AND r.seq = ?2";

const CONFLICT: &str = "conflict: another record with this node, boot and seq is stored";
const ID_TAKEN: &str = "conflict: another record with this id is stored";

pub(super) struct Group<'a> {
    db: &'a Db,
    names: &'a mut Names,
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
    Refused(&'static str),
}

impl<'a> Group<'a> {
    pub(super) fn begin(db: &'a Db, names: &'a mut Names, now: i64) -> Result<Self> {
        let next_position = db
            .prepare_cached("SELECT next_position FROM log_heads WHERE log = 'requests'")?
            .query_row([], |row| row.get(0))?;
        let (tally, news) = (Tally::default(), News::default());
        Ok(Self { db, names, now, next_position, first_position: next_position, dropped: 0, tally, news })
    }

    pub(super) fn add(&mut self, batch: &CheckedBatch) -> Result<Acknowledgement, StoreError> {
        let mut boot = self.boot(batch)?;
        let mut ack = Acknowledgement::default();
        ack.refused.extend(batch.refused.iter().map(copy));
        let mut stored = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            match self.store(&boot, record)? {
                Stored::New => {
                    ack.stored += 1;
                    stored.push((record.seq, record.started_at));
                }
                Stored::Again => ack.duplicates += 1,
                Stored::Refused(reason) => ack.refused.push(refusal(record, reason)),
            }
        }
        ack.refused.sort_by_key(|refusal| refusal.index);
        self.news.and(&gaps::account(self.db, &mut boot, stored, self.now)?);
        Ok(ack)
    }

    /// Writes what belongs to the group as a whole; returns by how much the senders' drop counts grew.
    pub(super) fn finish(self) -> Result<i64, StoreError> {
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

    /// The boot as it is known; notes its drop count.
    fn boot(&mut self, batch: &CheckedBatch) -> Result<Boot> {
        let boot = Boot::known(self.db, &batch.node, &batch.boot, self.now)?;
        if batch.dropped > boot.dropped {
            let mut update = self.db.prepare_cached("UPDATE boots SET dropped = ?2 WHERE boot = ?1")?;
            update.execute([boot.boot, batch.dropped])?;
            self.dropped = self.dropped.saturating_add(batch.dropped - boot.dropped);
        }
        Ok(boot)
    }

    fn store(&mut self, boot: &Boot, record: &CheckedRecord) -> Result<Stored> {
        // A number that is accounted for and not missing was stored once. Retention may have deleted it since.
        if record.seq <= boot.highest_seq && !gaps::is_missing(self.db, boot.boot, record.seq)? {
            return self.known(boot, record, Stored::Again);
        }
        let position = self.next_position;
        let identity = Identity { id: record.id, boot: boot.boot, seq: record.seq, started_at: record.started_at };
        if !derived::identify(self.db, position, &identity)? {
            return self.known(boot, record, Stored::Refused(ID_TAKEN));
        }
        self.db.prepare_cached(INSERT_ENTRY)?.execute(params![
            position,
            record.record.schema,
            self.now,
            record.bytes.as_ref(),
            record.leaf
        ])?;
        let cells = derived::describe(self.db, self.names, position, &record.record, self.now)?;
        self.tally.add(&record.record, &cells);
        self.next_position = position + 1;
        Ok(Stored::New)
    }

    /// Something with this (boot, seq) is there: the same record, or another one? `otherwise` if nothing is. The hash knows,
    /// also when the bytes have been damaged since.
    fn known(&self, boot: &Boot, record: &CheckedRecord, otherwise: Stored) -> Result<Stored> {
        let stored: Option<Vec<u8>> =
            self.db.prepare_cached(STORED_LEAF)?.query_row([boot.boot, record.seq], |row| row.get(0)).optional()?;
        Ok(match stored {
            Some(leaf) if leaf == record.leaf => Stored::Again,
            Some(_) => Stored::Refused(CONFLICT),
            None => otherwise,
        })
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
