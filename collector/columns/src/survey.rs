//! A survey: facets, histogram and counts of one search, from one scan. A scan for each would read the same columns several times.

use super::facets::{FacetQuery, Facets, ValueCounts};
use super::filter::{Predicate, resolve, with_time_range};
use super::histogram::{Histogram, HistogramQuery, MAX_BARS, SUMMED};
use super::mask::Mask;
use super::position::Direction;
use super::row_values::Column;
use super::scan::Scan;
use super::segments::Segments;
use super::selected::Selected;
use super::view::SegmentView;
use headgate_collector_db::{Db, StoreError};

/// A query for a survey.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SurveyQuery {
    /// The conditions, the range of time, and the facets.
    pub facets: FacetQuery,
    /// Most bars of the histogram, up to [`MAX_BARS`]; 0 for none.
    pub bars: usize,
    /// Ranges of time whose matching records are counted, µs, each without its end.
    pub ranges: Vec<(i64, i64)>,
}

/// The findings of a search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// The total and the facets.
    pub facets: Facets,
    /// The histogram, if it was asked for.
    pub histogram: Histogram,
    /// The matching records of each range.
    pub counts: Vec<u64>,
}

/// Surveys the records that match.
///
/// # Errors
/// The store cannot be read, or the query takes too long.
pub fn survey(db: &Db, query: &SurveyQuery) -> Result<Survey, StoreError> {
    let FacetQuery { filters, from, to, columns, names } = &query.facets;
    let mut segments = Scan { from: *from, to: *to, positions: (1, i64::MAX) }.segments(db, Direction::Up)?;
    let mut found = Found {
        total: 0,
        values: columns.iter().map(|column| ValueCounts::of(*column)).collect(),
        histogram: empty(&mut segments, query)?,
        counts: vec![0; query.ranges.len()],
    };
    if let Some(predicates) = resolve(db, &with_time_range(filters, *from, *to))? {
        segments.for_each(&read_columns(&predicates, query), |view| {
            found.add(view, &predicates, &query.ranges)?;
            Ok(true)
        })?;
    }
    let facets = found.values.into_iter().map(|values| values.facet(db, *names)).collect::<Result<_, _>>()?;
    let facets = Facets { total: found.total, columns: facets };
    Ok(Survey { facets, histogram: found.histogram.unwrap_or_default(), counts: found.counts })
}

/// Counts the records that match and their values. Absent values are left out.
///
/// # Errors
/// The store cannot be read, or the query takes too long.
pub fn facets(db: &Db, query: &FacetQuery) -> Result<Facets, StoreError> {
    let query = SurveyQuery { facets: query.clone(), ..SurveyQuery::default() };
    Ok(survey(db, &query)?.facets)
}

/// Counts the records that match by their start.
///
/// # Errors
/// The store cannot be read, or the query takes too long.
pub fn histogram(db: &Db, query: &HistogramQuery) -> Result<Histogram, StoreError> {
    let HistogramQuery { filters, from, to, bars } = query.clone();
    let facets = FacetQuery { filters, from, to, ..FacetQuery::default() };
    let query = SurveyQuery { facets, bars: bars.max(1), ranges: Vec::new() };
    Ok(survey(db, &query)?.histogram)
}

/// Returns a histogram without records; `None` if there is none to fill.
fn empty(segments: &mut Segments<'_>, query: &SurveyQuery) -> Result<Option<Histogram>, StoreError> {
    if query.bars == 0 {
        return Ok(None);
    }
    let (from, to) = match (query.facets.from, query.facets.to) {
        (Some(from), Some(to)) => (from, to),
        (from, to) => match (segments.started()?, from.or(to)) {
            (Some((oldest, newest)), _) => (from.unwrap_or(oldest), to.unwrap_or(newest.saturating_add(1))),
            (None, Some(bound)) => (bound, bound),
            (None, None) => return Ok(None),
        },
    };
    Ok(Some(Histogram::empty(from, to, query.bars.min(MAX_BARS))))
}

/// Returns the columns whose heads most segments need. The start of records is seldom needed.
fn read_columns(predicates: &[Predicate], query: &SurveyQuery) -> Vec<Column> {
    let of_predicates = predicates.iter().flat_map(Predicate::columns);
    let summed = SUMMED.into_iter().take(if query.bars == 0 { 0 } else { usize::MAX });
    let mut columns: Vec<_> = of_predicates.chain(query.facets.columns.iter().copied()).chain(summed).collect();
    columns.sort_unstable();
    columns.dedup();
    columns.retain(|column| *column != Column::StartedAt);
    columns
}

/// The findings of the scan so far.
struct Found {
    total: u64,
    values: Vec<ValueCounts>,
    histogram: Option<Histogram>,
    counts: Vec<u64>,
}

impl Found {
    fn add(
        &mut self,
        view: &SegmentView<'_>,
        predicates: &[Predicate],
        ranges: &[(i64, i64)],
    ) -> Result<(), StoreError> {
        let mask = view.matching(predicates)?;
        let selected = Selected::of(&mask, view);
        self.total += selected.count;
        self.values.iter_mut().try_for_each(|values| values.add(view, predicates, &selected))?;
        if mask == Mask::Nothing {
            return Ok(());
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.add(view, &selected)?;
        }
        for (count, range) in self.counts.iter_mut().zip(ranges) {
            *count += selected.started_in(view, *range)?;
        }
        Ok(())
    }
}
