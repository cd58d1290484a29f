//! Reads usage: buckets of the calendar, composed of whole days where they fit and quarters of an hour elsewhere.
//!
//! Adjacent spans are read together, whichever buckets they belong to, because each statement is a round trip to a server
//! and a year has 8760 hours. Rows are read in batches, because a server returns the whole result of a statement at once.

use super::dimensions::{Dimensions, GroupBy};
use super::page_builder::PageBuilder;
use super::query::{UsageBucket, UsagePage, UsageQuery, UsageRow};
use super::spans::{Span, spans};
use super::totals::Totals;
use headgate_collector_columns::{Column, Predicate, dictionary, resolve};
use headgate_collector_db::{Db, Rows, StoreError, params};
use std::collections::{HashMap, HashSet};

/// The most buckets of all histograms, of 8 bytes each, that one bucket of the calendar may need.
const MAX_HISTOGRAM: usize = 8_000_000;
/// The rows that are read at a time.
const BATCH: i64 = 8_192;
/// Reads the rows of a level after a place, in order.
const ROWS: &str = "SELECT start, combination, totals FROM usage_rollups
    WHERE level = ?1 AND (start, combination) > (?2, ?3) AND start < ?4 ORDER BY start, combination LIMIT ?5";
/// The most combinations with a cached group. When there are more, the cache is emptied.
const MAX_CACHED_GROUPS: usize = 200_000;

/// Returns the page that begins with `query.from`.
///
/// # Errors
/// The store cannot be read, or not in time, or a bucket has too many results.
pub fn usage(db: &Db, query: &UsageQuery) -> Result<UsagePage, StoreError> {
    UsageReader::new(db, query, &query.groups)?.page(&buckets(query))
}

/// Returns the buckets of the calendar, as (start, end), up to the most buckets of a page.
fn buckets(query: &UsageQuery) -> Vec<(i64, i64)> {
    let bucket = |start: i64| {
        let end = query.calendar.end(start).map_or(query.to, |end| end.min(query.to));
        (start < query.to).then_some((start, end))
    };
    std::iter::successors(bucket(query.from), |(_, end)| bucket(*end)).take(query.buckets).collect()
}

/// Returns the sum of all usage from `query.from` to `query.to`.
///
/// # Errors
/// As for [`usage`].
pub fn usage_total(db: &Db, query: &UsageQuery) -> Result<Totals, StoreError> {
    Ok(UsageReader::new(db, query, &[])?.page(&[(query.from, query.to)])?.total())
}

/// Reads the rollups of a query.
struct UsageReader<'a> {
    db: &'a Db,
    query: &'a UsageQuery,
    groups: &'a [GroupBy],
    /// The filters; `None` if no record can match.
    predicates: Option<Vec<Predicate>>,
    /// The groups of combinations by their bytes; `None` for a combination that does not match.
    known: HashMap<Vec<u8>, Option<usize>>,
    /// The number of each group by its values.
    numbers: HashMap<Vec<i64>, usize>,
    /// Texts of names by their ids.
    texts: HashMap<i64, String>,
    /// The groups in the current bucket of the calendar, and the buckets of their histograms.
    groups_found: usize,
    histograms: usize,
}

impl<'a> UsageReader<'a> {
    fn new(db: &'a Db, query: &'a UsageQuery, groups: &'a [GroupBy]) -> Result<Self, StoreError> {
        let predicates = resolve(db, &query.filters)?;
        let (known, numbers, texts) = (HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Self { db, query, groups, predicates, known, numbers, texts, groups_found: 0, histograms: 0 })
    }

    /// Returns buckets from the first on, until the page is full.
    fn page(mut self, buckets: &[(i64, i64)]) -> Result<UsagePage, StoreError> {
        let mut page = PageBuilder { pending: buckets, max_rows: self.query.page_rows, ..PageBuilder::default() };
        for span in spans(buckets) {
            if self.predicates.is_some() && page.bucket().is_some() {
                self.add_span(span, &mut page)?;
            }
        }
        while let Some(bucket) = page.bucket() {
            self.close(bucket, &mut page)?;
        }
        let next = page.done.last().map_or(self.query.to, |bucket| bucket.end);
        Ok(UsagePage { buckets: page.done, next: (next < self.query.to).then_some(next) })
    }

    /// Adds a bucket and its totals to the page.
    fn close(&mut self, (start, end): (i64, i64), page: &mut PageBuilder<'_>) -> Result<(), StoreError> {
        let rows = self.rows(std::mem::take(&mut page.open))?;
        page.rows = page.rows.saturating_add(rows.len());
        page.histograms = page.histograms.saturating_add(self.histograms);
        page.done.push(UsageBucket { start, end, rows });
        page.pending = page.pending.get(1..).unwrap_or_default();
        (self.groups_found, self.histograms) = (0, 0);
        Ok(())
    }

