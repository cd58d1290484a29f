//! Scans segments for the records that match a query.

use super::encoding::{ColumnHead, EncodedColumn};
use super::filter::{Predicate, Test};
use super::mask::{Mask, mark};
use super::open_segment::OpenSegment;
use super::position::{SEGMENT, first_of, segment_of};
use super::row_values::Column;
use super::segment::{self, unpack};
use headgate_collector_db::{Db, StoreError};
use std::collections::HashSet;

/// The order of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Lowest position first.
    Up,
    /// Highest position first.
    Down,
}

/// A scan over segments. Segments outside its bounds are not read.
#[derive(Debug, Clone, Copy)]
pub struct Scan {
    /// `started_at` from here on, µs.
    pub from: Option<i64>,
    /// `started_at` before this, µs.
    pub to: Option<i64>,
    /// First and last position, both included.
    pub positions: (i64, i64),
}

impl Scan {
    /// Calls `visit` for each segment in order until it returns false.
    ///
    /// # Errors
    /// The store cannot be read, or `visit` fails.
    pub fn for_each_segment(
        &self,
        db: &Db,
        direction: Direction,
        mut visit: impl FnMut(&SegmentView<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let mut segments = self.sealed(db)?;
        segments.extend(self.open_segments(db)?.map(|segment| (segment, None)));
        segments.sort_unstable_by_key(|(segment, _)| *segment);
        if direction == Direction::Down {
            segments.reverse();
        }
        for (segment, sealed) in segments {
            let view = match sealed {
                Some(deleted) => SegmentView::sealed(db, segment, deleted),
                None => SegmentView::open(db, segment)?,
            };
            if !visit(&view)? {
                break;
            }
        }
        Ok(())
    }

    fn sealed(&self, db: &Db) -> Result<Vec<ListedSegment>, StoreError> {
        let mut select = db.prepare_cached(
            "SELECT segment, gone FROM segments WHERE segment BETWEEN ?1 AND ?2 AND newest >= ?3 AND oldest < ?4",
        )?;
        let (first, last) = (segment_of(self.positions.0), segment_of(self.positions.1));
        let bounds = [first, last, self.from.unwrap_or(i64::MIN), self.to.unwrap_or(i64::MAX)];
        let rows = select.query_map(bounds, |row| Ok((row.get(0)?, Some(row.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn open_segments(&self, db: &Db) -> Result<impl Iterator<Item = i64> + use<>, StoreError> {
        let mut select = db.prepare_cached("SELECT min(position), max(position) FROM fresh")?;
        let (first, last): (Option<i64>, Option<i64>) = select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (first, last) = (first.unwrap_or(1).max(self.positions.0), last.unwrap_or(0).min(self.positions.1));
        let segments = segment_of(first)..=segment_of(last);
        Ok(segments.take(if first <= last { usize::MAX } else { 0 }))
    }
}

/// A segment's number and, if it is sealed, the bits of its deleted records.
type ListedSegment = (i64, Option<Option<Vec<u8>>>);

/// One segment of a scan.
#[derive(Debug)]
pub struct SegmentView<'a> {
    db: &'a Db,
    segment: i64,
    open: Option<OpenSegment>,
    deleted: Option<Vec<u8>>,
    /// The number of records, deleted ones included.
    pub rows: usize,
}

impl<'a> SegmentView<'a> {
    fn sealed(db: &'a Db, segment: i64, deleted: Option<Vec<u8>>) -> Self {
        let rows = usize::try_from(SEGMENT).unwrap_or(0);
        Self { db, segment, open: None, deleted: deleted.map(|bits| unpack(&bits)), rows }
    }

    fn open(db: &'a Db, segment: i64) -> Result<Self, StoreError> {
        let mut open = OpenSegment::read(db, segment)?;
        let deleted = open.deleted.take();
        Ok(Self { db, segment, rows: open.rows, open: Some(open), deleted })
    }

    /// Returns the position of the first record.
    pub fn first(&self) -> i64 {
        first_of(self.segment)
    }

    /// Returns a column's head. A column that was added after the segment was sealed holds zeros.
    pub(super) fn head(&self, column: Column) -> Result<ColumnHead, StoreError> {
        let zeros = || ColumnHead::Dictionary { width: 0, values: vec![(0, i64::try_from(self.rows).unwrap_or(0))] };
        match &self.open {
            Some(open) => Ok(EncodedColumn::encode(open.column(column)).head),
            None => Ok(segment::head(self.db, self.segment, column)?.unwrap_or_else(zeros)),
        }
    }

    /// Calls `visit` with each record's value of a column, in order; zeros for deleted fresh records.
    pub(super) fn each(&self, column: Column, visit: impl FnMut(usize, i64)) -> Result<(), StoreError> {
        self.encoded(column, self.head(column)?)?.for_each(self.rows, visit);
        Ok(())
    }

    /// Returns the least and the greatest value of a column that are not 0; `None` if there is none.
    pub(super) fn bounds(&self, column: Column) -> Result<Option<(i64, i64)>, StoreError> {
        let (least, greatest) = match self.head(column)? {
            ColumnHead::FrameOfReference { least, greatest, .. } if least > 0 => return Ok(Some((least, greatest))),
            ColumnHead::Dictionary { values, .. } => {
                let mut values = values.into_iter().map(|(value, _)| value).filter(|value| *value > 0);
                let least = values.next();
                (least, values.next_back().or(least))
            }
            // Records that are missing have zeros.
            ColumnHead::FrameOfReference { greatest, .. } => {
                let mut least = greatest;
                self.each(column, |_, value| {
                    if (1..least).contains(&value) {
                        least = value
                    }
                })?;
                (Some(least), Some(greatest))
            }
        };
        Ok(least.zip(greatest))
    }

    /// Returns the values of a column, by record; zeros for deleted fresh records.
    pub(super) fn values(&self, column: Column) -> Result<Vec<i64>, StoreError> {
        let mut values = Vec::with_capacity(self.rows);
        self.each(column, |_, value| values.push(value))?;
        Ok(values)
    }

    /// Returns a column with its codes, after its head has been read.
    pub(super) fn encoded(&self, column: Column, head: ColumnHead) -> Result<EncodedColumn, StoreError> {
        if let Some(open) = &self.open {
            return Ok(EncodedColumn::encode(open.column(column)));
        }
        let no_codes = matches!(&head, ColumnHead::Dictionary { width: 0, .. });
        let codes = if no_codes { Vec::new() } else { segment::codes(self.db, self.segment, column)? };
        Ok(EncodedColumn { head, codes })
    }

    /// Returns the records that pass every predicate and are not deleted.
    ///
    /// # Errors
    /// The store cannot be read, or a column is damaged.
    pub fn matching<'p>(&self, predicates: impl IntoIterator<Item = &'p Predicate>) -> Result<Mask, StoreError> {
        let mut all = Mask::All;
        for predicate in predicates {
            all = all.and(self.passing(predicate)?);
            if all == Mask::Nothing {
                return Ok(all);
            }
        }
        Ok(self.without_deleted(all))
    }

    /// Removes deleted records from a mask.
    pub(super) fn without_deleted(&self, mask: Mask) -> Mask {
        match &self.deleted {
            None => mask,
            Some(deleted) => mask.and(Mask::Some(deleted.iter().map(|deleted| 1 - deleted).collect())),
        }
    }

    /// Returns the records that pass one predicate.
    pub(super) fn passing(&self, predicate: &Predicate) -> Result<Mask, StoreError> {
        let mut any = self.at_positions(&predicate.positions);
        for (column, test) in &predicate.any {
            if any == Mask::All {
                break;
            }
            any = any.or(self.matching_column(*column, test)?);
        }
        Ok(if predicate.not { any.not() } else { any })
    }

    /// Returns the records at these positions.
    fn at_positions(&self, positions: &HashSet<i64>) -> Mask {
        let row = |position: &i64| usize::try_from(position.checked_sub(self.first())?).ok();
        let rows: Vec<_> = positions.iter().filter_map(row).filter(|row| *row < self.rows).collect();
        if rows.is_empty() {
            return Mask::Nothing;
        }
        let mut marks = vec![0_u8; self.rows];
        rows.into_iter().for_each(|row| mark(&mut marks, row, 1));
        Mask::Some(marks)
    }

    /// Returns the records whose value in a column passes a test.
    fn matching_column(&self, column: Column, test: &Test) -> Result<Mask, StoreError> {
        let head = self.head(column)?;
        match &head {
            ColumnHead::Dictionary { values, .. } => {
                let passes: Vec<u8> = values.iter().map(|(value, _)| u8::from(test.holds(*value))).collect();
                match (passes.contains(&1), passes.contains(&0)) {
                    (false, _) => Ok(Mask::Nothing),
                    (true, false) => Ok(Mask::All),
                    (true, true) => self.matching_codes(column, head, &passes),
                }
            }
            ColumnHead::FrameOfReference { least, greatest, .. } => match test.outcome_between(*least, *greatest) {
                Some(true) => Ok(Mask::All),
                Some(false) => Ok(Mask::Nothing),
                None => self.matching_values(column, head, test),
            },
        }
    }

    /// Returns the records whose codes pass. `passes` has a byte for each code.
    fn matching_codes(&self, column: Column, head: ColumnHead, passes: &[u8]) -> Result<Mask, StoreError> {
        let ColumnHead::Dictionary { width, .. } = head else { return Err(StoreError::Damaged) };
        let passed = |code: u64| passes.get(usize::try_from(code).unwrap_or(usize::MAX)).copied().unwrap_or(0);
        let mut marks = vec![0_u8; self.rows];
        let encoded = self.encoded(column, head)?;
        encoded.for_each_code(width, self.rows, |row, code| mark(&mut marks, row, passed(code)));
        Ok(Mask::Some(marks))
    }

    fn matching_values(&self, column: Column, head: ColumnHead, test: &Test) -> Result<Mask, StoreError> {
        let mut marks = vec![0_u8; self.rows];
        let encoded = self.encoded(column, head)?;
        // A hash for each record takes longer than everything else.
        match test.small_set() {
            Some(small_set) => {
                encoded.for_each(self.rows, |row, value| mark(&mut marks, row, u8::from(small_set.contains(&value))))
            }
            None => encoded.for_each(self.rows, |row, value| mark(&mut marks, row, u8::from(test.holds(value)))),
        }
        Ok(if marks.contains(&1) { Mask::Some(marks) } else { Mask::Nothing })
    }

    /// Returns the positions of the records that match, in this order, from `first` to `last`, both included.
    pub fn positions(&self, mask: &Mask, direction: Direction, (first, last): (i64, i64)) -> Vec<i64> {
        let rows = (0_i64..).take(self.rows).zip(0_usize..);
        let matching = rows.filter(|(_, row)| mask.has(*row)).map(|(row, _)| self.first().saturating_add(row));
        let mut found: Vec<i64> = matching.filter(|position| (first..=last).contains(position)).collect();
        if direction == Direction::Down {
            found.reverse();
        }
        found
    }
}
