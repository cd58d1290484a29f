//! Totals and facets: how many records match, and how they spread over the values of a column.
//!
//! A facet ignores the filters on its own column, so that its selected values can be compared with the others. Values are
//! counted by their ids, and only those in the answer are converted to texts: clients invent some names, so a column may have a
//! million.

use super::encoding::ColumnHead;
use super::filter::{Filter, Predicate, resolve};
use super::mask::Mask;
use super::row_values::Column;
use super::scan::{Direction, Scan, SegmentView};
use crate::dictionary;
use headgate_collector_db::{Db, StoreError};
use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

/// A query for totals and facets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FacetQuery {
    /// Conditions, all of which must hold.
    pub filters: Vec<Filter>,
    /// `started_at` from here on, µs.
    pub from: Option<i64>,
    /// `started_at` before this, µs.
    pub to: Option<i64>,
    /// The columns with a facet.
    pub columns: Vec<Column>,
    /// Most names in each facet.
    pub names: usize,
}

/// The total and the facets of a query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// The number of records that match.
    pub total: u64,
    /// The facets, in the order of the query's columns.
    pub columns: Vec<Facet>,
}

/// A facet: how records spread over the values of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facet {
    /// The number of distinct values.
    pub distinct: usize,
    /// (value, records), most records first: all values of a column of numbers, the most frequent ones of a column of names.
    pub values: Vec<(String, u64)>,
}

/// Counts the records that match and their values. Absent values are left out.
///
/// # Errors
/// The store cannot be read, or the query takes too long.
pub fn facets(db: &Db, query: &FacetQuery) -> Result<Facets, StoreError> {
    let mut counts: Vec<HashMap<i64, u64>> = vec![HashMap::new(); query.columns.len()];
    let mut total = 0;
    if let Some(predicates) = resolve(db, &query.with_time_range())? {
        let scan = Scan { from: query.from, to: query.to, positions: (1, i64::MAX) };
        scan.for_each_segment(db, Direction::Up, |view| {
            let full = view.matching(&predicates)?;
            total += full.count(view.rows);
            for (column, counts) in query.columns.iter().zip(&mut counts) {
                count(view, &predicates, &full, *column, counts)?;
            }
            Ok(true)
        })?;
    }
    let columns = query.columns.iter().zip(counts).map(|(column, counts)| facet(db, *column, counts, query.names));
    Ok(Facets { total, columns: columns.collect::<Result<_, _>>()? })
}

impl FacetQuery {
    fn with_time_range(&self) -> Vec<Filter> {
        super::filter::with_time_range(&self.filters, self.from, self.to)
    }
}

fn count(
    view: &SegmentView<'_>,
    predicates: &[Predicate],
    full: &Mask,
    column: Column,
    counts: &mut HashMap<i64, u64>,
) -> Result<(), StoreError> {
    let own = |predicate: &Predicate| predicate.column() == Some(column);
    let without_own;
    let mask = if predicates.iter().any(own) {
        without_own = view.matching(predicates.iter().filter(|predicate| !own(predicate)))?;
        &without_own
    } else {
        full
    };
    if *mask == Mask::Nothing {
        return Ok(());
    }
    let head = view.head(column)?;
    if let (Mask::All, ColumnHead::Dictionary { values, .. }) = (mask, &head) {
        for (value, count) in values {
            *counts.entry(*value).or_default() += u64::try_from(*count).unwrap_or(0);
        }
        return Ok(());
    }
    count_values(view, mask, column, head, counts)
}

/// Adds the counts of a column's values among the records of a mask.
fn count_values(
    view: &SegmentView<'_>,
    mask: &Mask,
    column: Column,
    head: ColumnHead,
    counts: &mut HashMap<i64, u64>,
) -> Result<(), StoreError> {
    let encoded = view.encoded(column, head)?;
    match &encoded.head {
        ColumnHead::Dictionary { width, values } => {
            let mut by_code = vec![0_u64; values.len()];
            let marks = match mask {
                Mask::Some(marks) => marks.as_slice(),
                Mask::All | Mask::Nothing => &[],
            };
            encoded.for_each_code(*width, view.rows, |row, code| {
                if let Some(slot) = by_code.get_mut(usize::try_from(code).unwrap_or(usize::MAX)) {
                    *slot += marks.get(row).map_or(1, |mark| u64::from(*mark));
                }
            });
            for ((value, _), count) in values.iter().zip(by_code).filter(|(_, count)| *count > 0) {
                *counts.entry(*value).or_default() += count;
            }
        }
        ColumnHead::FrameOfReference { .. } => encoded.for_each(view.rows, |row, value| {
            if mask.has(row) {
                *counts.entry(value).or_default() += 1;
            }
        }),
    }
    Ok(())
}

/// Returns the facet of a column with its values as texts: numbers, names, or the members of sets.
fn facet(db: &Db, column: Column, counts: HashMap<i64, u64>, names: usize) -> Result<Facet, StoreError> {
    match column {
        Column::Status | Column::Stream | Column::Failover | Column::Assumed | Column::Outcome => {
            Ok(numeric_facet(counts))
        }
        Column::Tags
        | Column::Policies
        | Column::AttemptProviders
        | Column::AttemptErrors
        | Column::ProviderErrors
        | Column::Stages => name_facet(db, member_counts(db, counts)?, names),
        _ => name_facet(db, counts, names),
    }
}

fn numeric_facet(counts: HashMap<i64, u64>) -> Facet {
    let mut values: Vec<_> = counts.into_iter().map(|(value, count)| (value.to_string(), count)).collect();
    values.sort_unstable_by(by_count);
    Facet { distinct: values.len(), values }
}

/// Returns a facet of the most frequent names. Of equally frequent names, those that were stored first are kept.
fn name_facet(db: &Db, mut counts: HashMap<i64, u64>, most: usize) -> Result<Facet, StoreError> {
    counts.remove(&0);
    let mut found: Vec<_> = counts.into_iter().collect();
    let distinct = found.len();
    found.sort_unstable_by_key(|(name, count)| (Reverse(*count), *name));
    found.truncate(most);
    let mut texts = dictionary::texts(db, &found.iter().map(|(name, _)| *name).collect())?;
    let mut values: Vec<_> =
        found.into_iter().filter_map(|(name, count)| Some((texts.remove(&name)?, count))).collect();
    values.sort_unstable_by(by_count);
    Ok(Facet { distinct, values })
}

/// Orders by count, the greatest first, and then by text.
fn by_count(left: &(String, u64), right: &(String, u64)) -> Ordering {
    right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0))
}

fn member_counts(db: &Db, sets: HashMap<i64, u64>) -> Result<HashMap<i64, u64>, StoreError> {
    let members = dictionary::members(db, &sets.keys().copied().collect())?;
    let mut counts = HashMap::new();
    for (set, count) in sets {
        for name in members.get(&set).into_iter().flatten() {
            *counts.entry(*name).or_default() += count;
        }
    }
    Ok(counts)
}
