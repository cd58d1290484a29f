//! Writing: what a group of batches adds to the rollups.
//!
//! The records of a group are added up in memory first, so that a row is read and written once however many records fall
//! into it; then rows are read and written some at a time, because to a database over a network each statement is a journey.

use super::super::StoreError;
use super::super::columns::Cells;
use super::super::db::{Db, Value, params_from_iter};
use super::Level;
use super::dimensions::Dimensions;
use super::totals::Totals;
use crate::journal;
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
            let days = spans.entry((Level::Day, Level::Day.start_of(start))).or_default();
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
            merge_stored(row, &totals);
        }
    }
    Ok(())
}

/// Adds what was stored. A row that the disk did not keep begins anew: records must not wait for it, and the log still has
/// what it counted.
fn merge_stored(row: &mut Totals, bytes: &[u8]) {
    let mut stored = Totals::default();
    match stored.merge_bytes(bytes, true) {
        Ok(()) => row.merge(&stored),
        Err(_) => journal::line("a row of usage_rollups is damaged; it begins anew, without what it had counted"),
    }
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

#[cfg(test)]
mod tests {
    use super::super::{Counter, UsageQuery, usage_total};
    use super::*;
    use crate::store::columns::Column;
    use crate::store::open_writer;

    fn tally(combinations: std::ops::Range<i64>) -> Tally {
        let mut tally = Tally::default();
        for key in combinations {
            let mut cells = [0; Column::ALL.len()];
            cells[Column::KeyId as usize] = key;
            tally.add(&RequestRecord { started_at: 1_767_225_600_000_000, ..RequestRecord::default() }, &cells);
        }
        tally
    }

    fn requests(db: &Db) -> u64 {
        usage_total(db, &UsageQuery::of_day(1_767_225_600)).unwrap().get(Counter::Requests)
    }

    #[test]
    fn rows_are_added_to_however_many_there_are_in_a_group() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        let mut expected = 0;
        for count in [1, 7, 8, 9, 63, 64, 65, 200, 1] {
            tally(0..count).write(&db).unwrap();
            expected += u64::try_from(count).unwrap();
            assert_eq!(requests(&db), expected, "{count}");
        }
    }

    #[test]
    fn a_damaged_row_begins_anew_and_keeps_no_record_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        tally(0..3).write(&db).unwrap();
        db.execute("UPDATE usage_rollups SET totals = ?1 WHERE combination = ?2", [vec![0x80], key_two()]).unwrap();
        tally(0..3).write(&db).unwrap();
        assert_eq!(requests(&db), 5, "two rows of two, one of one");
    }

    fn key_two() -> Vec<u8> {
        let mut cells = [0; Column::ALL.len()];
        cells[Column::KeyId as usize] = 2;
        Dimensions::of(&RequestRecord::default(), &cells).to_bytes()
    }
}
