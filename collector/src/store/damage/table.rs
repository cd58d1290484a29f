//! The table of damage, and the audit entry that comes with what is added to it.

use super::super::db::{Db, params};
use super::Log;
use crate::audit::{self, Actor, Change, Entry, Operation, Outcome, Resource};
use crate::store::StoreError;
use serde::Serialize;
use serde_json::json;

/// Rows in one answer.
const ROWS: i64 = 1_000;
/// Places that one audit entry names.
const NAMED: usize = 100;

/// What is wrong at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The bytes are not those that were stored.
    Altered,
    /// There is no entry any more.
    Lost,
}

impl Kind {
    /// The word in the store and in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Lost => "lost",
        }
    }
}

/// A run of places at which the same is wrong, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Finding {
    /// In which log.
    pub log: Log,
    /// First place, from 1.
    pub first: i64,
    /// Last place.
    pub last: i64,
    /// What is wrong.
    pub kind: Kind,
}

impl Finding {
    /// For people: `requests 17-19`.
    #[must_use]
    pub fn places(&self) -> String {
        let log = self.log.as_str();
        if self.first == self.last {
            format!("{log} {}", self.first)
        } else {
            format!("{log} {}-{}", self.first, self.last)
        }
    }

    /// How many places it is.
    pub(in crate::store) const fn count(&self) -> i64 {
        self.last.saturating_sub(self.first).saturating_add(1)
    }
}

/// A row of the table, as it is shown.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Damaged {
    /// `requests` or `audit`.
    pub log: String,
    /// First place.
    pub first_position: i64,
    /// Last place.
    pub last_position: i64,
    /// `altered` or `lost`.
    pub kind: String,
    /// When it was noticed, µs since the Unix epoch.
    pub found_at: i64,
}

/// What is known to be wrong, in the logs' order, and whether there is more.
///
/// # Errors
/// The store cannot be read.
pub fn damage(db: &Db) -> Result<(Vec<Damaged>, bool), StoreError> {
    let mut select = db.prepare_cached(
        "SELECT log, first_position, last_position, kind, found_at FROM damage ORDER BY log, first_position LIMIT ?1",
    )?;
    let rows = select.query_map([ROWS.saturating_add(1)], |row| {
        Ok(Damaged {
            log: row.get(0)?,
            first_position: row.get(1)?,
            last_position: row.get(2)?,
            kind: row.get(3)?,
            found_at: row.get(4)?,
        })
    })?;
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    let most = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let has_more = rows.len() > most;
    rows.truncate(most);
    Ok((rows, has_more))
}

/// Places that are known to be wrong, by log.
pub(in crate::store) fn totals(db: &Db) -> Result<Vec<(Log, i64)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT CAST(coalesce(sum(last_position - first_position + 1), 0) AS BIGINT) FROM damage WHERE log = ?1",
    )?;
    Log::ALL.iter().map(|log| Ok((*log, select.query_row([log.as_str()], |row| row.get(0))?))).collect()
}

/// Notes what was not known yet, and gives it back. An audit entry for each log names it.
pub(in crate::store) fn note(tx: &Db, found: &[Finding], now: i64) -> Result<Vec<Finding>, StoreError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO damage (log, first_position, last_position, kind, found_at)
         SELECT CAST(?1 AS TEXT), CAST(?2 AS BIGINT), CAST(?3 AS BIGINT), CAST(?4 AS TEXT), CAST(?5 AS BIGINT)
         WHERE NOT EXISTS (SELECT 1 FROM damage WHERE log = ?1 AND first_position <= ?2 AND last_position >= ?3)
         ON CONFLICT DO NOTHING",
    )?;
    let mut new = Vec::new();
    for one in found {
        if insert.execute(params![one.log.as_str(), one.first, one.last, one.kind.as_str(), now])? > 0 {
            new.push(*one);
        }
    }
    for log in Log::ALL {
        let here: Vec<_> = new.iter().filter(|one| one.log == log).collect();
        if !here.is_empty() {
            audit::append(tx, &entry(log, &here))?;
        }
    }
    Ok(new)
}

fn entry(log: Log, found: &[&Finding]) -> Entry {
    let resource = Resource::new("log", log.as_str());
    let mut entry = Entry::new("store.damage_found", Operation::Other, Actor::system(), resource);
    entry.outcome = Outcome::Failure;
    entry.count = u64::try_from(found.iter().map(|one| one.count()).sum::<i64>()).ok();
    let named: Vec<_> = found.iter().take(NAMED).map(|one| json!([one.first, one.last, one.kind])).collect();
    entry.changes = vec![Change { path: "damage".to_owned(), before: None, after: Some(named.into()) }];
    entry
}
