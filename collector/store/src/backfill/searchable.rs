//! Fills the columns that a step of the tables added, for entries that are older than the step.
//!
//! All records are read once more, a segment at a time, because a server returns the whole result of a query at once.

use crate::audit;
use crate::usage::Recount;
use headgate_collector_columns::dictionary::DictionaryCache;
use headgate_collector_columns::{self as columns, Column, RowValues, SEGMENT};
use headgate_collector_db::{Db, Params, StoreError, params};
use headgate_collector_types::audit::Entry;
use headgate_record::RequestRecord;

/// Fills the columns of records, the dimensions of usage, and the names of actors.
pub(crate) fn searchable(db: &Db) -> Result<(), StoreError> {
    let mut dictionary = DictionaryCache::default();
    let mut usage = Recount::begin(db)?;
    columns_from(db, &mut dictionary, Column::Application, |record, row_values| usage.add(record, row_values))?;
    usage.replace()?;
    fill_names(db, &mut dictionary, &["actor_name"])
}

/// Fills the columns for outcomes and tokens.
pub(crate) fn outcomes(db: &Db) -> Result<(), StoreError> {
    columns_from(db, &mut DictionaryCache::default(), Column::Outcome, |_, _| Ok(()))
}

/// Fills the column for the source, and the columns of audit entries for outcome, resource name and address.
pub(crate) fn source(db: &Db) -> Result<(), StoreError> {
    let mut dictionary = DictionaryCache::default();
    columns_from(db, &mut dictionary, Column::Source, |_, _| Ok(()))?;
    fill_names(db, &mut dictionary, &["outcome", "resource_name", "address"])
}

/// Fills this column and all later ones. Calls `visit` with each readable record.
fn columns_from(
    db: &Db,
    dictionary: &mut DictionaryCache,
    first: Column,
    mut visit: impl FnMut(&RequestRecord, &RowValues) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for segment in segments(db, "SELECT segment FROM segments ORDER BY segment", [])? {
        let mut columns = vec![vec![0; usize::try_from(SEGMENT).unwrap_or(0)]; Column::ALL.len()];
        for_each_record(db, dictionary, segment, |position, record, row_values| {
            let row = usize::try_from(position - columns::first_of(segment)).unwrap_or(usize::MAX);
            for (column, value) in columns.iter_mut().zip(row_values) {
                if let Some(slot) = column.get_mut(row) {
                    *slot = *value;
                }
            }
            visit(record, row_values)
        })?;
        for (column, values) in Column::ALL.iter().zip(&columns).skip(first as usize) {
            columns::write_column(db, segment, *column, values)?;
        }
    }
    let open = "SELECT DISTINCT (position - 1) / ?1 FROM fresh";
    for segment in segments(db, open, [SEGMENT])? {
        for_each_record(db, dictionary, segment, |position, record, row_values| {
            let added: Vec<_> = Column::ALL.iter().copied().zip(*row_values).skip(first as usize).collect();
            columns::update_row(db, position, &added)?;
            visit(record, row_values)
        })?;
    }
    Ok(())
}

fn segments(db: &Db, sql: &str, params: impl Params) -> Result<Vec<i64>, StoreError> {
    Ok(db.prepare_cached(sql)?.query_map(params, |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Calls `visit` with each readable record of a segment.
fn for_each_record(
    db: &Db,
    dictionary: &mut DictionaryCache,
    segment: i64,
    mut visit: impl FnMut(i64, &RequestRecord, &RowValues) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let first = columns::first_of(segment);
    let sql = "SELECT position, received_at, bytes FROM request_entries WHERE position BETWEEN ?1 AND ?2";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query([first, first.saturating_add(SEGMENT - 1)])?;
    while let Some(row) = rows.next()? {
        let (position, received_at) = (row.get(0)?, row.get(1)?);
        if let Ok(record) = serde_json::from_slice::<RequestRecord>(row.get_ref(2)?.as_blob()?) {
            visit(position, &record, &columns::row_values(&record, received_at, &mut dictionary.writer(db))?)?;
        }
    }
    Ok(())
}

/// The entries that are read at a time.
const BATCH: i64 = 4_096;

/// Fills these columns of all audit entries with the ids of names.
fn fill_names(db: &Db, dictionary: &mut DictionaryCache, columns: &[&str]) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let sql = "SELECT position, bytes FROM audit_entries WHERE position > ?1 ORDER BY position LIMIT ?2";
        let mut select = db.prepare_cached(sql)?;
        let rows = select.query_map([after, BATCH], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows = rows.collect::<Result<Vec<(i64, Vec<u8>)>, _>>()?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (position, bytes) in &rows {
            let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else { continue };
            let ids = audit::name_ids(&mut dictionary.writer(db), &entry)?;
            for (column, id) in audit::NAME_COLUMNS.iter().zip(ids).filter(|(column, _)| columns.contains(column)) {
                let sql = format!("UPDATE audit SET {column} = ?2 WHERE position = ?1");
                db.prepare_cached(&sql)?.execute(params![*position, id])?;
            }
        }
    }
}
