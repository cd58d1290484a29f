//! The keys of the logs: the present one, those before it, and the change from one to the next.

use super::{cosignatures, log_key, newest_checkpoint};
use crate::audit::append;
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_tree::VerifyingKey;
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Resource};
use serde_json::{Value, json};

/// How long a rotated key goes on to sign beside the new one, µs.
const ROTATION: i64 = 30 * 86_400_000_000;

/// A key that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerKey {
    /// The key.
    pub key: VerifyingKey,
    /// Until when it signs beside its successor, µs.
    pub signs_until: i64,
}

/// The keys of the logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogKeys {
    /// The present one; `None` before the first checkpoint.
    pub present: Option<VerifyingKey>,
    /// Those before, the newest first.
    pub former: Vec<FormerKey>,
}

/// Returns the keys of the logs.
///
/// # Errors
/// The store cannot be read.
pub fn log_keys(db: &Db) -> Result<LogKeys, StoreError> {
    let present = log_key(db)?.and_then(|text| VerifyingKey::parse(&text).ok());
    let mut select =
        db.prepare_cached("SELECT vkey, signs_until FROM former_log_keys ORDER BY replaced_at DESC LIMIT 100")?;
    let rows = select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut former = Vec::new();
    for row in rows {
        let (text, signs_until) = row?;
        former.extend(VerifyingKey::parse(&text).ok().map(|key| FormerKey { key, signs_until }));
    }
    Ok(LogKeys { present, former })
}

/// Returns whether the logs' key `stored` is the key `own`, perhaps under a name that it got when the logs were restarted.
#[must_use]
pub fn is_key_of_logs(stored: &VerifyingKey, own: &VerifyingKey) -> bool {
    let end = stored.name().strip_prefix(own.name());
    let fits = |end: &str| end.is_empty() || end.strip_prefix('/').is_some_and(|number| number.parse::<u32>().is_ok());
    stored.is_same_key(own) && end.is_some_and(fits)
}

/// The reason why a key was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyRefusal {
    /// No checkpoint was ever signed.
    NoKey,
    /// The key signs already, or signed before.
    KnownKey,
    /// The key has another name than the one before.
    OtherName,
    /// The key has the name of the one before.
    SameName,
}

/// Lets another key sign from now on, and the one before beside it for 30 days.
///
/// # Errors
/// The store cannot be written.
pub fn rotate_log_key(
    tx: &Db,
    new: &VerifyingKey,
    actor: Actor,
    now: i64,
) -> Result<Result<VerifyingKey, KeyRefusal>, StoreError> {
    let LogKeys { present, former } = log_keys(tx)?;
    let Some(before) = present else { return Ok(Err(KeyRefusal::NoKey)) };
    if former.iter().map(|former| &former.key).chain([&before]).any(|known| known.is_same_key(new)) {
        return Ok(Err(KeyRefusal::KnownKey));
    }
    if before.name() != new.name() {
        return Ok(Err(KeyRefusal::OtherName));
    }
    let until = now.saturating_add(ROTATION);
    replace(tx, &before, new, now, until)?;
    let mut entry =
        Entry::new("log.key_rotated", Operation::Update, actor, Resource::new("log_key", before.name().to_owned()));
    let seconds = until.div_euclid(1_000_000);
    entry.changes = vec![
        change("public_key", Some(json!(before.to_string())), json!(new.to_string())),
        change("former_signs_until", None, json!(seconds)),
    ];
    append(tx, &entry)?;
    Ok(Ok(before))
}

fn replace(tx: &Db, before: &VerifyingKey, new: &VerifyingKey, now: i64, until: i64) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO former_log_keys (vkey, replaced_at, signs_until) VALUES (?1, ?2, ?3)
         ON CONFLICT (vkey) DO UPDATE SET replaced_at = excluded.replaced_at, signs_until = excluded.signs_until",
    )?
    .execute(params![before.to_string(), now, until])?;
    tx.prepare_cached("UPDATE log_key SET vkey = ?1 WHERE id = 1")?.execute([new.to_string()])?;
    Ok(())
}

/// Begins both logs anew under another name: with the same key under the next number, or with another key. Their entries stay, and
/// the first new one names the last checkpoints under the old name. Returns the key with the new name.
///
/// # Errors
/// The store cannot be written.
pub fn restart_logs(
    tx: &Db,
    new: Option<&VerifyingKey>,
    reason: &str,
    actor: Actor,
    now: i64,
) -> Result<Result<VerifyingKey, KeyRefusal>, StoreError> {
    let LogKeys { present, former } = log_keys(tx)?;
    let Some(before) = present else { return Ok(Err(KeyRefusal::NoKey)) };
    let next = match new {
        None => renumbered(&before).ok_or(StoreError::Other)?,
        Some(new) if new.name() == before.name() => return Ok(Err(KeyRefusal::SameName)),
        Some(new) => new.clone(),
    };
    if former.iter().any(|former| former.key == next) {
        return Ok(Err(KeyRefusal::KnownKey));
    }
    let mut entry =
        Entry::new("log.restarted", Operation::Update, actor, Resource::new("log", before.name().to_owned()));
    entry.changes = vec![
        change("public_key", Some(json!(before.to_string())), json!(next.to_string())),
        change("reason", None, json!(reason)),
    ];
    for log in Log::ALL {
        if let Some(last) = newest_checkpoint(tx, log)? {
            let last = cosignatures::with_cosignatures(tx, log, last)?;
            entry.changes.push(change(&format!("{}.last_checkpoint", log.as_str()), None, json!(last.note)));
        }
        set_aside(tx, log, &format!("{}/{}", before.name(), log.as_str()))?;
    }
    replace(tx, &before, &next, now, 0)?;
    append(tx, &entry)?;
    Ok(Ok(next))
}

/// Moves the checkpoints of a log to those of former names, and forgets why they were stopped.
fn set_aside(tx: &Db, log: Log, origin: &str) -> Result<(), StoreError> {
    tx.prepare_cached(
        "INSERT INTO former_checkpoints (origin, size, root, signed_at, note)
         SELECT ?2, size, root, signed_at, note FROM checkpoints WHERE log = ?1",
    )?
    .execute(params![log.as_str(), origin])?;
    // What is held outside stays known, under the former name.
    tx.prepare_cached("UPDATE anchored SET log = ?2 WHERE log = ?1")?.execute(params![log.as_str(), origin])?;
    for table in ["checkpoints", "cosignatures", "tree_forks", "tree_rollbacks"] {
        tx.execute(&format!("DELETE FROM {table} WHERE log = ?1"), [log.as_str()])?;
    }
    Ok(())
}

/// Returns the key under the next number: `NAME/2` after `NAME`, `NAME/3` after `NAME/2`.
fn renumbered(key: &VerifyingKey) -> Option<VerifyingKey> {
    let numbered = key.name().rsplit_once('/').and_then(|(name, number)| Some((name, number.parse::<u32>().ok()?)));
    let name = match numbered {
        Some((name, number)) => format!("{name}/{}", number.checked_add(1)?),
        None => format!("{}/2", key.name()),
    };
    key.renamed(&name).ok()
}

fn change(path: &str, before: Option<Value>, after: Value) -> Change {
    Change { path: path.to_owned(), before, after: Some(after) }
}
