//! Writes usage: adds the records of a write batch to the rollups.
//!
//! The records are added up in memory first, so that a row is read and written once however many records it counts. Then
//! rows of all spans are read and written in blocks, because each statement is a round trip to a server and a backlog
//! covers a thousand spans at once.

use super::Level;
use super::dimensions::Dimensions;
use super::totals::Totals;
use headgate_collector_columns::RowValues;
use headgate_collector_db::{Db, StoreError, Value, params_from_iter};
use headgate_record::RequestRecord;
use std::collections::{BTreeMap, HashMap};

/// The numbers of rows per statement: the largest that fits, then smaller ones.
const STATEMENTS: [usize; 3] = [64, 8, 1];

/// The table of the rollups.
const ROLLUPS: &str = "usage_rollups";

/// The key of a row: its span, and the bytes of its combination.
type RollupKey = (Level, i64, Vec<u8>);

/// Records that are stored but not in the rollups yet.
#[derive(Debug, Default)]
pub(crate) struct Tally(HashMap<(i64, Dimensions), Totals>);

impl Tally {
    /// Counts a record that has just been stored.
    pub(crate) fn add(&mut self, record: &RequestRecord, row_values: &RowValues) {
        let second = i64::try_from(record.started_at / 1_000_000).unwrap_or(i64::MAX);
        let key = (Level::Quarter.start_of(second), Dimensions::of(record, row_values));
        self.0.entry(key).or_default().add(record);
    }

    /// Adds everything to the rollups. The caller holds the write lock of the store until the transaction ends, so no row
    /// changes between reading and writing it.
    pub(crate) fn write(self, db: &Db) -> Result<(), StoreError> {
        self.write_to(db, ROLLUPS)
    }

    /// Writes as [`Tally::write`] does, to a table of this name.
    pub(super) fn write_to(self, db: &Db, table: &str) -> Result<(), StoreError> {
        let mut rows = BTreeMap::<RollupKey, Totals>::new();
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
                write_row(db, table, rows)?;
            }
            rest = fewer;
        }
        Ok(())
    }
}

/// Adds the stored totals to the rows. Each row is looked up by itself, because a planner that may join them reads the
/// whole table.
fn merge_known(db: &Db, table: &str, rows: &mut [(RollupKey, Totals)]) -> Result<(), StoreError> {
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

/// Adds stored totals. A row that is damaged on disk starts again from zero: records must not wait for it, and the log
/// still has the records that it counted.
fn merge_stored(row: &mut Totals, bytes: &[u8]) {
    let mut stored = Totals::default();
    match stored.merge_bytes(bytes, true) {
        Ok(()) => row.merge(&stored),
        Err(_) => tracing::warn!("a row of usage_rollups is damaged; it begins anew, without what it had counted"),
    }
}

fn write_row(db: &Db, table: &str, rows: &[(RollupKey, Totals)]) -> Result<(), StoreError> {
    let places = numbered(rows.len(), |row| {
        let first = row * 4 + 1;
        format!("(?{first}, ?{}, ?{}, ?{})", first + 1, first + 2, first + 3)
    });
    let mut insert = db.prepare_cached(&format!(
        "INSERT INTO {table} (level, start, combination, totals) VALUES {places}
         ON CONFLICT (level, start, combination) DO UPDATE SET totals = excluded.totals"
    ))?;
    let row_values =
        |(place, totals): &(RollupKey, Totals)| values(place).into_iter().chain([Value::Blob(totals.to_bytes())]);
    insert.execute(params_from_iter(rows.iter().flat_map(row_values)))?;
    Ok(())
}

fn values((level, start, combination): &RollupKey) -> [Value; 3] {
    [Value::Integer(*level as i64), Value::Integer(*start), Value::Blob(combination.clone())]
}

fn numbered(count: usize, place: impl FnMut(usize) -> String) -> String {
    (0..count).map(place).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_writer;
    use crate::usage::{Counter, UsageQuery, usage_total};
    use headgate_collector_columns::Column;

    fn tally(combinations: std::ops::Range<i64>) -> Tally {
        let mut tally = Tally::default();
        for key in combinations {
            let mut row_values = [0; Column::ALL.len()];
            row_values[Column::KeyId as usize] = key;
            tally.add(&RequestRecord { started_at: 1_767_225_600_000_000, ..RequestRecord::default() }, &row_values);
        }
        tally
    }

    fn requests(db: &Db) -> u64 {
        usage_total(db, &UsageQuery::of_day(1_767_225_600)).unwrap().get(Counter::Requests)
    }

    #[test]
    fn rows_of_a_large_batch_are_added_to() {
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
    fn a_damaged_row_starts_anew_and_blocks_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        tally(0..3).write(&db).unwrap();
        db.execute("UPDATE usage_rollups SET totals = ?1 WHERE combination = ?2", [vec![0x80], key_two()]).unwrap();
        tally(0..3).write(&db).unwrap();
        assert_eq!(requests(&db), 5, "two rows of two, one of one");
    }

    fn key_two() -> Vec<u8> {
        let mut row_values = [0; Column::ALL.len()];
        row_values[Column::KeyId as usize] = 2;
        Dimensions::of(&RequestRecord::default(), &row_values).to_bytes()
    }
}
