//! Corrections of usage: amounts that an owner adds to the rollups or subtracts from them.
//!
//! An amount is subtracted from the rows that contain it, in the order of time, so that every way to divide usage still
//! adds up. A row of a day changes by the same amount as its quarters of an hour.

use super::dimensions::{DIMENSION_NAMES, Dimensions};
use super::totals::{Counter, Totals};
use super::{DAY_S, Level};
use headgate_collector_columns::{Column, Filter, Range, resolve};
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most rows that one correction may examine.
const MAX_ROWS: i64 = 100_000;

/// The part of usage that a correction changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UsageChange {
    /// From this second on, a whole quarter of an hour.
    pub from: i64,
    /// Before this second, likewise.
    pub to: i64,
    /// The dimensions of the usage: `team`, `key_id` and so on, as in GET /v1/usage.
    pub filters: BTreeMap<String, String>,
    /// The amounts added, by counter, such as `output_tokens`; negative if it is taken away.
    pub amounts: BTreeMap<String, i64>,
}

/// The outcome of a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageCorrected {
    /// The correction is done. The map has the previous sums by counter.
    Done(BTreeMap<String, u64>),
    /// There is no usage of this kind at that time.
    Nothing,
    /// This counter would fall below zero or exceed the largest amount. The number is its current value.
    OutOfRange(&'static str, u64),
}

/// Returns the filter on a dimension by its name in answers.
pub(crate) fn filter(name: &str, value: &str) -> Option<Filter> {
    let column = DIMENSION_NAMES.iter().find(|(known, _)| *known == name).map(|(_, column)| *column)?;
    match column {
        Column::Status => {
            let status = value.parse().ok()?;
            Some(Filter::Number(column, Range { least: status, greatest: status }))
        }
        _ => Some(Filter::Name(column, value.to_owned())),
    }
}

/// A row of a quarter of an hour.
struct ExistingTotals {
    start: i64,
    combination: Vec<u8>,
    totals: Totals,
}

/// Corrects usage within a write transaction. It writes nothing unless the whole correction is possible.
pub fn correct(tx: &Db, change: &UsageChange, filters: &[Filter]) -> Result<UsageCorrected, StoreError> {
    let mut rows = rows(tx, change, filters)?;
    let (mut before, mut plans) = (BTreeMap::new(), Vec::new());
    for (name, amount) in &change.amounts {
        let Some(counter) = Counter::ALL.iter().copied().find(|counter| counter.name() == name) else { continue };
        let all = rows.iter().fold(0_u64, |sum, row| sum.saturating_add(row.totals.get(counter)));
        if rows.is_empty() {
            return Ok(UsageCorrected::Nothing);
        }
        if all.checked_add_signed(*amount).is_none() {
            return Ok(UsageCorrected::OutOfRange(counter.name(), all));
        }
        before.insert(name.clone(), all);
        plans.push((counter, *amount));
    }
    let mut days = BTreeMap::<(i64, Vec<u8>), Vec<(Counter, i64)>>::new();
    for row in &mut rows {
        let mut adjusted = Vec::new();
        for (counter, left) in plans.iter_mut().filter(|(_, left)| *left != 0) {
            let delta = applicable(row.totals.get(*counter), *left);
            row.totals.adjust(*counter, delta);
            *left = left.saturating_sub(delta);
            adjusted.push((*counter, delta));
        }
        if adjusted.iter().any(|(_, delta)| *delta != 0) {
            write_row(tx, Level::Quarter, row.start, &row.combination, &row.totals)?;
            days.entry((Level::Day.start_of(row.start), row.combination.clone())).or_default().extend(adjusted);
        }
    }
    for ((start, combination), adjusted) in days {
        let Some(mut totals) = read_row(tx, Level::Day, start, &combination)? else { continue };
        adjusted.iter().for_each(|(counter, delta)| totals.adjust(*counter, *delta));
        write_row(tx, Level::Day, start, &combination, &totals)?;
    }
    Ok(UsageCorrected::Done(before))
}

/// Returns the part of an amount that a row can take: all of an addition, and at most the existing value of a
/// subtraction.
fn applicable(existing: u64, amount: i64) -> i64 {
    if amount >= 0 { amount } else { amount.max(0_i64.saturating_sub_unsigned(existing)) }
}

fn rows(tx: &Db, change: &UsageChange, filters: &[Filter]) -> Result<Vec<ExistingTotals>, StoreError> {
    let Some(predicates) = resolve(tx, filters)? else { return Ok(Vec::new()) };
    let mut select = tx.prepare_cached(
        "SELECT start, combination, totals FROM usage_rollups
         WHERE level = ?1 AND start >= ?2 AND start < ?3 ORDER BY start, combination LIMIT ?4",
    )?;
    let values = params![Level::Quarter as i64, change.from, change.to, MAX_ROWS + 1];
    let all = select.query_map(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let all = all.collect::<Result<Vec<(i64, Vec<u8>, Vec<u8>)>, _>>()?;
    if all.len() > usize::try_from(MAX_ROWS).unwrap_or(usize::MAX) {
        return Err(StoreError::TooMuch);
    }
    let mut found = Vec::new();
    for (start, combination, bytes) in all {
        let dimensions = Dimensions::from_bytes(&combination)?;
        if predicates.iter().all(|predicate| predicate.holds(|column| dimensions.get(column))) {
            let mut totals = Totals::default();
            totals.merge_bytes(&bytes, true)?;
            found.push(ExistingTotals { start, combination, totals });
        }
    }
    Ok(found)
}

fn read_row(tx: &Db, level: Level, start: i64, combination: &[u8]) -> Result<Option<Totals>, StoreError> {
    let bytes: Option<Vec<u8>> = tx
        .prepare_cached("SELECT totals FROM usage_rollups WHERE level = ?1 AND start = ?2 AND combination = ?3")?
        .query_row(params![level as i64, start, combination], |row| row.get(0))
        .optional()?;
    let Some(bytes) = bytes else { return Ok(None) };
    let mut totals = Totals::default();
    totals.merge_bytes(&bytes, true)?;
    Ok(Some(totals))
}

fn write_row(tx: &Db, level: Level, start: i64, combination: &[u8], totals: &Totals) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE usage_rollups SET totals = ?4 WHERE level = ?1 AND start = ?2 AND combination = ?3")?
        .execute(params![level as i64, start, combination, totals.to_bytes()])?;
    Ok(())
}

/// The longest time of one correction, in seconds: a month.
pub const MAX_CORRECTION_SECONDS: i64 = 35 * DAY_S;
