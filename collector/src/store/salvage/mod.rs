//! What happens when the database itself is damaged: a byte of its structure is not what was written, its file ends too
//! early, its write-ahead log is torn.
//!
//! A service that will not start over one bad page loses the records of every sender that gives up waiting. So a damaged
//! database is set aside, never changed, and a new one is made of all in it that proves to be whole: entries by their
//! hashes, wherever they lie; other tables row by row; what is derived, anew. What is lost is counted, named, and told to the
//! operator and the audit log. A position that was given once is not given again.

mod behind;
mod carve;
mod image;
mod report;
mod soundness;
mod tables;
mod wal;

use super::columns;
use super::corrections;
use super::damage::{Finding, Kind, Log};
use super::db::{Db, params};
use super::gaps::{self, Boot, News};
use super::rebuild::Count;
use super::witness::{Progress, Witness};
use super::{StoreError, file, known_time, rebuild, retention, schema, usage};
use crate::clock;
use crate::journal;
use report::{Report, Usage};
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};
use wal::Wal;

/// Tables that are not copied: the logs themselves, and what is derived from them.
const NOT_COPIED: [&str; 12] = [
    "request_entries",
    "audit_entries",
    "requests",
    "fresh",
    "segments",
    "segment_columns",
    "name_sets",
    "name_set_members",
    "audit",
    "log_heads",
    "commits",
    "probe",
];
/// Positions beyond what the witness knows that are believed all the same: the commands append to the audit log without telling
/// it, and the process may have died between a commit and its telling.
const BEYOND: i64 = 30_000;
/// Entries that are stored in one transaction.
const STEP: usize = 10_000;

/// The files of a salvage.
struct Files {
    data: PathBuf,
    database: PathBuf,
    log: PathBuf,
    /// A copy in which SQLite finds its way.
    image: PathBuf,
    /// The new database, while it is made.
    building: PathBuf,
    /// The new database, once it is whole.
    salvaged: PathBuf,
    /// Says that damage was met while running.
    mark: PathBuf,
}

impl Files {
    fn of(data: &Path) -> Self {
        let beside = |name: &str| data.join(name);
        Self {
            data: data.to_owned(),
            database: file::database(data),
            log: beside("headgate.db-wal"),
            image: beside("headgate.db.image"),
            building: beside("headgate.db.building"),
            salvaged: beside("headgate.db.salvaged"),
            mark: beside("headgate.db.is-damaged"),
        }
    }
}

/// Looks whether the database is whole, as far as that can be seen quickly, and makes a whole one of it if it is not.
///
/// # Errors
/// The folder cannot be read or written, or the database is from a newer version.
pub(super) fn make_whole(data: &Path) -> Result<(), StoreError> {
    let files = Files::of(data);
    finish(&files)?;
    let known = Witness::read(data);
    let Some(reason) = soundness::problem(&files, known)? else {
        return Ok(());
    };
    if let (soundness::BEHIND, Some(known)) = (reason, known)
        && behind::go_on(&files, known)?
    {
        return Ok(());
    }
    journal::line(&format!("the database is damaged: {reason}; what is whole in it is put into a new one"));
    let report = salvage(&files, known.unwrap_or_default(), reason)?;
    finish(&files)?;
    report.tell();
    Ok(())
}

/// Notes that damage was met, so that the next start does not look for it in vain.
pub(super) fn mark(data: &Path) {
    // A disk that does not even take this is what the operator hears of anyway.
    let _ = File::create(Files::of(data).mark);
}

