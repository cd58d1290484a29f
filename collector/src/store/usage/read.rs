//! Reading: buckets of the calendar, put together from whole days where they fit and quarters of an hour where not.
//!
//! What lies side by side is read together, whatever buckets it falls into: to a database over a network each statement is a
//! journey, and a year has 8760 hours. Some rows at a time, because such a database gives all that it is asked for at once.

use super::super::columns::{Column, Filter, Predicate, resolve};
use super::super::db::{Db, Rows, params};
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
/// Rows that are read at a time.
const BLOCK: i64 = 8_192;
/// The rows of a level after a place, in order.
const ROWS: &str = "SELECT start, combination, totals FROM usage_rollups
    WHERE level = ?1 AND (start, combination) > (?2, ?3) AND start < ?4 ORDER BY start, combination LIMIT ?5";
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
    Reader::of(db, query, &query.groups)?.page(&buckets(query))
}

/// The calendar's buckets, as many as a page may have: where each begins and ends.
fn buckets(query: &UsageQuery) -> Vec<(i64, i64)> {
    let bucket = |start: i64| {
        let end = query.calendar.end(start).map_or(query.to, |end| end.min(query.to));
        (start < query.to).then_some((start, end))
    };
    std::iter::successors(bucket(query.from), |(_, end)| bucket(*end)).take(query.buckets).collect()
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
    Ok(Reader::of(db, query, &[])?.page(&[(query.from, query.to)])?.total())
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

    /// Buckets from the first on, until they are enough for a page.
    fn page(mut self, buckets: &[(i64, i64)]) -> Result<UsagePage, StoreError> {
        let mut filled = Filled { waiting: buckets, most_rows: self.query.page_rows, ..Filled::default() };
        for span in spans(buckets) {
            if self.predicates.is_some() && filled.bucket().is_some() {
                self.span(span, &mut filled)?;
            }
        }
        while let Some(bucket) = filled.bucket() {
            self.close(bucket, &mut filled)?;
        }
        let next = filled.done.last().map_or(self.query.to, |bucket| bucket.end);
        Ok(UsagePage { buckets: filled.done, next: (next < self.query.to).then_some(next) })
    }

    /// Puts a bucket, and what was added to it, into the page.
    fn close(&mut self, (start, end): (i64, i64), filled: &mut Filled<'_>) -> Result<(), StoreError> {
        let rows = self.rows(std::mem::take(&mut filled.open))?;
        filled.rows = filled.rows.saturating_add(rows.len());
        filled.histograms = filled.histograms.saturating_add(self.histograms);
        filled.done.push(UsageBucket { start, end, rows });
        filled.waiting = filled.waiting.get(1..).unwrap_or_default();
        (self.found, self.histograms) = (0, 0);
        Ok(())
    }

    fn span(&mut self, (level, from, to): Span, filled: &mut Filled<'_>) -> Result<(), StoreError> {
        let db = self.db;
        let mut select = db.prepare_cached(ROWS)?;
        let mut after = (from, Vec::new());
        loop {
            let rows = select.query(params![level as i64, after.0, after.1, to, BLOCK])?;
            match self.block(rows, filled)? {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// Adds rows to the buckets that they fall into; the place of the last one, if more may follow.
    fn block(&mut self, mut rows: Rows<'_>, filled: &mut Filled<'_>) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let mut left = BLOCK;
        while let Some(row) = rows.next()? {
            let damaged = |_| StoreError::Damaged;
            let start = row.get(0)?;
            while let Some(bucket) = filled.bucket().filter(|(_, end)| *end <= start) {
                self.close(bucket, filled)?;
            }
            if filled.bucket().is_none() {
                break;
            }
            let combination = row.get_ref(1)?.as_blob().map_err(damaged)?;
            if let Some(group) = self.group(combination)? {
                self.add(&mut filled.open, group, row.get_ref(2)?.as_blob().map_err(damaged)?)?;
            }
            left -= 1;
            if left == 0 {
                return Ok(Some((start, combination.to_vec())));
            }
        }
        Ok(None)
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

/// Buckets on their way into a page.
#[derive(Default)]
struct Filled<'b> {
    done: Vec<UsageBucket>,
    waiting: &'b [(i64, i64)],
    /// What was added to the first that waits.
    open: Vec<Totals>,
    /// Results in the buckets that are done, those after which the page is full, and the buckets of their histograms.
    rows: usize,
    most_rows: usize,
    histograms: usize,
}

impl Filled<'_> {
    /// Where the bucket begins and ends that rows are added to; `None` if the page is full.
    fn bucket(&self) -> Option<(i64, i64)> {
        let is_full = self.rows >= self.most_rows || self.histograms >= PAGE_HISTOGRAM;
        self.waiting.first().copied().filter(|_| !is_full)
    }
}

/// Rows of a level, from one second until before another.
type Span = (Level, i64, i64);

/// What buckets that follow one another consist of, in order of time.
fn spans(buckets: &[(i64, i64)]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (level, from, to) in buckets.iter().flat_map(|(start, end)| cover(*start, *end)) {
        match spans.last_mut() {
            Some((known, _, end)) if *known == level && *end == from => *end = to,
            _ => spans.push((level, from, to)),
        }
    }
    spans
}

/// Whole days of UTC, and the quarters of an hour before and after them.
fn cover(start: i64, end: i64) -> impl Iterator<Item = Span> {
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
    use super::super::{Counter, QUARTER_S, Tally};
    use super::*;
    use crate::store::open_writer;
    use headgate_record::RequestRecord;
    use proptest::prelude::*;

    #[test]
    fn buckets_of_more_rows_than_are_read_at_a_time_have_all_of_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        let (each, day) = (BLOCK + 5, 1_767_225_600);
        let mut tally = Tally::default();
        for (hour, key) in (0..3).flat_map(|hour| (0..each).map(move |key| (hour, key))) {
            let mut cells = [0; Column::ALL.len()];
            cells[Column::KeyId as usize] = key;
            let second = u64::try_from(day + hour * 3_600).unwrap();
            tally.add(&RequestRecord { started_at: second * 1_000_000, ..RequestRecord::default() }, &cells);
        }
        tally.write(&db).unwrap();
        let zone = jiff::tz::TimeZone::UTC;
        let hours = Calendar { zone, width: super::super::Width::Hour };
        let query = UsageQuery { calendar: hours, buckets: 9, page_rows: 9, ..UsageQuery::of_day(day) };
        let page = usage(&db, &query).unwrap();
        let counted: Vec<_> = page
            .buckets
            .iter()
            .map(|bucket| bucket.rows.iter().map(|row| row.totals.get(Counter::Requests)).sum::<u64>())
            .collect();
        let each = u64::try_from(each).unwrap();
        assert_eq!((counted, page.next), (vec![each, each, each, 0, 0, 0, 0, 0, 0], Some(day + 9 * 3_600)));
        let short = usage(&db, &UsageQuery { page_rows: 2, ..query }).unwrap();
        assert_eq!((short.buckets.len(), short.next), (2, Some(day + 2 * 3_600)), "a page ends between two buckets");
    }

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

        #[test]
        fn what_lies_side_by_side_is_read_together_and_nothing_twice(lengths in prop::collection::vec(1..300_i64, 1..60)) {
            let mut at = 0;
            let buckets: Vec<_> = lengths.iter().map(|length| {
                let start = at;
                at += length * QUARTER_S;
                (start, at)
            }).collect();
            let spans = spans(&buckets);
            let whole: Vec<Span> = buckets.iter().flat_map(|(start, end)| cover(*start, *end)).collect();
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
