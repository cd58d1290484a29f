//! Corrections: what an owner has added to counts and usage, or taken away, because a figure cannot be true.
//!
//! A record is evidence of what was reported, so it never changes. Counts and usage are sums, and a sum with an impossible
//! figure in it would stop a team for the rest of its period. Each correction is kept with who made it and why.

use super::db::{self, Db, OptionalExtension, Row, Value as Sql, params, params_from_iter};
use super::usage::{self, UsageChange};
use super::{Filter, StoreError, change};
use crate::audit::Actor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A correction as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Correction {
    /// UUIDv7.
    pub id: String,
    /// When it was made, µs since the Unix epoch.
    pub at: i64,
    /// Who made it.
    pub by: Actor,
    /// Why.
    pub reason: String,
    /// What it changed of a limit's or budget's count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<CountChange>,
    /// What it changed of usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageChange>,
}

/// What a correction changed of a count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CountChange {
    /// Id of the limit or budget.
    pub rule: String,
    /// What is counted, such as `nano_usd/month`.
    pub meter: String,
    /// Of whom: the values of the rule's `per`, in its order.
    pub subject: Vec<String>,
    /// First second of the window.
    pub start: u64,
    /// What was added, in the meter's unit; negative if it was taken away.
    pub amount: i64,
    /// Used before.
    pub before: u64,
    /// Used after.
    pub after: u64,
}

/// Where a correction stands in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its place.
    pub place: i64,
    /// Itself.
    pub correction: Correction,
}

/// What is stored under an id: the correction, and what was asked for.
///
/// # Errors
/// The store cannot be read.
pub fn find_correction(db: &Db, id: &str) -> Result<Option<(Correction, String)>, StoreError> {
    let mut select = db.prepare_cached("SELECT correction, body, asked FROM corrections WHERE id = ?1")?;
    let found = select.query_row([id], |row| Ok((read(row)?, row.get(2)?))).optional()?;
    found.map(|(listed, asked)| Ok((listed?.correction, asked))).transpose()
}

/// Keeps a correction. `count` is the number of the count that it changed, and `version` that of the change.
pub(crate) fn keep_correction(
    tx: &Db,
    correction: &Correction,
    asked: &str,
    count: Option<i64>,
    version: i64,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(correction).map_err(|_| StoreError::Other)?;
    tx.prepare_cached("INSERT INTO corrections (id, body, asked, count, version, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![correction.id, body, asked, count, version, correction.at])?;
    Ok(())
}

/// Corrections behind a place, the latest first.
///
/// # Errors
/// The store cannot be read.
pub fn corrections(db: &Db, after: Option<i64>, limit: usize) -> Result<Vec<Listed>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = db.prepare_cached(
        "SELECT correction, body FROM corrections WHERE correction < ?1 ORDER BY correction DESC LIMIT ?2",
    )?;
    let values = [Sql::Integer(after.unwrap_or(i64::MAX)), Sql::Integer(limit)];
    let rows = select.query_map(params_from_iter(values), read)?.collect::<db::Result<Vec<_>>>()?;
    rows.into_iter().collect()
}

fn read(row: &Row<'_>) -> db::Result<Result<Listed, StoreError>> {
    let (place, body): (i64, String) = (row.get(0)?, row.get(1)?);
    let correction = serde_json::from_str(&body).map_err(|_| StoreError::Damaged);
    Ok(correction.map(|correction| Listed { place, correction }))
}

/// Makes all corrections of usage again, after usage was counted anew from the records. What does not fit any more is left out.
pub(super) fn correct_usage_again(db: &mut Db) -> Result<(), StoreError> {
    let after_all = corrections(db, None, usize::MAX)?;
    for change_made in after_all.into_iter().rev().filter_map(|listed| listed.correction.usage) {
        let filters = usage_filters(&change_made.filters);
        change(db, |tx| usage::correct(tx, &change_made, &filters).map(|_| ()))?;
    }
    Ok(())
}

/// The filters of a correction by the names that usage has.
#[must_use]
pub fn usage_filters(named: &BTreeMap<String, String>) -> Vec<Filter> {
    named.iter().filter_map(|(name, value)| usage::filter(name, value)).collect()
}
