//! The parameters of `GET /v1/limits` and `GET /v1/budgets`.

use crate::values::{Cursor, Integer, Limit, ParamValue, param_values};
use headgate_collector_quota::{CountCursor, CountQuery, meter_of};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

const DEFAULT_LIMIT: usize = 50;

param_values!(Meter);

/// The parameters of both; `W` has the windows that are kept.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CountParams<W> {
    /// Of the rule with this id.
    id: Option<String>,
    /// Of subjects with this value, such as a team's or a key's name.
    subject: Option<String>,
    /// Of this meter.
    meter: Option<Meter>,
    /// Used at least this, percent.
    min_percent: Option<Integer<0, 1_000_000>>,
    /// Past windows are kept of budgets.
    window: Option<W>,
    /// Most entries; 50 without it.
    limit: Option<Limit<500>>,
    /// `next` of the page before.
    after: Option<Cursor<'l', 2>>,
}

/// The window of a limit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LimitWindow {
    Current,
}

/// The windows of a budget.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BudgetWindow {
    Current,
    All,
}

impl<W> CountParams<W> {
    /// Returns the query; `is_all` returns whether a window includes past ones.
    pub(super) fn query(self, budgets: bool, is_all: impl Fn(W) -> bool) -> CountQuery {
        CountQuery {
            budgets,
            past: self.window.is_some_and(is_all),
            id: self.id,
            subject: self.subject,
            meter: self.meter.map(|Meter(name)| name),
            min_percent: self.min_percent.map(|Integer(percent)| u32::try_from(percent).unwrap_or(u32::MAX)),
            limit: self.limit.map_or(DEFAULT_LIMIT, Integer::count),
            after: self.after.map(|Cursor([fill, count])| CountCursor { fill, count }),
        }
    }
}

/// Returns the cursor behind a place.
pub(crate) fn cursor(position: CountCursor) -> String {
    Cursor::<'l', 2>([position.fill, position.count]).to_string()
}

/// The name of a meter.
#[derive(Debug)]
struct Meter(String);

impl ParamValue for Meter {
    fn read(text: &str) -> Result<Self, String> {
        let known = meter_of(text).map(|_| Self(text.to_owned()));
        known.ok_or_else(|| {
            "must be a meter such as requests/minute, tokens/day, concurrency or nano_usd/month".to_owned()
        })
    }

    fn schema() -> Value {
        let counted = "(requests|tokens|input_tokens|output_tokens|nano_usd)";
        let pattern = format!("^(concurrency|{counted}/(second|minute|hour|day|week|month|total))$");
        json!({"type": "string", "pattern": pattern, "examples": ["tokens/day"]})
    }
}
