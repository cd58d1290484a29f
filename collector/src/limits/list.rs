//! What is used of each limit and budget, by subject: those nearest to their end first.
//!
//! The order is kept in an index, so that a page of 100,000 subjects reads a page's worth of them. It is the order of
//! what is used, as proxies reported it last; what is reserved is added from memory when a page is made.

use super::count::{Count, CountedRule, Window};
use super::counts::CONCURRENCY;
use super::crossings::subject_of;
use super::{Limits, SEPARATOR, State, amount, lock, meter_of, now_ms, parted};
use crate::store::StoreError;
use crate::store::db::{self, Db, Row, Value as Sql, params_from_iter};
use headgate_limits::{Fleet, Kind, Rule, Unit};
use std::collections::HashMap;

/// From here on a count is close to its end, hundredths of a percent.
const CLOSE: i64 = 8_000;

/// One page of limits or budgets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountQuery {
    /// Budgets; otherwise limits.
    pub budgets: bool,
    /// Past windows too.
    pub past: bool,
    /// Id of the rule.
    pub id: Option<String>,
    /// One of the subject's values.
    pub subject: Option<String>,
    /// Name of the meter.
    pub meter: Option<String>,
    /// Used at least this, percent.
    pub min_percent: Option<u32>,
    /// Most entries.
    pub limit: usize,
    /// Where the last page ended.
    pub after: Option<Place>,
}

/// A place in the order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Hundredths of a percent.
    pub fill: i64,
    /// Number of the count.
    pub count: i64,
}

/// Counts.
#[derive(Debug, Default)]
pub struct CountPage {
    /// The entries.
    pub entries: Vec<Count>,
    /// Where the next page begins, if there is one.
    pub next: Option<Place>,
}

struct Listed {
    place: Place,
    rule: String,
    meter: String,
    subject: Vec<String>,
    start: u64,
    end: Option<u64>,
    max: u64,
    used: u64,
    told: Vec<u8>,
    revision: i64,
}

impl Limits {
    /// A page of the counts.
    ///
    /// # Errors
    /// The store cannot be read, or not in time.
    pub async fn list(&self, query: CountQuery) -> Result<CountPage, StoreError> {
        let state = std::sync::Arc::clone(&self.state);
        self.readers.query(move |db| page(db, &query, &state)).await
    }
}

fn page(db: &Db, query: &CountQuery, state: &std::sync::Mutex<State>) -> Result<CountPage, StoreError> {
    let (sql, values) = statement(query);
    let mut select = db.prepare_cached(&sql)?;
    let mut found = select.query_map(params_from_iter(values), read)?.collect::<Result<Vec<_>, _>>()?;
    let has_more = found.len() > query.limit;
    found.truncate(query.limit);
    let next = found.last().filter(|_| has_more).map(|listed| listed.place);
    let mut rules = HashMap::new();
    let mut described = Vec::with_capacity(found.len());
    for listed in found {
        let name = (listed.rule.clone(), listed.revision);
        let rule = match rules.get(&name) {
            Some(known) => Option::clone(known),
            None => super::rules::rule_of(db, &listed.rule, listed.revision)?,
        };
        rules.insert(name, rule.clone());
        described.push((listed, rule));
    }
    let shared = shared_fleet(db, &described)?;
    let now_ms = amount(db.now_us()?) / 1_000;
    let state = lock(state);
    let seen = Seen { fleet: shared.as_ref().unwrap_or(&state.fleet), now_ms };
    let entries = described.iter().map(|(listed, rule)| entry(listed, rule.as_ref(), &seen, query.budgets));
    Ok(CountPage { entries: entries.collect(), next })
}

/// What is reserved now.
struct Seen<'a> {
    fleet: &'a Fleet,
    now_ms: u64,
}

/// What all collectors know of these counts, where there are several.
fn shared_fleet(db: &Db, described: &[(Listed, Option<(Rule, String)>)]) -> Result<Option<Fleet>, StoreError> {
    let mut fleet = Fleet::new(0);
    for (listed, _) in described {
        if let Some(windows) = super::members::windows(db, &listed.rule, &listed.meter, &listed.subject)? {
            fleet.know(&listed.rule, &listed.meter, &listed.subject, windows);
        }
    }
    Ok(db.is_shared().then_some(fleet))
}

fn statement(query: &CountQuery) -> (String, Vec<Sql>) {
    let now_s = Sql::Integer(i64::try_from(now_ms() / 1_000).unwrap_or(i64::MAX));
    let mut all = Terms { sql: format!("budget = {}", i64::from(query.budgets)), values: Vec::new() };
    if !query.past {
        all.add("current = 1 AND window_end >", now_s.clone());
        all.add("window_start <=", now_s);
    }
    if let Some(id) = &query.id {
        all.add("rule =", Sql::Text(id.clone()));
    }
    if let Some(meter) = &query.meter {
        all.add("meter =", Sql::Text(meter.clone()));
    }
    if let Some(subject) = &query.subject {
        all.add_part("subject", subject);
    }
    if let Some(percent) = query.min_percent {
        all.add("fill >=", Sql::Integer(i64::from(percent) * 100));
    }
    if let Some(after) = query.after {
        all.add_before(after);
    }
    // One more than asked for tells whether there is more.
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX).saturating_add(1);
    let sql = format!(
        "SELECT fill, count, rule, meter, subject, window_start, window_end, max, used, told, revision
         FROM limit_counts WHERE {} ORDER BY fill DESC, count DESC LIMIT {limit}",
        all.sql
    );
    (sql, all.values)
}

