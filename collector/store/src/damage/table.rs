//! The table of damage, and the audit entries about additions to it.

use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Outcome, Resource};
use serde::Serialize;
use serde_json::json;

/// The most rows in one answer.
const MAX_ROWS: i64 = 1_000;
/// The most positions that one audit entry names.
const MAX_NAMED: usize = 100;

/// A kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DamageKind {
    /// The bytes are not those that were stored.
    Altered,
    /// The entry is missing.
    Lost,
}

impl DamageKind {
    /// Returns the word in the store and in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "altered",
            Self::Lost => "lost",
        }
    }
}

/// A run of positions with the same kind of damage, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DamagedRange {
    /// The log.
    pub log: Log,
    /// The first position, from 1.
    pub first: i64,
    /// The last position.
    pub last: i64,
    /// The kind of damage.
    pub kind: DamageKind,
}

impl DamagedRange {
    /// Returns the positions as text for people: `requests 17-19`.
    #[must_use]
    pub fn places(&self) -> String {
        let log = self.log.as_str();
        if self.first == self.last {
            format!("{log} {}", self.first)
        } else {
            format!("{log} {}-{}", self.first, self.last)
        }
    }

    /// Returns the number of positions.
    pub const fn count(&self) -> i64 {
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

/// Returns the known damage in the order of the logs, and whether there is more.
///
/// # Errors
/// The store cannot be read.
pub fn damage(db: &Db) -> Result<(Vec<Damaged>, bool), StoreError> {
    let mut select = db.prepare_cached(
        "SELECT log, first_position, last_position, kind, found_at FROM damage ORDER BY log, first_position LIMIT ?1",
    )?;
    let rows = select.query_map([MAX_ROWS.saturating_add(1)], |row| {
        Ok(Damaged {
            log: row.get(0)?,
            first_position: row.get(1)?,
            last_position: row.get(2)?,
            kind: row.get(3)?,
            found_at: row.get(4)?,
        })
    })?;
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    let most = usize::try_from(MAX_ROWS).unwrap_or(usize::MAX);
    let has_more = rows.len() > most;
    rows.truncate(most);
    Ok((rows, has_more))
}

/// Returns the number of damaged positions by log.
pub(crate) fn totals(db: &Db) -> Result<Vec<(Log, i64)>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT CAST(coalesce(sum(last_position - first_position + 1), 0) AS BIGINT) FROM damage WHERE log = ?1",
    )?;
    Log::ALL.iter().map(|log| Ok((*log, select.query_row([log.as_str()], |row| row.get(0))?))).collect()
}

/// Notes the findings that were not known yet and returns them. An audit entry for each log names them.
pub fn note(tx: &Db, ranges: &[DamagedRange], now: i64) -> Result<Vec<DamagedRange>, StoreError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO damage (log, first_position, last_position, kind, found_at)
         SELECT CAST(?1 AS TEXT), CAST(?2 AS BIGINT), CAST(?3 AS BIGINT), CAST(?4 AS TEXT), CAST(?5 AS BIGINT)
         WHERE NOT EXISTS (SELECT 1 FROM damage WHERE log = ?1 AND first_position <= ?2 AND last_position >= ?3)
         ON CONFLICT DO NOTHING",
    )?;
    let mut new = Vec::new();
    for range in ranges {
        if insert.execute(params![range.log.as_str(), range.first, range.last, range.kind.as_str(), now])? > 0 {
            new.push(*range);
        }
    }
    for log in Log::ALL {
        let of_log: Vec<_> = new.iter().filter(|range| range.log == log).collect();
        if !of_log.is_empty() {
            crate::audit::append(tx, &entry(log, &of_log))?;
        }
    }
    Ok(new)
}

fn entry(log: Log, ranges: &[&DamagedRange]) -> Entry {
    let resource = Resource::new("log", log.as_str());
    let mut entry = Entry::new("store.damage_found", Operation::Other, Actor::system(), resource);
    entry.outcome = Outcome::Failure;
    entry.count = u64::try_from(ranges.iter().map(|range| range.count()).sum::<i64>()).ok();
    let named: Vec<_> =
        ranges.iter().take(MAX_NAMED).map(|range| json!([range.first, range.last, range.kind])).collect();
    entry.changes = vec![Change { path: "damage".to_owned(), before: None, after: Some(named.into()) }];
    entry
}
