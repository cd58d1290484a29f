//! Building anew what is derived from the entries.

use super::columns::{self, Cells, Column, SEGMENT};
use super::db::{Db, params};
use super::derived::{self, Identity};
use super::gaps::{self, Boot};
use super::names::Names;
use super::usage::Tally;
use super::{Log, StoreError, audit, change, read};
use crate::audit::{Entry, SOURCE};
use crate::journal;
use crate::validate::parse_uuid;
use headgate_record::RequestRecord;
use serde::Deserialize;

/// The columns of all records. One that cannot be read keeps its place and has no values; the operator is told.
pub(super) fn columns(db: &Db) -> Result<(), StoreError> {
    let mut names = Names::default();
    let mut unreadable = 0_u64;
    each(db, |position, received_at, bytes| {
        let record = serde_json::from_slice::<RequestRecord>(bytes).unwrap_or_else(|_| {
            unreadable += 1;
            RequestRecord::default()
        });
        columns::insert_fresh(db, position, &columns::cells(db, &mut names, &record, received_at)?)?;
        if position % SEGMENT == 0 {
            columns::seal(db, position + 1)?;
        }
        Ok(())
    })?;
    if unreadable > 0 {
        journal::line(&format!("{unreadable} stored records cannot be read; they are kept as they are"));
    }
    Ok(())
}

/// Records that are added up before they are written to the rollups.
const ADDED_UP: u64 = 20_000;

/// The rollups of usage, over all records that can be read.
pub(super) fn usage(db: &Db) -> Result<(), StoreError> {
    let mut names = Names::default();
    let (mut tally, mut waiting) = (Tally::default(), 0);
    each(db, |_, received_at, bytes| {
        let Ok(record) = serde_json::from_slice::<RequestRecord>(bytes) else { return Ok(()) };
        tally.add(&record, &columns::cells(db, &mut names, &record, received_at)?);
        waiting += 1;
        if waiting < ADDED_UP {
            return Ok(());
        }
        waiting = 0;
        std::mem::take(&mut tally).write(db)
    })?;
    tally.write(db)
}

fn each(db: &Db, mut visit: impl FnMut(i64, i64, &[u8]) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let mut select = db.prepare_cached("SELECT position, received_at, bytes FROM request_entries ORDER BY position")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        visit(row.get(0)?, row.get(1)?, row.get_ref(2)?.as_blob().map_err(|_| StoreError::Damaged)?)?;
    }
    Ok(())
}

/// Entries of one transaction.
const STEP: i64 = 4_096;

/// Whose usage is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// That of every record: the rollups hold nothing yet.
    All,
    /// That of records which their boots do not know of yet.
    WhatIsNew,
}

/// Everything that is derived, for both logs, in a database that has none of it; its tables of boots, gaps and usage may say
/// what is known of them. Gives the positions of records that are there twice: they are taken out.
pub(super) fn all(db: &mut Db, count: Count) -> Result<Vec<i64>, StoreError> {
    let mut records = Records::counting(count);
    in_steps(db, Log::Requests, |tx, position, bytes, received_at| records.add(tx, position, bytes, received_at))?;
    change(db, |tx| records.tally.write(tx))?;
    let mut names = Names::default();
    in_steps(db, Log::Audit, |tx, position, bytes, _| audit_entry(tx, &mut names, position, bytes))?;
    Ok(records.twice)
}

struct Records {
    count: Count,
    names: Names,
    tally: Tally,
    waiting: u64,
    twice: Vec<i64>,
}

impl Records {
    fn counting(count: Count) -> Self {
        Self { count, names: Names::default(), tally: Tally::default(), waiting: 0, twice: Vec::new() }
    }

    fn add(&mut self, tx: &Db, position: i64, bytes: &[u8], received_at: i64) -> Result<(), StoreError> {
        match describe(tx, &mut self.names, (position, received_at), bytes)? {
            Described::Of(made) => self.account(tx, *made, received_at),
            Described::Unreadable => Ok(()),
            Described::Taken => {
                tx.prepare_cached("DELETE FROM request_entries WHERE position = ?1")?.execute([position])?;
                self.twice.push(position);
                Ok(())
            }
        }
    }

    /// Takes a record into account, with its boot if that does not know of it yet.
    fn account(&mut self, tx: &Db, made: Made, received_at: i64) -> Result<(), StoreError> {
        let Made { record, cells, seq, started_at, mut boot } = made;
        let is_known = seq <= boot.highest_seq && !gaps::is_missing(tx, boot.boot, seq)?;
        if !is_known {
            gaps::account(tx, &mut boot, vec![(seq, started_at)], received_at)?;
        }
        if is_known && self.count == Count::WhatIsNew {
            return Ok(());
        }
        self.tally.add(&record, &cells);
        self.waiting += 1;
        if self.waiting < ADDED_UP {
            return Ok(());
        }
        self.waiting = 0;
        std::mem::take(&mut self.tally).write(tx)
    }
}

