//! The values of columns among the records of a mask, with how many records have each.
//!
//! Most columns have few distinct values in a segment, so records are counted by their codes. If few records match, only these
//! are visited.

use super::encoding::{ColumnHead, ColumnSums, EncodedColumn};
use super::mask::Mask;
use super::row_values::Column;
use super::view::SegmentView;
use headgate_collector_db::StoreError;

/// Of so many records one must match, or fewer, that only these are visited.
const FEW: usize = 8;

/// The records of a segment that match.
#[derive(Debug)]
pub(super) struct Selected<'m> {
    pub(super) mask: &'m Mask,
    pub(super) count: u64,
    /// The places of the records, if they are few.
    places: Option<Vec<usize>>,
}

impl<'m> Selected<'m> {
    pub(super) fn of(mask: &'m Mask, view: &SegmentView<'_>) -> Self {
        let count = mask.count(view.rows);
        let few = usize::try_from(count).is_ok_and(|count| count.saturating_mul(FEW) <= view.rows);
        let places = match mask {
            Mask::Some(marks) if few => {
                Some((0..).zip(marks).filter(|(_, mark)| **mark == 1).map(|(place, _)| place).collect())
            }
            _ => None,
        };
        Self { mask, count, places }
    }

    /// Calls `visit` with values of a column and numbers of records that have them. A value may come several times.
    pub(super) fn values(
        &self,
        view: &SegmentView<'_>,
        column: Column,
        mut visit: impl FnMut(i64, u64),
    ) -> Result<(), StoreError> {
        if self.count == 0 {
            return Ok(());
        }
        match (&*view.head(column)?, self.mask) {
            (ColumnHead::Dictionary { values, .. }, Mask::All) => {
                values.iter().for_each(|(value, count)| visit(*value, count.unsigned_abs()));
            }
            (ColumnHead::Dictionary { values, .. }, _) if values.len() == 1 => {
                values.iter().for_each(|(value, _)| visit(*value, self.count));
            }
            (ColumnHead::Dictionary { width, values }, _) => {
                let counts = self.by_code(&*view.encoded(column)?, *width, view.rows, values.len());
                let found = values.iter().zip(counts).filter(|(_, count)| *count > 0);
                found.for_each(|((value, _), count)| visit(*value, u64::from(count)));
            }
            (ColumnHead::FrameOfReference { width, least, .. }, _) => {
                let encoded = view.encoded(column)?;
                let mut add = |code| visit(least.saturating_add_unsigned(code), 1);
                match &self.places {
                    Some(places) => places.iter().for_each(|row| add(encoded.code(*width, *row))),
                    None => encoded.for_each_code(*width, view.rows, |row, code| {
                        if self.mask.has(row) {
                            add(code);
                        }
                    }),
                }
            }
        }
        Ok(())
    }

    /// Returns the sum of a column over all these records, and the number of values above 0, if the head has both.
    pub(super) fn sums(&self, view: &SegmentView<'_>, column: Column) -> Result<Option<ColumnSums>, StoreError> {
        match &*view.head(column)? {
            ColumnHead::FrameOfReference { sums, .. } if *self.mask == Mask::All => Ok(*sums),
            _ => Ok(None),
        }
    }

    /// Returns the number of records with each code.
    fn by_code(&self, encoded: &EncodedColumn, width: u8, rows: usize, codes: usize) -> Vec<u32> {
        let mut counts = vec![0_u32; codes];
        let mut add = |code: u64, count: u32| {
            if let Some(slot) = usize::try_from(code).ok().and_then(|code| counts.get_mut(code)) {
                *slot += count;
            }
        };
        match (&self.places, self.mask) {
            (Some(places), _) => places.iter().for_each(|row| add(encoded.code(width, *row), 1)),
            (None, Mask::Some(marks)) => {
                let mut marks = marks.iter();
                encoded
                    .for_each_code(width, rows, |_, code| add(code, marks.next().map_or(0, |mark| u32::from(*mark))));
            }
            (None, _) => encoded.for_each_code(width, rows, |_, code| add(code, 1)),
        }
        counts
    }

    /// Returns the number of records that began in a range, µs, its end excluded.
    pub(super) fn started_in(&self, view: &SegmentView<'_>, (from, to): (i64, i64)) -> Result<u64, StoreError> {
        match view.started() {
            Some((oldest, newest)) if newest < from || to <= oldest => Ok(0),
            Some((oldest, newest)) if from <= oldest && newest < to => Ok(self.count),
            _ => {
                let mut count = 0;
                self.values(view, Column::StartedAt, |at, records| {
                    if (from..to).contains(&at) {
                        count += records;
                    }
                })?;
                Ok(count)
            }
        }
    }
}