/// Terms that must all hold, and the values of their parameters in order.
struct Terms {
    sql: String,
    values: Vec<Sql>,
}

impl Terms {
    /// `term` compares with `value`.
    fn add(&mut self, term: &str, value: Sql) {
        let value = self.value(value);
        self.sql.push_str(&format!(" AND {term} {value}"));
    }

    /// One of the parts that are joined in `column`.
    fn add_part(&mut self, column: &str, part: &str) {
        let separator = self.value(Sql::Text(SEPARATOR.to_string()));
        let part = self.value(Sql::Text(format!("{SEPARATOR}{part}{SEPARATOR}")));
        self.sql.push_str(&format!(" AND instr({separator} || {column} || {separator}, {part}) > 0"));
    }

    /// What comes behind a place.
    fn add_before(&mut self, place: Place) {
        let (fill, count) = (self.value(Sql::Integer(place.fill)), self.value(Sql::Integer(place.count)));
        self.sql.push_str(&format!(" AND (fill, count) < ({fill}, {count})"));
    }

    /// Takes a value; gives its parameter.
    fn value(&mut self, value: Sql) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }
}

fn read(row: &Row<'_>) -> db::Result<Listed> {
    let (meter, end): (String, i64) = (row.get(3)?, row.get(6)?);
    Ok(Listed {
        place: Place { fill: row.get(0)?, count: row.get(1)? },
        rule: row.get(2)?,
        subject: parted(&row.get::<_, String>(4)?),
        start: amount(row.get(5)?),
        end: (end != i64::MAX && meter != CONCURRENCY).then_some(amount(end)),
        meter,
        max: amount(row.get(7)?),
        used: amount(row.get(8)?),
        told: row.get(9)?,
        revision: row.get(10)?,
    })
}

fn entry(listed: &Listed, rule: Option<&(Rule, String)>, seen: &Seen<'_>, budget: bool) -> Count {
    let Listed { rule: id, meter, subject, start, .. } = listed;
    let reserved = seen.fleet.open(id, meter, subject, *start, seen.now_ms);
    let fill = if meter == CONCURRENCY { super::counts::fill(reserved, listed.max) } else { listed.place.fill };
    let rule_of = rule.map(|(rule, _)| rule);
    let warned = rule_of.is_some_and(|rule| rule.warn_at.iter().any(|percent| fill >= i64::from(*percent) * 100));
    let money = meter_of(meter).is_some_and(|meter| meter.unit == Unit::NanoUsd);
    let usd = |nano_usd| money.then(|| usd(nano_usd));
    Count {
        id: id.clone(),
        kind: if budget { Kind::Budget } else { Kind::Limit },
        meter: meter.clone(),
        subject: rule_of.map(|rule| subject_of(rule, subject)),
        window: Window { start: *start, end: listed.end },
        used: listed.used,
        reserved,
        max: listed.max,
        used_usd: usd(listed.used),
        reserved_usd: usd(reserved),
        max_usd: usd(listed.max),
        percent: percent(fill),
        close: fill >= CLOSE || warned,
        told: listed.told.clone(),
        proxies: seen.fleet.users(id, meter, subject, *start, seen.now_ms),
        revision: rule.map(|(_, revision)| revision.clone()),
        rule: rule_of.map(CountedRule::of),
    }
}

/// Hundredths of a percent as percent.
fn percent(fill: i64) -> f64 {
    i32::try_from(fill).map_or(f64::from(i32::MAX), f64::from) / 100.0
}

/// Nano-USD as USD: `12.34`, at least two places.
fn usd(nano_usd: u64) -> String {
    let digits = format!("{}.{:09}", nano_usd / 1_000_000_000, nano_usd % 1_000_000_000);
    let shortest = digits.trim_end_matches('0').len();
    let two_places = digits.len() - 7;
    digits.chars().take(shortest.max(two_places)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_to_the_last_nano_usd_and_at_least_in_cents() {
        let cases = [
            (0, "0.00"),
            (1, "0.000000001"),
            (12_340_000_000, "12.34"),
            (12_345_000_000, "12.345"),
            (5_000_000_000, "5.00"),
        ];
        for (nano_usd, text) in cases {
            assert_eq!(usd(nano_usd), text);
        }
    }

    #[test]
    fn every_list_walks_an_index_in_the_order_of_the_page() {
        let folder = tempfile::tempdir().unwrap();
        let db = crate::store::open_writer(folder.path()).unwrap();
        let plain = CountQuery { limit: 50, ..CountQuery::default() };
        let budgets = CountQuery { budgets: true, ..plain.clone() };
        let after = Some(Place { fill: 7, count: 9 });
        let queries = [
            CountQuery { after, ..plain.clone() },
            CountQuery { min_percent: Some(80), ..budgets.clone() },
            CountQuery { id: Some("a".to_owned()), after, ..budgets.clone() },
            CountQuery { subject: Some("a".to_owned()), ..budgets.clone() },
            CountQuery { meter: Some("a".to_owned()), ..plain.clone() },
            CountQuery { past: true, after, ..budgets.clone() },
            plain,
            budgets,
        ];
        for query in queries {
            let (sql, values) = statement(&query);
            let mut explain = db.prepare_cached(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let steps = explain.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
            let steps = steps.map(Result::unwrap).collect::<Vec<_>>().join("; ");
            let index = if query.id.is_some() { "INDEX limit_counts_rule" } else { "INDEX limit_counts_" };
            assert!(steps.contains(index), "{query:?}: {steps}");
            assert!(!steps.contains("TEMP B-TREE"), "{query:?}: {steps}");
        }
    }
}
