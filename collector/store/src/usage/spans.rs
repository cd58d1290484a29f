//! Spans of rollups that cover the buckets of a calendar: whole days where they fit, and quarters of an hour elsewhere.

use super::{DAY_S, Level};

/// The rows of a level, from one second to before another.
pub(super) type Span = (Level, i64, i64);

/// Returns the spans of consecutive buckets, in the order of time.
pub(super) fn spans(buckets: &[(i64, i64)]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (level, from, to) in buckets.iter().flat_map(|(start, end)| split(*start, *end)) {
        match spans.last_mut() {
            Some((known, _, end)) if *known == level && *end == from => *end = to,
            _ => spans.push((level, from, to)),
        }
    }
    spans
}

/// Returns whole days of UTC, and the quarters of an hour before and after them.
fn split(start: i64, end: i64) -> impl Iterator<Item = Span> {
    let first = Level::Day.start_of(start.saturating_add(DAY_S - 1));
    let last = Level::Day.start_of(end);
    let spans = if first < last {
        [(Level::Quarter, start, first), (Level::Day, first, last), (Level::Quarter, last, end)]
    } else {
        [(Level::Quarter, start, end), (Level::Day, 0, 0), (Level::Quarter, 0, 0)]
    };
    spans.into_iter().filter(|(_, from, to)| from < to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::QUARTER_S;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]
        #[test]
        fn spans_are_contiguous_and_use_each_whole_day(start in 0..2_000_i64, length in 1..2_000_i64) {
            let (start, end) = (start * QUARTER_S, (start + length) * QUARTER_S);
            let mut at = start;
            for (level, from, to) in split(start, end) {
                prop_assert_eq!(from, at);
                prop_assert_eq!((from % level.seconds(), to % level.seconds()), (0, 0));
                prop_assert!(level == Level::Day || to - from < 2 * DAY_S);
                at = to;
            }
            prop_assert_eq!(at, end);
        }

        #[test]
        fn adjacent_spans_are_joined_without_overlap(lengths in prop::collection::vec(1..300_i64, 1..60)) {
            let mut at = 0;
            let buckets: Vec<_> = lengths.iter().map(|length| {
                let start = at;
                at += length * QUARTER_S;
                (start, at)
            }).collect();
            let spans = spans(&buckets);
            let whole: Vec<Span> = buckets.iter().flat_map(|(start, end)| split(*start, *end)).collect();
            let seconds = |spans: &[Span], level| spans.iter().filter(|(of, ..)| *of == level).map(|(_, from, to)| to - from).sum::<i64>();
            for level in [Level::Quarter, Level::Day] {
                prop_assert_eq!(seconds(&spans, level), seconds(&whole, level));
            }
            for pair in spans.windows(2) {
                prop_assert_eq!(pair[0].2, pair[1].1);
                prop_assert_ne!(pair[0].0, pair[1].0);
            }
        }
    }
}
