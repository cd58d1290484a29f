//! Filters on records, in texts and numbers, and their translation into the values of columns.

use super::digest::digest;
use super::row_values::Column;
use crate::dictionary;
use crate::identity::index_keys;
use headgate_collector_db::{Db, OptionalExtension, StoreError};
use std::collections::HashSet;

/// A range; both bounds are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The lower bound.
    pub least: i64,
    /// The upper bound.
    pub greatest: i64,
}

/// One condition. All conditions of a query must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// The record has this id.
    Id([u8; 16]),
    /// The column holds the digest of this text.
    Digest(Column, String),
    /// One of these holds. The list contains no [`Self::Not`].
    Any(Vec<Filter>),
    /// The condition does not hold. A record without a value passes too. The condition is no [`Self::Not`] itself.
    Not(Box<Filter>),
    /// The column holds this name.
    Name(Column, String),
    /// The column's set has this member.
    Member(Column, String),
    /// The column's number is in this range.
    Number(Column, Range),
    /// A tag or one of the main names of a record contains this text, in upper or lower case.
    Contains(String),
}

/// Columns that [`Filter::Contains`] searches, beside the tags.
const SEARCHED: [Column; 5] =
    [Column::Surface, Column::RequestedModel, Column::ServedModel, Column::Owner, Column::KeyId];

/// A condition on the values of columns: one of the columns must pass its test, or the record must be at one of the positions.
#[derive(Debug, Default)]
pub struct Predicate {
    pub(super) any: Vec<(Column, Test)>,
    pub(super) positions: HashSet<i64>,
    /// The condition is negated.
    pub(super) not: bool,
}

impl Predicate {
    /// Returns the column, if the condition is on one column alone.
    pub(super) fn column(&self) -> Option<Column> {
        let (first, _) = self.any.first()?;
        (self.positions.is_empty() && self.any.iter().all(|(column, _)| column == first)).then_some(*first)
    }

    /// Returns the columns that the condition is on.
    pub fn columns(&self) -> impl Iterator<Item = Column> {
        self.any.iter().map(|(column, _)| *column)
    }

    /// Returns whether the condition holds for a record with these values, without a test of its position.
    pub fn holds(&self, value: impl Fn(Column) -> i64) -> bool {
        self.any.iter().any(|(column, test)| test.holds(value(*column))) != self.not
    }

    fn is_empty(&self) -> bool {
        self.any.is_empty() && self.positions.is_empty()
    }

    /// Adds an alternative. All values allowed for one column are collected in one set.
    fn add_alternative(&mut self, db: &Db, filter: &Filter) -> Result<(), StoreError> {
        match filter {
            Filter::Number(column, range) => self.any.push((*column, Test::Between(*range))),
            Filter::Digest(column, text) => self.add_values(*column, [digest(text)]),
            Filter::Name(column, text) => self.add_values(*column, dictionary::id_of(db, text)?),
            Filter::Member(column, text) => {
                if let Some(id) = dictionary::id_of(db, text)? {
                    self.add_values(*column, dictionary::sets_with(db, &[id].into())?);
                }
            }
            Filter::Contains(text) => {
                let found = dictionary::ids_containing(db, text)?;
                self.add_values(Column::Tags, dictionary::sets_with(db, &found)?);
                SEARCHED.into_iter().for_each(|column| self.add_values(column, found.iter().copied()));
            }
            Filter::Id(id) => self.positions.extend(positions_of(db, id)?),
            Filter::Any(filters) => filters.iter().try_for_each(|filter| self.add_alternative(db, filter))?,
            Filter::Not(_) => return Err(StoreError::Other),
        }
        Ok(())
    }

    fn add_values(&mut self, column: Column, values: impl IntoIterator<Item = i64>) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_none() {
            return;
        }
        let existing = self.any.iter_mut().find_map(|(known, test)| match test {
            Test::In(allowed) if *known == column => Some(allowed),
            _ => None,
        });
        match existing {
            Some(allowed) => allowed.extend(values),
            None => self.any.push((column, Test::In(values.collect()))),
        }
    }
}

/// Returns the positions of the records with this id. Several senders may each have one.
fn positions_of(db: &Db, id: &[u8; 16]) -> Result<Vec<i64>, StoreError> {
    let mut select = db.prepare_cached("SELECT position FROM requests WHERE id = ?1")?;
    let mut found = Vec::new();
    for key in index_keys(id) {
        found.extend(select.query_row([key], |row| row.get::<_, i64>(0)).optional()?);
    }
    Ok(found)
}

/// Most values that are compared one by one: as many as a filter may have.
const MAX_SMALL_SET: usize = 20;

/// A condition on the value of one column.
#[derive(Debug)]
pub(super) enum Test {
    /// The value is one of these.
    In(HashSet<i64>),
    /// The value is in this range.
    Between(Range),
}

impl Test {
    pub(super) fn holds(&self, value: i64) -> bool {
        match self {
            Self::In(values) => values.contains(&value),
            Self::Between(range) => (range.least..=range.greatest).contains(&value),
        }
    }

    /// Returns the values that pass, if they are few enough to be compared one by one.
    pub(super) fn small_set(&self) -> Option<Vec<i64>> {
        match self {
            Self::In(values) if values.len() <= MAX_SMALL_SET => Some(values.iter().copied().collect()),
            _ => None,
        }
    }

    /// Returns whether all values between two bounds pass, or none does; `None` if this depends on the value.
    pub(super) fn outcome_between(&self, least: i64, greatest: i64) -> Option<bool> {
        match self {
            Self::Between(range) if range.least <= least && greatest <= range.greatest => Some(true),
            Self::Between(range) if range.greatest < least || greatest < range.least => Some(false),
            Self::In(values)
                if values.len() <= MAX_SMALL_SET && values.iter().all(|value| *value < least || greatest < *value) =>
            {
                Some(false)
            }
            Self::Between(_) | Self::In(_) => None,
        }
    }
}

/// Returns the condition that one of two columns is in a range.
pub fn in_either(first: Column, second: Column, range: Range) -> Predicate {
    Predicate { any: vec![(first, Test::Between(range)), (second, Test::Between(range))], ..Predicate::default() }
}

/// Translates filters into predicates; returns `None` if no record can pass one of them.
///
/// # Errors
/// The store cannot be read, or a list of alternatives contains a negation.
pub fn resolve(db: &Db, filters: &[Filter]) -> Result<Option<Vec<Predicate>>, StoreError> {
    let mut predicates = Vec::with_capacity(filters.len());
    for filter in filters {
        let (filter, not) = match filter {
            Filter::Not(filter) => (&**filter, true),
            filter => (filter, false),
        };
        let mut predicate = Predicate { not, ..Predicate::default() };
        predicate.add_alternative(db, filter)?;
        match (predicate.is_empty(), not) {
            (false, _) => predicates.push(predicate),
            (true, false) => return Ok(None),
            // Every record passes this negation.
            (true, true) => {}
        }
    }
    Ok(Some(predicates))
}

/// Returns the filters with a further one for the bounds on time.
pub fn with_time_range(filters: &[Filter], from: Option<i64>, to: Option<i64>) -> Vec<Filter> {
    let mut all = filters.to_vec();
    if from.is_some() || to.is_some() {
        let range = Range { least: from.unwrap_or(i64::MIN), greatest: to.map_or(i64::MAX, |to| to.saturating_sub(1)) };
        all.push(Filter::Number(Column::StartedAt, range));
    }
    all
}
