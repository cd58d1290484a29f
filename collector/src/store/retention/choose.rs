//! Which entries go next, and how many would go by which rules.
//!
//! Chosen on a reading connection, as it may walk far; deleted by the writer, which first makes sure that neither rules nor holds
//! have changed since.

use super::super::columns::{Blocks, Cutoffs, Direction, past};
use super::super::db::{Db, Value, params_from_iter};
use super::super::{Log, StoreError};
use super::holds::{Hold, holds, on_audit, on_requests};
use super::settings::retention;
use crate::retention::{Rules, cutoff};
use std::collections::BTreeMap;

/// Entries of one step: some ten milliseconds of the writer's time.
const STEP: usize = 1_000;
/// Classes that are told apart; what is of further ones is counted under an empty name.
const CLASSES: usize = 64;

/// By which rules and holds something was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    revision: i64,
    holds: i64,
}

impl Stamp {
    /// Of now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn now(db: &Db) -> Result<Self, StoreError> {
        let mut select = db.prepare_cached("SELECT revision, holds FROM retention WHERE id = 1")?;
        Ok(select.query_row([], |row| Ok(Self { revision: row.get(0)?, holds: row.get(1)? }))?)
    }
}

/// A place in the order in which a log's entries are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reached {
    received_at: i64,
    position: i64,
}

/// An entry that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) position: i64,
    /// Its class, and what it must have been received before.
    pub(super) class: usize,
}

/// Entries that may go together.
#[derive(Debug)]
pub struct Choice {
    pub(super) log: Log,
    pub(super) stamp: Stamp,
    pub(super) entries: Vec<Chosen>,
    /// Names of the classes and their cutoffs, µs.
    pub(super) classes: Vec<(String, i64)>,
    /// Where to go on.
    pub reached: Reached,
}

impl Choice {
    fn new(db: &Db, log: Log, reached: Reached) -> Result<Self, StoreError> {
        Ok(Self { log, stamp: Stamp::now(db)?, entries: Vec::new(), classes: Vec::new(), reached })
    }

    fn add(&mut self, position: i64, class: &(String, i64)) {
        let known = self.classes.iter().position(|known| known == class);
        let class = known.unwrap_or_else(|| {
            self.classes.push(class.clone());
            self.classes.len() - 1
        });
        self.entries.push(Chosen { position, class });
        self.reached.position = position;
    }
}

/// The next entries of a log that may go; `None` if there are no more.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn choose(db: &Db, log: Log, after: Reached, now: i64) -> Result<Option<Choice>, StoreError> {
    let rules = retention(db)?.in_force(now);
    let holds = holds(db)?;
    let choice = Choice::new(db, log, after)?;
    let choice = match log {
        Log::Requests => requests(db, choice, &rules, &holds, now)?,
        Log::Audit => audit(db, choice, &rules, &holds, now)?,
    };
    Ok(Some(choice).filter(|choice| !choice.entries.is_empty()))
}

fn requests(db: &Db, mut choice: Choice, rules: &Rules, holds: &[Hold], now: i64) -> Result<Choice, StoreError> {
    let held = on_requests(db, holds)?;
    let after = choice.reached.position;
    let mut cutoffs = Cutoffs::new(&rules.requests, now);
    let blocks = Blocks { from: None, to: None, positions: (after.saturating_add(1), i64::MAX) };
    blocks.each(db, Direction::Up, |block| {
        let past = past(db, block, &mut cutoffs, &held)?;
        for (position, class) in past.free.into_iter().filter(|(position, _)| *position > after) {
            if choice.entries.len() == STEP {
                break;
            }
            choice.add(position, cutoffs.of(db, class)?);
        }
        Ok(choice.entries.is_empty())
    })?;
    Ok(choice)
}

fn audit(db: &Db, mut choice: Choice, rules: &Rules, holds: &[Hold], now: i64) -> Result<Choice, StoreError> {
    let class = (String::new(), cutoff(rules.audit.days, now));
    let limit = i64::try_from(STEP).unwrap_or(i64::MAX);
    let values = [class.1, choice.reached.received_at, choice.reached.position, limit].map(Value::Integer);
    let mut select = db.prepare_cached(&next_in_audit(&on_audit(db, holds)?))?;
    let rows = select.query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?;
    for (received_at, position) in rows.collect::<Result<Vec<(i64, i64)>, _>>()? {
        choice.add(position, &class);
        choice.reached.received_at = received_at;
    }
    choice.entries.sort_unstable_by_key(|entry| entry.position);
    Ok(choice)
}

/// Reads from the index on time, in its order.
fn next_in_audit(held: &[String]) -> String {
    format!(
        "SELECT e.received_at, e.position FROM audit_entries e JOIN audit a ON a.position = e.position
         WHERE e.received_at < ?1 AND (e.received_at, e.position) > (?2, ?3){} ORDER BY e.received_at, e.position
         LIMIT ?4",
        unless_held(held)
    )
}

