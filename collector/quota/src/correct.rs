//! Corrections of counts, together with usage.
//!
//! A correction changes the sum that proxies receive. Their next answer carries it, even if the count is then far below
//! its maximum (see `changed_counts`). Thresholds that are no longer reached are cleared, so that a later crossing is reported
//! again.

use super::counts::{self, CONCURRENCY, fill};
use super::thresholds::subject_names;
use super::units::{amount, join_subject};
use super::{Limits, State, lock};
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_store::{
    self as store, Correction, CountChange, UsageChange, UsageCorrected, correct_usage, find_correction,
    store_correction, usage_filters,
};
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Resource};
use headgate_collector_types::clock;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A requested correction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CorrectionRequest {
    /// UUIDv7.
    #[serde(skip)]
    pub id: String,
    /// The reason.
    pub reason: String,
    /// The count to correct.
    pub count: Option<AskedCount>,
    /// The usage to correct.
    pub usage: Option<UsageChange>,
}

/// A correction of the count of a limit or budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskedCount {
    /// Id of the limit or budget.
    #[schemars(length(min = 1, max = 256))]
    pub rule: String,
    /// The meter, such as `nano_usd/month`.
    #[schemars(length(min = 1, max = 64))]
    pub meter: String,
    /// Of whom.
    pub subject: Subject,
    /// First second of the window; the current one without it.
    #[serde(default)]
    pub start: Option<u64>,
    /// The amount to add, in the meter's unit; negative to take away.
    pub amount: i64,
}

/// Of whom something is counted: the values of the rule's `per`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Subject {
    /// In its order; none for a rule without `per`.
    Values(Vec<String>),
    /// By name, as `GET /v1/budgets` shows them.
    Named(BTreeMap<String, String>),
}

/// The outcome of a correction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Corrected {
    /// The correction was made.
    Done(Correction),
    /// The same correction was made before.
    Duplicate(Correction),
    /// Another correction has this id.
    IdTaken,
    /// The store has no count of this subject in this window.
    NoCount,
    /// There is no usage of this kind at that time.
    NoUsage,
    /// This meter or counter would fall below zero or exceed the largest amount. The number is its current value.
    OutOfRange(String, u64),
}

impl Limits {
    /// Makes a correction once for each id, and returns when it is on disk.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn correct(&self, request: CorrectionRequest, by: Actor) -> Result<Corrected, StoreError> {
        let state = Arc::clone(&self.state);
        self.writes.transact(move |tx| lock(&state).correct(tx, &request, by)).await
    }
}

/// A count to be corrected.
struct CountRow {
    number: i64,
    max: u64,
    told: Vec<u8>,
    change: CountChange,
}

impl State {
    fn correct(&mut self, tx: &Db, request: &CorrectionRequest, by: Actor) -> Result<Corrected, StoreError> {
        let text = serde_json::to_string(request).map_err(|_| StoreError::Other)?;
        if let Some((made, before)) = find_correction(tx, &request.id)? {
            return Ok(if before == text { Corrected::Duplicate(made) } else { Corrected::IdTaken });
        }
        let now_us = clock::now_us();
        let count = match &request.count {
            None => None,
            Some(asked) => match find(tx, asked, now_us / 1_000_000)? {
                None => return Ok(Corrected::NoCount),
                Some(mut count) => {
                    let after = count.change.before.checked_add_signed(asked.amount);
                    let Some(after) = after.filter(|after| *after <= i64::MAX as u64) else {
                        return Ok(Corrected::OutOfRange(asked.meter.clone(), count.change.before));
                    };
                    count.change.after = after;
                    Some(count)
                }
            },
        };
        let before = match &request.usage {
            None => BTreeMap::new(),
            // The last check that can refuse the correction. Nothing is written before it.
            Some(change) => match correct_usage(tx, change, &usage_filters(&change.filters))? {
                UsageCorrected::Done(before) => before,
                UsageCorrected::Nothing => return Ok(Corrected::NoUsage),
                UsageCorrected::OutOfRange(counter, there) => {
                    return Ok(Corrected::OutOfRange(counter.to_owned(), there));
                }
            },
        };
        let version = self.write(tx, count.as_ref())?;
        let correction = Correction {
            id: request.id.clone(),
            at: now_us,
            by,
            reason: request.reason.clone(),
            count: count.as_ref().map(|count| count.change.clone()),
            usage: request.usage.clone(),
        };
        store_correction(tx, &correction, &text, count.as_ref().map(|count| count.number), version)?;
        store::append(tx, &entry(&correction, &before))?;
        Ok(Corrected::Done(correction))
    }

