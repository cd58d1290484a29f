//! Reading: buckets of the calendar, put together from whole days where they fit and quarters of an hour where not.

use super::super::columns::{Column, Filter, Predicate, resolve};
use super::super::db::{Db, params};
use super::super::{StoreError, names};
use super::calendar::Calendar;
use super::dimensions::{Dimensions, GroupBy};
use super::totals::Totals;
use super::{DAY_S, Level};
use std::collections::{HashMap, HashSet};

/// Buckets of all histograms, 8 bytes each, that one bucket of the calendar may take to answer.
const MAX_HISTOGRAM: usize = 8_000_000;
/// Those after which a page ends.
const PAGE_HISTOGRAM: usize = 2_000_000;
/// Combinations whose group is remembered while reading.
const REMEMBERED: usize = 200_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct UsageQuery {
    /// All must hold.
    pub filters: Vec<Filter>,
    /// From this second on: a whole number of [`super::QUARTER_S`].
    pub from: i64,
    /// Before this second, likewise.
    pub to: i64,
    /// How time is divided.
    pub calendar: Calendar,
    /// How results are told apart.
    pub groups: Vec<GroupBy>,
    /// Whether histograms are read.
    pub percentiles: bool,
    /// Most buckets of the calendar in a page.
    pub buckets: usize,
    /// Results after which a page ends; a bucket is never divided.
    pub page_rows: usize,
    /// Most results of one bucket.
    pub bucket_rows: usize,
}

#[cfg(test)]
impl UsageQuery {
    /// All of the day of UTC that begins at this second.
    pub(in crate::store) fn of_day(from: i64) -> Self {
        Self {
            filters: Vec::new(),
            from,
            to: from + super::DAY_S,
            calendar: Calendar { zone: jiff::tz::TimeZone::UTC, width: super::Width::Day },
            groups: Vec::new(),
            percentiles: true,
            buckets: 1,
            page_rows: 1,
            bucket_rows: 1,
        }
    }
}

/// One result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// In the order of the query's groups; `None` where a record has no value.
    pub values: Vec<Option<String>>,
    /// What was counted.
    pub totals: Totals,
}

/// The results of one bucket of the calendar, in the order of their values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageBucket {
    /// First second.
    pub start: i64,
    /// The second after the last one.
    pub end: i64,
    /// One for each group that was seen.
    pub rows: Vec<UsageRow>,
}

/// Buckets in order of time, those without results too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UsagePage {
    /// The buckets.
    pub buckets: Vec<UsageBucket>,
    /// `from` of the next page, if there is more.
    pub next: Option<i64>,
}

/// The page that begins with `query.from`.
///
/// # Errors
/// The store cannot be read, or not in time, or a bucket has more results than it may.
pub fn usage(db: &Db, query: &UsageQuery) -> Result<UsagePage, StoreError> {
    let mut page = UsagePage::default();
    let mut reader = Reader::of(db, query, &query.groups)?;
    let (mut start, mut rows, mut histograms) = (query.from, 0_usize, 0_usize);
    while start < query.to {
        if page.buckets.len() >= query.buckets || rows >= query.page_rows || histograms >= PAGE_HISTOGRAM {
            page.next = Some(start);
            break;
        }
        let end = query.calendar.end(start).map_or(query.to, |end| end.min(query.to));
        let bucket = UsageBucket { start, end, rows: reader.bucket(start, end)? };
        rows = rows.saturating_add(bucket.rows.len());
        histograms = histograms.saturating_add(reader.histograms);
        page.buckets.push(bucket);
        start = end;
    }
    Ok(page)
}

impl UsagePage {
    /// The sum of its results.
    #[must_use]
    pub fn total(&self) -> Totals {
        let mut total = Totals::default();
        self.buckets.iter().flat_map(|bucket| &bucket.rows).for_each(|row| total.merge(&row.totals));
        total
    }
}

/// Everything from `query.from` to `query.to` as one.
///
/// # Errors
/// As for [`usage`].
pub fn usage_total(db: &Db, query: &UsageQuery) -> Result<Totals, StoreError> {
    let rows = Reader::of(db, query, &[])?.bucket(query.from, query.to)?;
    Ok(rows.into_iter().next().map(|row| row.totals).unwrap_or_default())
}

struct Reader<'a> {
    db: &'a Db,
    query: &'a UsageQuery,
    groups: &'a [GroupBy],
    /// `None` if no record can match.
    predicates: Option<Vec<Predicate>>,
    /// The group of each combination that was met; none if it does not match.
    known: HashMap<Vec<u8>, Option<usize>>,
    numbers: HashMap<Vec<i64>, usize>,
    texts: HashMap<i64, String>,
    /// Groups that were found in the calendar's bucket, and the buckets of their histograms.
    found: usize,
    histograms: usize,
}

impl<'a> Reader<'a> {
    fn of(db: &'a Db, query: &'a UsageQuery, groups: &'a [GroupBy]) -> Result<Self, StoreError> {
        let predicates = resolve(db, &query.filters)?;
        let (known, numbers, texts) = (HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Self { db, query, groups, predicates, known, numbers, texts, found: 0, histograms: 0 })
    }

