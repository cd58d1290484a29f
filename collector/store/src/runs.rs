//! The runs of collectors: each start and each orderly end is an entry of the audit log, and so is a change of the settings.
//!
//! A run that ended without saying so is noticed by the next one.

use super::audit::append;
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Resource, diff};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The time after which a run that shares the database and was not seen has ended, µs.
const SILENT_US: i64 = 300_000_000;
/// The time for which the settings of a collector that ended are kept, µs.
const KEPT_US: i64 = 90 * 86_400_000_000;

/// A run of a collector.
#[derive(Debug, Clone)]
pub struct CollectorRun {
    /// The machine, and the folder of the store or the address that it listens on.
    pub name: String,
    /// A random id.
    pub id: String,
    /// The version of the program.
    pub version: &'static str,
    /// The settings: names, and values as they are shown.
    pub settings: BTreeMap<String, String>,
}

/// Notes the begin of a run, the runs that ended before it without saying so, and the settings that have changed.
///
/// # Errors
/// The store cannot be written.
pub fn begin_run(tx: &Db, run: &CollectorRun, now: i64) -> Result<(), StoreError> {
    let text = serde_json::to_string(&run.settings).map_err(|_| StoreError::Other)?;
    for lost in lost_runs(tx, run, now)? {
        append(tx, &lost_entry(&lost))?;
    }
    let before: Option<String> = tx
        .prepare_cached("SELECT settings FROM collector_runs WHERE name = ?1")?
        .query_row([&run.name], |row| row.get(0))
        .optional()?;
    tx.prepare_cached("DELETE FROM collector_runs WHERE name = ?1 OR ended_at < ?2")?
        .execute(params![run.name, now.saturating_sub(KEPT_US)])?;
    tx.prepare_cached(
        "INSERT INTO collector_runs (name, run, started_at, seen_at, ended_at, settings) VALUES (?1, ?2, ?3, ?3, NULL, ?4)",
    )?
    .execute(params![run.name, run.id, now, text])?;
    append(tx, &entry("collector.started", &run.name, &[("version", json!(run.version)), ("run", json!(run.id))]))?;
    match before.and_then(|before| serde_json::from_str::<Value>(&before).ok()) {
        Some(before) if before != json!(run.settings) => {
            let mut changed = entry("collector.settings_changed", &run.name, &[]);
            (changed.operation, changed.changes) = (Operation::Update, diff(&before, &json!(run.settings)));
            append(tx, &changed)?;
        }
        _ => {}
    }
    Ok(())
}

/// Notes that a run goes on.
///
/// # Errors
/// The store cannot be written.
pub fn continue_run(tx: &Db, run: &CollectorRun, now: i64) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE collector_runs SET seen_at = ?3 WHERE name = ?1 AND run = ?2")?
        .execute(params![run.name, run.id, now])?;
    Ok(())
}

/// Notes the orderly end of a run.
///
/// # Errors
/// The store cannot be written.
pub fn end_run(tx: &Db, run: &CollectorRun, now: i64) -> Result<(), StoreError> {
    let ended = tx
        .prepare_cached("UPDATE collector_runs SET seen_at = ?3, ended_at = ?3 WHERE name = ?1 AND run = ?2")?
        .execute(params![run.name, run.id, now])?;
    if ended == 1 {
        append(tx, &entry("collector.stopped", &run.name, &[("run", json!(run.id)), ("clean", json!(true))]))?;
    }
    Ok(())
}

/// A run that ended without saying so.
struct Lost {
    name: String,
    id: String,
    seen_at: i64,
}

/// Returns the runs that are over, and marks them as ended. A database of a folder has one collector; of several on one server,
/// those with the name of the new one are over, and those that are silent.
fn lost_runs(tx: &Db, run: &CollectorRun, now: i64) -> Result<Vec<Lost>, StoreError> {
    let silent = if tx.is_shared() { now.saturating_sub(SILENT_US) } else { i64::MAX };
    let lost = tx
        .prepare_cached(
            "SELECT name, run, seen_at FROM collector_runs WHERE ended_at IS NULL AND (name = ?1 OR seen_at < ?2)
             ORDER BY seen_at",
        )?
        .query_map(params![run.name, silent], |row| {
            Ok(Lost { name: row.get(0)?, id: row.get(1)?, seen_at: row.get(2)? })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    tx.prepare_cached(
        "UPDATE collector_runs SET ended_at = seen_at WHERE ended_at IS NULL AND (name = ?1 OR seen_at < ?2)",
    )?
    .execute(params![run.name, silent])?;
    Ok(lost)
}

fn lost_entry(lost: &Lost) -> Entry {
    let after = [("run", json!(lost.id)), ("clean", json!(false)), ("last_seen_at", json!(lost.seen_at))];
    entry("collector.stopped", &lost.name, &after)
}

fn entry(kind: &str, name: &str, after: &[(&str, Value)]) -> Entry {
    let entry = Entry::new(kind, Operation::Other, Actor::system(), Resource::new("collector", name));
    let change =
        |(path, after): &(&str, Value)| Change { path: (*path).to_owned(), before: None, after: Some(after.clone()) };
    entry.with_changes(after.iter().map(change).collect())
}
