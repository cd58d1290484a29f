//! Fills data that a step of the schema has added, for entries that are older than the step.

mod retention;
mod searchable;

pub(crate) use retention::retention;
pub(crate) use searchable::{outcomes, searchable, source};

use super::usage::Tally;
use headgate_collector_columns::dictionary::DictionaryCache;
use headgate_collector_columns::{self as columns, SEGMENT};
use headgate_collector_db::{Db, StoreError};
use headgate_record::RequestRecord;
use serde::Deserialize;

/// Fills the columns of all records. An unreadable record keeps its position without values, and the operator is
/// informed.
pub(super) fn columns(db: &Db) -> Result<(), StoreError> {
    let mut dictionary = DictionaryCache::default();
    let mut unreadable = 0_u64;
    for_each_record(db, |position, received_at, bytes| {
        let record = serde_json::from_slice::<RequestRecord>(bytes).unwrap_or_else(|_| {
            unreadable += 1;
            RequestRecord::default()
        });
        columns::insert_row(db, position, &columns::row_values(&record, received_at, &mut dictionary.writer(db))?)?;
        if position % SEGMENT == 0 {
            columns::seal(db, position + 1)?;
        }
        Ok(())
    })?;
    if unreadable > 0 {
        tracing::warn!("{unreadable} stored records cannot be read; they are kept as they are");
    }
    Ok(())
}

/// The number of records that are summed in memory before they are written to the rollups.
const MAX_PENDING: u64 = 20_000;

/// Fills the rollups of usage from all readable records.
pub(super) fn usage(db: &Db) -> Result<(), StoreError> {
    let mut dictionary = DictionaryCache::default();
    let (mut tally, mut pending) = (Tally::default(), 0);
    for_each_record(db, |_, received_at, bytes| {
        let Ok(record) = serde_json::from_slice::<RequestRecord>(bytes) else { return Ok(()) };
        tally.add(&record, &columns::row_values(&record, received_at, &mut dictionary.writer(db))?);
        pending += 1;
        if pending < MAX_PENDING {
            return Ok(());
        }
        pending = 0;
        std::mem::take(&mut tally).write(db)
    })?;
    tally.write(db)
}

/// Fills the policy revisions of audit entries that are older than their column.
pub(super) fn revisions(db: &Db) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct RevisionOnly {
        revision: Option<i64>,
    }
    let mut select = db.prepare_cached("SELECT position, bytes FROM audit_entries ORDER BY position")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let Ok(RevisionOnly { revision: Some(revision) }) = serde_json::from_slice(row.get_ref(1)?.as_blob()?) else {
            continue;
        };
        db.execute("UPDATE audit SET revision = ?2 WHERE position = ?1", [position, revision])?;
    }
    Ok(())
}

fn for_each_record(
    db: &Db,
    mut visit: impl FnMut(i64, i64, &[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut select = db.prepare_cached("SELECT position, received_at, bytes FROM request_entries ORDER BY position")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        visit(row.get(0)?, row.get(1)?, row.get_ref(2)?.as_blob().map_err(|_| StoreError::Damaged)?)?;
    }
    Ok(())
}
