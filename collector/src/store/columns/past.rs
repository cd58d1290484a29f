//! Which records are past their time.
//!
//! Retention reads the columns as every filter does: most segments say in two heads that nothing of them may go.

use super::super::db::Db;
use super::super::{StoreError, names};
use super::cells::Column;
use super::coded::Head;
use super::filter::Predicate;
use super::mask::Mask;
use super::scan::Block;
use crate::retention::{RequestRules, cutoff};
use std::collections::HashMap;

/// Classes remembered at a time; a flood of them empties the memory rather than growing it.
const CLASSES: usize = 50_000;

/// Until when a record must have been received to be past its time, by its retention class.
#[derive(Debug)]
pub(in crate::store) struct Cutoffs<'a> {
    rules: &'a RequestRules,
    now: i64,
    known: HashMap<i64, (String, i64)>,
}

impl<'a> Cutoffs<'a> {
    pub(in crate::store) fn new(rules: &'a RequestRules, now: i64) -> Self {
        Self { rules, now, known: HashMap::new() }
    }

    /// The name of a class and its cutoff, µs.
    pub(in crate::store) fn of(&mut self, db: &Db, class: i64) -> Result<&(String, i64), StoreError> {
        if !self.known.contains_key(&class) {
            if self.known.len() >= CLASSES {
                self.known.clear();
            }
            let name = names::text_of(db, class)?.unwrap_or_default();
            let before = cutoff(self.rules.days_of(&name), self.now);
            self.known.insert(class, (name, before));
        }
        self.known.get(&class).ok_or(StoreError::Other)
    }
}

/// What of a segment is past its time.
#[derive(Debug, Default)]
pub(in crate::store) struct Past {
    /// Position and class of what may go, in order.
    pub(in crate::store) free: Vec<(i64, i64)>,
    /// Position and class of what a hold keeps.
    pub(in crate::store) held: Vec<(i64, i64)>,
}

/// What of a segment is past its time. Each of `holds` covers what passes all of its conditions.
pub(in crate::store) fn past(
    db: &Db,
    block: &Block<'_>,
    cutoffs: &mut Cutoffs<'_>,
    holds: &[Vec<Predicate>],
) -> Result<Past, StoreError> {
    let mut past = Past::default();
    if nothing(db, block, cutoffs)? {
        return Ok(past);
    }
    let there = block.without_gone(Mask::All);
    let (classes, received) = (block.values(Column::RetentionClass)?, block.values(Column::ReceivedAt)?);
    let mut rows = Vec::new();
    for (row, (class, at)) in classes.into_iter().zip(received).enumerate() {
        // What has no time is not known to be past it.
        if there.has(row) && at > 0 && at < cutoffs.of(db, class)?.1 {
            rows.push((row, class));
        }
    }
    let held = if rows.is_empty() { Vec::new() } else { masks(block, holds)? };
    for (row, class) in rows {
        let position = block.first().saturating_add(i64::try_from(row).unwrap_or(i64::MAX));
        let kept = held.iter().any(|mask| mask.has(row));
        if kept { &mut past.held } else { &mut past.free }.push((position, class));
    }
    Ok(past)
}

fn masks(block: &Block<'_>, holds: &[Vec<Predicate>]) -> Result<Vec<Mask>, StoreError> {
    holds.iter().map(|hold| block.matching(hold)).collect()
}

/// Whether the heads alone say that nothing is past its time.
fn nothing(db: &Db, block: &Block<'_>, cutoffs: &mut Cutoffs<'_>) -> Result<bool, StoreError> {
    let Head::Few { values: classes, .. } = block.head(Column::RetentionClass)? else {
        return Ok(false);
    };
    let earliest = match block.head(Column::ReceivedAt)? {
        Head::Few { values, .. } => values.first().map(|(value, _)| *value),
        Head::Many { least, .. } => Some(least),
    };
    for (class, _) in classes {
        let before = cutoffs.of(db, class)?.1;
        if earliest.is_some_and(|at| at < before) {
            return Ok(false);
        }
    }
    Ok(true)
}
