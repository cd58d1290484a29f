//! Sums by the values of a column, over time: one scan for all values, where a histogram for each would be a scan for each.

use super::filter::{Filter, resolve, with_time_range};
use super::histogram::{Histogram, SUMMED};
use super::position::Direction;
use super::row_values::Column;
use super::scan::Scan;
use super::view::SegmentView;
use crate::dictionary;
use crate::mask::Mask;
use headgate_collector_db::{Db, StoreError};
use std::collections::HashMap;

/// A query for sums by value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByValueQuery {
    /// Conditions, all of which must hold.
    pub filters: Vec<Filter>,
    /// `started_at` from here on, µs.
    pub from: i64,
    /// `started_at` before this, µs.
    pub to: i64,
    /// The column: of names, or of sets of names.
    pub column: Column,
    /// The values that are counted.
    pub values: Vec<String>,
    /// Most bars, 1 to [`super::MAX_BARS`].
    pub bars: usize,
}

/// Sums by value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByValue {
    /// The histogram and the start of the newest record of each value, µs, in the order of the query.
    pub values: Vec<(Histogram, Option<i64>)>,
}

/// Marks a record that has none of the values.
const NONE: u32 = u32::MAX;

/// Counts the records that match, for each value by itself. A record of a set with several values counts for each of them.
///
/// # Errors
/// The store cannot be read, or the query takes too long.
pub fn by_value(db: &Db, query: &ByValueQuery) -> Result<ByValue, StoreError> {
    let empty = Histogram::empty(query.from, query.to, query.bars.clamp(1, super::MAX_BARS));
    let mut counts = Counts { groups: groups(db, query)?, values: vec![(empty, None); query.values.len()] };
    let of = |value: &String| match is_set(query.column) {
        true => Filter::Member(query.column, value.clone()),
        false => Filter::Name(query.column, value.clone()),
    };
    let mut filters = with_time_range(&query.filters, Some(query.from), Some(query.to));
    filters.push(Filter::Any(query.values.iter().map(of).collect()));
    if let Some(predicates) = resolve(db, &filters)? {
        let scan = Scan { from: Some(query.from), to: Some(query.to), positions: (1, i64::MAX) };
        scan.for_each_segment(db, Direction::Up, &[query.column], |segment| {
            let matching = segment.matching(&predicates)?;
            if matching != Mask::Nothing {
                counts.add(segment, &matching, query.column)?;
            }
            Ok(true)
        })?;
    }
    Ok(ByValue { values: counts.values })
}

const fn is_set(column: Column) -> bool {
    matches!(
        column,
        Column::Tags
            | Column::Policies
            | Column::AttemptProviders
            | Column::AttemptErrors
            | Column::ProviderErrors
            | Column::Stages
    )
}

/// Returns the places of the values that each number of the column stands for: a name for one, a set for all its members.
fn groups(db: &Db, query: &ByValueQuery) -> Result<HashMap<i64, Vec<usize>>, StoreError> {
    let mut groups = HashMap::<i64, Vec<usize>>::new();
    for (place, value) in query.values.iter().enumerate() {
        let Some(name) = dictionary::id_of(db, value)? else { continue };
        let numbers = if is_set(query.column) { dictionary::sets_with(db, &[name].into())? } else { [name].into() };
        for number in numbers {
            groups.entry(number).or_default().push(place);
        }
    }
    Ok(groups)
}

struct Counts {
    groups: HashMap<i64, Vec<usize>>,
    values: Vec<(Histogram, Option<i64>)>,
}

impl Counts {
    fn add(&mut self, segment: &SegmentView<'_>, matching: &Mask, column: Column) -> Result<(), StoreError> {
        let Self { groups, values } = self;
        let Some((first, _)) = values.first() else { return Ok(()) };
        let bars = first.places(segment, matching)?;
        let (found, places) = records(groups, segment, matching, column)?;
        segment.each(Column::StartedAt, |row, at| {
            for place in places_of(&found, &places, row) {
                if let Some((_, newest)) = values.get_mut(*place) {
                    *newest = (*newest).max(Some(at));
                }
            }
        })?;
        for summed in SUMMED {
            segment.each(summed, |row, value| {
                let bar = bars.get(row).map_or(usize::MAX, |bar| usize::from(*bar));
                for place in places_of(&found, &places, row) {
                    if let Some(sums) = values.get_mut(*place).and_then(|(one, _)| one.bars.get_mut(bar)) {
                        sums.add_value(summed, value, 1);
                    }
                }
            })?;
        }
        Ok(())
    }
}

/// Returns the number of each record's group, and the places of the values of each group that occurs.
fn records<'g>(
    groups: &'g HashMap<i64, Vec<usize>>,
    segment: &SegmentView<'_>,
    matching: &Mask,
    column: Column,
) -> Result<(Vec<u32>, Vec<&'g [usize]>), StoreError> {
    let (mut numbers, mut places) = (HashMap::<i64, u32>::new(), Vec::new());
    let mut found = vec![NONE; segment.rows];
    segment.each(column, |row, value| {
        let (true, Some(group), Some(slot)) = (matching.has(row), groups.get(&value), found.get_mut(row)) else {
            return;
        };
        *slot = *numbers.entry(value).or_insert_with(|| {
            places.push(group.as_slice());
            u32::try_from(places.len() - 1).unwrap_or(NONE)
        });
    })?;
    Ok((found, places))
}

fn places_of<'a>(found: &[u32], places: &[&'a [usize]], row: usize) -> &'a [usize] {
    let group = found.get(row).and_then(|group| usize::try_from(*group).ok());
    group.and_then(|group| places.get(group).copied()).unwrap_or_default()
}
