//! Totals and facets: how many records match, and how they spread over the values of a column.
//!
//! A facet ignores the filters on its own column, so that its selected values can be compared with the others. Values are
//! counted by their ids, and only those in the answer are converted to texts: clients invent some names, so a column may have a
//! million.

use super::filter::{Filter, Predicate};
use super::row_values::Column;
use super::selected::Selected;
use super::view::SegmentView;
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

/// The records of a facet by the value of its column.
#[derive(Debug)]
pub(super) struct ValueCounts {
    column: Column,
    counts: HashMap<i64, u64>,
}

impl ValueCounts {
    pub(super) fn of(column: Column) -> Self {
        Self { column, counts: HashMap::new() }
    }

    /// Adds the records of a segment. `full` are those that pass all predicates.
    pub(super) fn add(
        &mut self,
        view: &SegmentView<'_>,
        predicates: &[Predicate],
        full: &Selected<'_>,
    ) -> Result<(), StoreError> {
        let own = |predicate: &&Predicate| predicate.column() == Some(self.column);
        let mut add = |value, count| *self.counts.entry(value).or_default() += count;
        if predicates.iter().any(|predicate| own(&predicate)) {
            let without_own = view.matching(predicates.iter().filter(|predicate| !own(predicate)))?;
            return Selected::of(&without_own, view).values(view, self.column, add);
        }
        full.values(view, self.column, &mut add)
    }

    /// Returns the facet.
    pub(super) fn facet(self, db: &Db, names: usize) -> Result<Facet, StoreError> {
        facet(db, self.column, self.counts, names)
    }
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
