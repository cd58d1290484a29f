//! Lists the use of each limit and budget by subject, the fullest counts first.
//!
//! The order is kept in an index, so that a page out of 100,000 subjects reads only its own rows. It is the order of the
//! use that proxies reported last. Reservations are added from memory when a page is made.

use super::count::{Count, CountedRule, Window};
use super::counts::CONCURRENCY;
use super::thresholds::subject_of;
use super::units::{SEPARATOR, amount, now_ms, split_subject};
use super::{Limits, State, lock, meter_of};
use headgate_collector_db::{self as db, Db, Row, StoreError, Value as Sql, params_from_iter};
use headgate_limits::{Fleet, Kind, Rule, Unit};
use std::collections::HashMap;

/// The fill at which a count is close to its maximum, in hundredths of a percent.
const CLOSE: i64 = 8_000;

/// A query for one page of limits or budgets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CountQuery {
    /// Whether budgets are listed instead of limits.
    pub budgets: bool,
    /// Whether past windows are listed too.
    pub past: bool,
    /// The id of the rule.
    pub id: Option<String>,
    /// One of the subject's values.
    pub subject: Option<String>,
    /// The name of the meter.
    pub meter: Option<String>,
    /// The least use, in percent.
    pub min_percent: Option<u32>,
    /// The most entries.
    pub limit: usize,
    /// The place where the last page ended.
    pub after: Option<CountCursor>,
}

/// A place in the order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountCursor {
    /// The fill, in hundredths of a percent.
    pub fill: i64,
    /// The number of the count.
    pub count: i64,
}

/// A page of counts.
#[derive(Debug, Default)]
pub struct CountPage {
    /// The entries.
    pub entries: Vec<Count>,
    /// The place where the next page begins, if there is one.
    pub next: Option<CountCursor>,
}

struct ListedCount {
    cursor: CountCursor,
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
    /// Returns a page of the counts.
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
    let next = found.last().filter(|_| has_more).map(|listed| listed.cursor);
    let mut rules = HashMap::new();
    let mut with_rules = Vec::with_capacity(found.len());
    for listed in found {
        let name = (listed.rule.clone(), listed.revision);
        let rule = match rules.get(&name) {
            Some(known) => Option::clone(known),
            None => super::rules::rule_of(db, &listed.rule, listed.revision)?,
        };
        rules.insert(name, rule.clone());
        with_rules.push((listed, rule));
    }
    let shared = shared_fleet(db, &with_rules)?;
    let now_ms = amount(db.now_us()?) / 1_000;
    let state = lock(state);
    let view = FleetView { fleet: shared.as_ref().unwrap_or(&state.fleet), now_ms };
    let entries = with_rules.iter().map(|(listed, rule)| entry(listed, rule.as_ref(), &view, query.budgets));
    Ok(CountPage { entries: entries.collect(), next })
}

/// The state of the fleet, for reservations and proxies of a count.
struct FleetView<'a> {
    fleet: &'a Fleet,
    now_ms: u64,
}

/// Returns the shared state of these counts if several collectors use the store.
fn shared_fleet(db: &Db, with_rules: &[(ListedCount, Option<(Rule, String)>)]) -> Result<Option<Fleet>, StoreError> {
    let mut fleet = Fleet::new(0);
    for (listed, _) in with_rules {
        if let Some(windows) = super::proxies::windows(db, &listed.rule, &listed.meter, &listed.subject)? {
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
    // One more than the page's limit shows whether more counts follow.
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
    /// Adds a comparison of `term` with `value`.
    fn add(&mut self, term: &str, value: Sql) {
        let value = self.value(value);
        self.sql.push_str(&format!(" AND {term} {value}"));
    }

    /// Adds the condition that `part` is one of the parts joined in `column`.
    fn add_part(&mut self, column: &str, part: &str) {
        let separator = self.value(Sql::Text(SEPARATOR.to_string()));
        let part = self.value(Sql::Text(format!("{SEPARATOR}{part}{SEPARATOR}")));
        self.sql.push_str(&format!(" AND instr({separator} || {column} || {separator}, {part}) > 0"));
    }

    /// Adds the condition that a count comes behind a place in the order.
    fn add_before(&mut self, cursor: CountCursor) {
        let (fill, count) = (self.value(Sql::Integer(cursor.fill)), self.value(Sql::Integer(cursor.count)));
        self.sql.push_str(&format!(" AND (fill, count) < ({fill}, {count})"));
    }

    /// Adds a value and returns its parameter.
    fn value(&mut self, value: Sql) -> String {
        self.values.push(value);
        format!("?{}", self.values.len())
    }
}

fn read(row: &Row<'_>) -> db::Result<ListedCount> {
    let (meter, end): (String, i64) = (row.get(3)?, row.get(6)?);
    Ok(ListedCount {
        cursor: CountCursor { fill: row.get(0)?, count: row.get(1)? },
        rule: row.get(2)?,
        subject: split_subject(&row.get::<_, String>(4)?),
        start: amount(row.get(5)?),
        end: (end != i64::MAX && meter != CONCURRENCY).then_some(amount(end)),
        meter,
        max: amount(row.get(7)?),
        used: amount(row.get(8)?),
        told: row.get(9)?,
        revision: row.get(10)?,
    })
}

fn entry(listed: &ListedCount, rule: Option<&(Rule, String)>, view: &FleetView<'_>, budget: bool) -> Count {
    let ListedCount { rule: id, meter, subject, start, .. } = listed;
    let reserved = view.fleet.open(id, meter, subject, *start, view.now_ms);
    let fill = if meter == CONCURRENCY { super::counts::fill(reserved, listed.max) } else { listed.cursor.fill };
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
        proxies: view.fleet.users(id, meter, subject, *start, view.now_ms),
        revision: rule.map(|(_, revision)| revision.clone()),
        rule: rule_of.map(CountedRule::of),
    }
}

/// Converts hundredths of a percent to percent.
fn percent(fill: i64) -> f64 {
    i32::try_from(fill).map_or(f64::from(i32::MAX), f64::from) / 100.0
}

/// Formats nano-USD as USD with at least two decimal places: `12.34`.
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
    fn money_shows_every_nano_usd_and_two_decimals() {
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
    fn every_list_walks_an_index_in_page_order() {
        let folder = tempfile::tempdir().unwrap();
        let db = headgate_collector_store::open_writer(folder.path()).unwrap();
        let plain = CountQuery { limit: 50, ..CountQuery::default() };
        let budgets = CountQuery { budgets: true, ..plain.clone() };
        let after = Some(CountCursor { fill: 7, count: 9 });
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