    fn bucket(&mut self, start: i64, end: i64) -> Result<Vec<UsageRow>, StoreError> {
        if self.predicates.is_none() {
            return Ok(Vec::new());
        }
        (self.found, self.histograms) = (0, 0);
        let mut found = Vec::new();
        for (level, from, to) in cover(start, end) {
            self.span(level, from, to, &mut found)?;
        }
        self.rows(found)
    }

    fn span(&mut self, level: Level, from: i64, to: i64, found: &mut Vec<Totals>) -> Result<(), StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT combination, totals FROM usage_rollups WHERE level = ?1 AND start >= ?2 AND start < ?3",
        )?;
        let mut rows = select.query(params![level as i64, from, to])?;
        while let Some(row) = rows.next()? {
            let damaged = |_| StoreError::Damaged;
            if let Some(group) = self.group(row.get_ref(0)?.as_blob().map_err(damaged)?)? {
                self.add(found, group, row.get_ref(1)?.as_blob().map_err(damaged)?)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, found: &mut Vec<Totals>, group: usize, row: &[u8]) -> Result<(), StoreError> {
        if found.len() <= group {
            found.resize(group.saturating_add(1), Totals::default());
        }
        let Some(totals) = found.get_mut(group) else { return Err(StoreError::TooMuch) };
        let before = totals.histogram_buckets();
        self.found += usize::from(totals.is_empty());
        totals.merge_bytes(row, self.query.percentiles)?;
        self.histograms += totals.histogram_buckets() - before;
        let much = self.found > self.query.bucket_rows || self.histograms > MAX_HISTOGRAM;
        if much { Err(StoreError::TooMuch) } else { Ok(()) }
    }

    /// The number of a combination's group, if it matches.
    fn group(&mut self, combination: &[u8]) -> Result<Option<usize>, StoreError> {
        if let Some(group) = self.known.get(combination) {
            return Ok(*group);
        }
        let dimensions = Dimensions::from_bytes(combination)?;
        let matches = self.predicates.iter().flatten().all(|one| one.holds(|column| dimensions.get(column)));
        let group = matches.then(|| self.number(self.groups.iter().map(|by| dimensions.group(*by)).collect()));
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(combination.to_vec(), group);
        Ok(group)
    }

    fn number(&mut self, values: Vec<i64>) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(values).or_insert(next)
    }

    fn rows(&mut self, mut found: Vec<Totals>) -> Result<Vec<UsageRow>, StoreError> {
        let numbers = std::mem::take(&mut self.numbers);
        let mut taken = |number: usize| found.get_mut(number).filter(|totals| !totals.is_empty()).map(std::mem::take);
        let seen: Vec<_> = numbers.iter().filter_map(|(values, number)| Some((values, taken(*number)?))).collect();
        self.learn(seen.iter().map(|(values, _)| *values))?;
        let texts = |values: &[i64]| self.groups.iter().zip(values).map(|(by, value)| self.text(*by, *value)).collect();
        let mut rows: Vec<_> =
            seen.into_iter().map(|(values, totals)| UsageRow { values: texts(values), totals }).collect();
        rows.sort_by(|one, other| one.values.cmp(&other.values));
        self.numbers = numbers;
        Ok(rows)
    }

    /// Learns the names among the values of groups.
    fn learn<'v>(&mut self, all: impl Iterator<Item = &'v Vec<i64>>) -> Result<(), StoreError> {
        let mut unknown = HashSet::new();
        for (by, value) in all.flat_map(|values| self.groups.iter().zip(values)) {
            if by.is_name() && !self.texts.contains_key(value) {
                unknown.insert(*value);
            }
        }
        self.texts.extend(names::texts(self.db, &unknown)?);
        Ok(())
    }

    fn text(&self, by: GroupBy, value: i64) -> Option<String> {
        match by {
            GroupBy::StatusClass => (value > 0).then(|| format!("{value}xx")),
            GroupBy::Value(Column::Status) => Some(value.to_string()),
            GroupBy::Value(_) => self.texts.get(&value).cloned(),
        }
    }
}

/// Whole days of UTC, and the quarters of an hour before and after them.
fn cover(start: i64, end: i64) -> impl Iterator<Item = (Level, i64, i64)> {
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
    use super::super::QUARTER_S;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]
        #[test]
        fn spans_follow_one_another_and_use_each_whole_day(start in 0..2_000_i64, length in 1..2_000_i64) {
            let (start, end) = (start * QUARTER_S, (start + length) * QUARTER_S);
            let mut at = start;
            for (level, from, to) in cover(start, end) {
                prop_assert_eq!(from, at);
                prop_assert_eq!((from % level.seconds(), to % level.seconds()), (0, 0));
                prop_assert!(level == Level::Day || to - from < 2 * DAY_S);
                at = to;
            }
            prop_assert_eq!(at, end);
        }
    }
}
