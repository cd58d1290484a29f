//! Writing: what a group of batches adds to the rollups.
//!
//! The records of a group are added up in memory first, so that a row is read and written once however many records fall
//! into it; then rows are read and written some at a time, because to a database over a network each statement is a journey.

use super::super::StoreError;
use super::super::columns::Cells;
use super::super::db::{Db, Value, params_from_iter};
use super::dimensions::Dimensions;
use super::totals::Totals;
use super::{DAY_S, Level};
use headgate_record::RequestRecord;
use std::collections::{BTreeMap, HashMap};

/// Rows to a statement: as many as fit, then fewer.
const STATEMENTS: [usize; 3] = [64, 8, 1];

/// Rows of one span, by the bytes of their combination.
type Rows = BTreeMap<Vec<u8>, Totals>;

/// Records that are stored, but not in the rollups yet.
#[derive(Debug, Default)]
pub(in crate::store) struct Tally(HashMap<(i64, Dimensions), Totals>);

impl Tally {
    /// Counts a record that was stored now.
    pub(in crate::store) fn add(&mut self, record: &RequestRecord, cells: &Cells) {
        let second = i64::try_from(record.started_at / 1_000_000).unwrap_or(i64::MAX);
        let key = (Level::Quarter.start_of(second), Dimensions::of(record, cells));
        self.0.entry(key).or_default().add(record);
    }

    /// Adds everything to the rollups. Whoever calls holds the store for writing until the transaction ends, so nobody
    /// changes a row between reading and writing it.
    pub(in crate::store) fn write(self, db: &Db) -> Result<(), StoreError> {
        let mut spans = BTreeMap::<(Level, i64), Rows>::new();
        for ((start, dimensions), totals) in self.0 {
            let combination = dimensions.to_bytes();
            let day = start.div_euclid(DAY_S).saturating_mul(DAY_S);
            let days = spans.entry((Level::Day, day)).or_default();
            days.entry(combination.clone()).or_default().merge(&totals);
            spans.entry((Level::Quarter, start)).or_default().insert(combination, totals);
        }
        spans.into_iter().try_for_each(|((level, start), rows)| add(db, level, start, rows))
    }
}

fn add(db: &Db, level: Level, start: i64, rows: Rows) -> Result<(), StoreError> {
    let mut rows: Vec<(Vec<u8>, Totals)> = rows.into_iter().collect();
    let mut rest = rows.as_mut_slice();
    for size in STATEMENTS {
        let (some, fewer) = rest.split_at_mut(rest.len() / size * size);
        for rows in some.chunks_mut(size) {
            merge_known(db, level, start, rows)?;
            put(db, level, start, rows)?;
        }
        rest = fewer;
    }
    Ok(())
}

/// Adds to the rows what is in the database already.
fn merge_known(db: &Db, level: Level, start: i64, rows: &mut [(Vec<u8>, Totals)]) -> Result<(), StoreError> {
    let places = numbered(rows.len(), |row| format!("?{}", row + 3));
    let mut select = db.prepare_cached(&format!(
        "SELECT combination, totals FROM usage_rollups WHERE level = ?1 AND start = ?2 AND combination IN ({places})"
    ))?;
    let wanted = rows.iter().map(|(combination, _)| Value::Blob(combination.clone()));
    let mut known = select.query(params_from_iter(span(level, start).chain(wanted)))?;
    while let Some(row) = known.next()? {
        let combination: Vec<u8> = row.get(0)?;
        let totals: Vec<u8> = row.get(1)?;
        let place = rows.binary_search_by(|(row, _)| row.cmp(&combination)).map_err(|_| StoreError::Damaged)?;
        if let Some((_, row)) = rows.get_mut(place) {
            row.merge_bytes(&totals, true)?;
        }
    }
    Ok(())
}

fn put(db: &Db, level: Level, start: i64, rows: &[(Vec<u8>, Totals)]) -> Result<(), StoreError> {
    let places = numbered(rows.len(), |row| format!("(?1, ?2, ?{}, ?{})", row * 2 + 3, row * 2 + 4));
    let mut insert = db.prepare_cached(&format!(
        "INSERT INTO usage_rollups (level, start, combination, totals) VALUES {places}
         ON CONFLICT (level, start, combination) DO UPDATE SET totals = excluded.totals"
    ))?;
    let values = rows.iter().flat_map(|(combination, totals)| [combination.clone(), totals.to_bytes()]);
    insert.execute(params_from_iter(span(level, start).chain(values.map(Value::Blob))))?;
    Ok(())
}

fn span(level: Level, start: i64) -> impl Iterator<Item = Value> {
    [Value::Integer(level as i64), Value::Integer(start)].into_iter()
}

fn numbered(count: usize, place: impl FnMut(usize) -> String) -> String {
    (0..count).map(place).collect::<Vec<_>>().join(", ")
}
