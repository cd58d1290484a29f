//! Dimensions that were added later, for what was counted before.
//!
//! A row of before tells nothing of them. The records that it counted do, where all of them are still there: then the row gives
//! way to rows that are told apart. Of which some have been deleted, it stays as it is, and its new dimensions are unknown: a
//! bill does not change because its records are gone.

use super::super::StoreError;
use super::super::columns::Cells;
use super::super::db::{Db, OptionalExtension, params};
use super::dimensions::Dimensions;
use super::tally::Tally;
use super::totals::Totals;
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
/// Records that are added up before they are written.
const ADDED_UP: u64 = 20_000;
/// Rows that are read at a time.
const BLOCK: i64 = 4_096;

/// Usage counted once more, beside the rollups.
pub(in crate::store) struct Anew<'a> {
    db: &'a Db,
    tally: Tally,
    waiting: u64,
}

/// Rows that are one row in the rollups: its level, start and combination; theirs, and their totals.
struct Group {
    place: (i64, i64, Vec<u8>),
    rows: Vec<(Vec<u8>, Totals)>,
}

impl<'a> Anew<'a> {
    /// Nothing counted yet.
    pub(in crate::store) fn begin(db: &'a Db) -> Result<Self, StoreError> {
        db.execute_batch(&db.table_form(CREATE))?;
        Ok(Self { db, tally: Tally::default(), waiting: 0 })
    }

    /// Counts a record that is there.
    pub(in crate::store) fn add(&mut self, record: &RequestRecord, cells: &Cells) -> Result<(), StoreError> {
        self.tally.add(record, cells);
        self.waiting += 1;
        if self.waiting < ADDED_UP {
            return Ok(());
        }
        self.waiting = 0;
        std::mem::take(&mut self.tally).write_to(self.db, TABLE)
    }

    /// Puts what was counted in place of the rows that counted the same.
    pub(in crate::store) fn replace(self) -> Result<(), StoreError> {
        self.tally.write_to(self.db, TABLE)?;
        let mut after = (i64::MIN, 0, Vec::new());
        let mut open: Option<Group> = None;
        loop {
            let rows = block(self.db, &after)?;
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

fn block(db: &Db, (level, start, combination): &(i64, i64, Vec<u8>)) -> Result<Vec<Row>, StoreError> {
    let mut select = db.prepare_cached(ROWS)?;
    let mut rows = select.query(params![*level, *start, combination.clone(), BLOCK])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, row.get(1)?, row.get(2)?, read(&row.get::<_, Vec<u8>>(3)?)?));
    }
    Ok(found)
}

fn read(bytes: &[u8]) -> Result<Totals, StoreError> {
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
        // One that cannot be read, or that counts more than is there, is left alone.
        if known.and_then(|known| read(&known).ok()) != Some(sum) {
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
