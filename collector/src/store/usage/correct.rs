//! Corrections of usage: what an owner adds to the rollups or takes away.
//!
//! What is taken away is taken from the rows that hold it, in the order of time, so that every way to divide usage still adds
//! up; a row of a day gets the same as its quarters of an hour.

use super::super::StoreError;
use super::super::columns::{Column, Filter, Range, resolve};
use super::super::db::{Db, OptionalExtension, params};
use super::dimensions::{DIMENSION_NAMES, Dimensions};
use super::totals::{Counter, Totals};
use super::{DAY_S, Level};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows that one correction may look through.
const MOST_ROWS: i64 = 100_000;

/// What of usage a correction changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UsageChange {
    /// From this second on, a whole quarter of an hour.
    pub from: i64,
    /// Before this second, likewise.
    pub to: i64,
    /// Whose usage: `team`, `key_id` and so on, as in GET /v1/usage.
    pub filters: BTreeMap<String, String>,
    /// What is added, by counter, such as `output_tokens`; negative if it is taken away.
    pub amounts: BTreeMap<String, i64>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageCorrected {
    /// It is done; what there was before, by counter.
    Done(BTreeMap<String, u64>),
    /// There is no usage of this kind at that time.
    Nothing,
    /// This counter would fall below zero, or beyond what can be counted; what there is of it.
    OutOfRange(&'static str, u64),
}

/// The filter on a dimension by its name in answers.
pub(in crate::store) fn filter(name: &str, value: &str) -> Option<Filter> {
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
struct Found {
    start: i64,
    combination: Vec<u8>,
    totals: Totals,
}

/// Corrects usage within a write transaction. Nothing is written unless all of it can be.
pub(crate) fn correct(tx: &Db, change: &UsageChange, filters: &[Filter]) -> Result<UsageCorrected, StoreError> {
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
        let mut moved = Vec::new();
        for (counter, left) in plans.iter_mut().filter(|(_, left)| *left != 0) {
            let taken = part(row.totals.get(*counter), *left);
            row.totals.shift(*counter, taken);
            *left = left.saturating_sub(taken);
            moved.push((*counter, taken));
        }
        if moved.iter().any(|(_, taken)| *taken != 0) {
            put(tx, Level::Quarter, row.start, &row.combination, &row.totals)?;
            days.entry((Level::Day.start_of(row.start), row.combination.clone())).or_default().extend(moved);
        }
    }
    for ((start, combination), moved) in days {
        let Some(mut totals) = one(tx, Level::Day, start, &combination)? else { continue };
        moved.iter().for_each(|(counter, taken)| totals.shift(*counter, *taken));
        put(tx, Level::Day, start, &combination, &totals)?;
    }
    Ok(UsageCorrected::Done(before))
}

/// As much of an amount as a row can bear: all that is added, and of what is taken away no more than there is.
fn part(there: u64, amount: i64) -> i64 {
    if amount >= 0 { amount } else { amount.max(0_i64.saturating_sub_unsigned(there)) }
}

fn rows(tx: &Db, change: &UsageChange, filters: &[Filter]) -> Result<Vec<Found>, StoreError> {
    let Some(predicates) = resolve(tx, filters)? else { return Ok(Vec::new()) };
    let mut select = tx.prepare_cached(
        "SELECT start, combination, totals FROM usage_rollups
         WHERE level = ?1 AND start >= ?2 AND start < ?3 ORDER BY start, combination LIMIT ?4",
    )?;
    let values = params![Level::Quarter as i64, change.from, change.to, MOST_ROWS + 1];
    let all = select.query_map(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let all = all.collect::<Result<Vec<(i64, Vec<u8>, Vec<u8>)>, _>>()?;
    if all.len() > usize::try_from(MOST_ROWS).unwrap_or(usize::MAX) {
        return Err(StoreError::TooMuch);
    }
    let mut found = Vec::new();
    for (start, combination, bytes) in all {
        let dimensions = Dimensions::from_bytes(&combination)?;
        if predicates.iter().all(|predicate| predicate.holds(|column| dimensions.get(column))) {
            let mut totals = Totals::default();
            totals.merge_bytes(&bytes, true)?;
            found.push(Found { start, combination, totals });
        }
    }
    Ok(found)
}

fn one(tx: &Db, level: Level, start: i64, combination: &[u8]) -> Result<Option<Totals>, StoreError> {
    let bytes: Option<Vec<u8>> = tx
        .prepare_cached("SELECT totals FROM usage_rollups WHERE level = ?1 AND start = ?2 AND combination = ?3")?
        .query_row(params![level as i64, start, combination], |row| row.get(0))
        .optional()?;
    let Some(bytes) = bytes else { return Ok(None) };
    let mut totals = Totals::default();
    totals.merge_bytes(&bytes, true)?;
    Ok(Some(totals))
}

fn put(tx: &Db, level: Level, start: i64, combination: &[u8], totals: &Totals) -> Result<(), StoreError> {
    tx.prepare_cached("UPDATE usage_rollups SET totals = ?4 WHERE level = ?1 AND start = ?2 AND combination = ?3")?
        .execute(params![level as i64, start, combination, totals.to_bytes()])?;
    Ok(())
}

/// Longest time of one correction, seconds: a month.
pub const MOST_SECONDS: i64 = 35 * DAY_S;
