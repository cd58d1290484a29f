//! One segment of a scan: its columns, and the records that pass predicates.

use super::encoding::{ColumnHead, EncodedColumn};
use super::filter::{Predicate, Test};
use super::mask::{Mask, mark};
use super::open_segment::OpenSegment;
use super::position::{Direction, SEGMENT, first_of};
use super::row_values::Column;
use super::segment::{self, unpack};
use headgate_collector_db::{Db, StoreError};
use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

/// One segment of a scan. Columns that were read are kept as long as it is.
#[derive(Debug)]
pub struct SegmentView<'a> {
    db: &'a Db,
    pub(super) segment: i64,
    pub(super) is_sealed: bool,
    /// The rows of an open segment, once they are needed.
    open: OnceCell<Rc<OpenSegment>>,
    /// The earliest and the latest start of a sealed segment's records, µs.
    started: Option<(i64, i64)>,
    deleted: Option<Vec<u8>>,
    heads: RefCell<Vec<(Column, Rc<ColumnHead>)>>,
    columns: RefCell<Vec<(Column, Rc<EncodedColumn>)>>,
    /// The number of records, deleted ones included.
    pub rows: usize,
}

impl<'a> SegmentView<'a> {
    pub(super) fn sealed(db: &'a Db, segment: i64, started: (i64, i64), deleted: Option<&[u8]>) -> Self {
        let rows = usize::try_from(SEGMENT).unwrap_or(0);
        let deleted = deleted.map(unpack);
        Self { is_sealed: true, started: Some(started), ..Self::new(db, segment, rows, deleted) }
    }

    /// Returns the view of an open segment. Its rows are read when a column is, unless they are known.
    pub(super) fn open(db: &'a Db, segment: i64, known: Option<Rc<OpenSegment>>) -> Result<Self, StoreError> {
        if known.is_none()
            && let Some(rows) = OpenSegment::rows_without_holes(db, segment)?
        {
            return Ok(Self::new(db, segment, rows, None));
        }
        let open = known.map_or_else(|| OpenSegment::read(db, segment).map(Rc::new), Ok)?;
        let view = Self::new(db, segment, open.rows, open.deleted.clone());
        Ok(Self { open: OnceCell::from(open), ..view })
    }

    fn new(db: &'a Db, segment: i64, rows: usize, deleted: Option<Vec<u8>>) -> Self {
        let (heads, columns) = (RefCell::default(), RefCell::default());
        Self { db, segment, is_sealed: false, open: OnceCell::new(), started: None, deleted, heads, columns, rows }
    }

    /// Returns the position of the first record.
    pub fn first(&self) -> i64 {
        first_of(self.segment)
    }

    /// Returns the earliest and the latest start of the records, µs; `None` if that would have to be computed.
    pub(super) const fn started(&self) -> Option<(i64, i64)> {
        self.started
    }

    /// Keeps a head that was read with those of other segments; `None` for a column that was added after the segment was sealed.
    pub(super) fn keep_head(&self, column: Column, head: Option<ColumnHead>) -> Rc<ColumnHead> {
        let zeros = || ColumnHead::Dictionary { width: 0, values: vec![(0, i64::try_from(self.rows).unwrap_or(0))] };
        let head = Rc::new(head.unwrap_or_else(zeros));
        self.heads.borrow_mut().push((column, Rc::clone(&head)));
        head
    }

    /// Returns a column's head. A column that was added after the segment was sealed holds zeros.
    pub(super) fn head(&self, column: Column) -> Result<Rc<ColumnHead>, StoreError> {
        if let Some(head) = known(&self.heads, column) {
            return Ok(head);
        }
        if self.is_sealed {
            return Ok(self.keep_head(column, segment::head(self.db, self.segment, column)?));
        }
        Ok(Rc::clone(&self.encoded(column)?.head))
    }

    /// Returns a column with its codes.
    pub(super) fn encoded(&self, column: Column) -> Result<Rc<EncodedColumn>, StoreError> {
        if let Some(column) = known(&self.columns, column) {
            return Ok(column);
        }
        let encoded = if self.is_sealed {
            let head = self.head(column)?;
            let no_codes = matches!(*head, ColumnHead::Dictionary { width: 0, .. });
            let codes = if no_codes { Vec::new() } else { segment::codes(self.db, self.segment, column)? };
            EncodedColumn { head, codes }
        } else {
            EncodedColumn::encode(self.open_rows()?.column(column))
        };
        let encoded = Rc::new(encoded);
        self.columns.borrow_mut().push((column, Rc::clone(&encoded)));
        Ok(encoded)
    }

    fn open_rows(&self) -> Result<&OpenSegment, StoreError> {
        if self.open.get().is_none() {
            let read = OpenSegment::read(self.db, self.segment)?;
            self.open.get_or_init(|| Rc::new(read));
        }
        self.open.get().map(|open| &**open).ok_or(StoreError::Other)
    }

    /// Calls `visit` with each record's value of a column, in order; zeros for deleted fresh records.
    pub(super) fn each(&self, column: Column, visit: impl FnMut(usize, i64)) -> Result<(), StoreError> {
        self.encoded(column)?.for_each(self.rows, visit);
        Ok(())
    }

    /// Returns the values of a column, by record; zeros for deleted fresh records.
    pub(super) fn values(&self, column: Column) -> Result<Vec<i64>, StoreError> {
        let mut values = Vec::with_capacity(self.rows);
        self.each(column, |_, value| values.push(value))?;
        Ok(values)
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
        if let (Column::StartedAt, Some((oldest, newest))) = (column, self.started)
            && let Some(passes) = test.outcome_between(oldest, newest)
        {
            return Ok(if passes { Mask::All } else { Mask::Nothing });
        }
        match &*self.head(column)? {
            ColumnHead::Dictionary { values, .. } => {
                let passes: Vec<u8> = values.iter().map(|(value, _)| u8::from(test.holds(*value))).collect();
                match (passes.contains(&1), passes.contains(&0)) {
                    (false, _) => Ok(Mask::Nothing),
                    (true, false) => Ok(Mask::All),
                    (true, true) => self.matching_codes(column, &passes),
                }
            }
            ColumnHead::FrameOfReference { least, greatest, .. } => match test.outcome_between(*least, *greatest) {
                Some(true) => Ok(Mask::All),
                Some(false) => Ok(Mask::Nothing),
                None => self.matching_values(column, test),
            },
        }
    }

    /// Returns the records whose codes pass. `passes` has a byte for each code.
    fn matching_codes(&self, column: Column, passes: &[u8]) -> Result<Mask, StoreError> {
        let encoded = self.encoded(column)?;
        let ColumnHead::Dictionary { width, .. } = *encoded.head else { return Err(StoreError::Damaged) };
        let passed = |code: u64| passes.get(usize::try_from(code).unwrap_or(usize::MAX)).copied().unwrap_or(0);
        let mut marks = vec![0_u8; self.rows];
        encoded.for_each_code(width, self.rows, |row, code| mark(&mut marks, row, passed(code)));
        Ok(Mask::Some(marks))
    }

    fn matching_values(&self, column: Column, test: &Test) -> Result<Mask, StoreError> {
        let mut marks = vec![0_u8; self.rows];
        let encoded = self.encoded(column)?;
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

fn known<T>(all: &RefCell<Vec<(Column, Rc<T>)>>, column: Column) -> Option<Rc<T>> {
    all.borrow().iter().find(|(known, _)| *known == column).map(|(_, found)| Rc::clone(found))
}