    fn add_span(&mut self, (level, from, to): Span, page: &mut PageBuilder<'_>) -> Result<(), StoreError> {
        let db = self.db;
        let mut select = db.prepare_cached(ROWS)?;
        let mut after = (from, Vec::new());
        loop {
            let rows = select.query(params![level as i64, after.0, after.1, to, BATCH])?;
            match self.add_batch(rows, page)? {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// Adds rows to their buckets. Returns the place of the last row if more may follow.
    fn add_batch(
        &mut self,
        mut rows: Rows<'_>,
        page: &mut PageBuilder<'_>,
    ) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
        let mut left = BATCH;
        while let Some(row) = rows.next()? {
            let damaged = |_| StoreError::Damaged;
            let start = row.get(0)?;
            while let Some(bucket) = page.bucket().filter(|(_, end)| *end <= start) {
                self.close(bucket, page)?;
            }
            if page.bucket().is_none() {
                break;
            }
            let combination = row.get_ref(1)?.as_blob().map_err(damaged)?;
            if let Some(group) = self.group(combination)? {
                self.add_row(&mut page.open, group, row.get_ref(2)?.as_blob().map_err(damaged)?)?;
            }
            left -= 1;
            if left == 0 {
                return Ok(Some((start, combination.to_vec())));
            }
        }
        Ok(None)
    }

    /// Adds the totals of a row to its group in the current bucket.
    fn add_row(&mut self, groups: &mut Vec<Totals>, group: usize, row: &[u8]) -> Result<(), StoreError> {
        if groups.len() <= group {
            groups.resize(group.saturating_add(1), Totals::default());
        }
        let Some(totals) = groups.get_mut(group) else { return Err(StoreError::TooMuch) };
        let before = totals.histogram_buckets();
        self.groups_found += usize::from(totals.is_empty());
        totals.merge_bytes(row, self.query.percentiles)?;
        self.histograms += totals.histogram_buckets() - before;
        let is_too_much = self.groups_found > self.query.bucket_rows || self.histograms > MAX_HISTOGRAM;
        if is_too_much { Err(StoreError::TooMuch) } else { Ok(()) }
    }

    /// Returns the number of a combination's group, if it matches.
    fn group(&mut self, combination: &[u8]) -> Result<Option<usize>, StoreError> {
        if let Some(group) = self.known.get(combination) {
            return Ok(*group);
        }
        let dimensions = Dimensions::from_bytes(combination)?;
        let matches =
            self.predicates.iter().flatten().all(|predicate| predicate.holds(|column| dimensions.get(column)));
        let group = matches.then(|| self.group_number(self.groups.iter().map(|by| dimensions.group(*by)).collect()));
        if self.known.len() >= MAX_CACHED_GROUPS {
            self.known.clear();
        }
        self.known.insert(combination.to_vec(), group);
        Ok(group)
    }

    /// Returns the number of the group with these values, and gives it one if it is new.
    fn group_number(&mut self, values: Vec<i64>) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(values).or_insert(next)
    }

    /// Returns the results of the current bucket, in the order of their values.
    fn rows(&mut self, mut groups: Vec<Totals>) -> Result<Vec<UsageRow>, StoreError> {
        let numbers = std::mem::take(&mut self.numbers);
        let mut take = |number: usize| groups.get_mut(number).filter(|totals| !totals.is_empty()).map(std::mem::take);
        let counted: Vec<_> = numbers.iter().filter_map(|(values, number)| Some((values, take(*number)?))).collect();
        self.load_texts(counted.iter().map(|(values, _)| *values))?;
        let texts = |values: &[i64]| self.groups.iter().zip(values).map(|(by, value)| self.text(*by, *value)).collect();
        let mut rows: Vec<_> =
            counted.into_iter().map(|(values, totals)| UsageRow { values: texts(values), totals }).collect();
        rows.sort_by(|left, right| left.values.cmp(&right.values));
        self.numbers = numbers;
        Ok(rows)
    }

    /// Reads the texts of names among the values of groups.
    fn load_texts<'v>(&mut self, all: impl Iterator<Item = &'v Vec<i64>>) -> Result<(), StoreError> {
        let mut unknown = HashSet::new();
        for (by, value) in all.flat_map(|values| self.groups.iter().zip(values)) {
            if by.is_name() && !self.texts.contains_key(value) {
                unknown.insert(*value);
            }
        }
        self.texts.extend(dictionary::texts(self.db, &unknown)?);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_writer;
    use crate::usage::{Calendar, Counter, Tally};
    use headgate_record::RequestRecord;

    #[test]
    fn a_bucket_may_have_more_rows_than_a_block() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        let (each, day) = (BATCH + 5, 1_767_225_600);
        let mut tally = Tally::default();
        for (hour, key) in (0..3).flat_map(|hour| (0..each).map(move |key| (hour, key))) {
            let mut row_values = [0; Column::ALL.len()];
            row_values[Column::KeyId as usize] = key;
            let second = u64::try_from(day + hour * 3_600).unwrap();
            tally.add(&RequestRecord { started_at: second * 1_000_000, ..RequestRecord::default() }, &row_values);
        }
        tally.write(&db).unwrap();
        let zone = jiff::tz::TimeZone::UTC;
        let hours = Calendar { zone, width: crate::usage::Width::Hour };
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
}
