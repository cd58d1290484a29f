//! Histograms of durations, whose counts can be added up.
//!
//! Percentiles cannot be added, so each rollup keeps a histogram. It has a bucket for each value below 16, and sixteen
//! buckets for each power of two from there on. A percentile is the middle of its bucket, and is off by a 32nd of the
//! true value (3.2 %) at most. All arithmetic is on integers, so that every machine gives the same answer. In memory, the
//! buckets from the first to the last with a count are contiguous, because reading adds up millions of them. In the
//! database, buckets without a count take no space.

use headgate_collector_columns::varint;
use std::slice::Iter;

/// The buckets of each power of two, as a power of two.
const BITS: u32 = 4;
const STEPS: u64 = 1 << BITS;

/// The counts by bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The bucket of the first count.
    first: usize,
    counts: Vec<u64>,
}

impl Histogram {
    /// Counts a value.
    pub fn add(&mut self, value: u64) {
        self.count(bucket_of(value), 1);
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Self) {
        other.buckets().for_each(|(bucket, count)| self.count(bucket, count));
    }

    /// Returns the number of counted values.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Returns the number of buckets in memory, of 8 bytes each.
    pub(super) fn size(&self) -> usize {
        self.counts.len()
    }

    /// Returns the least value that at least this many hundredths of all values do not exceed (nearest rank), within 3.2
    /// %.
    #[must_use]
    pub fn percentile(&self, hundredths: u32) -> Option<u64> {
        let rank = (u128::from(self.total()) * u128::from(hundredths)).div_ceil(100).max(1);
        let mut cumulative = 0_u128;
        let found = self.buckets().find(|(_, count)| {
            cumulative += u128::from(*count);
            cumulative >= rank
        });
        found.map(|(bucket, _)| middle_of(bucket))
    }

    /// Returns the buckets with a count, in ascending order.
    fn buckets(&self) -> impl Iterator<Item = (usize, u64)> {
        (self.first..).zip(self.counts.iter().copied()).filter(|(_, count)| *count > 0)
    }

    fn count(&mut self, bucket: usize, count: u64) {
        if count == 0 {
            return;
        }
        self.extend_to(bucket);
        if let Some(known) = self.counts.get_mut(bucket - self.first) {
            *known = known.saturating_add(count);
        }
    }

    /// Extends the counts to include a bucket.
    fn extend_to(&mut self, bucket: usize) {
        if self.counts.is_empty() {
            self.first = bucket;
        }
        if bucket < self.first {
            self.counts.splice(..0, std::iter::repeat_n(0, self.first - bucket));
            self.first = bucket;
        }
        let needed = bucket - self.first + 1;
        if self.counts.len() < needed {
            self.counts.resize(needed, 0);
        }
    }

    /// Encodes the histogram for the database: the number of buckets, then for each its distance from the previous one
    /// and its count.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        varint::write(out, u64::try_from(self.buckets().count()).unwrap_or(0));
        let mut before = 0;
        for (bucket, count) in self.buckets() {
            varint::write(out, u64::try_from(bucket - before).unwrap_or(0));
            varint::write(out, count);
            before = bucket;
        }
    }

    /// Adds an encoded histogram; `None` if it is damaged.
    pub(super) fn merge_from(&mut self, bytes: &mut Iter<'_, u8>) -> Option<()> {
        let buckets = varint::read(bytes)?;
        let mut bucket = 0_usize;
        for _ in 0..buckets {
            let distance = usize::try_from(varint::read(bytes)?).ok()?;
            bucket = bucket.checked_add(distance).filter(|bucket| *bucket <= LAST)?;
            self.count(bucket, varint::read(bytes)?);
        }
        Some(())
    }
}

/// The bucket of the greatest value.
const LAST: usize = bucket_of(u64::MAX);

const fn bucket_of(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = value.ilog2() - BITS;
    (shift as u64 * STEPS + (value >> shift)) as usize
}

fn middle_of(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    let (power, step) = (bucket / STEPS, bucket % STEPS);
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
            let reported = of(&values).percentile(hundredths).unwrap();
            values.sort_unstable();
            let rank = (values.len() * usize::try_from(hundredths).unwrap()).div_ceil(100);
            let exact = values[rank - 1];
            prop_assert!(reported.abs_diff(exact) <= exact / 32, "{reported} {exact}");
        }

        #[test]
        fn parts_add_up_also_through_the_database(values in values(), cut in 0..300_usize) {
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
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let mut histogram = Histogram::default();
            let _ = histogram.merge_from(&mut bytes.iter());
            prop_assert!(histogram.buckets().all(|(bucket, _)| bucket <= LAST));
            let _ = histogram.percentile(99);
        }
    }

    #[test]
    fn an_empty_histogram_and_full_counts_are_safe() {
        assert_eq!(Histogram::default().percentile(50), None);
        let mut full = Histogram { first: 3, counts: vec![u64::MAX] };
        full.merge(&full.clone());
        assert_eq!((full.total(), full.percentile(99)), (u64::MAX, Some(3)));
    }
}
