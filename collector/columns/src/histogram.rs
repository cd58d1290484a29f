//! Histogram: the records that match, in bars of equal width over the whole range of time.

use super::encoding::ColumnSums;
use super::filter::Filter;
use super::mask::Mask;
use super::row_values::Column;
use super::selected::Selected;
use super::view::SegmentView;
use headgate_collector_db::StoreError;
use headgate_collector_types::RequestOutcome;

/// A query for a histogram.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistogramQuery {
    /// Conditions, all of which must hold.
    pub filters: Vec<Filter>,
    /// `started_at` from here on, µs; from the oldest record without it.
    pub from: Option<i64>,
    /// `started_at` before this, µs; to the newest record without it.
    pub to: Option<i64>,
    /// Most bars, 1 to [`MAX_BARS`].
    pub bars: usize,
}

/// Maximum number of bars.
pub const MAX_BARS: usize = 240;

/// The columns whose values are summed.
pub(super) const SUMMED: [Column; 4] = [Column::Outcome, Column::Cost, Column::InputTokens, Column::OutputTokens];

/// The records of a bar, or of all bars together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Requests by [`RequestOutcome`], in the order of [`RequestOutcome::ALL`].
    pub outcomes: [u64; RequestOutcome::ALL.len()],
    /// Cost in nano-USD.
    pub cost_nano_usd: u64,
    /// Tokens of the prompts.
    pub input_tokens: u64,
    /// Tokens of the answers.
    pub output_tokens: u64,
}

impl Sums {
    /// Returns the number of requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// Returns the number of requests with this outcome.
    #[must_use]
    pub fn of(&self, outcome: RequestOutcome) -> u64 {
        self.outcomes.get(outcome as usize).copied().unwrap_or(0)
    }

    /// Adds the value of one of the [`SUMMED`] columns, which so many records have.
    pub(super) fn add_value(&mut self, column: Column, value: i64, records: u64) {
        let sum = match column {
            Column::Outcome => {
                if let Some(count) = usize::try_from(value).ok().and_then(|number| self.outcomes.get_mut(number)) {
                    *count += records;
                }
                return;
            }
            Column::Cost => &mut self.cost_nano_usd,
            Column::InputTokens => &mut self.input_tokens,
            _ => &mut self.output_tokens,
        };
        // A cost is stored as 1 more than it is; 0 if there is none.
        let value = if column == Column::Cost { (value - 1).max(0) } else { value };
        *sum = sum.saturating_add(value.unsigned_abs().saturating_mul(records));
    }

    /// Adds the sum of a column of many values, of which so many are above 0. Outcomes are few values.
    fn add_sum(&mut self, column: Column, sum: i64, above_zero: i64) {
        // Each cost is stored as 1 more than it is.
        let sum = if column == Column::Cost { sum.saturating_sub(above_zero) } else { sum };
        self.add_value(column, sum.saturating_add(i64::from(column == Column::Cost)), 1);
    }

    fn add(&mut self, other: &Self) {
        self.outcomes.iter_mut().zip(other.outcomes).for_each(|(sum, more)| *sum += more);
        self.cost_nano_usd = self.cost_nano_usd.saturating_add(other.cost_nano_usd);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }
}

/// A histogram. Bars without records are part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Beginning of the first bar, µs since the Unix epoch; a multiple of the width.
    pub start: i64,
    /// Width of a bar, µs.
    pub width: i64,
    /// The bars in order.
    pub bars: Vec<Sums>,
}

impl Histogram {
    /// Returns the sums over all bars.
    #[must_use]
    pub fn total(&self) -> Sums {
        self.bars.iter().fold(Sums::default(), |mut total, bar| {
            total.add(bar);
            total
        })
    }
}

/// Marks a record that does not match.
const OUTSIDE: u16 = u16::MAX;

impl Histogram {
    pub(super) fn empty(from: i64, to: i64, most: usize) -> Self {
        let width = width(to.saturating_sub(from), most);
        let start = from.div_euclid(width).saturating_mul(width);
        let count = to.saturating_sub(start).saturating_sub(1).max(0).div_euclid(width).saturating_add(1);
        // The start may lie up to a width before `from`, so there may be one bar more.
        let count = usize::try_from(count).unwrap_or(0).min(most + 1);
        Self { start, width, bars: vec![Sums::default(); count] }
    }

