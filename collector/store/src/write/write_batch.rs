//! The write batch: the batches that are stored in one transaction.

mod known_records;
mod new_rows;

use crate::conflicts::{Conflict, Delivery};
use crate::gaps::{self, Boot, GapCounts};
use crate::senders::{Claim, claim, owner_of};
use crate::tree::grow;
use crate::usage::Tally;
use headgate_collector_columns::dictionary::DictionaryCache;
use headgate_collector_columns::{self as columns, RecordValues, identity};
use headgate_collector_db::{Db, Result, StoreError};
use headgate_collector_types::validate::{CheckedBatch, CheckedRecord};
use headgate_collector_types::{Log, Sender};
use headgate_record::{Acknowledgement, Refusal};
use known_records::KnownRecords;
use new_rows::{NewRow, NewRows};

const CONFLICT: Refused =
    Refused("conflict: another record with this node, boot and seq is stored", Conflict::OtherContent);
const ID_TAKEN: Refused = Refused("conflict: another record of this sender with this id is stored", Conflict::IdTaken);
const TOO_FAR: Refused =
    Refused("`seq` is further than a worker can have come since it was heard last", Conflict::NumberTooFar);

/// The reason why a record is refused, for its sender and for the audit log.
#[derive(Clone, Copy)]
struct Refused(&'static str, Conflict);

pub(super) struct WriteBatch<'a> {
    db: &'a Db,
    dictionary: &'a mut DictionaryCache,
    known_records: KnownRecords,
    new: NewRows<'a>,
    now: i64,
    next_position: i64,
    first_position: i64,
    dropped: i64,
    tally: Tally,
    gap_counts: GapCounts,
}

enum RecordOutcome {
    New,
    /// The record is new, but a record of another sender has its id too.
    SharedId,
    Duplicate,
    Refused(Refused),
}

impl<'a> WriteBatch<'a> {
    pub(super) fn begin(db: &'a Db, dictionary: &'a mut DictionaryCache, now: i64) -> Result<Self> {
        let next_position = db
            .prepare_cached("SELECT next_position FROM log_heads WHERE log = 'requests'")?
            .query_row([], |row| row.get(0))?;
        Ok(Self {
            db,
            dictionary,
            known_records: KnownRecords::default(),
            new: NewRows::default(),
            now,
            next_position,
            first_position: next_position,
            dropped: 0,
            tally: Tally::default(),
            gap_counts: GapCounts::default(),
        })
    }

    /// Stores a batch. The inner error means that no record of this batch was accepted, and undoes nothing else.
    pub(super) fn add(&mut self, batch: &'a CheckedBatch) -> Result<Result<Acknowledgement, StoreError>, StoreError> {
        let delivery = Delivery { sender: &batch.sender, node: &batch.node, boot_id: &batch.boot };
        let (conflict, refused) = match claim(self.db, &batch.sender, &batch.boot, self.now)? {
            Claim::Own => return self.add_own(batch, delivery).map(Ok),
            Claim::Foreign => (Conflict::ForeignBoot, StoreError::ForeignBoot),
            Claim::TooMany => (Conflict::TooManyBoots, StoreError::TooManyBoots),
        };
        let seqs: Vec<i64> = batch.records.iter().map(|record| record.seq).collect();
        delivery.note(self.db, conflict, &seqs)?;
        Ok(Err(refused))
    }

    fn add_own(&mut self, batch: &'a CheckedBatch, delivery: Delivery<'_>) -> Result<Acknowledgement, StoreError> {
        let (mut boot, highest) = self.boot(batch, delivery)?;
        self.known_records.look_up(self.db, boot.boot, batch)?;
        let values: Vec<RecordValues<'_>> =
            batch.records.iter().map(|record| RecordValues::of(&record.record, self.now)).collect();
        columns::prefetch(&values, &mut self.dictionary.writer(self.db))?;
        let mut ack = Acknowledgement::default();
        ack.refused.extend(batch.refused.iter().map(copy));
        let mut stored = Vec::with_capacity(batch.records.len());
        let mut conflicts: Vec<(Conflict, Vec<i64>)> = Vec::new();
        for (record, values) in batch.records.iter().zip(&values) {
            let outcome = match self.classify(&batch.sender, &boot, highest, record)? {
                Ok(key) => self.store(boot.boot, key, record, values)?,
                Err(outcome) => outcome,
            };
            match outcome {
                RecordOutcome::New | RecordOutcome::SharedId => {
                    ack.stored += 1;
                    stored.push((record.seq, record.started_at));
                }
                RecordOutcome::Duplicate => ack.duplicates += 1,
                RecordOutcome::Refused(Refused(reason, _)) => ack.refused.push(refusal(record, reason)),
            }
            if let Some(conflict) = outcome.conflict() {
                match conflicts.iter_mut().find(|(known, _)| *known == conflict) {
                    Some((_, seqs)) => seqs.push(record.seq),
                    None => conflicts.push((conflict, vec![record.seq])),
                }
            }
        }
        conflicts.iter().try_for_each(|(conflict, seqs)| delivery.note(self.db, *conflict, seqs))?;
        ack.refused.sort_by_key(|refusal| refusal.index);
        self.gap_counts.add(&gaps::account(self.db, &mut boot, stored, self.now)?);
        Ok(ack)
    }

