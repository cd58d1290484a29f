//! How far each forwarder has delivered, in the database: nothing waits in memory but the batch that is under way.

use crate::settings::{Settings, Start};
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_store::{append, next_audit_position, next_request_position};
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Resource};
use serde_json::json;

/// The time for which a process may deliver, µs. Longer than a call.
const LEASE_US: i64 = 30_000_000;
/// The rest of that time with which a delivery may begin, µs. Longer than a call, too.
const ENOUGH_US: i64 = 22_000_000;

/// The state of one log of a forwarder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The log.
    pub log: Log,
    /// The newest entry that is done.
    pub position: i64,
    /// Entries that were delivered.
    pub sent: i64,
    /// Entries that the receiver refuses.
    pub refused: i64,
    /// Entries that were deleted before they were delivered.
    pub lost: i64,
    /// The last delivery, µs.
    pub delivered_at: Option<i64>,
    /// The last entry of the file that is being delivered; not after `position` if there is none.
    pub planned: i64,
    /// The newest entry of the log.
    pub newest: i64,
}

/// A forwarder's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name that its receiver knows it by.
    pub channel: String,
    /// Whether an operator has paused it.
    pub is_paused: bool,
    /// `ok`, `retrying` or `blocked`.
    pub state: String,
    /// The reason, if it is not ok.
    pub fault: Option<String>,
    /// The last failure, µs.
    pub fault_at: Option<i64>,
}

/// Enters a forwarder, or notes that its settings have changed. Either is an entry of the audit log.
///
/// # Errors
/// The store cannot be written.
pub fn register(tx: &Db, settings: &Settings, channel: &str) -> Result<(), StoreError> {
    let fingerprint = settings.fingerprint();
    let known: Option<String> = tx
        .prepare_cached("SELECT fingerprint FROM forwarders WHERE id = ?1")?
        .query_row([&settings.id], |row| row.get(0))
        .optional()?;
    let kind = match known {
        Some(known) if known == fingerprint => None,
        Some(_) => Some(("forwarder.changed", Operation::Update)),
        None => Some(("forwarder.added", Operation::Create)),
    };
    if let Some((kind, operation)) = kind {
        tx.prepare_cached(
            "INSERT INTO forwarders (id, fingerprint, channel, is_paused, state, holder, held_until)
             VALUES (?1, ?2, ?3, 0, 'ok', '', 0) ON CONFLICT (id) DO UPDATE SET fingerprint = excluded.fingerprint",
        )?
        .execute(params![settings.id, fingerprint, channel])?;
        tx.prepare_cached("UPDATE forwarders SET hold_us = ?2 WHERE id = ?1")?
            .execute(params![settings.id, settings.hold_us()])?;
        append(tx, &changed(settings, kind, operation))?;
    }
    for log in &settings.logs {
        let first = match settings.start {
            Start::Now => newest(tx, *log)?,
            Start::Oldest => oldest(tx, *log)?.saturating_sub(1),
        };
        tx.prepare_cached(
            "INSERT INTO forwarder_logs (id, log, position, sent, refused, lost) VALUES (?1, ?2, ?3, 0, 0, 0)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![settings.id, log.as_str(), first])?;
    }
    Ok(())
}

/// Lets retention wait no longer for forwarders that the settings do not name any more.
///
/// # Errors
/// The store cannot be written.
pub fn release_holds(tx: &Db, known: &[String]) -> Result<(), StoreError> {
    let holding: Vec<String> = tx
        .prepare_cached("SELECT id FROM forwarders WHERE hold_us > 0")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for id in holding.iter().filter(|id| !known.contains(id)) {
        tx.prepare_cached("UPDATE forwarders SET hold_us = 0 WHERE id = ?1")?.execute([id])?;
    }
    Ok(())
}

fn changed(settings: &Settings, kind: &str, operation: Operation) -> Entry {
    let entry = Entry::new(kind, operation, Actor::system(), Resource::new("forwarder", &settings.id));
    let logs: Vec<_> = settings.logs.iter().map(|log| log.as_str()).collect();
    let after = [
        ("kind", json!(settings.kind.as_str())),
        ("logs", json!(logs)),
        ("format", json!(settings.format.as_str())),
        ("filter", json!(settings.filter_text)),
        ("signal", json!(settings.signal.as_str())),
        ("hold_until_forwarded_us", json!(settings.hold_us())),
    ];
    let change = |(path, after): (&str, _)| Change { path: path.to_owned(), before: None, after: Some(after) };
    entry.with_changes(after.into_iter().map(change).collect())
}

/// Returns the row of one forwarder.
///
/// # Errors
/// The store cannot be read.
pub fn row(db: &Db, id: &str) -> Result<Option<Row>, StoreError> {
    let sql = "SELECT channel, is_paused, state, fault, fault_at FROM forwarders WHERE id = ?1";
    let read = |row: &headgate_collector_db::Row<'_>| {
        Ok(Row {
            channel: row.get(0)?,
            is_paused: row.get::<_, i64>(1)? != 0,
            state: row.get(2)?,
            fault: row.get(3)?,
            fault_at: row.get(4)?,
        })
    };
    Ok(db.prepare_cached(sql)?.query_row([id], read).optional()?)
}

