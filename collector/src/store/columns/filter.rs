//! What a record must be, in names and numbers; and what that is in a segment's own numbers.

use super::super::db::{Db, OptionalExtension};
use super::super::{StoreError, names};
use super::cells::Column;
use super::digest::digest;
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
    /// The record has this id.
    Id([u8; 16]),
    /// The column holds the digest of this text.
    Digest(Column, String),
    /// One of these holds. Neither a negation nor another list stands in it.
    Any(Vec<Filter>),
    /// This does not hold; also where the record has no value. It is no negation itself.
    Not(Box<Filter>),
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

/// A condition in numbers: one of the columns must pass its test, or the record stand at one of the positions.
#[derive(Debug, Default)]
pub(in crate::store) struct Predicate {
    pub(super) any: Vec<(Column, Test)>,
    pub(super) positions: HashSet<i64>,
    /// None of it may hold.
    pub(super) not: bool,
}

impl Predicate {
    /// The column, if it is a condition on one alone.
    pub(super) fn column(&self) -> Option<Column> {
        let (first, _) = self.any.first()?;
        (self.positions.is_empty() && self.any.iter().all(|(column, _)| column == first)).then_some(*first)
    }

    /// Whether it holds for a record with these values, wherever that stands.
    pub(in crate::store) fn holds(&self, value: impl Fn(Column) -> i64) -> bool {
        self.any.iter().any(|(column, test)| test.holds(value(*column))) != self.not
    }

    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.positions.is_empty()
    }

    /// Adds a condition that is enough by itself. What one column may hold is one set, however many values were named.
    fn or(&mut self, db: &Db, filter: &Filter) -> Result<(), StoreError> {
        match filter {
            Filter::Number(column, range) => self.any.push((*column, Test::Between(*range))),
            Filter::Digest(column, text) => self.or_in(*column, [digest(text)]),
            Filter::Name(column, text) => self.or_in(*column, names::number_of(db, text)?),
            Filter::Member(column, text) => {
                if let Some(name) = names::number_of(db, text)? {
                    self.or_in(*column, names::sets_with(db, &[name].into())?);
                }
            }
            Filter::Contains(text) => {
                let found = names::containing(db, text)?;
                self.or_in(Column::Tags, names::sets_with(db, &found)?);
                SEARCHED.into_iter().for_each(|column| self.or_in(column, found.iter().copied()));
            }
            Filter::Id(id) => self.positions.extend(position_of(db, id)?),
            Filter::Any(filters) => filters.iter().try_for_each(|filter| self.or(db, filter))?,
            Filter::Not(_) => return Err(StoreError::Other),
        }
        Ok(())
    }

    fn or_in(&mut self, column: Column, values: impl IntoIterator<Item = i64>) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return;
        }
        let known = self.any.iter_mut().find_map(|(known, test)| match test {
            Test::In(known_values) if *known == column => Some(known_values),
            _ => None,
        });
        match known {
            Some(known) => known.extend(values),
            None => self.any.push((column, Test::In(values.collect()))),
        }
    }
}

fn position_of(db: &Db, id: &[u8; 16]) -> Result<Option<i64>, StoreError> {
    let mut select = db.prepare_cached("SELECT position FROM requests WHERE id = ?1")?;
    Ok(select.query_row([id], |row| row.get(0)).optional()?)
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
    Predicate { any: vec![(one, Test::Between(range)), (other, Test::Between(range))], ..Predicate::default() }
}

/// The conditions in numbers; `None` if one names what no record holds.
pub(in crate::store) fn resolve(db: &Db, filters: &[Filter]) -> Result<Option<Vec<Predicate>>, StoreError> {
    let mut predicates = Vec::with_capacity(filters.len());
    for filter in filters {
        let (filter, not) = match filter {
            Filter::Not(filter) => (&**filter, true),
            filter => (filter, false),
        };
        let mut predicate = Predicate { not, ..Predicate::default() };
        predicate.or(db, filter)?;
        match (predicate.is_empty(), not) {
            (false, _) => predicates.push(predicate),
            (true, false) => return Ok(None),
            // No record has any of it.
            (true, true) => {}
        }
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
