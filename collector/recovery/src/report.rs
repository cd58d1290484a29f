//! The report of a recovery, for the operator and the audit log.

use super::lost::lost_ranges;
use super::tables::CopiedTable;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, DamagedRange, change, damage};
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Outcome, Resource};
use headgate_collector_types::{Log, clock};
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Most runs of lost positions that are named one by one.
const MAX_NAMED: usize = 100;

/// The source of the usage in the new database.
#[derive(Debug)]
pub(super) enum Usage {
    /// It is counted again from the records, which are all present or reported as lost.
    Recounted,
    /// It is copied as far as it could be read, because it also counts records that retention has deleted. `dropped` is the
    /// number of rows that could not be read.
    Copied { dropped: usize },
}

/// The results of a recovery.
#[derive(Debug)]
pub(super) struct Report {
    reason: &'static str,
    pub(super) tables: Vec<CopiedTable>,
    /// Positions of records that were present twice, and of which one was removed.
    pub(super) duplicates: Vec<i64>,
    pub(super) usage: Usage,
    kept: Vec<(Log, i64)>,
    pub(super) lost: Vec<DamagedRange>,
}

/// Returns the name under which the damaged database is set aside, with the time at which the new one was made.
pub(super) fn aside(new: &Path) -> Result<String, StoreError> {
    let at = std::fs::metadata(new)?.mtime();
    let time = jiff::Timestamp::from_second(at).map_or(at.to_string(), |at| at.strftime("%Y%m%dT%H%M%SZ").to_string());
    Ok(format!("headgate.db.damaged-{time}"))
}

impl Report {
    pub(super) const fn new(reason: &'static str) -> Self {
        Self {
            reason,
            tables: Vec::new(),
            duplicates: Vec::new(),
            usage: Usage::Recounted,
            kept: Vec::new(),
            lost: Vec::new(),
        }
    }

    /// Returns whether a table was not copied completely.
    pub(super) fn is_incomplete(&self, table: &str) -> bool {
        self.incomplete().any(|name| name == table)
    }

    /// Counts the entries of the new database and finds the lost ones.
    pub(super) fn count_entries(&mut self, new: &Db) -> Result<(), StoreError> {
        for log in Log::ALL {
            let count = format!("SELECT count(*) FROM {}", log.table());
            self.kept.push((log, new.query_row(&count, [], |row| row.get(0))?));
            self.lost.extend(lost_ranges(new, log)?);
        }
        Ok(())
    }

    /// Writes the lost entries and the audit entry of the recovery into the new database.
    pub(super) fn write(&self, new: &mut Db) -> Result<(), StoreError> {
        let entry = self.entry();
        change(new, |tx| {
            // The lost positions of an earlier recovery are among those of this one.
            tx.execute("DELETE FROM damage", [])?;
            damage::note(tx, &self.lost, clock::now_us())?;
            store::append(tx, &entry)?;
            Ok(())
        })
    }

    fn lost_of(&self, log: Log) -> impl Iterator<Item = &DamagedRange> {
        self.lost.iter().filter(move |range| range.log == log)
    }

    fn count_lost(&self, log: Log) -> i64 {
        self.lost_of(log).map(|range| range.count()).sum()
    }

    fn entry(&self) -> Entry {
        let mut entry =
            Entry::new("store.salvaged", Operation::Other, Actor::system(), Resource::new("store", "headgate.db"));
        entry.outcome = Outcome::Failure;
        let change = |path: String, after: Value| Change { path, before: None, after: Some(after) };
        entry.changes.push(change("reason".to_owned(), json!(self.reason)));
        for (log, kept) in &self.kept {
            let runs: Vec<_> =
                self.lost_of(*log).take(MAX_NAMED).map(|range| json!([range.first, range.last])).collect();
            let details = json!({"kept": kept, "lost": self.count_lost(*log), "lost_positions": runs});
            entry.changes.push(change(log.as_str().to_owned(), details));
        }
        let usage = match self.usage {
            Usage::Recounted => json!({"counted": "anew"}),
            Usage::Copied { dropped } => json!({"counted": "before the damage", "rows_dropped": dropped}),
        };
        entry.changes.push(change("usage".to_owned(), usage));
        let incomplete: Vec<_> = self.incomplete().collect();
        entry.changes.push(change("incomplete_tables".to_owned(), json!(incomplete)));
        entry
    }

    fn incomplete(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().filter(|table| table.incomplete).map(|table| table.table.as_str())
    }

    /// Logs the report for the operator.
    pub(super) fn log(&self) {
        for (log, kept) in &self.kept {
            let (log_name, lost) = (log.as_str(), self.count_lost(*log));
            tracing::info!("salvaged: {kept} entries of the {log_name} log; {lost} are lost");
            for range in self.lost_of(*log).take(MAX_NAMED) {
                tracing::warn!("salvaged: lost is {}", range.places());
            }
        }
        if let Usage::Copied { dropped } = self.usage {
            tracing::warn!(
                "salvaged: usage is kept as it could be read, for retention has deleted records that it counts; {dropped} rows of \
                 it could not be, and others that were damaged may be off: hold GET /v1/usage against GET /v1/requests for \
                 the days that are still there"
            );
        }
        for table in self.incomplete() {
            tracing::warn!("salvaged: not all of the table {table} could be read");
        }
        tracing::info!("salvaged: the damaged database is kept beside the new one, as headgate.db.damaged-TIME");
    }
}