/// Returns the cursors of a forwarder.
///
/// # Errors
/// The store cannot be read.
pub fn cursors(db: &Db, id: &str) -> Result<Vec<Cursor>, StoreError> {
    let mut found = Vec::new();
    for log in Log::ALL {
        let newest = newest(db, log)?;
        let sql = "SELECT position, sent, refused, lost, delivered_at, planned FROM forwarder_logs WHERE id = ?1 AND log = ?2";
        let read = |row: &headgate_collector_db::Row<'_>| {
            let (position, delivered_at) = (row.get(0)?, row.get(4)?);
            Ok(Cursor {
                log,
                position,
                sent: row.get(1)?,
                refused: row.get(2)?,
                lost: row.get(3)?,
                delivered_at,
                planned: row.get(5)?,
                newest,
            })
        };
        found.extend(db.prepare_cached(sql)?.query_row(params![id, log.as_str()], read).optional()?);
    }
    Ok(found)
}

/// Returns the position of the newest entry of a log, 0 if there was none.
pub(crate) fn newest(db: &Db, log: Log) -> Result<i64, StoreError> {
    let next = match log {
        Log::Requests => next_request_position(db),
        Log::Audit => next_audit_position(db),
    };
    Ok(next?.saturating_sub(1))
}

/// Returns the position of the oldest entry that is kept, or the next one.
pub(crate) fn oldest(db: &Db, log: Log) -> Result<i64, StoreError> {
    let sql = format!("SELECT min(position) FROM {}", log.table());
    let first: Option<i64> = db.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
    first.map_or_else(|| Ok(newest(db, log)?.saturating_add(1)), Ok)
}

/// Takes or prolongs the right to deliver. Returns whether this process has it.
///
/// # Errors
/// The store cannot be written.
pub fn hold(tx: &Db, id: &str, holder: &str) -> Result<bool, StoreError> {
    let now = tx.now_us()?;
    let held = tx
        .prepare_cached(
            "UPDATE forwarders SET holder = ?2, held_until = ?3 WHERE id = ?1 AND (holder = ?2 OR held_until < ?4)",
        )?
        .execute(params![id, holder, now.saturating_add(LEASE_US), now])?;
    Ok(held == 1)
}

/// The right to deliver, as a reader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// This process has it, for longer than a call takes.
    Held,
    /// This process may take or prolong it.
    Free,
    /// Another process has it.
    Taken,
}

/// Returns who has the right to deliver.
pub(crate) fn right(db: &Db, id: &str, holder: &str) -> Result<Right, StoreError> {
    let mut select = db.prepare_cached("SELECT holder, held_until FROM forwarders WHERE id = ?1")?;
    let (held_by, until): (String, i64) = select.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let rest = until.saturating_sub(db.now_us()?);
    Ok(match held_by == holder {
        true if rest > ENOUGH_US => Right::Held,
        false if rest >= 0 => Right::Taken,
        _ => Right::Free,
    })
}