/// Puts a new database that is whole into the place of the old one, which is set aside; also after a crash in between.
fn finish(files: &Files) -> Result<(), StoreError> {
    if !files.salvaged.exists() {
        return Ok(());
    }
    let aside = report::aside(&files.salvaged)?;
    for (from, suffix) in [(&files.database, ""), (&files.log, "-wal")] {
        if from.exists() {
            std::fs::rename(from, files.data.join(format!("{aside}{suffix}")))?;
        }
    }
    remove(&files.data.join("headgate.db-shm"))?;
    remove(&files.mark)?;
    std::fs::rename(&files.salvaged, &files.database)?;
    Ok(File::open(&files.data)?.sync_all()?)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn salvage(files: &Files, known: Progress, reason: &'static str) -> Result<Report, StoreError> {
    for left in ["image", "image-journal", "building", "building-wal", "building-shm"] {
        remove(&files.data.join(format!("headgate.db.{left}")))?;
    }
    file::make_empty(&files.building)?;
    image::make(&files.database, &files.log, &files.image)?;
    let mut new = Db::sqlite_writer(&files.building)?;
    schema::upgrade(&mut new)?;
    let mut report = Report::new(reason);
    let old = tables::open(&files.image)?;
    report.tables = tables::copy_all(&old, &files.building, &NOT_COPIED)?;
    let heads = heads(&old, known);
    // Without a witness no position is beyond belief.
    let end =
        if known == Progress::default() { Progress { requests: i64::MAX, audit: i64::MAX, commits: 0 } } else { heads };
    carve_all(files, &mut new, end)?;
    if report.is_incomplete("known_time") {
        known_time::begin(&new)?;
    }
    if ["boots", "gaps", "names", "usage_rollups"].into_iter().any(|table| report.is_incomplete(table)) {
        // What is known of a part of them would be counted twice; the records tell.
        new.execute_batch("DELETE FROM gaps; DELETE FROM boots; DELETE FROM usage_rollups")?;
    }
    // Pages of different commits may have come together, so what usage has counted may be more or less than the boots know
    // of. While every record that was ever stored is there or named as lost, the records tell; what retention has deleted
    // stands in the rollups alone.
    let all_are_there = retention::gone(&new, Log::Requests, 1, i64::MAX)?.is_empty();
    let count = if all_are_there { Count::All } else { Count::WhatIsNew };
    match count {
        Count::All => new.execute_batch("DELETE FROM usage_rollups")?,
        Count::WhatIsNew => report.usage = Usage::Kept { dropped: usage::drop_unreadable(&new)? },
    }
    report.twice = rebuild::all(&mut new, count)?;
    if count == Count::All {
        corrections::correct_usage_again(&mut new)?;
    }
    set_heads(&new, heads)?;
    report.look(&new)?;
    missing(&old, &mut new, &report.lost)?;
    report.note(&mut new)?;
    new.finish()?;
    drop((new, old));
    File::open(&files.building)?.sync_all()?;
    std::fs::rename(&files.building, &files.salvaged)?;
    remove(&files.image)?;
    Ok(report)
}

/// Where both logs go on. The witness knows, and the database may be a little further; without a witness, what any table knows
/// of counts.
fn heads(old: &Connection, known: Progress) -> Progress {
    // What cannot be read says nothing.
    let one = |sql: &str| old.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).ok().flatten();
    let next = |log: &str| one(&format!("SELECT next_position FROM log_heads WHERE log = '{log}'")).unwrap_or(1);
    let found = Progress {
        requests: next("requests"),
        audit: next("audit"),
        commits: one("SELECT count FROM commits").unwrap_or(0),
    };
    if known != Progress::default() {
        // A number that is beyond all measure is damaged itself.
        let believed = |found: i64, known: i64| if found > known.saturating_add(BEYOND) { known } else { found };
        let requests = believed(found.requests, known.requests);
        let audit = believed(found.audit, known.audit);
        return Progress { requests, audit, commits: believed(found.commits, known.commits) }.or_further(known);
    }
    let behind = |table: &str| one(&format!("SELECT max(position) + 1 FROM {table}")).unwrap_or(1);
    let sealed = one("SELECT max(segment) FROM segments").map_or(1, |last| columns::first_of(last.saturating_add(1)));
    let requests = ["request_entries", "requests", "fresh"].map(behind).into_iter().fold(sealed, i64::max);
    let audit = ["audit_entries", "audit"].map(behind).into_iter().fold(1, i64::max);
    found.or_further(Progress { requests, audit, commits: 0 })
}

/// Stores every entry that proves to be whole: of the image first, then of the log and the database as they are.
fn carve_all(files: &Files, new: &mut Db, end: Progress) -> Result<(), StoreError> {
    let mut keep = Keeper { new, end, waiting: Vec::new() };
    let image = File::open(&files.image)?;
    image::each_page(&image, |number, page| keep.add(carve::entries(number, page, &image)))?;
    Wal::each(&files.log, Wal::committed(&files.log)?, |frame| {
        keep.add(carve::entries(frame.page, &frame.bytes, &image))
    })?;
    if files.database.exists() {
        let database = File::open(&files.database)?;
        image::each_page(&database, |number, page| keep.add(carve::entries(number, page, &database)))?;
    }
    keep.flush()
}