/// What is derived from the entries of one segment of a log, in place of what is there.
pub(super) fn segment(tx: &Db, log: Log, segment: i64) -> Result<(), StoreError> {
    let first = columns::first_of(segment);
    let places = [first, first.saturating_add(SEGMENT - 1)];
    let sql = format!(
        "SELECT position, bytes, received_at FROM {} WHERE position BETWEEN ?1 AND ?2 ORDER BY position",
        log.table()
    );
    let mut select = tx.prepare_cached(&sql)?;
    let rows = select.query_map(places, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let rows = rows.collect::<Result<Vec<(i64, Vec<u8>, i64)>, _>>()?;
    let mut names = Names::default();
    if log == Log::Audit {
        tx.execute("DELETE FROM audit WHERE position BETWEEN ?1 AND ?2", places)?;
        return rows.iter().try_for_each(|(position, bytes, _)| audit_entry(tx, &mut names, *position, bytes));
    }
    columns::forget(tx, segment)?;
    if let Some(bulk) = tx.bulk() {
        // At a server an identity is no mere copy: it leads to the entry, and stays.
        let mut cells = Vec::with_capacity(rows.len());
        for (position, bytes, received_at) in &rows {
            let record = serde_json::from_slice(bytes).unwrap_or_default();
            cells.push((*position, columns::encoded(&columns::cells(tx, &mut names, &record, *received_at)?)));
        }
        columns::copy_fresh(bulk, &cells)?;
    } else {
        tx.execute("DELETE FROM requests WHERE position BETWEEN ?1 AND ?2", places)?;
        for (position, bytes, received_at) in &rows {
            describe(tx, &mut names, (*position, *received_at), bytes)?;
        }
    }
    columns::seal(tx, read::next_position(tx)?)
}

/// What came of describing a record.
enum Described {
    Of(Box<Made>),
    /// It keeps its place and has no values.
    Unreadable,
    /// Another one has its identity.
    Taken,
}

struct Made {
    record: RequestRecord,
    cells: Cells,
    seq: i64,
    started_at: i64,
    /// As it was before.
    boot: Boot,
}

fn describe(
    tx: &Db,
    names: &mut Names,
    (position, received_at): (i64, i64),
    bytes: &[u8],
) -> Result<Described, StoreError> {
    let record = serde_json::from_slice::<RequestRecord>(bytes).ok();
    let found = record.and_then(|record| Some((parse_uuid(&record.id)?, i64::try_from(record.seq).ok()?, record)));
    let Some((id, seq, record)) = found else {
        derived::describe(tx, names, position, &RequestRecord::default(), received_at)?;
        return Ok(Described::Unreadable);
    };
    let boot = Boot::known(tx, &record.node, &record.boot, received_at)?;
    let started_at = i64::try_from(record.started_at).unwrap_or(i64::MAX);
    if !derived::identify(tx, position, &Identity { id, boot: boot.boot, seq, started_at })? {
        return Ok(Described::Taken);
    }
    let cells = derived::describe(tx, names, position, &record, received_at)?;
    Ok(Described::Of(Box::new(Made { record, cells, seq, started_at, boot })))
}

/// What is derived from an audit entry; a token that it says was revoked is.
fn audit_entry(tx: &Db, names: &mut Names, position: i64, bytes: &[u8]) -> Result<(), StoreError> {
    let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else { return Ok(()) };
    let Some(id) = parse_uuid(&entry.id) else { return Ok(()) };
    audit::index(tx, names, position, &id, &entry)?;
    if entry.kind == "token.revoked" && entry.source == SOURCE {
        tx.prepare_cached("UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")?
            .execute(params![entry.resource.id, audit::time(&entry)])?;
    }
    Ok(())
}

/// The policy revisions of audit entries that were stored before they had a column.
pub(super) fn revisions(db: &Db) -> Result<(), StoreError> {
    #[derive(Deserialize)]
    struct Of {
        revision: Option<i64>,
    }
    let mut select = db.prepare_cached("SELECT position, bytes FROM audit_entries ORDER BY position")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let position: i64 = row.get(0)?;
        let Ok(Of { revision: Some(revision) }) = serde_json::from_slice(row.get_ref(1)?.as_blob()?) else { continue };
        db.execute("UPDATE audit SET revision = ?2 WHERE position = ?1", [position, revision])?;
    }
    Ok(())
}