/// Keeps the end of a file before it is delivered.
///
/// # Errors
/// The store cannot be written.
pub fn plan(tx: &Db, id: &str, log: Log, to: i64) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE forwarder_logs SET planned = ?3 WHERE id = ?1 AND log = ?2")?.execute(params![
        id,
        log.as_str(),
        to
    ])?;
    Ok(())
}

/// The progress of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The newest entry that is done now.
    pub position: i64,
    /// Entries that were delivered.
    pub sent: i64,
    /// Entries that were refused.
    pub refused: i64,
    /// Entries that were deleted before.
    pub lost: i64,
}

/// Moves a cursor on, if this process still has the right to deliver and nobody has moved the cursor. Returns whether it did.
///
/// # Errors
/// The store cannot be written.
pub fn advance(tx: &Db, id: &str, holder: &str, log: Log, from: i64, to: &Progress) -> Result<bool, StoreError> {
    let moved = tx
        .prepare_cached(
            "UPDATE forwarder_logs SET position = ?4, sent = sent + ?5, refused = refused + ?6, lost = lost + ?7,
               delivered_at = CASE WHEN ?5 > 0 THEN ?8 ELSE delivered_at END
             WHERE id = ?1 AND log = ?2 AND position = ?3
               AND EXISTS (SELECT 1 FROM forwarders f WHERE f.id = ?1 AND f.holder = ?9)",
        )?
        .execute(params![id, log.as_str(), from, to.position, to.sent, to.refused, to.lost, tx.now_us()?, holder])?;
    if moved == 1 && to.lost > 0 {
        let mut entry = Entry::new("forwarder.lost", Operation::Other, Actor::system(), Resource::new("forwarder", id));
        entry.outcome = headgate_collector_types::audit::Outcome::Failure;
        entry.count = u64::try_from(to.lost).ok();
        let change = |path: &str, after| Change { path: path.to_owned(), before: None, after: Some(after) };
        entry.changes = vec![
            change("log", json!(log.as_str())),
            change("first_position", json!(from.saturating_add(1))),
            change("last_position", json!(to.position)),
        ];
        append(tx, &entry)?;
    }
    Ok(moved == 1)
}

/// Sets the state of a forwarder, if it is another one. Each failure is written, for its time.
///
/// # Errors
/// The store cannot be written.
pub fn set_state(tx: &Db, id: &str, state: &str, fault: Option<&str>) -> Result<(), StoreError> {
    let Some(fault) = fault else {
        tx.prepare_cached("UPDATE forwarders SET state = ?2, fault = NULL WHERE id = ?1 AND state <> ?2")?
            .execute(params![id, state])?;
        return Ok(());
    };
    tx.prepare_cached("UPDATE forwarders SET state = ?2, fault = ?3, fault_at = ?4 WHERE id = ?1")?
        .execute(params![id, state, fault, tx.now_us()?])?;
    Ok(())
}

/// Pauses a forwarder, or ends its pause. Returns whether that is a change.
///
/// # Errors
/// The store cannot be written.
pub fn set_paused(tx: &Db, id: &str, is_paused: bool) -> Result<bool, StoreError> {
    let wanted = i64::from(is_paused);
    let changed = tx
        .prepare_cached("UPDATE forwarders SET is_paused = ?2 WHERE id = ?1 AND is_paused <> ?2")?
        .execute(params![id, wanted])?;
    Ok(changed == 1)
}

/// Sets a cursor back or forth, so that the entry at `position` is the next one. Returns where it was.
///
/// # Errors
/// The store cannot be written.
pub fn move_to(tx: &Db, id: &str, log: Log, position: i64) -> Result<Option<i64>, StoreError> {
    let mut select = tx.prepare_cached("SELECT position FROM forwarder_logs WHERE id = ?1 AND log = ?2")?;
    let before: Option<i64> = select.query_row(params![id, log.as_str()], |row| row.get(0)).optional()?;
    let oldest = oldest(tx, log)?;
    let position = position.max(oldest).min(newest(tx, log)?.saturating_add(1)).saturating_sub(1);
    tx.prepare_cached("UPDATE forwarder_logs SET position = ?3, planned = 0 WHERE id = ?1 AND log = ?2")?
        .execute(params![id, log.as_str(), position])?;
    Ok(before)
}
