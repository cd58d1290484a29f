//! Totals and facets: how many records match, and how they spread over the values of a column.
//!
//! A facet leaves its own column's filters aside, so that what was chosen in it can be compared with what was not. Values are
//! counted as numbers, and only those that are shown become texts: clients make some names up, and there may be a million.

use super::super::db::Db;
use super::super::{StoreError, names};
use super::cells::Column;
use super::coded::Head;
use super::filter::{Filter, Predicate, resolve};
use super::mask::Mask;
use super::scan::{Block, Blocks, Direction};
use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

/// What is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FacetQuery {
    /// All must hold.
    pub filters: Vec<Filter>,
    /// `started_at` from here on, µs.
    pub from: Option<i64>,
    /// `started_at` before this, µs.
    pub to: Option<i64>,
    /// The columns to spread over.
    pub columns: Vec<Column>,
    /// Most names that are told of each.
    pub names: usize,
}

/// How many records match, and how they spread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// Records that match.
    pub total: u64,
    /// In the order of the query's columns.
    pub columns: Vec<Spread>,
}

/// How records spread over the values of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spread {
    /// How many values there are.
    pub distinct: usize,
    /// (value, records), most first: all numbers, and of names those with the most records.
    pub values: Vec<(String, u64)>,
}

/// Counts. Absent values are left out.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn facets(db: &Db, query: &FacetQuery) -> Result<Facets, StoreError> {
    let mut counts: Vec<HashMap<i64, u64>> = vec![HashMap::new(); query.columns.len()];
    let mut total = 0;
    if let Some(predicates) = resolve(db, &query.timed())? {
        let blocks = Blocks { from: query.from, to: query.to, positions: (1, i64::MAX) };
        blocks.each(db, Direction::Up, |block| {
            let full = block.matching(&predicates)?;
            total += full.count(block.rows);
            for (column, counts) in query.columns.iter().zip(&mut counts) {
                count(block, &predicates, &full, *column, counts)?;
            }
            Ok(true)
        })?;
    }
    let columns = query.columns.iter().zip(counts).map(|(column, counts)| told(db, *column, counts, query.names));
    Ok(Facets { total, columns: columns.collect::<Result<_, _>>()? })
}

impl FacetQuery {
    fn timed(&self) -> Vec<Filter> {
        super::filter::timed(&self.filters, self.from, self.to)
    }
}

fn count(
    block: &Block<'_>,
    predicates: &[Predicate],
    full: &Mask,
    column: Column,
    counts: &mut HashMap<i64, u64>,
) -> Result<(), StoreError> {
    let own = |predicate: &Predicate| predicate.column() == Some(column);
    let without_own;
    let mask = if predicates.iter().any(own) {
        without_own = block.matching(predicates.iter().filter(|predicate| !own(predicate)))?;
        &without_own
    } else {
        full
    };
    if *mask == Mask::Nothing {
        return Ok(());
    }
    let head = block.head(column)?;
    if let (Mask::All, Head::Few { values, .. }) = (mask, &head) {
        for (value, count) in values {
            *counts.entry(*value).or_default() += u64::try_from(*count).unwrap_or(0);
        }
        return Ok(());
    }
    spread(block, mask, column, head, counts)
}

fn spread(
    block: &Block<'_>,
    mask: &Mask,
    column: Column,
    head: Head,
    counts: &mut HashMap<i64, u64>,
) -> Result<(), StoreError> {
    let coded = block.coded(column, head)?;
    match &coded.head {
        Head::Few { width, values } => {
            let mut by_code = vec![0_u64; values.len()];
            let marks = match mask {
                Mask::Some(marks) => marks.as_slice(),
                Mask::All | Mask::Nothing => &[],
            };
            coded.each_code(*width, block.rows, |row, code| {
                if let Some(slot) = by_code.get_mut(usize::try_from(code).unwrap_or(usize::MAX)) {
                    *slot += marks.get(row).map_or(1, |mark| u64::from(*mark));
                }
            });
            for ((value, _), count) in values.iter().zip(by_code).filter(|(_, count)| *count > 0) {
                *counts.entry(*value).or_default() += count;
            }
        }
        Head::Many { .. } => coded.each(block.rows, |row, value| {
            if mask.has(row) {
                *counts.entry(value).or_default() += 1;
            }
        }),
    }
    Ok(())
}

/// Values as texts: plain numbers, names, or names of which sets consist.
fn told(db: &Db, column: Column, counts: HashMap<i64, u64>, names: usize) -> Result<Spread, StoreError> {
    match column {
        Column::Status | Column::Stream | Column::Failover | Column::Assumed => Ok(numbers(counts)),
        Column::Tags
        | Column::Policies
        | Column::AttemptProviders
        | Column::AttemptErrors
        | Column::ProviderErrors
        | Column::Stages => named(db, members(db, counts)?, names),
        _ => named(db, counts, names),
    }
}

fn numbers(counts: HashMap<i64, u64>) -> Spread {
    let mut values: Vec<_> = counts.into_iter().map(|(value, count)| (value.to_string(), count)).collect();
    values.sort_unstable_by(most_first);
    Spread { distinct: values.len(), values }
}

/// Of names that are as frequent, those that were stored first are told.
fn named(db: &Db, mut counts: HashMap<i64, u64>, most: usize) -> Result<Spread, StoreError> {
    counts.remove(&0);
    let mut found: Vec<_> = counts.into_iter().collect();
    let distinct = found.len();
    found.sort_unstable_by_key(|(name, count)| (Reverse(*count), *name));
    found.truncate(most);
    let mut texts = names::texts(db, &found.iter().map(|(name, _)| *name).collect())?;
    let mut values: Vec<_> =
        found.into_iter().filter_map(|(name, count)| Some((texts.remove(&name)?, count))).collect();
    values.sort_unstable_by(most_first);
    Ok(Spread { distinct, values })
}

fn most_first(one: &(String, u64), other: &(String, u64)) -> Ordering {
    other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0))
}

fn members(db: &Db, sets: HashMap<i64, u64>) -> Result<HashMap<i64, u64>, StoreError> {
    let members = names::members(db, &sets.keys().copied().collect())?;
    let mut counts = HashMap::new();
    for (set, count) in sets {
        for name in members.get(&set).into_iter().flatten() {
            *counts.entry(*name).or_default() += count;
        }
    }
    Ok(counts)
}
