//! Selects the next entries to delete, and counts the entries that rules would delete.
//!
//! The selection runs on a reading connection, because it may walk far. The writer deletes the entries, after it has checked
//! that neither rules nor holds have changed since.

use super::forwarded::Waiting;
use super::holds::{Hold, audit_conditions, holds, request_predicates};
use super::settings::retention;
use headgate_collector_columns::{Column, Cutoffs, Direction, Predicate, Scan, find_expired};
use headgate_collector_db::{Db, StoreError, Value, params_from_iter};
use headgate_collector_types::Log;
use headgate_collector_types::retention::{Rules, cutoff};
use std::collections::BTreeMap;

/// The entries of one step, which take some ten milliseconds of the writer's time.
const BATCH: usize = 1_000;
/// The most classes that are counted separately. Entries of further classes are counted under an empty name.
const MAX_CLASSES: usize = 64;

/// The columns by which records expire.
const EXPIRY: [Column; 2] = [Column::RetentionClass, Column::ReceivedAt];

/// The version of the rules and holds by which entries were selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulesVersion {
    revision: i64,
    holds: i64,
}

impl RulesVersion {
    /// Returns the current version.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn now(db: &Db) -> Result<Self, StoreError> {
        let mut select = db.prepare_cached("SELECT revision, holds FROM retention WHERE id = 1")?;
        Ok(select.query_row([], |row| Ok(Self { revision: row.get(0)?, holds: row.get(1)? }))?)
    }
}

/// A place in the order in which the entries of a log are examined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetentionCursor {
    received_at: i64,
    position: i64,
}

/// An entry that may be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SelectedEntry {
    pub(super) position: i64,
    /// The index of its class and cutoff in `Selection::classes`.
    pub(super) class: usize,
}

/// Entries that may be deleted together.
#[derive(Debug)]
pub struct Selection {
    pub(super) log: Log,
    pub(super) rules_version: RulesVersion,
    pub(super) entries: Vec<SelectedEntry>,
    /// The names of the classes and their cutoffs, in µs.
    pub(super) classes: Vec<(String, i64)>,
    /// The place where the next selection begins.
    pub cursor: RetentionCursor,
}

impl Selection {
    fn new(db: &Db, log: Log, cursor: RetentionCursor) -> Result<Self, StoreError> {
        Ok(Self { log, rules_version: RulesVersion::now(db)?, entries: Vec::new(), classes: Vec::new(), cursor })
    }

    fn add(&mut self, position: i64, class: &(String, i64)) {
        let known = self.classes.iter().position(|known| known == class);
        let class = known.unwrap_or_else(|| {
            self.classes.push(class.clone());
            self.classes.len() - 1
        });
        self.entries.push(SelectedEntry { position, class });
        self.cursor.position = position;
    }
}

/// Returns the next entries of a log that may be deleted; `None` if there are no more.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn select_expired(db: &Db, log: Log, after: RetentionCursor, now: i64) -> Result<Option<Selection>, StoreError> {
    let rules = retention(db)?.in_force(now);
    let holds = holds(db)?;
    let selection = Selection::new(db, log, after)?;
    let waiting = Waiting::of(db, log)?;
    let selection = match log {
        Log::Requests => requests(db, selection, &rules, &holds, waiting, now)?,
        Log::Audit => audit(db, selection, &rules, &holds, waiting, now)?,
    };
    Ok(Some(selection).filter(|selection| !selection.entries.is_empty()))
}

fn requests(
    db: &Db,
    mut selection: Selection,
    rules: &Rules,
    holds: &[Hold],
    waiting: Waiting,
    now: i64,
) -> Result<Selection, StoreError> {
    let held = request_predicates(db, holds)?;
    let next = selection.cursor.position.saturating_add(1);
    let delivered = (next, waiting.delivered);
    let waits = (next.max(waiting.delivered.saturating_add(1)), i64::MAX);
    for (positions, now) in [(delivered, now), (waits, now.saturating_sub(waiting.hold_us))] {
        if selection.entries.is_empty() && positions.0 <= positions.1 {
            select_range(db, &mut selection, &mut Cutoffs::new(&rules.requests, now), &held, positions)?;
        }
    }
    Ok(selection)
}

/// Selects entries of a range of positions.
fn select_range(
    db: &Db,
    selection: &mut Selection,
    cutoffs: &mut Cutoffs,
    held: &[Vec<Predicate>],
    positions: (i64, i64),
) -> Result<(), StoreError> {
    let in_range = |position: &i64| (positions.0..=positions.1).contains(position);
    let scan = Scan { from: None, to: None, positions };
    scan.for_each_segment(db, Direction::Up, &EXPIRY, |view| {
        let expired = find_expired(db, view, cutoffs, held)?;
        for (position, class) in expired.deletable.into_iter().filter(|(position, _)| in_range(position)) {
            if selection.entries.len() == BATCH {
                break;
            }
            selection.add(position, cutoffs.of(db, class)?);
        }
        Ok(selection.entries.is_empty())
    })?;
    Ok(())
}

fn audit(
    db: &Db,
    mut selection: Selection,
    rules: &Rules,
    holds: &[Hold],
    waiting: Waiting,
    now: i64,
) -> Result<Selection, StoreError> {
    let class = (String::new(), cutoff(rules.audit.days, now));
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let kept = class.1.saturating_sub(waiting.hold_us);
    let cursor = selection.cursor;
    let values = [class.1, cursor.received_at, cursor.position, limit, waiting.delivered, kept].map(Value::Integer);
    let mut select = db.prepare_cached(&select_audit_sql(&audit_conditions(db, holds)?))?;
    let rows = select.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (received_at, position) in rows.collect::<Result<Vec<(i64, i64)>, _>>()? {
        selection.add(position, &class);
        selection.cursor.received_at = received_at;
    }
    selection.entries.sort_unstable_by_key(|entry| entry.position);
    Ok(selection)
}

