//! Rebuilds the data that is derived from the entries.

use super::gaps::{self, Boot};
use super::usage::Tally;
use super::{audit, change, read};
use headgate_collector_columns::dictionary::DictionaryCache;
use headgate_collector_columns::identity::{self, Identity};
use headgate_collector_columns::{self as columns, RowValues, SEGMENT};
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Entry, SOURCE};
use headgate_collector_types::validate::parse_uuid;
use headgate_record::RequestRecord;

/// The number of records that are summed in memory before they are written to the rollups.
const MAX_PENDING: u64 = 20_000;

/// The entries of one transaction.
const STEP: i64 = 4_096;

/// The records whose usage is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Every record, because the rollups are empty.
    All,
    /// Only records that their boots do not account for yet.
    Uncounted,
}

/// Rebuilds all derived data of both logs, in a database that has none of it. Its tables of boots, gaps and usage may
/// already have content. Returns the positions of duplicate records, which are removed.
pub fn rebuild(db: &mut Db, count: Count) -> Result<Vec<i64>, StoreError> {
    let mut records = Records::counting(count);
    for_each_entry(db, Log::Requests, |tx, position, bytes, received_at| {
        records.add(tx, position, bytes, received_at)
    })?;
    change(db, |tx| records.tally.write(tx))?;
    let mut dictionary = DictionaryCache::default();
    for_each_entry(db, Log::Audit, |tx, position, bytes, _| audit_entry(tx, &mut dictionary, position, bytes))?;
    Ok(records.duplicates)
}

struct Records {
    count: Count,
    dictionary: DictionaryCache,
    tally: Tally,
    pending: u64,
    duplicates: Vec<i64>,
}

impl Records {
    fn counting(count: Count) -> Self {
        Self {
            count,
            dictionary: DictionaryCache::default(),
            tally: Tally::default(),
            pending: 0,
            duplicates: Vec::new(),
        }
    }

    fn add(&mut self, tx: &Db, position: i64, bytes: &[u8], received_at: i64) -> Result<(), StoreError> {
        match index_record(tx, &mut self.dictionary, (position, received_at), bytes)? {
            Indexed::New(new) => self.account(tx, *new, received_at),
            Indexed::Unreadable => Ok(()),
            Indexed::Duplicate => {
                tx.prepare_cached("DELETE FROM request_entries WHERE position = ?1")?.execute([position])?;
                self.duplicates.push(position);
                Ok(())
            }
        }
    }

    /// Counts a record, and accounts for it at its boot if that has not happened yet.
    fn account(&mut self, tx: &Db, new: NewRecord, received_at: i64) -> Result<(), StoreError> {
        let NewRecord { record, row_values, seq, started_at, mut boot } = new;
        let is_known = seq <= boot.highest_seq && !gaps::is_missing(tx, boot.boot, seq)?;
        if !is_known {
            gaps::account(tx, &mut boot, vec![(seq, started_at)], received_at)?;
        }
        if is_known && self.count == Count::Uncounted {
            return Ok(());
        }
        self.tally.add(&record, &row_values);
        self.pending += 1;
        if self.pending < MAX_PENDING {
            return Ok(());
        }
        self.pending = 0;
        std::mem::take(&mut self.tally).write(tx)
    }
}

