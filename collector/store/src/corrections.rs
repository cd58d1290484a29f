//! Corrections: amounts that an owner has added to counts and usage, or subtracted, because a figure cannot be true.
//!
//! A record is evidence of a report, so it never changes. Counts and usage are sums, and an impossible figure in a sum
//! would stop a team for the rest of its period. Each correction is stored with its actor and reason.

use super::change;
use super::usage::{self, UsageChange};
use headgate_collector_columns::Filter;
use headgate_collector_db::{
    self as db, Db, OptionalExtension, Row, StoreError, Value as Sql, params, params_from_iter,
};
use headgate_collector_types::audit::Actor;
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
    /// The actor that made it.
    pub by: Actor,
    /// Why.
    pub reason: String,
    /// The change of a limit's or budget's count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<CountChange>,
    /// The change of usage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageChange>,
}

/// The change of a count by a correction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CountChange {
    /// Id of the limit or budget.
    pub rule: String,
    /// The meter, such as `nano_usd/month`.
    pub meter: String,
    /// Of whom: the values of the rule's `per`, in its order.
    pub subject: Vec<String>,
    /// First second of the window.
    pub start: u64,
    /// The amount added, in the meter's unit; negative if it was taken away.
    pub amount: i64,
    /// Used before.
    pub before: u64,
    /// Used after.
    pub after: u64,
}

/// A correction in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCorrection {
    /// Its place in the list.
    pub place: i64,
    /// The correction.
    pub correction: Correction,
}

/// Returns the correction with an id, together with the request for it.
///
/// # Errors
/// The store cannot be read.
pub fn find_correction(db: &Db, id: &str) -> Result<Option<(Correction, String)>, StoreError> {
    let mut select = db.prepare_cached("SELECT correction, body, asked FROM corrections WHERE id = ?1")?;
    let found = select.query_row([id], |row| Ok((read(row)?, row.get(2)?))).optional()?;
    found.map(|(listed, request)| Ok((listed?.correction, request))).transpose()
}

/// Stores a correction. `count` is the number of the corrected count, and `version` is the version of the change.
pub fn store_correction(
    tx: &Db,
    correction: &Correction,
    request: &str,
    count: Option<i64>,
    version: i64,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(correction).map_err(|_| StoreError::Other)?;
    tx.prepare_cached("INSERT INTO corrections (id, body, asked, count, version, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![correction.id, body, request, count, version, correction.at])?;
    Ok(())
}

/// Returns corrections behind a place, the latest first.
///
/// # Errors
/// The store cannot be read.
pub fn corrections(db: &Db, after: Option<i64>, limit: usize) -> Result<Vec<ListedCorrection>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut select = db.prepare_cached(
        "SELECT correction, body FROM corrections WHERE correction < ?1 ORDER BY correction DESC LIMIT ?2",
    )?;
    let values = [Sql::Integer(after.unwrap_or(i64::MAX)), Sql::Integer(limit)];
    let rows = select.query_map(params_from_iter(values), read)?.collect::<db::Result<Vec<_>>>()?;
    rows.into_iter().collect()
}

fn read(row: &Row<'_>) -> db::Result<Result<ListedCorrection, StoreError>> {
    let (place, body): (i64, String) = (row.get(0)?, row.get(1)?);
    let correction = serde_json::from_str(&body).map_err(|_| StoreError::Damaged);
    Ok(correction.map(|correction| ListedCorrection { place, correction }))
}

/// Repeats all corrections of usage after usage was recounted from the records. A correction that no longer fits is left
/// out.
pub fn reapply_usage_corrections(db: &mut Db) -> Result<(), StoreError> {
    let all = corrections(db, None, usize::MAX)?;
    for correction in all.into_iter().rev().filter_map(|listed| listed.correction.usage) {
        let filters = usage_filters(&correction.filters);
        change(db, |tx| usage::correct(tx, &correction, &filters).map(|_| ()))?;
    }
    Ok(())
}

/// Returns the filters of a correction by the names of usage dimensions.
#[must_use]
pub fn usage_filters(named: &BTreeMap<String, String>) -> Vec<Filter> {
    named.iter().filter_map(|(name, value)| usage::filter(name, value)).collect()
}
