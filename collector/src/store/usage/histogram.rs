//! How long things took, as counts that can be added up.
//!
//! Percentiles cannot be added, so each rollup keeps a histogram: a bucket for each value below 16, and from there on sixteen
//! to each power of two. A percentile is given as the middle of the bucket that holds it, which is off by a 32nd of the true
//! value (3.2 %) at most. There are integers only, so that every machine gives the same answer; buckets without a count take
//! no room.

use super::super::varint;
use std::slice::Iter;

/// Buckets to each power of two, as a power of two.
const BITS: u32 = 4;
const STEPS: u64 = 1 << BITS;

/// Counts by bucket, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram(Vec<(u16, u64)>);

impl Histogram {
    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        self.count(bucket_of(value), 1);
    }

    /// Adds the counts of another one.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(bucket, count)| self.count(*bucket, *count));
    }

    /// How many values were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// Buckets that have a count: what it takes in memory, 16 bytes each.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The least value that so many hundredths of all do not exceed (nearest rank), give or take 3.2 %.
    #[must_use]
    pub fn percentile(&self, hundredths: u32) -> Option<u64> {
        let wanted = (u128::from(self.total()) * u128::from(hundredths)).div_ceil(100).max(1);
        let mut seen = 0_u128;
        let found = self.0.iter().find(|(_, count)| {
            seen += u128::from(*count);
            seen >= wanted
        });
        found.map(|(bucket, _)| middle_of(*bucket))
    }

    fn count(&mut self, bucket: u16, count: u64) {
        match self.0.binary_search_by_key(&bucket, |(known, _)| *known) {
            Ok(place) => {
                if let Some((_, known)) = self.0.get_mut(place) {
                    *known = known.saturating_add(count);
                }
            }
            Err(place) => self.0.insert(place, (bucket, count)),
        }
    }

    /// As it lies in the database: how many buckets, then of each the distance from the one before, and its count.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        varint::write(out, u64::try_from(self.0.len()).unwrap_or(0));
        let mut before = 0;
        for (bucket, count) in &self.0 {
            varint::write(out, u64::from(bucket - before));
            varint::write(out, *count);
            before = *bucket;
        }
    }

    /// Adds what lies in the database; `None` if it is damaged.
    pub(super) fn merge_from(&mut self, bytes: &mut Iter<'_, u8>) -> Option<()> {
        let buckets = varint::read(bytes)?;
        let mut bucket = 0_u16;
        for _ in 0..buckets {
            bucket = bucket.checked_add(u16::try_from(varint::read(bytes)?).ok()?).filter(|bucket| *bucket <= LAST)?;
            self.count(bucket, varint::read(bytes)?);
        }
        Some(())
    }
}

/// The bucket of the greatest value.
const LAST: u16 = bucket_of(u64::MAX);

#[allow(clippy::cast_possible_truncation, reason = "at most 59 * 16 + 31; a const fn cannot use try_from")]
const fn bucket_of(value: u64) -> u16 {
    if value < STEPS {
        return value as u16;
    }
    let shift = value.ilog2() - BITS;
    (shift as u64 * STEPS + (value >> shift)) as u16
}

fn middle_of(bucket: u16) -> u64 {
    let (power, step) = (u64::from(bucket) / STEPS, u64::from(bucket) % STEPS);
    match power.checked_sub(1) {
        None => step,
        Some(shift) => ((STEPS + step) << shift) + ((1 << shift) - 1) / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Vec<u64>> {
        let near = prop::collection::vec(0..5_000_000_u64, 1..300);
        let any = prop::collection::vec((any::<u64>(), 0..64_u32).prop_map(|(value, shift)| value >> shift), 1..300);
        prop_oneof![near, any]
    }

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.add(*value));
        histogram
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]
        #[test]
        fn a_percentile_is_off_by_a_32nd_at_most(mut values in values(), hundredths in 1..=100_u32) {
            let told = of(&values).percentile(hundredths).unwrap();
            values.sort_unstable();
            let rank = (values.len() * usize::try_from(hundredths).unwrap()).div_ceil(100);
            let exact = values[rank - 1];
            prop_assert!(told.abs_diff(exact) <= exact / 32, "{told} {exact}");
        }

        #[test]
        fn parts_added_up_are_the_whole_also_by_way_of_the_database(values in values(), cut in 0..300_usize) {
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = of(left);
            merged.merge(&of(right));
            prop_assert_eq!(&merged, &of(&values));
            let mut stored = Vec::new();
            of(left).write(&mut stored);
            of(right).write(&mut stored);
            let (mut read, mut bytes) = (Histogram::default(), stored.iter());
            prop_assert_eq!((read.merge_from(&mut bytes), read.merge_from(&mut bytes)), (Some(()), Some(())));
            prop_assert_eq!(read, merged);
            prop_assert_eq!(bytes.len(), 0);
        }

        #[test]
        fn damaged_bytes_are_refused_or_read_but_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut histogram = Histogram::default();
            let _ = histogram.merge_from(&mut bytes.iter());
            prop_assert!(histogram.0.iter().all(|(bucket, _)| *bucket <= LAST));
            let _ = histogram.percentile(99);
        }
    }

    #[test]
    fn nothing_has_no_percentile_and_counts_end_at_their_edge() {
        assert_eq!(Histogram::default().percentile(50), None);
        let mut full = Histogram(vec![(3, u64::MAX)]);
        full.merge(&full.clone());
        assert_eq!((full.total(), full.percentile(99)), (u64::MAX, Some(3)));
    }
}
