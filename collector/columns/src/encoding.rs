//! One column of one segment in its stored form.
//!
//! Head: a kind byte, a width byte, then numbers of 8 bytes, little-endian.
//! - kind 0, dictionary encoding: the distinct values in ascending order, each followed by its count. A code is the place in that
//!   list, 1 or 2 bytes wide, or no bytes at all if there is only one value.
//! - kind 1, frame of reference: the least and the greatest value. A code is the distance from the least, 1, 2, 4 or 8 bytes wide.

use headgate_collector_db::StoreError;
use std::collections::HashMap;

/// Most distinct values of a column of kind 0; a column with more is of kind 1.
const MAX_DISTINCT: usize = 4_096;

/// The head of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ColumnHead {
    /// The distinct values, as (value, count), ascending.
    Dictionary { width: u8, values: Vec<(i64, i64)> },
    /// The bounds of the values, both included.
    FrameOfReference { width: u8, least: i64, greatest: i64 },
}

/// A column with its codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EncodedColumn {
    pub(super) head: ColumnHead,
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
        let places: HashMap<i64, u16> = counts.iter().map(|(value, _)| *value).zip(0_u16..).collect();
        let mut codes = Vec::with_capacity(values.len() * usize::from(width));
        for value in values {
            let place = places.get(value).copied().unwrap_or_default().to_le_bytes();
            codes.extend(place.iter().take(usize::from(width)));
        }
        Self { head: ColumnHead::Dictionary { width, values: counts }, codes }
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
        Self { head: ColumnHead::FrameOfReference { width, least, greatest }, codes }
    }

    /// Calls `visit` with each record's value, in order.
    pub(super) fn for_each(&self, rows: usize, mut visit: impl FnMut(usize, i64)) {
        match &self.head {
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
            Self::FrameOfReference { width, least, greatest } => {
                [1, *width].into_iter().chain([*least, *greatest].into_iter().flat_map(i64::to_le_bytes)).collect()
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
            (1, [least, greatest]) => Ok(Self::FrameOfReference { width: *width, least: *least, greatest: *greatest }),
            _ => Err(StoreError::Damaged),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ColumnHead, EncodedColumn};
    use proptest::prelude::*;

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
            prop_assert_eq!(&head, &encoded.head);
            let mut read = Vec::new();
            encoded.for_each(values.len(), |_, value| read.push(value));
            prop_assert_eq!(read, values);
        }

        #[test]
        fn damaged_heads_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(head) = ColumnHead::from_bytes(&bytes) {
                EncodedColumn { head, codes: bytes }.for_each(50, |_, _| ());
            }
        }
    }

    #[test]
    fn codes_are_as_narrow_as_values_allow() {
        assert!(EncodedColumn::encode(&[7; 1000]).codes.is_empty());
        let wide: Vec<i64> = (0..5000).map(|n| n * 3).collect();
        assert_eq!(EncodedColumn::encode(&wide).codes.len(), 10_000);
    }
}
