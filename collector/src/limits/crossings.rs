//! Thresholds of budgets that were crossed: each is told once, whoever reports what came to it.
//!
//! Two proxies that report at the same moment both bring a budget over the same threshold, if each looks at what it was
//! told last. Here the sum, the note that it has been told, and what tells of it are written in one transaction.

use super::{amount, joined};
use crate::audit::{self, Actor, Change, Entry, Operation, Resource};
use crate::store::StoreError;
use crate::store::db::{Db, params};
use headgate_limits::{Kind, Rule};
use serde_json::{Map, Value, json};

/// `type` of what is told.
pub(super) const CROSSED: &str = "budget.threshold_crossed";

/// A threshold was crossed.
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

/// The thresholds of a budget that are reached and have not been told of.
pub(super) fn crossed(rule: &Rule, used: u64, max: u64, told: &[u8]) -> Vec<u8> {
    if rule.kind != Kind::Budget || used == 0 {
        return Vec::new();
    }
    let reached = |percent: &u8| u128::from(used) * 100 >= u128::from(max) * u128::from(*percent);
    let mut new: Vec<u8> = rule.warn_at.iter().copied().filter(reached).collect();
    new.retain(|percent| !told.contains(percent));
    new.dedup();
    new
}

/// Writes a crossing down, and what has to tell of it.
pub(super) fn tell(tx: &Db, crossing: &Crossing, now_us: i64) -> Result<(), StoreError> {
    let id = audit::new_id(now_us)?;
    let subject = joined(&crossing.subject);
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
        tx.prepare_cached("INSERT INTO limit_outbox (id, variable, body, since, due_at) VALUES (?1, ?2, ?3, ?4, ?4)")?
            .execute(params![id, variable, message(crossing, &id, now_us).to_string(), now_us])?;
    }
    audit::append(tx, &entry(crossing, id))?;
    Ok(())
}

/// For auditors, who may see amounts.
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

/// A subject with the names of what its values are of.
pub(super) fn subject_of(rule: &Rule, parts: &[String]) -> Map<String, Value> {
    let names = rule.per.iter().map(dimension);
    names.zip(parts).map(|(name, value)| (name, Value::from(value.as_str()))).collect()
}

/// The names of the values of a rule's subjects, in their order.
pub(super) fn subject_names(rule: &Rule) -> Vec<String> {
    rule.per.iter().map(dimension).collect()
}

/// As in gateway.yaml: `team`, `tag:purpose`.
fn dimension(dimension: &headgate_limits::Dimension) -> String {
    match serde_json::to_value(dimension) {
        Ok(Value::String(word)) => word,
        Ok(Value::Object(named)) => {
            let one = named.iter().next();
            one.map(|(word, name)| format!("{word}:{}", name.as_str().unwrap_or_default())).unwrap_or_default()
        }
        _ => String::new(),
    }
}
