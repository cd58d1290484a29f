//! The segments a query runs over, and which of their records match.

use super::super::StoreError;
use super::super::db::Db;
use super::SEGMENT;
use super::cells::Column;
use super::coded::{Coded, Head};
use super::filter::{Predicate, Test};
use super::fresh::Fresh;
use super::mask::{Mask, mark};
use super::segment::{self, segment_of, unpack};
use std::collections::HashSet;

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Direction {
    Up,
    Down,
}

/// Which segments may hold what is looked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Blocks {
    /// `started_at` from here on.
    pub(in crate::store) from: Option<i64>,
    /// `started_at` before this.
    pub(in crate::store) to: Option<i64>,
    /// Positions between these, both included.
    pub(in crate::store) positions: (i64, i64),
}

impl Blocks {
    /// Calls `visit` for each segment in order until it says that it has enough.
    pub(in crate::store) fn each(
        &self,
        db: &Db,
        direction: Direction,
        mut visit: impl FnMut(&Block<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut segments = self.sealed(db)?;
        segments.extend(self.growing(db)?.map(|segment| (segment, None)));
        segments.sort_unstable_by_key(|(segment, _)| *segment);
        if direction == Direction::Down {
            segments.reverse();
        }
        for (segment, sealed) in segments {
            let block = match sealed {
                Some(gone) => Block::sealed(db, segment, gone),
                None => Block::fresh(db, segment)?,
            };
            if !visit(&block)? {
                break;
            }
        }
        Ok(())
    }

    fn sealed(&self, db: &Db) -> Result<Vec<Listed>, StoreError> {
        let mut select = db.prepare_cached(
            "SELECT segment, gone FROM segments WHERE segment BETWEEN ?1 AND ?2 AND newest >= ?3 AND oldest < ?4",
        )?;
        let (first, last) = (segment_of(self.positions.0), segment_of(self.positions.1));
        let bounds = [first, last, self.from.unwrap_or(i64::MIN), self.to.unwrap_or(i64::MAX)];
        let rows = select.query_map(bounds, |row| Ok((row.get(0)?, Some(row.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn growing(&self, db: &Db) -> Result<impl Iterator<Item = i64> + use<>, StoreError> {
        let mut select = db.prepare_cached("SELECT min(position), max(position) FROM fresh")?;
        let (first, last): (Option<i64>, Option<i64>) = select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (first, last) = (first.unwrap_or(1).max(self.positions.0), last.unwrap_or(0).min(self.positions.1));
        let segments = segment_of(first)..=segment_of(last);
        Ok(segments.take(if first <= last { usize::MAX } else { 0 }))
    }
}

/// A segment's number; bits of what is gone, if it is sealed.
type Listed = (i64, Option<Option<Vec<u8>>>);

/// One segment.
#[derive(Debug)]
pub(in crate::store) struct Block<'a> {
    db: &'a Db,
    segment: i64,
    fresh: Option<Fresh>,
    gone: Option<Vec<u8>>,
    pub(in crate::store) rows: usize,
}

impl<'a> Block<'a> {
    fn sealed(db: &'a Db, segment: i64, gone: Option<Vec<u8>>) -> Self {
        let rows = usize::try_from(SEGMENT).unwrap_or(0);
        Self { db, segment, fresh: None, gone: gone.map(|bits| unpack(&bits)), rows }
    }

    fn fresh(db: &'a Db, segment: i64) -> Result<Self, StoreError> {
        let mut fresh = Fresh::of(db, segment)?;
        let gone = fresh.gone.take();
        Ok(Self { db, segment, rows: fresh.rows, fresh: Some(fresh), gone })
    }

    /// The position of the first record.
    pub(in crate::store) fn first(&self) -> i64 {
        super::first_of(self.segment)
    }

    /// A column's head; a column younger than the segment holds zeros.
    pub(super) fn head(&self, column: Column) -> Result<Head, StoreError> {
        let zeros = || Head::Few { width: 0, values: vec![(0, i64::try_from(self.rows).unwrap_or(0))] };
        match &self.fresh {
            Some(fresh) => Ok(Coded::of(fresh.column(column)).head),
            None => Ok(segment::head(self.db, self.segment, column)?.unwrap_or_else(zeros)),
        }
    }

    /// The values of a column, by record; zeros where nothing is there any more.
    pub(super) fn values(&self, column: Column) -> Result<Vec<i64>, StoreError> {
        let mut values = Vec::with_capacity(self.rows);
        self.coded(column, self.head(column)?)?.each(self.rows, |_, value| values.push(value));
        Ok(values)
    }

    /// A column with its codes, once its head has been read.
    pub(super) fn coded(&self, column: Column, head: Head) -> Result<Coded, StoreError> {
        if let Some(fresh) = &self.fresh {
            return Ok(Coded::of(fresh.column(column)));
        }
        let no_codes = matches!(&head, Head::Few { width: 0, .. });
        let codes = if no_codes { Vec::new() } else { segment::codes(self.db, self.segment, column)? };
        Ok(Coded { head, codes })
    }

    /// The records that pass every predicate and are still there.
    pub(in crate::store) fn matching<'p>(
        &self,
        predicates: impl IntoIterator<Item = &'p Predicate>,
    ) -> Result<Mask, StoreError> {
        let mut all = Mask::All;
        for predicate in predicates {
            all = all.and(self.passing(predicate)?);
            if all == Mask::Nothing {
                return Ok(all);
            }
        }
        Ok(self.without_gone(all))
    }

    /// Takes out what is not there any more.
    pub(super) fn without_gone(&self, mask: Mask) -> Mask {
        match &self.gone {
            None => mask,
            Some(gone) => mask.and(Mask::Some(gone.iter().map(|gone| 1 - gone).collect())),
        }
    }

    /// The records that pass one predicate.
    pub(super) fn passing(&self, predicate: &Predicate) -> Result<Mask, StoreError> {
        let mut any = self.standing(&predicate.positions);
        for (column, test) in &predicate.any {
            if any == Mask::All {
                break;
            }
            any = any.or(self.tested(*column, test)?);
        }
        Ok(if predicate.not { any.not() } else { any })
    }

    /// The records that stand at one of these positions.
    fn standing(&self, positions: &HashSet<i64>) -> Mask {
        let row = |position: &i64| usize::try_from(position.checked_sub(self.first())?).ok();
        let here: Vec<_> = positions.iter().filter_map(row).filter(|row| *row < self.rows).collect();
        if here.is_empty() {
            return Mask::Nothing;
        }
        let mut marks = vec![0_u8; self.rows];
        here.into_iter().for_each(|row| mark(&mut marks, row, 1));
        Mask::Some(marks)
    }

    fn tested(&self, column: Column, test: &Test) -> Result<Mask, StoreError> {
        let head = self.head(column)?;
        match &head {
            Head::Few { values, .. } => {
                let passes: Vec<u8> = values.iter().map(|(value, _)| u8::from(test.holds(*value))).collect();
                match (passes.contains(&1), passes.contains(&0)) {
                    (false, _) => Ok(Mask::Nothing),
                    (true, false) => Ok(Mask::All),
                    (true, true) => self.marked_by_code(column, head, &passes),
                }
            }
            Head::Many { least, greatest, .. } => match test.of_all_between(*least, *greatest) {
                Some(true) => Ok(Mask::All),
                Some(false) => Ok(Mask::Nothing),
                None => self.marked_by_value(column, head, test),
            },
        }
    }

    /// `passes` has a byte for each code.
    fn marked_by_code(&self, column: Column, head: Head, passes: &[u8]) -> Result<Mask, StoreError> {
        let Head::Few { width, .. } = head else { return Err(StoreError::Damaged) };
        let of = |code: u64| passes.get(usize::try_from(code).unwrap_or(usize::MAX)).copied().unwrap_or(0);
        let mut marks = vec![0_u8; self.rows];
        let coded = self.coded(column, head)?;
        coded.each_code(width, self.rows, |row, code| mark(&mut marks, row, of(code)));
        Ok(Mask::Some(marks))
    }

    fn marked_by_value(&self, column: Column, head: Head, test: &Test) -> Result<Mask, StoreError> {
        let mut marks = vec![0_u8; self.rows];
        let coded = self.coded(column, head)?;
        coded.each(self.rows, |row, value| mark(&mut marks, row, u8::from(test.holds(value))));
        Ok(Mask::Some(marks))
    }

    /// The positions of the records that match, in the direction, within bounds that are both included.
    pub(in crate::store) fn positions(&self, mask: &Mask, direction: Direction, (first, last): (i64, i64)) -> Vec<i64> {
        let rows = (0_i64..).take(self.rows).zip(0_usize..);
        let matching = rows.filter(|(_, row)| mask.has(*row)).map(|(row, _)| self.first().saturating_add(row));
        let mut found: Vec<i64> = matching.filter(|position| (first..=last).contains(position)).collect();
        if direction == Direction::Down {
            found.reverse();
        }
        found
    }
}
