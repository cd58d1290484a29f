//! The recovery of a damaged database: a byte of its structure has changed, its file ends too early, or its write-ahead log
//! is torn.
//!
//! A service that does not start because of one bad page loses the records of every sender that stops waiting. So a damaged
//! database is set aside unchanged, and a new one is built from its intact parts. Entries are recognised on any page by their
//! hashes, other tables are copied row by row, and derived tables are rebuilt. Losses are counted, named, and reported to
//! the operator and the audit log. A position is never reused.

mod carve;
mod check;
pub mod copies;
mod files;
mod heads;
mod image;
mod integrity;
mod lost;
mod page;
mod report;
mod rollback;
mod tables;
mod verify;
mod wal;

pub use check::{Checked, check};
pub use verify::{Check, Judgement, Verdict, verify};

use files::Files;
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_store::gaps::{self, Boot, GapCounts};
use headgate_collector_store::high_water_mark::{HighWaterMark, Progress};
use headgate_collector_store::reindex::{self, Count};
use headgate_collector_store::{self as store, DamagedRange, corrections, file, schema, tree, trusted_time, usage};
use headgate_collector_types::{Log, clock, leaf_hash};
use heads::{heads, set_heads};
use report::{Report, Usage};
use rusqlite::Connection;
use std::fs::File;
use std::path::Path;
use wal::Wal;

/// Tables that are not copied, beside the logs and the data derived from them: state that recovery sets, and sessions and
/// sign-ins, which nobody misses for long.
const NOT_COPIED: [&str; 6] = ["log_heads", "commits", "probe", "sessions", "sign_in_key", "finished_sign_ins"];

fn is_copied(table: &str) -> bool {
    !schema::LOGS_AND_DERIVED.contains(&table) && !NOT_COPIED.contains(&table)
}

/// Entries stored in one transaction.
const BATCH: usize = 10_000;

/// Recovers the database if a quick check finds it damaged. Returns whether it did.
///
/// # Errors
/// The folder cannot be read or written, or the database is from a newer version.
pub fn recover(data: &Path) -> Result<bool, StoreError> {
    let files = Files::of(data);
    finish(&files)?;
    let mark = HighWaterMark::read(data);
    let Some(reason) = integrity::problem(&files, mark)? else {
        return Ok(false);
    };
    if let (integrity::ROLLED_BACK, Some(mark)) = (reason, mark)
        && rollback::advance_heads(&files, mark)?
    {
        return Ok(true);
    }
    tracing::warn!("the database is damaged: {reason}; what is whole in it is put into a new one");
    let report = rebuild(&files, mark.unwrap_or_default(), reason)?;
    finish(&files)?;
    report.log();
    Ok(true)
}

/// Refuses a damaged database and leaves it unchanged. A recovery that was interrupted at its last step is finished.
///
/// # Errors
/// [`StoreError::NotRecovered`] if the database is damaged; else as for [`recover`].
pub fn refuse(data: &Path) -> Result<(), StoreError> {
    let files = Files::of(data);
    finish(&files)?;
    match integrity::problem(&files, HighWaterMark::read(data))? {
        None => Ok(()),
        Some(reason) => {
            tracing::warn!("the database is damaged: {reason}");
            Err(StoreError::NotRecovered)
        }
    }
}

/// Replaces the old database with the complete new one and sets the old one aside; also continues this after a crash.
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
    remove_file(&files.data.join("headgate.db-shm"))?;
    remove_file(&files.mark)?;
    std::fs::rename(&files.salvaged, &files.database)?;
    Ok(File::open(&files.data)?.sync_all()?)
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn rebuild(files: &Files, mark: Progress, reason: &'static str) -> Result<Report, StoreError> {
    for leftover in ["image", "image-journal", "building", "building-wal", "building-shm"] {
        remove_file(&files.data.join(format!("headgate.db.{leftover}")))?;
    }
    file::create_empty(&files.building)?;
    image::make(&files.database, &files.log, &files.image)?;
    let mut new = Db::sqlite_writer(&files.building)?;
    schema::upgrade(&mut new)?;
    let mut report = Report::new(reason);
    let old = tables::open(&files.image)?;
    report.tables = tables::copy_all(&old, &files.building, is_copied)?;
    let heads = heads(&old, mark);
    // Without a high-water mark every position is plausible.
    let end =
        if mark == Progress::default() { Progress { requests: i64::MAX, audit: i64::MAX, commits: 0 } } else { heads };
    copy_entries(files, &mut new, end)?;
    if report.is_incomplete("known_time") {
        trusted_time::init(&new)?;
    }
    if ["boots", "gaps", "names", "usage_rollups"].into_iter().any(|table| report.is_incomplete(table)) {
        // Rows of an incomplete table would be counted a second time, so all three tables are built from the records.
        new.execute_batch("DELETE FROM gaps; DELETE FROM boots; DELETE FROM usage_rollups")?;
    }
    // Pages of different commits may have been mixed, so usage may have counted more or fewer records than the boots. If
    // every record ever stored is present or reported as lost, usage is counted from the records. Records that retention has
    // deleted are in the rollups alone.
    let nothing_is_deleted = tree::deleted_ranges(&new, Log::Requests, 1, i64::MAX)?.is_empty();
    let count = if nothing_is_deleted { Count::All } else { Count::Uncounted };
    match count {
        Count::All => new.execute_batch("DELETE FROM usage_rollups")?,
        Count::Uncounted => report.usage = Usage::Copied { dropped: usage::drop_unreadable(&new)? },
    }
    report.duplicates = reindex::rebuild(&mut new, count)?;
    if count == Count::All {
        corrections::reapply_usage_corrections(&mut new)?;
    }
    set_heads(&new, heads)?;
    store::change(&mut new, tree::rebuild)?;
    report.count_entries(&new)?;
    open_gaps(&old, &mut new, &report.lost)?;
    report.write(&mut new)?;
    new.finish()?;
    drop((new, old));
    File::open(&files.building)?.sync_all()?;
    std::fs::rename(&files.building, &files.salvaged)?;
    remove_file(&files.image)?;
    Ok(report)
}