/// Rebuilds the data that is derived from the entries of one segment of a log, in place of the existing data.
pub(super) fn segment(tx: &Db, log: Log, segment: i64) -> Result<(), StoreError> {
    let first = columns::first_of(segment);
    let bounds = [first, first.saturating_add(SEGMENT - 1)];
    let sql = format!(
        "SELECT position, bytes, received_at FROM {} WHERE position BETWEEN ?1 AND ?2 ORDER BY position",
        log.table()
    );
    let mut select = tx.prepare_cached(&sql)?;
    let rows = select.query_map(bounds, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let rows = rows.collect::<Result<Vec<(i64, Vec<u8>, i64)>, _>>()?;
    let mut dictionary = DictionaryCache::default();
    if log == Log::Audit {
        tx.execute("DELETE FROM audit WHERE position BETWEEN ?1 AND ?2", bounds)?;
        return rows.iter().try_for_each(|(position, bytes, _)| audit_entry(tx, &mut dictionary, *position, bytes));
    }
    columns::delete_segment(tx, segment)?;
    if tx.is_shared() {
        // On a server, identities are not derived. They lead to the entries, so they stay.
        let mut row_values = Vec::with_capacity(rows.len());
        for (position, bytes, received_at) in &rows {
            let record = serde_json::from_slice(bytes).unwrap_or_default();
            row_values.push((
                *position,
                columns::encode_row(&columns::row_values(&record, *received_at, &mut dictionary.writer(tx))?),
            ));
        }
        columns::insert_rows(tx, &row_values)?;
    } else {
        tx.execute("DELETE FROM requests WHERE position BETWEEN ?1 AND ?2", bounds)?;
        for (position, bytes, received_at) in &rows {
            index_record(tx, &mut dictionary, (*position, *received_at), bytes)?;
        }
    }
    columns::seal(tx, read::next_request_position(tx)?)
}

/// The outcome of describing a record.
enum Indexed {
    New(Box<NewRecord>),
    /// The record is unreadable. It keeps its position without values.
    Unreadable,
    /// Another record has its identity.
    Duplicate,
}

struct NewRecord {
    record: RequestRecord,
    row_values: RowValues,
    seq: i64,
    started_at: i64,
    /// The boot before this record.
    boot: Boot,
}

fn index_record(
    tx: &Db,
    dictionary: &mut DictionaryCache,
    (position, received_at): (i64, i64),
    bytes: &[u8],
) -> Result<Indexed, StoreError> {
    let record = serde_json::from_slice::<RequestRecord>(bytes).ok();
    let found = record.and_then(|record| Some((parse_uuid(&record.id)?, i64::try_from(record.seq).ok()?, record)));
    let Some((id, seq, record)) = found else {
        columns::insert_record(tx, &mut dictionary.writer(tx), position, &RequestRecord::default(), received_at)?;
        return Ok(Indexed::Unreadable);
    };
    let boot = Boot::find_or_insert(tx, &record.node, &record.boot, received_at)?;
    let started_at = i64::try_from(record.started_at).unwrap_or(i64::MAX);
    if !identity::reinsert(tx, position, &Identity { id, boot: boot.boot, seq, started_at })? {
        return Ok(Indexed::Duplicate);
    }
    let row_values = columns::insert_record(tx, &mut dictionary.writer(tx), position, &record, received_at)?;
    Ok(Indexed::New(Box::new(NewRecord { record, row_values, seq, started_at, boot })))
}

/// Rebuilds the data that is derived from an audit entry. If it reports a revoked token, the token is revoked.
fn audit_entry(tx: &Db, dictionary: &mut DictionaryCache, position: i64, bytes: &[u8]) -> Result<(), StoreError> {
    let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else { return Ok(()) };
    let Some(id) = parse_uuid(&entry.id) else { return Ok(()) };
    audit::insert_index_row(tx, &mut dictionary.writer(tx), position, &id, &entry)?;
    if entry.kind == "token.revoked" && entry.source == SOURCE {
        tx.prepare_cached("UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")?
            .execute(params![entry.resource.id, audit::time(&entry)])?;
    }
    Ok(())
}

/// Calls `visit` with each entry of a log, in one transaction per step.
fn for_each_entry(
    db: &mut Db,
    log: Log,
    mut visit: impl FnMut(&Db, i64, &[u8], i64) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let select = format!(
        "SELECT position, bytes, received_at FROM {} WHERE position > ?1 ORDER BY position LIMIT ?2",
        log.table()
    );
    let mut last = 0_i64;
    loop {
        let tx = db.transaction()?;
        let rows = {
            let mut select = tx.prepare_cached(&select)?;
            let rows = select.query_map([last, STEP], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<Result<Vec<(i64, Vec<u8>, i64)>, _>>()?
        };
        for (position, bytes, received_at) in &rows {
            visit(&tx, *position, bytes, *received_at)?;
        }
        let Some((newest, ..)) = rows.last() else {
            return Ok(());
        };
        last = *newest;
        if log == Log::Requests {
            columns::seal(&tx, last + 1)?;
        }
        tx.commit()?;
    }
}
