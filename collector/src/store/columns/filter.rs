//! What a record must be, in names and numbers; and what that is in a segment's own numbers.

use super::super::db::Db;
use super::super::{StoreError, names};
use super::cells::Column;
use std::collections::HashSet;

/// Bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The least value that matches.
    pub least: i64,
    /// The greatest one.
    pub greatest: i64,
}

/// One condition; all of a query's must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// The column holds this name.
    Name(Column, String),
    /// The column's set has this member.
    Member(Column, String),
    /// The column's number lies between two bounds.
    Number(Column, Range),
    /// One of the names that people know a record by contains this text, upper or lower case.
    Contains(String),
}

/// Where [`Filter::Contains`] looks, beside the tags.
const SEARCHED: [Column; 5] =
    [Column::Surface, Column::RequestedModel, Column::ServedModel, Column::Owner, Column::KeyId];

/// A condition in numbers: one of the columns must pass its test.
#[derive(Debug)]
pub(in crate::store) struct Predicate {
    pub(super) any: Vec<(Column, Test)>,
}

impl Predicate {
    /// The column, if it is a condition on one alone.
    pub(super) fn column(&self) -> Option<Column> {
        match self.any.as_slice() {
            [(column, _)] => Some(*column),
            _ => None,
        }
    }

    /// Whether it holds for a record with these values.
    pub(in crate::store) fn holds(&self, value: impl Fn(Column) -> i64) -> bool {
        self.any.iter().any(|(column, test)| test.holds(value(*column)))
    }
}

#[derive(Debug)]
pub(super) enum Test {
    In(HashSet<i64>),
    Between(Range),
}

impl Test {
    pub(super) fn holds(&self, value: i64) -> bool {
        match self {
            Self::In(values) => values.contains(&value),
            Self::Between(range) => (range.least..=range.greatest).contains(&value),
        }
    }

    /// Whether all values between two bounds pass, or none; `None` if that depends on the value.
    pub(super) fn of_all_between(&self, least: i64, greatest: i64) -> Option<bool> {
        match self {
            Self::Between(range) if range.least <= least && greatest <= range.greatest => Some(true),
            Self::Between(range) if range.greatest < least || greatest < range.least => Some(false),
            Self::Between(_) | Self::In(_) => None,
        }
    }
}

/// One of two columns lies between two bounds.
pub(in crate::store) fn either(one: Column, other: Column, range: Range) -> Predicate {
    Predicate { any: vec![(one, Test::Between(range)), (other, Test::Between(range))] }
}

/// The conditions in numbers; `None` if one names what no record holds.
pub(in crate::store) fn resolve(db: &Db, filters: &[Filter]) -> Result<Option<Vec<Predicate>>, StoreError> {
    let mut predicates = Vec::with_capacity(filters.len());
    for filter in filters {
        let any = match filter {
            Filter::Number(column, range) => vec![(*column, Test::Between(*range))],
            Filter::Name(column, text) => numbered(*column, names::number_of(db, text)?.into_iter().collect()),
            Filter::Member(column, text) => match names::number_of(db, text)? {
                Some(name) => numbered(*column, names::sets_with(db, &[name].into())?),
                None => Vec::new(),
            },
            Filter::Contains(text) => containing(db, text)?,
        };
        if any.is_empty() {
            return Ok(None);
        }
        predicates.push(Predicate { any });
    }
    Ok(Some(predicates))
}

/// The filters, and those on time as one more of them.
pub(in crate::store) fn timed(filters: &[Filter], from: Option<i64>, to: Option<i64>) -> Vec<Filter> {
    let mut all = filters.to_vec();
    if from.is_some() || to.is_some() {
        let range = Range { least: from.unwrap_or(i64::MIN), greatest: to.map_or(i64::MAX, |to| to.saturating_sub(1)) };
        all.push(Filter::Number(Column::StartedAt, range));
    }
    all
}

fn numbered(column: Column, numbers: HashSet<i64>) -> Vec<(Column, Test)> {
    if numbers.is_empty() { Vec::new() } else { vec![(column, Test::In(numbers))] }
}

fn containing(db: &Db, text: &str) -> Result<Vec<(Column, Test)>, StoreError> {
    let found = names::containing(db, text)?;
    let mut any = numbered(Column::Tags, names::sets_with(db, &found)?);
    any.extend(SEARCHED.into_iter().flat_map(|column| numbered(column, found.clone())));
    Ok(any)
}
