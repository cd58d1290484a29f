//! Building anew what is derived from the entries.

use super::columns::{self, Cells, SEGMENT};
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

/// The columns of all records. One that cannot be read keeps its place and has no values; the operator is told.
pub(super) fn columns(db: &Db) -> Result<(), StoreError> {
    let mut names = Names::default();
    let mut unreadable = 0_u64;
    each(db, |position, bytes| {
        let record = serde_json::from_slice::<RequestRecord>(bytes).unwrap_or_else(|_| {
            unreadable += 1;
            RequestRecord::default()
        });
        columns::insert_fresh(db, position, &columns::cells(db, &mut names, &record)?)?;
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
    each(db, |_, bytes| {
        let Ok(record) = serde_json::from_slice::<RequestRecord>(bytes) else { return Ok(()) };
        tally.add(&record, &columns::cells(db, &mut names, &record)?);
        waiting += 1;
        if waiting < ADDED_UP {
            return Ok(());
        }
        waiting = 0;
        std::mem::take(&mut tally).write(db)
    })?;
    tally.write(db)
}

fn each(db: &Db, mut visit: impl FnMut(i64, &[u8]) -> Result<(), StoreError>) -> Result<(), StoreError> {
    let mut select = db.prepare_cached("SELECT position, bytes FROM request_entries ORDER BY position")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        visit(row.get(0)?, row.get_ref(1)?.as_blob().map_err(|_| StoreError::Damaged)?)?;
    }
    Ok(())
}

/// Entries of one transaction.
const STEP: i64 = 4_096;

/// Everything that is derived, for both logs, in a database that has none of it; its tables of boots, gaps and usage may say
/// what is known of them. Gives the positions of records that are there twice: they are taken out.
pub(super) fn all(db: &mut Db) -> Result<Vec<i64>, StoreError> {
    let mut records = Records::default();
    in_steps(db, Log::Requests, |tx, position, bytes, received_at| records.add(tx, position, bytes, received_at))?;
    change(db, |tx| records.tally.write(tx))?;
    in_steps(db, Log::Audit, |tx, position, bytes, _| audit_entry(tx, position, bytes))?;
    Ok(records.twice)
}

#[derive(Default)]
struct Records {
    names: Names,
    tally: Tally,
    waiting: u64,
    twice: Vec<i64>,
}

impl Records {
    fn add(&mut self, tx: &Db, position: i64, bytes: &[u8], received_at: i64) -> Result<(), StoreError> {
        match describe(tx, &mut self.names, position, bytes)? {
            Described::Of(made) => self.account(tx, *made, received_at),
            Described::Unreadable => Ok(()),
            Described::Taken => {
                tx.prepare_cached("DELETE FROM request_entries WHERE position = ?1")?.execute([position])?;
                self.twice.push(position);
                Ok(())
            }
        }
    }

    /// Takes a record into account that its boot does not know of yet.
    fn account(&mut self, tx: &Db, made: Made, received_at: i64) -> Result<(), StoreError> {
        let Made { record, cells, seq, started_at, mut boot } = made;
        if seq <= boot.highest_seq && !gaps::is_missing(tx, boot.boot, seq)? {
            return Ok(());
        }
        gaps::account(tx, &mut boot, vec![(seq, started_at)], received_at)?;
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
    let first = segment.saturating_mul(SEGMENT).saturating_add(1);
    let last = first.saturating_add(SEGMENT - 1);
    let index = match log {
        Log::Requests => "requests",
        Log::Audit => "audit",
    };
    tx.execute(&format!("DELETE FROM {index} WHERE position BETWEEN ?1 AND ?2"), [first, last])?;
    let sql = format!("SELECT position, bytes FROM {} WHERE position BETWEEN ?1 AND ?2 ORDER BY position", log.table());
    let mut select = tx.prepare_cached(&sql)?;
    let rows = select.query_map([first, last], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rows = rows.collect::<Result<Vec<(i64, Vec<u8>)>, _>>()?;
    if log == Log::Audit {
        return rows.iter().try_for_each(|(position, bytes)| audit_entry(tx, *position, bytes));
    }
    columns::forget(tx, segment)?;
    let mut names = Names::default();
    for (position, bytes) in &rows {
        describe(tx, &mut names, *position, bytes)?;
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

fn describe(tx: &Db, names: &mut Names, position: i64, bytes: &[u8]) -> Result<Described, StoreError> {
    let record = serde_json::from_slice::<RequestRecord>(bytes).ok();
    let found = record.and_then(|record| Some((parse_uuid(&record.id)?, i64::try_from(record.seq).ok()?, record)));
    let Some((id, seq, record)) = found else {
        derived::describe(tx, names, position, &RequestRecord::default())?;
        return Ok(Described::Unreadable);
    };
    let boot = Boot::known(tx, &record.node, &record.boot)?;
    let started_at = i64::try_from(record.started_at).unwrap_or(i64::MAX);
    if !derived::identify(tx, position, &Identity { id, boot: boot.boot, seq, started_at })? {
        return Ok(Described::Taken);
    }
    let cells = derived::describe(tx, names, position, &record)?;
    Ok(Described::Of(Box::new(Made { record, cells, seq, started_at, boot })))
}

/// What is derived from an audit entry; a token that it says was revoked is.
fn audit_entry(tx: &Db, position: i64, bytes: &[u8]) -> Result<(), StoreError> {
    let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else { return Ok(()) };
    let Some(id) = parse_uuid(&entry.id) else { return Ok(()) };
    audit::index(tx, position, &id, &entry)?;
    if entry.kind == "token.revoked" && entry.source == SOURCE {
        let time = i64::try_from(entry.time).unwrap_or(i64::MAX);
        tx.prepare_cached("UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL")?
            .execute(params![entry.resource.id, time])?;
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