    /// Writes a count and returns the version of the counts after it.
    fn write(&mut self, tx: &Db, count: Option<&CountRow>) -> Result<i64, StoreError> {
        let version = counts::version(tx)?;
        let Some(CountRow { number, max, told, change }) = count else { return Ok(version) };
        // As in a report: shares that were given under other counts than those in the store are dropped.
        if self.version.is_some_and(|known| known != version) {
            *self = Self::new();
        }
        let next = version.saturating_add(1);
        let reached = |percent: &u8| u128::from(change.after) * 100 >= u128::from(*max) * u128::from(*percent);
        let (kept, cleared): (Vec<u8>, Vec<u8>) = told.iter().partition(|percent| reached(percent));
        let used = i64::try_from(change.after).unwrap_or(i64::MAX);
        tx.prepare_cached("UPDATE limit_counts SET used = ?2, fill = ?3, told = ?4, version = ?5 WHERE count = ?1")?
            .execute(params![number, used, fill(change.after, *max), kept, next])?;
        let start = i64::try_from(change.start).unwrap_or(i64::MAX);
        for percent in cleared {
            tx.prepare_cached(
                "DELETE FROM limit_crossings WHERE rule = ?1 AND meter = ?2 AND subject = ?3 AND window_start = ?4
                   AND percent = ?5",
            )?
            .execute(params![change.rule, change.meter, join_subject(&change.subject), start, percent])?;
        }
        tx.prepare_cached("UPDATE limit_state SET version = ?1")?.execute([next])?;
        if self.version.is_some() {
            self.version = Some(next);
        }
        Ok(next)
    }
}

fn find(tx: &Db, asked: &AskedCount, now_s: i64) -> Result<Option<CountRow>, StoreError> {
    if asked.meter == CONCURRENCY {
        return Ok(None);
    }
    let Some(subject) = values(tx, asked)? else { return Ok(None) };
    let from = asked.start.map(|start| i64::try_from(start).unwrap_or(i64::MAX));
    let found: Option<(i64, i64, i64, i64, Vec<u8>)> = tx
        .prepare_cached(
            "SELECT count, window_start, max, used, told FROM limit_counts
             WHERE rule = ?1 AND meter = ?2 AND subject = ?3 AND window_start <= ?4
               AND (window_start = ?5 OR (?5 < 0 AND window_end > ?4)) ORDER BY window_start DESC LIMIT 1",
        )?
        .query_row(
            params![asked.rule, asked.meter, join_subject(&subject), from.unwrap_or(now_s), from.unwrap_or(-1)],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
        )
        .optional()?;
    Ok(found.map(|(number, start, max, used, told)| CountRow {
        number,
        max: amount(max),
        told,
        change: CountChange {
            rule: asked.rule.clone(),
            meter: asked.meter.clone(),
            subject,
            start: amount(start),
            amount: asked.amount,
            before: amount(used),
            after: amount(used),
        },
    }))
}

/// Returns the values of a subject in the rule's order.
fn values(tx: &Db, asked: &AskedCount) -> Result<Option<Vec<String>>, StoreError> {
    let named = match &asked.subject {
        // Without `per` there is one count, and its subject is empty.
        Subject::Values(values) if values.is_empty() => return Ok(Some(vec![String::new()])),
        Subject::Values(values) => return Ok(Some(values.clone())),
        Subject::Named(named) if named.is_empty() => return Ok(Some(vec![String::new()])),
        Subject::Named(named) => named,
    };
    let Some((rule, _)) = super::rules::rule_of(tx, &asked.rule, i64::MAX)? else { return Ok(None) };
    let names = subject_names(&rule);
    let values: Vec<String> = names.iter().filter_map(|name| named.get(name).cloned()).collect();
    Ok((values.len() == names.len() && values.len() == named.len()).then_some(values))
}

fn entry(correction: &Correction, usage_before: &BTreeMap<String, u64>) -> Entry {
    let resource = match &correction.count {
        Some(count) => {
            Resource::new(if count.meter.starts_with("nano_usd") { "budget" } else { "limit" }, &*count.rule)
        }
        None => Resource::new("log", "usage"),
    };
    let changed =
        |path: &str, before: Option<Value>, after: Value| Change { path: path.to_owned(), before, after: Some(after) };
    let mut changes =
        vec![changed("reason", None, json!(correction.reason)), changed("correction", None, json!(correction.id))];
    if let Some(count) = &correction.count {
        changes.push(changed("count.meter", None, json!(count.meter)));
        changes.push(changed("count.subject", None, json!(count.subject)));
        changes.push(changed("count.start", None, json!(count.start)));
        changes.push(changed("count.used", Some(json!(count.before)), json!(count.after)));
    }
    if let Some(usage) = &correction.usage {
        changes.push(changed("usage.filters", None, json!(usage.filters)));
        changes.push(changed("usage.time", None, json!({"from": usage.from, "to": usage.to})));
        for (counter, amount) in &usage.amounts {
            let before = usage_before.get(counter).copied().unwrap_or_default();
            let after = json!(before.saturating_add_signed(*amount));
            changes.push(changed(&format!("usage.{counter}"), Some(json!(before)), after));
        }
    }
    Entry::new("correction.created", Operation::Update, correction.by.clone(), resource).with_changes(changes)
}
