//! Corrections of counts, and of usage with them.
//!
//! A correction changes the sum that proxies are told; their next answer carries it, also if the count is far from its end by
//! then (`news`). What was told of thresholds that are not reached any more is forgotten, so that they are told again.

use super::counts::{self, CONCURRENCY, fill};
use super::crossings::subject_names;
use super::{Limits, State, amount, joined, lock};
use crate::audit::{self, Actor, Change, Entry, Operation, Resource};
use crate::clock;
use crate::store::db::{Db, OptionalExtension, params};
use crate::store::{
    Correction, CountChange, StoreError, UsageChange, UsageCorrected, correct_usage, find_correction, keep_correction,
    usage_filters,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// UUIDv7.
    #[serde(skip)]
    pub id: String,
    /// Why.
    pub reason: String,
    /// Of a count.
    pub count: Option<AskedCount>,
    /// Of usage.
    pub usage: Option<UsageChange>,
}

/// A correction of the count of a limit or budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskedCount {
    /// Id of the limit or budget.
    #[schemars(length(min = 1, max = 256))]
    pub rule: String,
    /// What is counted, such as `nano_usd/month`.
    #[schemars(length(min = 1, max = 64))]
    pub meter: String,
    /// Of whom.
    pub subject: Subject,
    /// First second of the window; the current one without it.
    #[serde(default)]
    pub start: Option<u64>,
    /// What to add, in the meter's unit; negative to take away.
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

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Corrected {
    /// It is made.
    Done(Correction),
    /// It was made before.
    Again(Correction),
    /// Another one has this id.
    IdTaken,
    /// Nothing is counted of this subject in this window.
    NoCount,
    /// There is no usage of this kind at that time.
    NoUsage,
    /// This would fall below zero or grow beyond what can be counted; what there is of it.
    OutOfRange(String, u64),
}

impl Limits {
    /// Makes a correction, once for each id; answers when it is on disk.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn correct(&self, asked: Asked, by: Actor) -> Result<Corrected, StoreError> {
        let state = Arc::clone(&self.state);
        self.writes.transact(move |tx| lock(&state).correct(tx, &asked, by)).await
    }
}

/// A count that is to be corrected.
struct Count {
    number: i64,
    max: u64,
    told: Vec<u8>,
    change: CountChange,
}

impl State {
    fn correct(&mut self, tx: &Db, asked: &Asked, by: Actor) -> Result<Corrected, StoreError> {
        let text = serde_json::to_string(asked).map_err(|_| StoreError::Other)?;
        if let Some((made, before)) = find_correction(tx, &asked.id)? {
            return Ok(if before == text { Corrected::Again(made) } else { Corrected::IdTaken });
        }
        let now_us = clock::now_us();
        let count = match &asked.count {
            None => None,
            Some(wanted) => match find(tx, wanted, now_us / 1_000_000)? {
                None => return Ok(Corrected::NoCount),
                Some(mut count) => {
                    let after = count.change.before.checked_add_signed(wanted.amount);
                    let Some(after) = after.filter(|after| *after <= i64::MAX as u64) else {
                        return Ok(Corrected::OutOfRange(wanted.meter.clone(), count.change.before));
                    };
                    count.change.after = after;
                    Some(count)
                }
            },
        };
        let before = match &asked.usage {
            None => BTreeMap::new(),
            // The last that can be refused; until here nothing is written.
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
            id: asked.id.clone(),
            at: now_us,
            by,
            reason: asked.reason.clone(),
            count: count.as_ref().map(|count| count.change.clone()),
            usage: asked.usage.clone(),
        };
        keep_correction(tx, &correction, &text, count.as_ref().map(|count| count.number), version)?;
        audit::append(tx, &entry(&correction, &before))?;
        Ok(Corrected::Done(correction))
    }