    /// Adds the records of a segment. In a long range most segments lie within one bar, and the heads of their columns have the
    /// sums.
    pub(super) fn add(&mut self, segment: &SegmentView<'_>, selected: &Selected<'_>) -> Result<(), StoreError> {
        if let Some(bar) = self.only_bar(segment) {
            for column in SUMMED {
                match selected.sums(segment, column)? {
                    Some(ColumnSums { sum, above_zero }) => bar.add_sum(column, sum, above_zero),
                    None => selected.values(segment, column, |value, count| bar.add_value(column, value, count))?,
                }
            }
            return Ok(());
        }
        let places = self.places(segment, selected.mask)?;
        for column in SUMMED {
            segment.each(column, |row, value| {
                if let Some(bar) = places.get(row).and_then(|bar| self.bars.get_mut(usize::from(*bar))) {
                    bar.add_value(column, value, 1);
                }
            })?;
        }
        Ok(())
    }

    /// Returns the bar in which all records of a segment began, if there is one.
    fn only_bar(&mut self, segment: &SegmentView<'_>) -> Option<&mut Sums> {
        let (oldest, newest) = segment.started()?;
        let place = |at: i64| at.saturating_sub(self.start).div_euclid(self.width);
        let bar = Some(place(oldest)).filter(|bar| *bar == place(newest))?;
        self.bars.get_mut(usize::try_from(bar).ok()?)
    }

    /// Returns the number of each record's bar.
    pub(super) fn places(&self, segment: &SegmentView<'_>, matching: &Mask) -> Result<Vec<u16>, StoreError> {
        let mut bars = vec![OUTSIDE; segment.rows];
        let place = |at: i64| u16::try_from(at.saturating_sub(self.start).div_euclid(self.width)).unwrap_or(OUTSIDE);
        segment.each(Column::StartedAt, |row, at| {
            if let (true, Some(bar)) = (matching.has(row), bars.get_mut(row)) {
                *bar = place(at);
            }
        })?;
        Ok(bars)
    }
}

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// Widths that people count in, µs.
const WIDTHS: [i64; 19] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    60 * SECOND,
    120 * SECOND,
    300 * SECOND,
    600 * SECOND,
    900 * SECOND,
    1_800 * SECOND,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
];

/// Returns the least width at which a range takes no more than `most` bars: one that people count in, or a multiple of
/// thirty days.
fn width(range: i64, most: usize) -> i64 {
    let most = i64::try_from(most).unwrap_or(1).max(1);
    let least = range.max(1).saturating_add(most - 1).div_euclid(most);
    let months = least.saturating_add(30 * DAY - 1).div_euclid(30 * DAY).saturating_mul(30 * DAY);
    WIDTHS.into_iter().find(|width| *width >= least).unwrap_or(months)
}

#[cfg(test)]
mod tests {
    use super::{DAY, Histogram, SECOND, width};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn bars_cover_the_range(from in 0..i64::MAX, range in 0..i64::MAX, most in 1_usize..240) {
            let to = from.saturating_add(range);
            let histogram = Histogram::empty(from, to, most);
            prop_assert!(histogram.bars.len() <= most + 1);
            prop_assert!(histogram.start <= from && histogram.start.saturating_add(histogram.width) > from);
            let end = histogram.start.saturating_add(histogram.width.saturating_mul(histogram.bars.len() as i64));
            prop_assert!(end >= to);
        }
    }

    #[test]
    fn widths_are_those_people_count_in() {
        assert_eq!(width(0, 60), SECOND);
        assert_eq!(width(60 * SECOND, 60), SECOND);
        assert_eq!(width(61 * SECOND, 60), 2 * SECOND);
        assert_eq!(width(DAY, 96), 900 * SECOND);
        assert_eq!(width(365 * DAY, 96), 7 * DAY);
        assert_eq!(width(3_650 * DAY, 96), 60 * DAY);
    }
}
