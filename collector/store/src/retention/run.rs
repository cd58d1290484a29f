//! The current run of retention in each log, and its single audit entry.
//!
//! Each step counts its deletions in its own transaction. A run that a crash interrupts continues where it was, and its
//! entry covers all of it.

use super::selection::count;
use super::settings::retention;
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Resource};
use headgate_collector_types::retention::Rules;
use headgate_collector_types::{Log, clock};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The deletions of a run so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    log: Log,
    deleted: u64,
    classes: BTreeMap<String, u64>,
    first_position: i64,
    last_position: i64,
    received_until: i64,
}

impl Run {
    /// Returns the current run, or a new one.
    pub(super) fn current(db: &Db, log: Log) -> Result<Self, StoreError> {
        Ok(Self::find(db, log)?.unwrap_or(Self {
            log,
            deleted: 0,
            classes: BTreeMap::new(),
            first_position: i64::MAX,
            last_position: 0,
            received_until: 0,
        }))
    }

    fn find(db: &Db, log: Log) -> Result<Option<Self>, StoreError> {
        let sql = "SELECT deleted, classes, first_position, last_position, received_until FROM retention_runs
             WHERE log = ?1";
        let row = db.prepare_cached(sql)?.query_row([log.as_str()], |row| {
            Ok(Self {
                log,
                deleted: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
                classes: serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default(),
                first_position: row.get(2)?,
                last_position: row.get(3)?,
                received_until: row.get(4)?,
            })
        });
        Ok(row.optional()?)
    }

    /// Counts a deleted entry.
    pub(super) fn add(&mut self, position: i64, received_at: i64, class: &str) {
        self.deleted = self.deleted.saturating_add(1);
        self.first_position = self.first_position.min(position);
        self.last_position = self.last_position.max(position);
        self.received_until = self.received_until.max(received_at);
        if self.log == Log::Requests {
            count(&mut self.classes, class, 1);
        }
    }

    pub(super) fn save(&self, tx: &Db) -> Result<(), StoreError> {
        if self.deleted == 0 {
            return Ok(());
        }
        let classes = serde_json::to_string(&self.classes).map_err(|_| StoreError::Other)?;
        tx.prepare_cached(
            "INSERT INTO retention_runs (log, deleted, classes, first_position, last_position, received_until)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (log) DO UPDATE SET deleted = excluded.deleted,
               classes = excluded.classes, first_position = excluded.first_position,
               last_position = excluded.last_position, received_until = excluded.received_until",
        )?
        .execute(params![
            self.log.as_str(),
            i64::try_from(self.deleted).unwrap_or(i64::MAX),
            classes,
            self.first_position,
            self.last_position,
            self.received_until
        ])?;
        Ok(())
    }

    fn entry(&self, rules: &Rules) -> Entry {
        let resource = Resource::new("log", self.log.as_str());
        let mut entry = Entry::new("retention.deleted", Operation::Delete, Actor::system(), resource);
        entry.count = Some(self.deleted);
        let until = Timestamp::from_microsecond(self.received_until).map_or(Value::Null, |at| json!(at.to_string()));
        let mut details = vec![
            ("first_position", json!(self.first_position)),
            ("last_position", json!(self.last_position)),
            ("received_until", until),
            ("rules", json!(rules)),
        ];
        if !self.classes.is_empty() {
            details.push(("classes", json!(self.classes)));
        }
        let change = |(path, value): (&str, Value)| Change { path: path.to_owned(), before: Some(value), after: None };
        entry.changes = details.into_iter().map(change).collect();
        entry
    }
}

/// Ends the run of a log and returns the number of deleted entries. If there are any, an audit entry reports them and the
/// rules.
///
/// # Errors
/// The store cannot be written.
pub fn complete_run(tx: &Db, log: Log) -> Result<u64, StoreError> {
    let Some(run) = Run::find(tx, log)? else {
        return Ok(0);
    };
    let rules = retention(tx)?.in_force(clock::now_us());
    crate::audit::append(tx, &run.entry(&rules))?;
    tx.prepare_cached("DELETE FROM retention_runs WHERE log = ?1")?.execute([log.as_str()])?;
    Ok(run.deleted)
}