struct Keeper<'a> {
    new: &'a mut Db,
    /// Positions from here on were not given.
    end: Progress,
    waiting: Vec<carve::Entry>,
}

impl Keeper<'_> {
    fn add(&mut self, entries: Vec<carve::Entry>) -> Result<(), StoreError> {
        self.waiting.extend(entries);
        if self.waiting.len() >= STEP { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let tx = self.new.transaction()?;
        for entry in self.waiting.drain(..) {
            let Some(log) = log_of(&entry.bytes) else { continue };
            let end = match log {
                Log::Requests => self.end.requests,
                Log::Audit => self.end.audit,
            };
            // What retention has deleted may still lie in a page that is not used any more: it stays deleted.
            if entry.position >= end || !retention::gone(&tx, log, entry.position, entry.position + 1)?.is_empty() {
                continue;
            }
            let sql = format!(
                "INSERT INTO {} (position, schema, received_at, bytes, leaf) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING",
                log.table()
            );
            let leaf = super::leaf(&entry.bytes);
            tx.prepare_cached(&sql)?.execute(params![
                entry.position,
                entry.schema,
                entry.received_at,
                entry.bytes,
                leaf
            ])?;
        }
        Ok(tx.commit()?)
    }
}

/// Which log an entry is of: the shapes have no member in common that both must have but `schema` and `id`.
fn log_of(bytes: &[u8]) -> Option<Log> {
    if serde_json::from_slice::<headgate_record::RequestRecord>(bytes).is_ok() {
        return Some(Log::Requests);
    }
    serde_json::from_slice::<crate::audit::Entry>(bytes).is_ok().then_some(Log::Audit)
}

/// Opens gaps for the numbers of lost records, as far as the old database still tells which they had.
fn missing(old: &Connection, new: &mut Db, lost: &[Finding]) -> Result<(), StoreError> {
    let tx = new.transaction()?;
    let (mut news, now) = (News::default(), clock::now_us());
    for run in lost.iter().filter(|run| run.log == Log::Requests) {
        for (node, boot_id, numbers) in tables::numbers_of(old, run.first, run.last) {
            if let Some(boot) = Boot::find(&tx, &node, &boot_id)? {
                news.and(&gaps::lose(&tx, &boot, &numbers, now)?);
            }
        }
    }
    gaps::count_news(&tx, &news)?;
    Ok(tx.commit()?)
}

fn set_heads(new: &Db, heads: Progress) -> Result<(), StoreError> {
    for (log, head) in [(Log::Requests, heads.requests), (Log::Audit, heads.audit)] {
        let newest = format!("SELECT coalesce(max(position), 0) + 1 FROM {}", log.table());
        let newest: i64 = new.query_row(&newest, [], |row| row.get(0))?;
        new.execute("UPDATE log_heads SET next_position = ?2 WHERE log = ?1", params![log.as_str(), head.max(newest)])?;
    }
    new.execute("UPDATE commits SET count = ?1 WHERE id = 1", [heads.commits])?;
    Ok(())
}

/// The places of a log at which there is nothing.
fn lost(db: &Db, log: Log) -> Result<Vec<Finding>, StoreError> {
    let head: i64 =
        db.query_row("SELECT next_position FROM log_heads WHERE log = ?1", [log.as_str()], |row| row.get(0))?;
    // The end of the log stands for an entry behind the last one.
    let sql = format!(
        "SELECT before, at FROM (SELECT position AS at, lag(position, 1, 0) OVER (ORDER BY position) AS before
           FROM (SELECT position FROM {} WHERE position < ?1 UNION ALL SELECT ?1)) holes WHERE at > before + 1",
        log.table()
    );
    let mut select = db.prepare_cached(&sql)?;
    let holes =
        select.query_map([head], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<(i64, i64)>, _>>()?;
    let mut lost = Vec::new();
    for (before, end) in holes {
        let mut from = before.saturating_add(1);
        // What retention has deleted is not lost.
        let gone = retention::gone(db, log, from, end)?;
        for (first, last) in gone.into_iter().chain([(end, end)]) {
            if first > from {
                lost.push(Finding { log, first: from, last: first.saturating_sub(1), kind: Kind::Lost });
            }
            from = last.saturating_add(1);
        }
    }
    Ok(lost)
}