/// Stores every intact entry: first from the image, then from the write-ahead log and the database themselves.
fn copy_entries(files: &Files, new: &mut Db, end: Progress) -> Result<(), StoreError> {
    let mut writer = EntryWriter { new, end, pending: Vec::new() };
    let image = File::open(&files.image)?;
    page::each_page(&image, |number, page| writer.add(carve::entries(number, page, &image)))?;
    Wal::each(&files.log, Wal::committed(&files.log)?, |frame| {
        writer.add(carve::entries(frame.page, &frame.bytes, &image))
    })?;
    if files.database.exists() {
        let database = File::open(&files.database)?;
        page::each_page(&database, |number, page| writer.add(carve::entries(number, page, &database)))?;
    }
    writer.flush()
}

/// Writes carved entries to the new database, in batches.
struct EntryWriter<'a> {
    new: &'a mut Db,
    /// Positions from here on were never assigned.
    end: Progress,
    pending: Vec<carve::Entry>,
}

impl EntryWriter<'_> {
    fn add(&mut self, entries: Vec<carve::Entry>) -> Result<(), StoreError> {
        self.pending.extend(entries);
        if self.pending.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let tx = self.new.transaction()?;
        for entry in self.pending.drain(..) {
            let Some(log) = log_of(&entry.bytes) else { continue };
            let end = match log {
                Log::Requests => self.end.requests,
                Log::Audit => self.end.audit,
            };
            // Entries that retention has deleted may still be on an unused page; they stay deleted.
            if entry.position >= end || !tree::deleted_ranges(&tx, log, entry.position, entry.position + 1)?.is_empty()
            {
                continue;
            }
            let sql = format!(
                "INSERT INTO {} (position, schema, received_at, bytes, leaf) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO NOTHING",
                log.table()
            );
            let leaf_hash = leaf_hash(&entry.bytes);
            tx.prepare_cached(&sql)?.execute(params![
                entry.position,
                entry.schema,
                entry.received_at,
                entry.bytes,
                leaf_hash
            ])?;
        }
        Ok(tx.commit()?)
    }
}

/// Returns the log of an entry. The only members that both forms require are `schema` and `id`.
fn log_of(bytes: &[u8]) -> Option<Log> {
    if serde_json::from_slice::<headgate_record::RequestRecord>(bytes).is_ok() {
        return Some(Log::Requests);
    }
    serde_json::from_slice::<headgate_collector_types::audit::Entry>(bytes).is_ok().then_some(Log::Audit)
}

/// Opens gaps for the numbers of lost records, as far as the old database still has them.
fn open_gaps(old: &Connection, new: &mut Db, lost: &[DamagedRange]) -> Result<(), StoreError> {
    let tx = new.transaction()?;
    let (mut gap_counts, now) = (GapCounts::default(), clock::now_us());
    for range in lost.iter().filter(|range| range.log == Log::Requests) {
        for (node, boot_id, seqs) in tables::lost_seqs(old, range.first, range.last) {
            if let Some(boot) = Boot::find(&tx, &node, &boot_id)? {
                gap_counts.add(&gaps::mark_lost(&tx, &boot, &seqs, now)?);
            }
        }
    }
    gaps::add_gap_counts(&tx, &gap_counts)?;
    Ok(tx.commit()?)
}