fn unless_held(held: &[String]) -> String {
    held.iter().map(|covered| format!(" AND NOT {covered}")).collect()
}

/// How much is past its time by some rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// Entries that may go.
    pub entries: u64,
    /// Entries that a hold keeps.
    pub held: u64,
    /// Those that may go, by retention class; of the request log alone.
    pub classes: BTreeMap<String, u64>,
}

impl Expired {
    fn add(&mut self, class: &str) {
        self.entries = self.entries.saturating_add(1);
        count(&mut self.classes, class, 1);
    }
}

/// Adds to a class's count; there are at most [`CLASSES`] and one for all others.
pub(super) fn count(classes: &mut BTreeMap<String, u64>, class: &str, entries: u64) {
    let told_apart = classes.contains_key(class) || classes.len() < CLASSES;
    *classes.entry(if told_apart { class } else { "" }.to_owned()).or_default() += entries;
}

/// How much of a log is past its time by these rules, were they in force now.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn expired(db: &Db, log: Log, rules: &Rules, now: i64) -> Result<Expired, StoreError> {
    let holds = holds(db)?;
    match log {
        Log::Requests => expired_requests(db, rules, &holds, now),
        Log::Audit => expired_audit(db, rules, &holds, now),
    }
}

fn expired_requests(db: &Db, rules: &Rules, holds: &[Hold], now: i64) -> Result<Expired, StoreError> {
    let held = on_requests(db, holds)?;
    let mut cutoffs = Cutoffs::new(&rules.requests, now);
    let mut expired = Expired::default();
    let blocks = Blocks { from: None, to: None, positions: (1, i64::MAX) };
    blocks.each(db, Direction::Up, |block| {
        let past = past(db, block, &mut cutoffs, &held)?;
        expired.held = expired.held.saturating_add(u64::try_from(past.held.len()).unwrap_or(u64::MAX));
        for (_, class) in past.free {
            expired.add(&cutoffs.of(db, class)?.0);
        }
        Ok(true)
    })?;
    Ok(expired)
}

fn expired_audit(db: &Db, rules: &Rules, holds: &[Hold], now: i64) -> Result<Expired, StoreError> {
    let held = unless_held(&on_audit(db, holds)?);
    let count = |terms: &str| -> Result<u64, StoreError> {
        let sql = format!(
            "SELECT count(*) FROM audit_entries e JOIN audit a ON a.position = e.position WHERE e.received_at < ?1{terms}"
        );
        let counted: i64 = db.prepare_cached(&sql)?.query_row([cutoff(rules.audit.days, now)], |row| row.get(0))?;
        Ok(u64::try_from(counted).unwrap_or(0))
    };
    let (all, free) = (count("")?, count(&held)?);
    Ok(Expired { entries: free, held: all.saturating_sub(free), classes: BTreeMap::new() })
}

/// How many entries a hold covers now.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn covered(db: &Db, hold: &Hold) -> Result<u64, StoreError> {
    let holds = std::slice::from_ref(hold);
    if hold.log == Log::Audit {
        let Some(terms) = on_audit(db, holds)?.pop() else {
            return Ok(0);
        };
        let sql = format!("SELECT count(*) FROM audit_entries e JOIN audit a ON a.position = e.position WHERE {terms}");
        let counted: i64 = db.prepare_cached(&sql)?.query_row([], |row| row.get(0))?;
        return Ok(u64::try_from(counted).unwrap_or(0));
    }
    let Some(conditions) = on_requests(db, holds)?.pop() else {
        return Ok(0);
    };
    let mut counted = 0_u64;
    let blocks = Blocks { from: None, to: None, positions: (1, i64::MAX) };
    blocks.each(db, Direction::Up, |block| {
        counted = counted.saturating_add(block.matching(&conditions)?.count(block.rows));
        Ok(true)
    })?;
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::next_in_audit;
    use crate::store::open_writer;

    #[test]
    fn the_audit_log_is_walked_by_its_index_on_time_also_with_holds() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        for held in [vec![], vec!["(a.actor_id = 7 AND (a.time BETWEEN 1 AND 2))".to_owned()]] {
            let sql = format!("EXPLAIN QUERY PLAN {}", next_in_audit(&held));
            let mut explain = db.prepare_cached(&sql).unwrap();
            let steps = explain.query_map([1, 1, 1, 1], |row| row.get::<_, String>(3)).unwrap();
            let steps = steps.map(Result::unwrap).collect::<Vec<_>>().join("; ");
            assert!(steps.contains("audit_entries_received_at") && !steps.contains("TEMP B-TREE"), "{steps}");
        }
    }
}