/// Returns SQL that reads from the index on time, in its order.
fn select_audit_sql(held: &[String]) -> String {
    format!(
        "SELECT e.received_at, e.position FROM audit_entries e JOIN audit a ON a.position = e.position
         WHERE e.received_at < ?1 AND (e.received_at, e.position) > (?2, ?3)
           AND (e.position <= ?5 OR e.received_at < ?6){} ORDER BY e.received_at, e.position
         LIMIT ?4",
        not_held(held)
    )
}

fn not_held(held: &[String]) -> String {
    held.iter().map(|condition| format!(" AND NOT {condition}")).collect()
}

/// The number of entries that have expired under some rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpiredCount {
    /// Entries that may be deleted.
    pub entries: u64,
    /// Entries that a hold keeps.
    pub held: u64,
    /// Entries of the request log that may be deleted, by retention class.
    pub classes: BTreeMap<String, u64>,
}

impl ExpiredCount {
    fn add(&mut self, class: &str) {
        self.entries = self.entries.saturating_add(1);
        count(&mut self.classes, class, 1);
    }
}

/// Adds to a class's count. There are at most [`MAX_CLASSES`] classes, and one for all others.
pub(super) fn count(classes: &mut BTreeMap<String, u64>, class: &str, entries: u64) {
    let has_own_count = classes.contains_key(class) || classes.len() < MAX_CLASSES;
    *classes.entry(if has_own_count { class } else { "" }.to_owned()).or_default() += entries;
}

/// Counts the entries of a log that would be expired if these rules were in force now.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn count_expired(db: &Db, log: Log, rules: &Rules, now: i64) -> Result<ExpiredCount, StoreError> {
    let holds = holds(db)?;
    match log {
        Log::Requests => count_expired_requests(db, rules, &holds, now),
        Log::Audit => count_expired_audit(db, rules, &holds, now),
    }
}

fn count_expired_requests(db: &Db, rules: &Rules, holds: &[Hold], now: i64) -> Result<ExpiredCount, StoreError> {
    let held = request_predicates(db, holds)?;
    let mut cutoffs = Cutoffs::new(&rules.requests, now);
    let mut expired = ExpiredCount::default();
    let scan = Scan { from: None, to: None, positions: (1, i64::MAX) };
    scan.for_each_segment(db, Direction::Up, &EXPIRY, |view| {
        let records = find_expired(db, view, &mut cutoffs, &held)?;
        expired.held = expired.held.saturating_add(u64::try_from(records.held.len()).unwrap_or(u64::MAX));
        for (_, class) in records.deletable {
            expired.add(&cutoffs.of(db, class)?.0);
        }
        Ok(true)
    })?;
    Ok(expired)
}

fn count_expired_audit(db: &Db, rules: &Rules, holds: &[Hold], now: i64) -> Result<ExpiredCount, StoreError> {
    let held = not_held(&audit_conditions(db, holds)?);
    let count = |terms: &str| -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT count(*) FROM audit_entries e JOIN audit a ON a.position = e.position WHERE e.received_at < ?1{terms}"
        );
        let counted: i64 = db.prepare_cached(&sql)?.query_row([cutoff(rules.audit.days, now)], |row| row.get(0))?;
        Ok(u64::try_from(counted).unwrap_or(0))
    };
    let (all, deletable) = (count("")?, count(&held)?);
    Ok(ExpiredCount { entries: deletable, held: all.saturating_sub(deletable), classes: BTreeMap::new() })
}

/// Counts the entries that a hold covers now.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn count_covered(db: &Db, hold: &Hold) -> Result<u64, StoreError> {
    let holds = std::slice::from_ref(hold);
    if hold.log == Log::Audit {
        let Some(terms) = audit_conditions(db, holds)?.pop() else {
            return Ok(0);
        };
        let sql = format!("SELECT count(*) FROM audit_entries e JOIN audit a ON a.position = e.position WHERE {terms}");
        let counted: i64 = db.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
        return Ok(u64::try_from(counted).unwrap_or(0));
    }
    let Some(conditions) = request_predicates(db, holds)?.pop() else {
        return Ok(0);
    };
    let columns: Vec<_> = conditions.iter().flat_map(Predicate::columns).collect();
    let mut counted = 0_u64;
    let scan = Scan { from: None, to: None, positions: (1, i64::MAX) };
    scan.for_each_segment(db, Direction::Up, &columns, |view| {
        counted = counted.saturating_add(view.matching(&conditions)?.count(view.rows));
        Ok(true)
    })?;
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::select_audit_sql;
    use crate::open_writer;

    #[test]
    fn the_audit_log_is_walked_by_its_time_index() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        for held in [vec![], vec!["(a.actor_id = 7 AND (a.time BETWEEN 1 AND 2))".to_owned()]] {
            let sql = format!("EXPLAIN QUERY PLAN {}", select_audit_sql(&held));
            let mut explain = db.prepare_cached(&sql).unwrap();
            let steps = explain.query_map([1, 1, 1, 1, 1, 1], |row| row.get::<_, String>(3)).unwrap();
            let steps = steps.map(Result::unwrap).collect::<Vec<_>>().join("; ");
            assert!(steps.contains("audit_entries_received_at") && !steps.contains("TEMP B-TREE"), "{steps}");
        }
    }
}
