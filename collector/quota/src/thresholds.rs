//! Crossed thresholds of budgets. Each is reported once, regardless of which proxy's report crosses it.
//!
//! If each of two proxies compared the sum with its last answer, both could report the same crossing at the same moment.
//! Here the sum, the note of the reported threshold, and the messages about it are written in one transaction.

use super::units::{amount, join_subject};
use headgate_collector_db::{Db, StoreError, params};
use headgate_collector_store as store;
use headgate_collector_types::audit::{Actor, Change, Entry, Operation, Resource, canonical};
use headgate_limits::{Kind, Rule};
use serde_json::{Map, Value, json};

/// The `type` of the message and the kind of the audit entry.
pub(super) const CROSSED: &str = "budget.threshold_crossed";

/// A crossed threshold.
#[derive(Debug, Clone)]
pub(super) struct Crossing {
    pub(super) rule: Rule,
    pub(super) meter: String,
    pub(super) subject: Vec<String>,
    pub(super) start: u64,
    pub(super) end: Option<u64>,
    pub(super) percent: u8,
    pub(super) used: u64,
    pub(super) max: u64,
}

/// Returns the thresholds of a budget that are reached and not reported yet.
pub(super) fn newly_crossed(rule: &Rule, used: u64, max: u64, reported: &[u8]) -> Vec<u8> {
    if rule.kind != Kind::Budget || used == 0 {
        return Vec::new();
    }
    let reached = |percent: &u8| u128::from(used) * 100 >= u128::from(max) * u128::from(*percent);
    let mut new: Vec<u8> = rule.warn_at.iter().copied().filter(reached).collect();
    new.retain(|percent| !reported.contains(percent));
    new.dedup();
    new
}

/// Writes a crossing, its webhook message and its audit entry, unless it is stored already.
pub(super) fn record_crossing(tx: &Db, crossing: &Crossing, now_us: i64) -> Result<(), StoreError> {
    let id = store::new_id(now_us)?;
    let subject = join_subject(&crossing.subject);
    let start = i64::try_from(crossing.start).unwrap_or(i64::MAX);
    let end = crossing.end.map_or(i64::MAX, |end| i64::try_from(end).unwrap_or(i64::MAX));
    let inserted = tx
        .prepare_cached(
            "INSERT INTO limit_crossings (id, rule, meter, subject, window_start, window_end, percent, at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        )?
        .execute(params![id, crossing.rule.id, crossing.meter, subject, start, end, crossing.percent, now_us])?;
    if inserted == 0 {
        return Ok(());
    }
    if let Some(variable) = &crossing.rule.webhook_env {
        let body = canonical(&message(crossing, &id, now_us)).map_err(|_| StoreError::Other)?;
        let body = String::from_utf8(body).map_err(|_| StoreError::Other)?;
        tx.prepare_cached("INSERT INTO limit_outbox (id, variable, body, since, due_at) VALUES (?1, ?2, ?3, ?4, ?4)")?
            .execute(params![id, variable, body, now_us])?;
    }
    store::append(tx, &entry(crossing, id))?;
    Ok(())
}

/// Returns the audit entry of a crossing. Auditors may see amounts.
fn entry(crossing: &Crossing, id: String) -> Entry {
    let resource = Resource::new("budget", crossing.rule.id.as_str());
    let now = |path: &str, value: Value| Change { path: path.to_owned(), before: None, after: Some(value) };
    let changes = vec![
        now("percent", json!(crossing.percent)),
        now("subject", Value::Object(subject_of(&crossing.rule, &crossing.subject))),
        now("window", json!({"start": crossing.start, "end": crossing.end})),
        now("used_nano_usd", json!(crossing.used)),
        now("max_nano_usd", json!(crossing.max)),
    ];
    Entry { id, ..Entry::new(CROSSED, Operation::Other, Actor::system(), resource).with_changes(changes) }
}

fn message(crossing: &Crossing, id: &str, now_us: i64) -> Value {
    json!({
        "id": id,
        "type": CROSSED,
        "budget": crossing.rule.id,
        "subject": subject_of(&crossing.rule, &crossing.subject),
        "percent": crossing.percent,
        "period": crossing.meter.split_once('/').map(|(_, period)| period),
        "window_start": crossing.start,
        "window_end": crossing.end,
        "at": amount(now_us) / 1_000_000,
    })
}

/// Returns a subject with the names of its dimensions.
pub(super) fn subject_of(rule: &Rule, parts: &[String]) -> Map<String, Value> {
    let names = rule.per.iter().map(dimension);
    names.zip(parts).map(|(name, value)| (name, Value::from(value.as_str()))).collect()
}

/// Returns the names of the dimensions of a rule's subjects, in their order.
pub(super) fn subject_names(rule: &Rule) -> Vec<String> {
    rule.per.iter().map(dimension).collect()
}

/// Returns a dimension as gateway.yaml names it: `team`, `tag:purpose`.
fn dimension(dimension: &headgate_limits::Dimension) -> String {
    match serde_json::to_value(dimension) {
        Ok(Value::String(word)) => word,
        Ok(Value::Object(named)) => {
            let first = named.iter().next();
            first.map(|(word, name)| format!("{word}:{}", name.as_str().unwrap_or_default())).unwrap_or_default()
        }
        _ => String::new(),
    }
}
