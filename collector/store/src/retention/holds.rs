//! Legal holds in the store, and their conditions for each log.

use headgate_collector_columns::{Column, Filter, Predicate, Range, dictionary, in_either, resolve};
use headgate_collector_db::{self as db, Db, OptionalExtension, Row, StoreError, params};
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Actor, Entry, Operation, Resource, diff};
use headgate_collector_types::retention::Scope;
use serde::Serialize;
use serde_json::json;

/// The most holds at a time. Each hold is checked for every entry to be deleted.
const MAX_HOLDS: i64 = 200;

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Hold {
    /// Its id.
    pub id: String,
    /// The log.
    pub log: Log,
    /// The scope within the log.
    pub scope: Scope,
    /// The reason, as given.
    pub reason: String,
    /// Id of the actor that placed it.
    pub placed_by: String,
    /// When, µs since the Unix epoch.
    pub placed_at: i64,
}

const SELECT: &str = "SELECT id, log, scope, reason, placed_by, placed_at FROM holds";

/// Returns all holds, the newest first.
///
/// # Errors
/// The store cannot be read, or a stored hold is invalid. Then nothing may be deleted.
pub fn holds(db: &Db) -> Result<Vec<Hold>, StoreError> {
    let mut select = db.prepare_cached(&format!("{SELECT} ORDER BY hold DESC"))?;
    let rows = select.query_map([], read)?.collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(hold).collect()
}

type HoldRow = (String, String, String, String, String, i64);

fn read(row: &Row<'_>) -> db::Result<HoldRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn hold((id, log, scope, reason, placed_by, placed_at): HoldRow) -> Result<Hold, StoreError> {
    let log = Log::ALL.into_iter().find(|known| known.as_str() == log).ok_or(StoreError::Damaged)?;
    let scope = serde_json::from_str(&scope).map_err(|_| StoreError::Damaged)?;
    Ok(Hold { id, log, scope, reason, placed_by, placed_at })
}

/// Places a hold, with an audit entry of the actor. From the commit on, no entry that it covers is deleted. Returns
/// `None` if there are too many holds.
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
    let count: i64 = tx.prepare_cached("SELECT count(*) FROM holds")?.query_row([], |row| row.get(0))?;
    if count >= MAX_HOLDS {
        return Ok(None);
    }
    let hold = Hold { id: new_id()?, log, scope, reason, placed_by: actor.id.clone(), placed_at: now };
    let scope = serde_json::to_string(&hold.scope).map_err(|_| StoreError::Other)?;
    tx.prepare_cached(
        "INSERT INTO holds (id, log, scope, reason, placed_by, placed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![hold.id, log.as_str(), scope, hold.reason, hold.placed_by, now])?;
    bump_version(tx)?;
    let entry = Entry::new("hold.placed", Operation::Create, actor, Resource::new("hold", hold.id.clone()))
        .with_changes(diff(&json!({}), &details(&hold)));
    crate::audit::append(tx, &entry)?;
    Ok(Some(hold))
}

/// Releases a hold, with an audit entry of the actor and the hold. Returns `None` if there is no such hold.
///
/// # Errors
/// The store cannot be written.
pub fn release_hold(tx: &Db, id: &str, actor: Actor) -> Result<Option<Hold>, StoreError> {
    let row = tx.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?.query_row([id], read).optional()?;
    let Some(released) = row.map(hold).transpose()? else {
        return Ok(None);
    };
    tx.prepare_cached("DELETE FROM holds WHERE id = ?1")?.execute([id])?;
    bump_version(tx)?;
    let entry = Entry::new("hold.released", Operation::Delete, actor, Resource::new("hold", id))
        .with_changes(diff(&details(&released), &json!({})));
    crate::audit::append(tx, &entry)?;
    Ok(Some(released))
}

/// Returns a hold as its audit entries show it.
fn details(hold: &Hold) -> serde_json::Value {
    json!({"log": hold.log, "scope": hold.scope, "reason": hold.reason})
}

/// Invalidates earlier selections of entries for deletion.
fn bump_version(tx: &Db) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE retention SET holds = holds + 1 WHERE id = 1")?.execute([])?;
    Ok(())
}

fn new_id() -> Result<String, StoreError> {
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(|_| StoreError::Other)?;
    Ok(std::iter::once("hold_".to_owned()).chain(random.iter().map(|byte| format!("{byte:02x}"))).collect())
}

/// Returns the conditions of each hold on records. All conditions of a hold must hold. A hold with a name that no record
/// has covers none.
pub(super) fn request_predicates(db: &Db, holds: &[Hold]) -> Result<Vec<Vec<Predicate>>, StoreError> {
    let mut all = Vec::new();
    for hold in holds.iter().filter(|hold| hold.log == Log::Requests) {
        let named =
            hold.scope.request_filters().into_iter().map(|(name, text)| Filter::Name(column(name), text.to_owned()));
        let Some(mut conditions) = resolve(db, &named.collect::<Vec<_>>())? else {
            continue;
        };
        if let Some(range) = time_range(&hold.scope) {
            conditions.push(in_either(Column::StartedAt, Column::ReceivedAt, range));
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

fn time_range(scope: &Scope) -> Option<Range> {
    let (from, to) = (scope.from, scope.to);
    let greatest = to.map_or(i64::MAX, |to| to.saturating_sub(1));
    (from.is_some() || to.is_some()).then(|| Range { least: from.unwrap_or(i64::MIN), greatest })
}

/// Returns the conditions of holds on audit entries, as SQL over `audit a` and `audit_entries e`. The SQL contains only
/// numbers.
pub(super) fn audit_conditions(db: &Db, holds: &[Hold]) -> Result<Vec<String>, StoreError> {
    let mut all = Vec::new();
    'holds: for hold in holds.iter().filter(|hold| hold.log == Log::Audit) {
        let mut terms = Vec::new();
        for (column, text) in hold.scope.audit_filters() {
            match dictionary::id_of(db, text)? {
                Some(name) => terms.push(format!("a.{column} = {name}")),
                None => continue 'holds,
            }
        }
        if let Some(Range { least, greatest }) = time_range(&hold.scope) {
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
