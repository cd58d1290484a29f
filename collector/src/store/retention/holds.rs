//! Legal holds as they are kept, and what they cover in each log's own terms.

use super::super::columns::{Column, Filter, Predicate, Range, either, resolve};
use super::super::db::{self, Db, OptionalExtension, Row, params};
use super::super::{Log, StoreError, names};
use crate::audit::{self, Actor, Entry, Operation, Resource, diff};
use crate::retention::Scope;
use serde::Serialize;
use serde_json::json;

/// Holds that may stand: each costs a look at everything that is to be deleted.
const MOST: i64 = 200;

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Hold {
    /// Its id.
    pub id: String,
    /// The log.
    pub log: Log,
    /// What it covers of it.
    pub scope: Scope,
    /// Why, in the words of who placed it.
    pub reason: String,
    /// Id of the actor who placed it.
    pub placed_by: String,
    /// When, µs since the Unix epoch.
    pub placed_at: i64,
}

const SELECT: &str = "SELECT id, log, scope, reason, placed_by, placed_at FROM holds";

/// All holds that stand, the newest first.
///
/// # Errors
/// The store cannot be read, or holds what is no hold: then nothing may be deleted.
pub fn holds(db: &Db) -> Result<Vec<Hold>, StoreError> {
    let mut select = db.prepare_cached(&format!("{SELECT} ORDER BY hold DESC"))?;
    let rows = select.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(hold).collect()
}

type Stored = (String, String, String, String, String, i64);

fn read(row: &Row<'_>) -> db::Result<Stored> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn hold((id, log, scope, reason, placed_by, placed_at): Stored) -> Result<Hold, StoreError> {
    let log = Log::ALL.into_iter().find(|known| known.as_str() == log).ok_or(StoreError::Damaged)?;
    let scope = serde_json::from_str(&scope).map_err(|_| StoreError::Damaged)?;
    Ok(Hold { id, log, scope, reason, placed_by, placed_at })
}

/// Places a hold; an audit entry says who did. From the commit on, nothing that it covers is deleted.
/// `None` if there are too many already.
///
/// # Errors
/// The store cannot be written.
pub fn place_hold(
    tx: &Db,
    log: Log,
    scope: Scope,
    reason: String,
    actor: Actor,
    now: i64,
) -> Result<Option<Hold>, StoreError> {
    let standing: i64 = tx.prepare_cached("SELECT count(*) FROM holds")?.query_row([], |row| row.get(0))?;
    if standing >= MOST {
        return Ok(None);
    }
    let hold = Hold { id: new_id()?, log, scope, reason, placed_by: actor.id.clone(), placed_at: now };
    let scope = serde_json::to_string(&hold.scope).map_err(|_| StoreError::Other)?;
    tx.prepare_cached(
        "INSERT INTO holds (id, log, scope, reason, placed_by, placed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![hold.id, log.as_str(), scope, hold.reason, hold.placed_by, now])?;
    changed(tx)?;
    let entry = Entry::new("hold.placed", Operation::Create, actor, Resource::new("hold", hold.id.clone()))
        .with_changes(diff(&json!({}), &told(&hold)));
    audit::append(tx, &entry)?;
    Ok(Some(hold))
}

/// Releases a hold; an audit entry says who did, and what it was. `None` if there is none.
///
/// # Errors
/// The store cannot be written.
pub fn release_hold(tx: &Db, id: &str, actor: Actor) -> Result<Option<Hold>, StoreError> {
    let found = tx.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?.query_row([id], read).optional()?;
    let Some(found) = found.map(hold).transpose()? else {
        return Ok(None);
    };
    tx.prepare_cached("DELETE FROM holds WHERE id = ?1")?.execute([id])?;
    changed(tx)?;
    let entry = Entry::new("hold.released", Operation::Delete, actor, Resource::new("hold", id))
        .with_changes(diff(&told(&found), &json!({})));
    audit::append(tx, &entry)?;
    Ok(Some(found))
}

fn told(hold: &Hold) -> serde_json::Value {
    json!({"log": hold.log, "scope": hold.scope, "reason": hold.reason})
}

/// What was chosen for deletion before must be chosen again.
fn changed(tx: &Db) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE retention SET holds = holds + 1 WHERE id = 1")?.execute([])?;
    Ok(())
}

fn new_id() -> Result<String, StoreError> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|_| StoreError::Other)?;
    Ok(std::iter::once("hold_".to_owned()).chain(random.iter().map(|byte| format!("{byte:02x}"))).collect())
}

/// The conditions of each hold on records; all of a hold's must hold. One that names what no record has covers none.
pub(super) fn on_requests(db: &Db, holds: &[Hold]) -> Result<Vec<Vec<Predicate>>, StoreError> {
    let mut all = Vec::new();
    for hold in holds.iter().filter(|hold| hold.log == Log::Requests) {
        let named =
            hold.scope.of_requests().into_iter().map(|(name, text)| Filter::Name(column(name), text.to_owned()));
        let Some(mut conditions) = resolve(db, &named.collect::<Vec<_>>())? else {
            continue;
        };
        if let Some(range) = span(&hold.scope) {
            conditions.push(either(Column::StartedAt, Column::ReceivedAt, range));
        }
        all.push(conditions);
    }
    Ok(all)
}

fn column(name: &str) -> Column {
    match name {
        "key_id" => Column::KeyId,
        "owner" => Column::Owner,
        "team" => Column::Team,
        _ => Column::Project,
    }
}

fn span(scope: &Scope) -> Option<Range> {
    let (from, to) = (scope.from, scope.to);
    let greatest = to.map_or(i64::MAX, |to| to.saturating_sub(1));
    (from.is_some() || to.is_some()).then(|| Range { least: from.unwrap_or(i64::MIN), greatest })
}

/// What is true of an audit entry that a hold covers, as SQL over `audit a` and `audit_entries e`. It is made of numbers alone.
pub(super) fn on_audit(db: &Db, holds: &[Hold]) -> Result<Vec<String>, StoreError> {
    let mut all = Vec::new();
    'holds: for hold in holds.iter().filter(|hold| hold.log == Log::Audit) {
        let mut terms = Vec::new();
        for (column, text) in hold.scope.of_audit() {
            match names::number_of(db, text)? {
                Some(name) => terms.push(format!("a.{column} = {name}")),
                None => continue 'holds,
            }
        }
        if let Some(Range { least, greatest }) = span(&hold.scope) {
            let within = |time: &str| format!("{time} BETWEEN {least} AND {greatest}");
            terms.push(format!("({} OR {})", within("a.time"), within("e.received_at")));
        }
        if terms.is_empty() {
            terms.push("1 = 1".to_owned());
        }
        all.push(format!("({})", terms.join(" AND ")));
    }
    Ok(all)
}
