//! What became findable with a step of the tables, for what was stored before.
//!
//! All records are read once more, a segment at a time: a server gives all that it is asked for at once.

use super::columns::{self, Cells, Column, SEGMENT};
use super::db::{Db, Params, params};
use super::names::Names;
use super::usage::Anew;
use super::{StoreError, audit};
use crate::audit::Entry;
use headgate_record::RequestRecord;

/// The columns from this one on are filled.
const FIRST: Column = Column::Application;

/// Fills the columns of records, the dimensions of usage, and the names of actors.
pub(super) fn fill(db: &Db) -> Result<(), StoreError> {
    let mut names = Names::default();
    let mut usage = Anew::begin(db)?;
    for segment in segments(db, "SELECT segment FROM segments ORDER BY segment", [])? {
        let mut columns = vec![vec![0; usize::try_from(SEGMENT).unwrap_or(0)]; Column::ALL.len()];
        each(db, &mut names, segment, |position, record, cells| {
            let row = usize::try_from(position - columns::first_of(segment)).unwrap_or(usize::MAX);
            for (column, cell) in columns.iter_mut().zip(cells) {
                if let Some(slot) = column.get_mut(row) {
                    *slot = *cell;
                }
            }
            usage.add(record, cells)
        })?;
        for (column, values) in Column::ALL.iter().zip(&columns).skip(FIRST as usize) {
            columns::put_column(db, segment, *column, values)?;
        }
    }
    let growing = "SELECT DISTINCT (position - 1) / ?1 FROM fresh";
    for segment in segments(db, growing, [SEGMENT])? {
        each(db, &mut names, segment, |position, record, cells| {
            let further: Vec<_> = Column::ALL.iter().copied().zip(*cells).skip(FIRST as usize).collect();
            columns::amend_fresh(db, position, &further)?;
            usage.add(record, cells)
        })?;
    }
    usage.replace()?;
    actors(db, &mut names)
}

fn segments(db: &Db, sql: &str, params: impl Params) -> Result<Vec<i64>, StoreError> {
    Ok(db.prepare_cached(sql)?.query_map(params, |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Calls `visit` with each record of a segment that can be read.
fn each(
    db: &Db,
    names: &mut Names,
    segment: i64,
    mut visit: impl FnMut(i64, &RequestRecord, &Cells) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let first = columns::first_of(segment);
    let sql = "SELECT position, received_at, bytes FROM request_entries WHERE position BETWEEN ?1 AND ?2";
    let mut select = db.prepare_cached(sql)?;
    let mut rows = select.query([first, first.saturating_add(SEGMENT - 1)])?;
    while let Some(row) = rows.next()? {
        let (position, received_at) = (row.get(0)?, row.get(1)?);
        if let Ok(record) = serde_json::from_slice::<RequestRecord>(row.get_ref(2)?.as_blob()?) {
            visit(position, &record, &columns::cells(db, names, &record, received_at)?)?;
        }
    }
    Ok(())
}

/// Entries that are read at a time.
const BLOCK: i64 = 4_096;

fn actors(db: &Db, names: &mut Names) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let sql = "SELECT position, bytes FROM audit_entries WHERE position > ?1 ORDER BY position LIMIT ?2";
        let mut select = db.prepare_cached(sql)?;
        let rows = select.query_map([after, BLOCK], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let rows = rows.collect::<Result<Vec<(i64, Vec<u8>)>, _>>()?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (position, bytes) in &rows {
            let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else { continue };
            if let Some(name) = audit::actor_name(db, names, &entry)? {
                db.prepare_cached("UPDATE audit SET actor_name = ?2 WHERE position = ?1")?
                    .execute(params![*position, name])?;
            }
        }
    }
}