/// The columns that retention reads, of records that were stored before there were any.
pub(super) fn retention(db: &Db) -> Result<(), StoreError> {
    let mut names = Names::default();
    let mut select = db.prepare_cached("SELECT segment FROM segments ORDER BY segment")?;
    let segments = select.query_map([], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
    for segment in segments {
        let rows = usize::try_from(SEGMENT).unwrap_or(0);
        let (mut received, mut classes) = (vec![0; rows], vec![0; rows]);
        for (row, received_at, class) in kept(db, &mut names, segment)? {
            if let (Some(at), Some(of)) = (received.get_mut(row), classes.get_mut(row)) {
                (*at, *of) = (received_at, class);
            }
        }
        columns::put_column(db, segment, Column::ReceivedAt, &received)?;
        columns::put_column(db, segment, Column::RetentionClass, &classes)?;
    }
    let mut select = db.prepare_cached("SELECT DISTINCT (position - 1) / ?1 FROM fresh")?;
    let growing = select.query_map([SEGMENT], |row| row.get::<_, i64>(0))?.collect::<Result<Vec<_>, _>>()?;
    for segment in growing {
        for (row, received_at, class) in kept(db, &mut names, segment)? {
            let position = columns::first_of(segment) + i64::try_from(row).unwrap_or(0);
            let cells = [(Column::ReceivedAt, received_at), (Column::RetentionClass, class)];
            columns::amend_fresh(db, position, &cells)?;
        }
    }
    Ok(())
}

/// Calls `visit` with each entry of a log, in transactions of their own.
fn in_steps(
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

/// Of each record of a segment: its row, when it was received, and its class. What cannot be read has none.
fn kept(db: &Db, names: &mut Names, segment: i64) -> Result<Vec<(usize, i64, i64)>, StoreError> {
    #[derive(Deserialize)]
    struct Class {
        retention_class: String,
    }
    let first = columns::first_of(segment);
    let sql = "SELECT position - ?1, received_at, bytes FROM request_entries WHERE position BETWEEN ?1 AND ?2";
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map([first, first + SEGMENT - 1], |row| {
        let class = serde_json::from_slice::<Class>(row.get_ref(2)?.as_blob()?).ok();
        Ok((row.get::<_, usize>(0)?, row.get::<_, i64>(1)?, class))
    })?;
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let numbered = rows.into_iter().map(|(row, received_at, class)| {
        let class = names.maybe(db, class.as_ref().map(|class| class.retention_class.as_str()))?;
        Ok((row, received_at, class.unwrap_or_default()))
    });
    numbered.collect()
}

#[cfg(test)]
mod tests {
    use super::{Column, RequestRecord, SEGMENT, columns, retention};
    use crate::store::db::{Db, params};
    use crate::store::{FacetQuery, Filter, Range};
    use crate::store::{change, facets, open_writer};

    fn records(db: &Db, count: i64) {
        for position in 1..=count {
            let retention_class = if position % 2 == 0 { "30d" } else { "default" }.to_owned();
            let record = RequestRecord { schema: 1, status: 200, retention_class, ..RequestRecord::default() };
            let bytes = serde_json::to_vec(&record).unwrap();
            db.execute(
                "INSERT INTO request_entries (position, schema, received_at, bytes) VALUES (?1, 1, ?2, ?3)",
                params![position, position * 10, bytes],
            )
            .unwrap();
        }
    }

    fn counted(db: &Db) -> Vec<(String, u64)> {
        let filters = vec![Filter::Number(Column::ReceivedAt, Range { least: 50, greatest: i64::MAX })];
        let query = FacetQuery { filters, columns: vec![Column::RetentionClass], names: 9, ..FacetQuery::default() };
        facets(db, &query).unwrap().columns.remove(0).values
    }

    #[test]
    fn records_of_before_get_the_columns_that_retention_reads_sealed_and_fresh_ones() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        change(&mut db, |tx| {
            records(tx, SEGMENT + 100);
            super::columns(tx)
        })
        .unwrap();
        let expected = counted(&db);
        assert_eq!(expected, [("30d".to_owned(), 8_240), ("default".to_owned(), 8_240)]);
        change(&mut db, |tx| {
            let younger = [Column::ReceivedAt, Column::RetentionClass].map(|column| column as i64);
            tx.execute("DELETE FROM segment_columns WHERE part % 64 = ?1 OR part % 64 = ?2", younger)?;
            for position in SEGMENT + 1..=SEGMENT + 100 {
                columns::amend_fresh(tx, position, &[(Column::ReceivedAt, 0), (Column::RetentionClass, 0)])?;
            }
            Ok(())
        })
        .unwrap();
        assert_ne!(counted(&db), expected);
        change(&mut db, retention).unwrap();
        assert_eq!(counted(&db), expected);
    }
}
