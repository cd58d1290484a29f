//! Finds the records that have expired.
//!
//! Retention reads the columns like every filter: for most segments the heads of two columns show that no record has expired.

use super::encoding::ColumnHead;
use super::filter::Predicate;
use super::mask::Mask;
use super::row_values::Column;
use super::view::SegmentView;
use crate::dictionary;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_types::retention::{RequestRules, cutoff};
use std::collections::HashMap;

/// Most cached classes. When there are more, the cache is emptied.
const MAX_CLASSES: usize = 50_000;

/// The times before which records have expired, by retention class.
#[derive(Debug)]
pub struct Cutoffs<'a> {
    rules: &'a RequestRules,
    now: i64,
    known: HashMap<i64, (String, i64)>,
}

impl<'a> Cutoffs<'a> {
    /// Returns the cutoffs of these rules at this time, µs.
    #[must_use]
    pub fn new(rules: &'a RequestRules, now: i64) -> Self {
        Self { rules, now, known: HashMap::new() }
    }

    /// Returns the name of a class, given by its id in the dictionary, and its cutoff, µs.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn of(&mut self, db: &Db, class: i64) -> Result<&(String, i64), StoreError> {
        if !self.known.contains_key(&class) {
            if self.known.len() >= MAX_CLASSES {
                self.known.clear();
            }
            let name = dictionary::text_of(db, class)?.unwrap_or_default();
            let before = cutoff(self.rules.days_of(&name), self.now);
            self.known.insert(class, (name, before));
        }
        self.known.get(&class).ok_or(StoreError::Other)
    }
}

/// The expired records of a segment.
#[derive(Debug, Default)]
pub struct ExpiredRecords {
    /// Position and class of the records that may be deleted, in order.
    pub deletable: Vec<(i64, i64)>,
    /// Position and class of the records that a legal hold keeps.
    pub held: Vec<(i64, i64)>,
}

/// Returns the expired records of a segment. Each of `holds` covers the records that pass all of its conditions.
///
/// # Errors
/// The store cannot be read, or a column is damaged.
pub fn find_expired(
    db: &Db,
    view: &SegmentView<'_>,
    cutoffs: &mut Cutoffs<'_>,
    holds: &[Vec<Predicate>],
) -> Result<ExpiredRecords, StoreError> {
    let mut expired = ExpiredRecords::default();
    if none_expired(db, view, cutoffs)? {
        return Ok(expired);
    }
    let existing = view.without_deleted(Mask::All);
    let (classes, received) = (view.values(Column::RetentionClass)?, view.values(Column::ReceivedAt)?);
    let mut rows = Vec::new();
    for (row, (class, at)) in classes.into_iter().zip(received).enumerate() {
        // A record without a time of receipt cannot be known to have expired.
        if existing.has(row) && at > 0 && at < cutoffs.of(db, class)?.1 {
            rows.push((row, class));
        }
    }
    let held = if rows.is_empty() { Vec::new() } else { hold_masks(view, holds)? };
    for (row, class) in rows {
        let position = view.first().saturating_add(i64::try_from(row).unwrap_or(i64::MAX));
        let is_held = held.iter().any(|mask| mask.has(row));
        if is_held { &mut expired.held } else { &mut expired.deletable }.push((position, class));
    }
    Ok(expired)
}

fn hold_masks(view: &SegmentView<'_>, holds: &[Vec<Predicate>]) -> Result<Vec<Mask>, StoreError> {
    holds.iter().map(|hold| view.matching(hold)).collect()
}

/// Returns whether the heads alone show that no record has expired.
fn none_expired(db: &Db, view: &SegmentView<'_>, cutoffs: &mut Cutoffs<'_>) -> Result<bool, StoreError> {
    let classes = view.head(Column::RetentionClass)?;
    let ColumnHead::Dictionary { values: classes, .. } = &*classes else {
        return Ok(false);
    };
    let earliest = match &*view.head(Column::ReceivedAt)? {
        ColumnHead::Dictionary { values, .. } => values.first().map(|(value, _)| *value),
        ColumnHead::FrameOfReference { least, .. } => Some(*least),
    };
    for (class, _) in classes {
        let before = cutoffs.of(db, *class)?.1;
        if earliest.is_some_and(|at| at < before) {
            return Ok(false);
        }
    }
    Ok(true)
}
