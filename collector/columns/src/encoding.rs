//! One column of one segment in its stored form.
//!
//! Head: a kind byte, a width byte, then numbers of 8 bytes, little-endian.
//! - kind 0, dictionary encoding: the distinct values in ascending order, each followed by its count. A code is the place in that
//!   list, 1 or 2 bytes wide, or no bytes at all if there is only one value.
//! - kind 1, frame of reference: the least and the greatest value. A code is the distance from the least, 1, 2, 4 or 8 bytes wide.
//! - kind 2, as kind 1, with the sum of the values and the number of values above 0 as well, so that a total over whole segments
//!   reads no codes. A sum beyond 63 bits makes a column of kind 1, as do earlier versions.

use headgate_collector_db::StoreError;
use std::rc::Rc;

/// Most distinct values of a column of kind 0; a column with more is of kind 1.
const MAX_DISTINCT: usize = 4_096;

/// The head of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ColumnHead {
    /// The distinct values, as (value, count), ascending.
    Dictionary { width: u8, values: Vec<(i64, i64)> },
    /// The bounds of the values, both included.
    FrameOfReference { width: u8, least: i64, greatest: i64, sums: Option<ColumnSums> },
}

/// The sums of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ColumnSums {
    pub(super) sum: i64,
    /// The number of values above 0.
    pub(super) above_zero: i64,
}

impl ColumnSums {
    /// Returns the sums of values with their counts; `None` if they are too large.
    fn of(counts: &[(i64, i64)]) -> Option<Self> {
        let add = |sum: i64, (value, count): &(i64, i64)| sum.checked_add(value.checked_mul(*count)?);
        let above_zero = counts.iter().filter(|(value, _)| *value > 0).map(|(_, count)| count).sum();
        Some(Self { sum: counts.iter().try_fold(0, add)?, above_zero })
    }
}

/// A column with its codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EncodedColumn {
    pub(super) head: Rc<ColumnHead>,
    pub(super) codes: Vec<u8>,
}