    /// Writes the data of the write batch as a whole, and returns the growth of the senders' drop counts.
    pub(super) fn finish(self) -> Result<i64, StoreError> {
        if self.next_position > self.first_position {
            self.db.begin_day(Log::Requests.table(), self.now)?;
        }
        self.new.write(self.db, self.now)?;
        if self.next_position > self.first_position {
            grow(self.db, Log::Requests, self.first_position, self.new.leaf_hashes())?;
        }
        self.db
            .prepare_cached("UPDATE log_heads SET next_position = ?1 WHERE log = 'requests'")?
            .execute([self.next_position])?;
        if columns::segment_of(self.next_position) > columns::segment_of(self.first_position) {
            columns::seal(self.db, self.next_position)?;
        }
        self.tally.write(self.db)?;
        gaps::add_gap_counts(self.db, &self.gap_counts)?;
        Ok(self.dropped)
    }

    /// Returns the known state of a boot and the highest number that it can have reached. It also notes the drop count.
    fn boot(&mut self, batch: &CheckedBatch, delivery: Delivery<'_>) -> Result<(Boot, i64), StoreError> {
        let boot = Boot::find_or_insert(self.db, &batch.node, &batch.boot, self.now)?;
        let highest = batch.records.iter().map(|record| record.seq).fold(batch.dropped, i64::max);
        let highest = boot.highest_possible_seq(self.db, &batch.node, &batch.boot, highest, self.now)?;
        if batch.dropped > highest {
            delivery.note(self.db, Conflict::NumberTooFar, &[batch.dropped])?;
        } else if batch.dropped > boot.dropped {
            let mut update = self.db.prepare_cached("UPDATE boots SET dropped = ?2 WHERE boot = ?1")?;
            update.execute([boot.boot, batch.dropped])?;
            self.dropped = self.dropped.saturating_add(batch.dropped - boot.dropped);
        }
        Ok((boot, highest))
    }

    /// Returns the key under which a record is to be stored, or the reason for not storing it.
    fn classify(
        &self,
        sender: &Sender,
        boot: &Boot,
        highest: i64,
        record: &CheckedRecord,
    ) -> Result<Result<[u8; 16], RecordOutcome>> {
        if record.seq > highest {
            return Ok(Err(RecordOutcome::Refused(TOO_FAR)));
        }
        // A number that is accounted for and not missing was stored once. Retention may have deleted it since.
        let is_known = self.known_records.has_number(boot.boot, record.seq);
        let stored_once =
            record.seq <= boot.highest_seq && (is_known || !gaps::is_missing(self.db, boot.boot, record.seq)?);
        if is_known || stored_once {
            let otherwise = if stored_once { RecordOutcome::Duplicate } else { RecordOutcome::Refused(ID_TAKEN) };
            return Ok(Err(match self.known_records.is_same(boot.boot, record) {
                Some(true) => RecordOutcome::Duplicate,
                Some(false) => RecordOutcome::Refused(CONFLICT),
                None => otherwise,
            }));
        }
        if !self.known_records.has_key(&record.id) {
            return Ok(Ok(record.id));
        }
        Ok(self.find_free_key(sender, boot, record)?.ok_or(RecordOutcome::Refused(ID_TAKEN)))
    }

    fn store(
        &mut self,
        boot: i64,
        key: [u8; 16],
        record: &'a CheckedRecord,
        values: &RecordValues<'_>,
    ) -> Result<RecordOutcome> {
        let position = self.next_position;
        let row_values = values.encode(&mut self.dictionary.writer(self.db))?;
        self.tally.add(&record.record, &row_values);
        self.known_records.add(boot, key, record);
        self.new.push(NewRow { position, boot, key, record }, &row_values);
        self.next_position = position + 1;
        Ok(if key == record.id { RecordOutcome::New } else { RecordOutcome::SharedId })
    }

    /// Returns a key for a record with an id that other senders have used. Returns `None` if this sender has used the id
    /// itself, or too many others have.
    fn find_free_key(&self, sender: &Sender, boot: &Boot, record: &CheckedRecord) -> Result<Option<[u8; 16]>> {
        let taken = self.known_records.taken_keys(record);
        for (_, holder) in &taken {
            if *holder == boot.boot || owner_of(self.db, *holder)?.is_some_and(|owner| owner == sender.line) {
                return Ok(None);
            }
        }
        Ok(identity::free_key(&record.id, &taken))
    }
}

impl RecordOutcome {
    /// Returns the conflict to report in the audit log.
    const fn conflict(&self) -> Option<Conflict> {
        match self {
            Self::New | Self::Duplicate => None,
            Self::SharedId => Some(Conflict::SharedId),
            Self::Refused(Refused(_, conflict)) => Some(*conflict),
        }
    }
}

fn copy(refusal: &Refusal) -> Refusal {
    Refusal { index: refusal.index, seq: refusal.seq, reason: refusal.reason.clone() }
}

fn refusal(record: &CheckedRecord, reason: &str) -> Refusal {
    Refusal { index: record.index, seq: u64::try_from(record.seq).ok(), reason: reason.to_owned() }
}

/// Returns the number of records that all senders have dropped so far.
pub(super) fn total_dropped(db: &Db) -> Result<i64> {
    let mut select = db.prepare_cached("SELECT dropped FROM boots WHERE dropped > 0")?;
    let all = select.query_map([], |row| row.get::<_, i64>(0))?;
    // Summed here, where hostile numbers saturate. In SQL the sum could fail at the start.
    all.into_iter().try_fold(0_i64, |sum, dropped| Ok(sum.saturating_add(dropped?)))
}
