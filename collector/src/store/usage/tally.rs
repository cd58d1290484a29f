//! Writing: what a group of batches adds to the rollups.
//!
//! The records of a group are added up in memory first, so that a row is read and written once however many records fall
//! into it; then rows of whatever spans are read and written some at a time, because to a database over a network each
//! statement is a journey, and a backlog tells of a thousand spans at once.

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

/// The table of the rollups.
const ROLLUPS: &str = "usage_rollups";

/// Where a row stands: its span, and the bytes of its combination.
type Place = (Level, i64, Vec<u8>);

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
        self.write_to(db, ROLLUPS)
    }

    /// As [`Tally::write`], to a table of this name.
    pub(super) fn write_to(self, db: &Db, table: &str) -> Result<(), StoreError> {
        let mut rows = BTreeMap::<Place, Totals>::new();
        for ((start, dimensions), totals) in self.0 {
            let combination = dimensions.to_bytes();
            let day = (Level::Day, Level::Day.start_of(start), combination.clone());
            rows.entry(day).or_default().merge(&totals);
            rows.insert((Level::Quarter, start, combination), totals);
        }
        let mut rows: Vec<_> = rows.into_iter().collect();
        let mut rest = rows.as_mut_slice();
        for size in STATEMENTS {
            let (some, fewer) = rest.split_at_mut(rest.len() / size * size);
            for rows in some.chunks_mut(size) {
                merge_known(db, table, rows)?;
                put(db, table, rows)?;
            }
            rest = fewer;
        }
        Ok(())
    }
}

/// Adds to the rows what is in the database already. Each is looked for by itself: a planner that may join them reads the
/// whole table.
fn merge_known(db: &Db, table: &str, rows: &mut [(Place, Totals)]) -> Result<(), StoreError> {
    let wanted = numbered(rows.len(), |row| format!("({row}, ?{}, ?{}, ?{})", row * 3 + 1, row * 3 + 2, row * 3 + 3));
    let mut select = db.prepare_cached(&format!(
        "SELECT CAST(column1 AS BIGINT), (SELECT totals FROM {table}
             WHERE level = column2 AND start = column3 AND combination = column4)
         FROM (VALUES {wanted}) wanted"
    ))?;
    let mut known = select.query(params_from_iter(rows.iter().flat_map(|(place, _)| values(place))))?;
    while let Some(row) = known.next()? {
        let place = usize::try_from(row.get::<_, i64>(0)?).map_err(|_| StoreError::Damaged)?;
        if let (Some((_, totals)), Some(stored)) = (rows.get_mut(place), row.get::<_, Option<Vec<u8>>>(1)?) {
            merge_stored(totals, &stored);
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

fn put(db: &Db, table: &str, rows: &[(Place, Totals)]) -> Result<(), StoreError> {
    let places = numbered(rows.len(), |row| {
        let first = row * 4 + 1;
        format!("(?{first}, ?{}, ?{}, ?{})", first + 1, first + 2, first + 3)
    });
    let mut insert = db.prepare_cached(&format!(
        "INSERT INTO {table} (level, start, combination, totals) VALUES {places}
         ON CONFLICT (level, start, combination) DO UPDATE SET totals = excluded.totals"
    ))?;
    let cells = |(place, totals): &(Place, Totals)| values(place).into_iter().chain([Value::Blob(totals.to_bytes())]);
    insert.execute(params_from_iter(rows.iter().flat_map(cells)))?;
    Ok(())
}

fn values((level, start, combination): &Place) -> [Value; 3] {
    [Value::Integer(*level as i64), Value::Integer(*start), Value::Blob(combination.clone())]
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