impl EncodedColumn {
    /// Encodes the values of a segment.
    pub(super) fn encode(values: &[i64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let mut counts: Vec<(i64, i64)> = Vec::new();
        for value in sorted {
            match counts.last_mut() {
                Some((last, count)) if *last == value => *count += 1,
                _ => counts.push((value, 1)),
            }
        }
        if counts.len() <= MAX_DISTINCT {
            Self::dictionary(values, counts)
        } else {
            Self::frame_of_reference(values, &counts)
        }
    }

    fn dictionary(values: &[i64], counts: Vec<(i64, i64)>) -> Self {
        let width = match counts.len() {
            0 | 1 => 0,
            2..=256 => 1,
            _ => 2,
        };
        let mut codes = Vec::with_capacity(values.len() * usize::from(width));
        for value in values.iter().take(if width == 0 { 0 } else { usize::MAX }) {
            let place = counts.binary_search_by_key(value, |(value, _)| *value).unwrap_or_default();
            codes.extend(place.to_le_bytes().iter().take(usize::from(width)));
        }
        Self { head: Rc::new(ColumnHead::Dictionary { width, values: counts }), codes }
    }

    fn frame_of_reference(values: &[i64], counts: &[(i64, i64)]) -> Self {
        let least = counts.first().map_or(0, |(value, _)| *value);
        let greatest = counts.last().map_or(0, |(value, _)| *value);
        let width = match greatest.abs_diff(least) {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            0x1_0000..=0xffff_ffff => 4,
            _ => 8,
        };
        let mut codes = Vec::with_capacity(values.len() * usize::from(width));
        for value in values {
            codes.extend(value.abs_diff(least).to_le_bytes().iter().take(usize::from(width)));
        }
        let sums = ColumnSums::of(counts);
        Self { head: Rc::new(ColumnHead::FrameOfReference { width, least, greatest, sums }), codes }
    }

    /// Calls `visit` with each record's value, in order.
    pub(super) fn for_each(&self, rows: usize, mut visit: impl FnMut(usize, i64)) {
        match &*self.head {
            ColumnHead::Dictionary { width, values } => {
                let value = |place: usize| values.get(place).map_or(0, |(value, _)| *value);
                self.for_each_code(*width, rows, |row, code| {
                    visit(row, value(usize::try_from(code).unwrap_or(usize::MAX)))
                });
            }
            ColumnHead::FrameOfReference { width, least, .. } => {
                self.for_each_code(*width, rows, |row, code| visit(row, least.saturating_add_unsigned(code)));
            }
        }
    }

    /// Calls `visit` with each record's code, in order.
    pub(super) fn for_each_code(&self, width: u8, rows: usize, mut visit: impl FnMut(usize, u64)) {
        match width {
            0 => (0..rows).for_each(|row| visit(row, 0)),
            1 => self.codes.iter().take(rows).enumerate().for_each(|(row, code)| visit(row, u64::from(*code))),
            2 => self.chunks(rows, |row, code: &[u8; 2]| visit(row, u64::from(u16::from_le_bytes(*code)))),
            4 => self.chunks(rows, |row, code: &[u8; 4]| visit(row, u64::from(u32::from_le_bytes(*code)))),
            _ => self.chunks(rows, |row, code: &[u8; 8]| visit(row, u64::from_le_bytes(*code))),
        }
    }

    /// Returns the code of one record.
    pub(super) fn code(&self, width: u8, row: usize) -> u64 {
        let width = usize::from(width);
        let bytes = self.codes.get(row * width..(row + 1) * width).unwrap_or_default();
        bytes.iter().rev().fold(0, |code, byte| (code << 8) | u64::from(*byte))
    }

    fn chunks<const WIDTH: usize>(&self, rows: usize, mut visit: impl FnMut(usize, &[u8; WIDTH])) {
        let (codes, _) = self.codes.as_chunks::<WIDTH>();
        codes.iter().take(rows).enumerate().for_each(|(row, code)| visit(row, code));
    }
}

impl ColumnHead {
    /// Returns the head in its stored form.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Dictionary { width, values } => {
                let numbers = values.iter().flat_map(|(value, count)| [*value, *count]);
                [0, *width].into_iter().chain(numbers.flat_map(i64::to_le_bytes)).collect()
            }
            Self::FrameOfReference { width, least, greatest, sums } => {
                let numbers = [*least, *greatest].into_iter();
                let sums = sums.iter().flat_map(|sums| [sums.sum, sums.above_zero]);
                let kind = if sums.clone().next().is_some() { 2 } else { 1 };
                [kind, *width].into_iter().chain(numbers.chain(sums).flat_map(i64::to_le_bytes)).collect()
            }
        }
    }

    /// Parses a stored head. A damaged one is an error.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        let [kind, width, numbers @ ..] = bytes else {
            return Err(StoreError::Damaged);
        };
        let (chunks, []) = numbers.as_chunks::<8>() else {
            return Err(StoreError::Damaged);
        };
        let numbers: Vec<i64> = chunks.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect();
        match (kind, numbers.as_slice()) {
            (0, pairs) => {
                let (pairs, _) = pairs.as_chunks::<2>();
                Ok(Self::Dictionary {
                    width: *width,
                    values: pairs.iter().map(|[value, count]| (*value, *count)).collect(),
                })
            }
            (1, [least, greatest]) => {
                Ok(Self::FrameOfReference { width: *width, least: *least, greatest: *greatest, sums: None })
            }
            (2, [least, greatest, sum, above_zero]) => {
                let sums = Some(ColumnSums { sum: *sum, above_zero: *above_zero });
                Ok(Self::FrameOfReference { width: *width, least: *least, greatest: *greatest, sums })
            }
            _ => Err(StoreError::Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ColumnHead, EncodedColumn};
    use proptest::prelude::*;
    use std::rc::Rc;

    fn values() -> impl Strategy<Value = Vec<i64>> {
        let any = prop::collection::vec(0..=i64::MAX, 0..200);
        let few = prop::collection::vec(0..5_i64, 0..200);
        let near = (0..i64::MAX / 2, prop::collection::vec(0..70_000_i64, 4_000..5_000))
            .prop_map(|(base, steps)| steps.into_iter().map(|step| base + step).collect());
        prop_oneof![any, few, near]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]
        #[test]
        fn columns_survive_a_round_trip(values in values()) {
            let encoded = EncodedColumn::encode(&values);
            let head = ColumnHead::from_bytes(&encoded.head.to_bytes()).unwrap();
            prop_assert_eq!(&head, &*encoded.head);
            let mut read = Vec::new();
            encoded.for_each(values.len(), |_, value| read.push(value));
            prop_assert_eq!(read, values);
        }

        #[test]
        fn damaged_heads_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(head) = ColumnHead::from_bytes(&bytes) {
                EncodedColumn { head: Rc::new(head), codes: bytes }.for_each(50, |_, _| ());
            }
        }
    }

    #[test]
    fn sums_are_in_the_head_unless_they_are_too_large() {
        let sums = |values: &[i64]| match &*EncodedColumn::encode(values).head {
            ColumnHead::FrameOfReference { sums, .. } => sums.map(|sums| (sums.sum, sums.above_zero)),
            ColumnHead::Dictionary { .. } => None,
        };
        let wide: Vec<i64> = (0..5_000).collect();
        assert_eq!(sums(&wide), Some((4_999 * 2_500, 4_999)));
        let large: Vec<i64> = (0..5_000).map(|n| i64::MAX - n).collect();
        assert_eq!(sums(&large), None);
        let kind_one = [&[1, 2][..], &3_i64.to_le_bytes(), &9_i64.to_le_bytes()].concat();
        let head = ColumnHead::from_bytes(&kind_one).unwrap();
        assert_eq!(head, ColumnHead::FrameOfReference { width: 2, least: 3, greatest: 9, sums: None });
        assert_eq!(head.to_bytes(), kind_one);
    }

    #[test]
    fn codes_are_as_narrow_as_values_allow() {
        assert!(EncodedColumn::encode(&[7; 1000]).codes.is_empty());
        let wide: Vec<i64> = (0..5000).map(|n| n * 3).collect();
        assert_eq!(EncodedColumn::encode(&wide).codes.len(), 10_000);
    }
}
