//! What came of a salvage, for the operator and the audit log.

use super::super::damage::{self, Finding, Log};
use super::super::db::Db;
use super::super::{StoreError, change};
use super::tables::Copied;
use crate::audit::{self, Actor, Change, Entry, Operation, Outcome, Resource};
use crate::clock;
use crate::journal;
use serde_json::{Value, json};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Runs of lost places that are named one by one.
const NAMED: usize = 100;

/// What became of what usage had counted.
#[derive(Debug)]
pub(super) enum Usage {
    /// It is counted anew from the records, all of which are there or named as lost.
    Anew,
    /// It is what could be read, because it has also counted records that retention has deleted; so many rows could not.
    Kept { dropped: usize },
}

/// What is kept and what is lost.
#[derive(Debug)]
pub(super) struct Report {
    reason: &'static str,
    pub(super) tables: Vec<Copied>,
    /// Positions of records that were there twice.
    pub(super) twice: Vec<i64>,
    pub(super) usage: Usage,
    kept: Vec<(Log, i64)>,
    pub(super) lost: Vec<Finding>,
}

/// The name under which the damaged database is set aside: with the time at which the new one was made.
pub(super) fn aside(new: &Path) -> Result<String, StoreError> {
    let at = std::fs::metadata(new)?.mtime();
    let time = jiff::Timestamp::from_second(at).map_or(at.to_string(), |at| at.strftime("%Y%m%dT%H%M%SZ").to_string());
    Ok(format!("headgate.db.damaged-{time}"))
}

impl Report {
    pub(super) const fn new(reason: &'static str) -> Self {
        Self { reason, tables: Vec::new(), twice: Vec::new(), usage: Usage::Anew, kept: Vec::new(), lost: Vec::new() }
    }

    /// Whether a table was not copied as a whole.
    pub(super) fn is_incomplete(&self, table: &str) -> bool {
        self.incomplete().any(|name| name == table)
    }

    /// Looks what the new database has, and what it lacks.
    pub(super) fn look(&mut self, new: &Db) -> Result<(), StoreError> {
        for log in Log::ALL {
            let count = format!("SELECT count(*) FROM {}", log.table());
            self.kept.push((log, new.query_row(&count, [], |row| row.get(0))?));
            self.lost.extend(super::lost(new, log)?);
        }
        Ok(())
    }

    /// Writes into the new database what it lacks.
    pub(super) fn note(&self, new: &mut Db) -> Result<(), StoreError> {
        let entry = self.entry();
        change(new, |tx| {
            // The runs of an earlier salvage are part of what is found now.
            tx.execute("DELETE FROM damage", [])?;
            damage::note(tx, &self.lost, clock::now_us())?;
            audit::append(tx, &entry)?;
            Ok(())
        })
    }

    fn lost_of(&self, log: Log) -> impl Iterator<Item = &Finding> {
        self.lost.iter().filter(move |one| one.log == log)
    }

    fn count_lost(&self, log: Log) -> i64 {
        self.lost_of(log).map(|one| one.count()).sum()
    }

    fn entry(&self) -> Entry {
        let mut entry =
            Entry::new("store.salvaged", Operation::Other, Actor::system(), Resource::new("store", "headgate.db"));
        entry.outcome = Outcome::Failure;
        let told = |path: String, after: Value| Change { path, before: None, after: Some(after) };
        entry.changes.push(told("reason".to_owned(), json!(self.reason)));
        for (log, kept) in &self.kept {
            let runs: Vec<_> = self.lost_of(*log).take(NAMED).map(|one| json!([one.first, one.last])).collect();
            let log_told = json!({"kept": kept, "lost": self.count_lost(*log), "lost_positions": runs});
            entry.changes.push(told(log.as_str().to_owned(), log_told));
        }
        let usage = match self.usage {
            Usage::Anew => json!({"counted": "anew"}),
            Usage::Kept { dropped } => json!({"counted": "before the damage", "rows_dropped": dropped}),
        };
        entry.changes.push(told("usage".to_owned(), usage));
        let incomplete: Vec<_> = self.incomplete().collect();
        entry.changes.push(told("incomplete_tables".to_owned(), json!(incomplete)));
        entry
    }

    fn incomplete(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().filter(|table| table.incomplete).map(|table| table.table.as_str())
    }

    /// Tells the operator.
    pub(super) fn tell(&self) {
        for (log, kept) in &self.kept {
            let (log_name, lost) = (log.as_str(), self.count_lost(*log));
            journal::line(&format!("salvaged: {kept} entries of the {log_name} log; {lost} are lost"));
            for one in self.lost_of(*log).take(NAMED) {
                journal::line(&format!("salvaged: lost is {}", one.places()));
            }
        }
        if let Usage::Kept { dropped } = self.usage {
            journal::line(&format!(
                "salvaged: usage is kept as it could be read, for retention has deleted records that it counts; {dropped} rows of \
                 it could not be, and others that were damaged may be off: hold GET /v1/usage against GET /v1/requests for \
                 the days that are still there"
            ));
        }
        for table in self.incomplete() {
            journal::line(&format!("salvaged: not all of the table {table} could be read"));
        }
        journal::line("salvaged: the damaged database is kept beside the new one, as headgate.db.damaged-TIME");
    }
}
