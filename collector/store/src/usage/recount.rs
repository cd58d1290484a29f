//! Recounts older usage by dimensions that were added later.
//!
//! An older row has no values of them. If all records that it counted still exist, rows with all dimensions replace it.
//! If some have been deleted, it stays as it is, and its new dimensions are unknown: a bill does not change because its
//! records are deleted.

use super::dimensions::Dimensions;
use super::tally::Tally;
use super::totals::Totals;
use headgate_collector_columns::RowValues;
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_record::RequestRecord;

const TABLE: &str = "usage_anew";
const CREATE: &str = "CREATE TABLE usage_anew (
  level       INTEGER NOT NULL,
  start       INTEGER NOT NULL,
  combination BLOB    NOT NULL,
  totals      BLOB    NOT NULL,
  PRIMARY KEY (level, start, combination)
) STRICT, WITHOUT ROWID;";
const ROWS: &str = "SELECT level, start, combination, totals FROM usage_anew
    WHERE (level, start, combination) > (?1, ?2, ?3) ORDER BY level, start, combination LIMIT ?4";
/// The number of records that are summed in memory before they are written.
const MAX_PENDING: u64 = 20_000;
/// The rows that are read at a time.
const BLOCK_ROWS: i64 = 4_096;

/// A second count of usage, beside the rollups.
pub(crate) struct Recount<'a> {
    db: &'a Db,
    tally: Tally,
    pending: u64,
}

/// Recounted rows that are one row in the rollups: its level, start and combination, and their combinations and totals.
struct Group {
    place: (i64, i64, Vec<u8>),
    rows: Vec<(Vec<u8>, Totals)>,
}

impl<'a> Recount<'a> {
    /// Begins an empty count.
    pub(crate) fn begin(db: &'a Db) -> Result<Self, StoreError> {
        db.execute_batch(&db.table_form(CREATE))?;
        Ok(Self { db, tally: Tally::default(), pending: 0 })
    }

    /// Counts an existing record.
    pub(crate) fn add(&mut self, record: &RequestRecord, row_values: &RowValues) -> Result<(), StoreError> {
        self.tally.add(record, row_values);
        self.pending += 1;
        if self.pending < MAX_PENDING {
            return Ok(());
        }
        self.pending = 0;
        std::mem::take(&mut self.tally).write_to(self.db, TABLE)
    }

    /// Replaces rows of the rollups by recounted rows with the same sum.
    pub(crate) fn replace(self) -> Result<(), StoreError> {
        self.tally.write_to(self.db, TABLE)?;
        let mut after = (i64::MIN, 0, Vec::new());
        let mut open: Option<Group> = None;
        loop {
            let rows = read_block(self.db, &after)?;
            let Some((level, start, combination, _)) = rows.last() else { break };
            after = (*level, *start, combination.clone());
            for (level, start, combination, totals) in rows {
                let place = (level, start, Dimensions::from_bytes(&combination)?.to_first_bytes());
                match &mut open {
                    Some(group) if group.place == place => group.rows.push((combination, totals)),
                    _ => {
                        let next = Group { place, rows: vec![(combination, totals)] };
                        open.replace(next).map_or(Ok(()), |full| full.replace(self.db))?;
                    }
                }
            }
        }
        open.map_or(Ok(()), |full| full.replace(self.db))?;
        Ok(self.db.execute_batch("DROP TABLE usage_anew")?)
    }
}

type Row = (i64, i64, Vec<u8>, Totals);

fn read_block(db: &Db, (level, start, combination): &(i64, i64, Vec<u8>)) -> Result<Vec<Row>, StoreError> {
    let mut select = db.prepare_cached(ROWS)?;
    let mut rows = select.query(params![*level, *start, combination.clone(), BLOCK_ROWS])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, row.get(1)?, row.get(2)?, decode(&row.get::<_, Vec<u8>>(3)?)?));
    }
    Ok(found)
}

fn decode(bytes: &[u8]) -> Result<Totals, StoreError> {
    let mut totals = Totals::default();
    totals.merge_bytes(bytes, true)?;
    Ok(totals)
}

impl Group {
    fn replace(self, db: &Db) -> Result<(), StoreError> {
        let Self { place: (level, start, first), rows } = self;
        let mut select =
            db.prepare_cached("SELECT totals FROM usage_rollups WHERE level = ?1 AND start = ?2 AND combination = ?3")?;
        let known: Option<Vec<u8>> =
            select.query_row(params![level, start, first.clone()], |row| row.get(0)).optional()?;
        let mut sum = Totals::default();
        rows.iter().for_each(|(_, totals)| sum.merge(totals));
        // A row that is unreadable, or that counts more than the existing records, is left alone.
        if known.and_then(|known| decode(&known).ok()) != Some(sum) {
            return Ok(());
        }
        db.prepare_cached("DELETE FROM usage_rollups WHERE level = ?1 AND start = ?2 AND combination = ?3")?
            .execute(params![level, start, first])?;
        let mut insert =
            db.prepare_cached("INSERT INTO usage_rollups (level, start, combination, totals) VALUES (?1, ?2, ?3, ?4)")?;
        for (combination, totals) in rows {
            insert.execute(params![level, start, combination, totals.to_bytes()])?;
        }
        Ok(())
    }
}