    /// Writes a count; gives the version of the counts after it.
    fn write(&mut self, tx: &Db, count: Option<&Count>) -> Result<i64, StoreError> {
        let version = counts::version(tx)?;
        let Some(Count { number, max, told, change }) = count else { return Ok(version) };
        // As in a report: shares that were given by other counts than those in the store are forgotten.
        if self.version.is_some_and(|known| known != version) {
            *self = Self::new();
        }
        let next = version.saturating_add(1);
        let reached = |percent: &u8| u128::from(change.after) * 100 >= u128::from(*max) * u128::from(*percent);
        let (kept, gone): (Vec<u8>, Vec<u8>) = told.iter().partition(|percent| reached(percent));
        let used = i64::try_from(change.after).unwrap_or(i64::MAX);
        tx.prepare_cached("UPDATE limit_counts SET used = ?2, fill = ?3, told = ?4, version = ?5 WHERE count = ?1")?
            .execute(params![number, used, fill(change.after, *max), kept, next])?;
        let start = i64::try_from(change.start).unwrap_or(i64::MAX);
        for percent in gone {
            tx.prepare_cached(
                "DELETE FROM limit_crossings WHERE rule = ?1 AND meter = ?2 AND subject = ?3 AND window_start = ?4
                   AND percent = ?5",
            )?
            .execute(params![change.rule, change.meter, joined(&change.subject), start, percent])?;
        }
        tx.prepare_cached("UPDATE limit_state SET version = ?1")?.execute([next])?;
        if self.version.is_some() {
            self.version = Some(next);
        }
        Ok(next)
    }
}

fn find(tx: &Db, wanted: &AskedCount, now_s: i64) -> Result<Option<Count>, StoreError> {
    if wanted.meter == CONCURRENCY {
        return Ok(None);
    }
    let Some(subject) = values(tx, wanted)? else { return Ok(None) };
    let from = wanted.start.map(|start| i64::try_from(start).unwrap_or(i64::MAX));
    let found: Option<(i64, i64, i64, i64, Vec<u8>)> = tx
        .prepare_cached(
            "SELECT count, window_start, max, used, told FROM limit_counts
             WHERE rule = ?1 AND meter = ?2 AND subject = ?3 AND window_start <= ?4
               AND (window_start = ?5 OR (?5 < 0 AND window_end > ?4)) ORDER BY window_start DESC LIMIT 1",
        )?
        .query_row(
            params![wanted.rule, wanted.meter, joined(&subject), from.unwrap_or(now_s), from.unwrap_or(-1)],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
        )
        .optional()?;
    Ok(found.map(|(number, start, max, used, told)| Count {
        number,
        max: amount(max),
        told,
        change: CountChange {
            rule: wanted.rule.clone(),
            meter: wanted.meter.clone(),
            subject,
            start: amount(start),
            amount: wanted.amount,
            before: amount(used),
            after: amount(used),
        },
    }))
}

/// The values of a subject in the rule's order.
fn values(tx: &Db, wanted: &AskedCount) -> Result<Option<Vec<String>>, StoreError> {
    let named = match &wanted.subject {
        // Without `per` there is one count, whose subject is empty.
        Subject::Values(values) if values.is_empty() => return Ok(Some(vec![String::new()])),
        Subject::Values(values) => return Ok(Some(values.clone())),
        Subject::Named(named) if named.is_empty() => return Ok(Some(vec![String::new()])),
        Subject::Named(named) => named,
    };
    let Some((rule, _)) = super::rules::rule_of(tx, &wanted.rule, i64::MAX)? else { return Ok(None) };
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
    let told =
        |path: &str, before: Option<Value>, after: Value| Change { path: path.to_owned(), before, after: Some(after) };
    let mut changes =
        vec![told("reason", None, json!(correction.reason)), told("correction", None, json!(correction.id))];
    if let Some(count) = &correction.count {
        changes.push(told("count.meter", None, json!(count.meter)));
        changes.push(told("count.subject", None, json!(count.subject)));
        changes.push(told("count.start", None, json!(count.start)));
        changes.push(told("count.used", Some(json!(count.before)), json!(count.after)));
    }
    if let Some(usage) = &correction.usage {
        changes.push(told("usage.filters", None, json!(usage.filters)));
        changes.push(told("usage.time", None, json!({"from": usage.from, "to": usage.to})));
        for (counter, amount) in &usage.amounts {
            let before = usage_before.get(counter).copied().unwrap_or_default();
            let after = json!(before.saturating_add_signed(*amount));
            changes.push(told(&format!("usage.{counter}"), Some(json!(before)), after));
        }
    }
    Entry::new("correction.created", Operation::Update, correction.by.clone(), resource).with_changes(changes)
}
