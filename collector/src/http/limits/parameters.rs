//! The parameters of `GET /v1/limits` and `GET /v1/budgets`; as everywhere, what is not understood is refused by name.

use crate::http::error::ApiError;
use crate::http::parameter::{Parameter, Shape, unknown};
use crate::http::values::{at_most, bad, cursor_of_two, two};
use crate::limits::{CountQuery, Place, meter_of};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;
const CURSOR: &str = "l1_";
const MAX_PERCENT: u32 = 1_000_000;
const METER: Shape = Shape::Pattern(
    "^(concurrency|(requests|tokens|input_tokens|output_tokens|nano_usd)/(second|minute|hour|day|week|month|total))$",
    "tokens/day",
);
const PLACE: Shape = Shape::Pattern("^l1_[0-9a-f]{1,15}_[0-9a-f]{1,15}$", "l1_0_1");

/// All of them.
pub(in crate::http) fn described(budgets: bool) -> Vec<Parameter> {
    let windows = if budgets { vec!["current", "all"] } else { vec!["current"] };
    vec![
        Parameter::new("id", "Of the rule with this id.", Shape::Text),
        Parameter::new("subject", "Of subjects with this value, such as a team's or a key's name.", Shape::Text),
        Parameter::new("meter", "Of this meter.", METER),
        Parameter::new("min_percent", "Used at least this, percent.", Shape::Whole(0, u64::from(MAX_PERCENT))),
        Parameter::new("window", "Past windows are kept of budgets.", Shape::Word(windows)),
        Parameter::new("limit", "Most entries; 50 without it.", Shape::Whole(1, MAX_LIMIT as u64)),
        Parameter::new("after", "`next` of the page before.", PLACE),
    ]
}

/// Reads a query string.
pub(super) fn parse(query: &str, budgets: bool) -> Result<CountQuery, ApiError> {
    let mut list = CountQuery { budgets, limit: DEFAULT_LIMIT, ..CountQuery::default() };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        apply(&mut list, &name, value.into_owned())?;
    }
    Ok(list)
}

/// The cursor that leads on from a place. Its form is not part of the interface.
pub(super) fn cursor(place: Place) -> String {
    cursor_of_two(CURSOR, (place.fill, place.count))
}

fn apply(list: &mut CountQuery, name: &str, value: String) -> Result<(), ApiError> {
    match name {
        "id" => list.id = Some(value),
        "subject" => list.subject = Some(value),
        "meter" => list.meter = Some(meter(name, value)?),
        "min_percent" => list.min_percent = Some(percent(name, &value)?),
        "window" => list.past = past(name, &value, list.budgets)?,
        "limit" => list.limit = at_most(name, &value, MAX_LIMIT)?,
        "after" => list.after = Some(place(name, &value)?),
        _ => return Err(unknown(name, &described(list.budgets))),
    }
    Ok(())
}

fn meter(name: &str, value: String) -> Result<String, ApiError> {
    if meter_of(&value).is_some() {
        return Ok(value);
    }
    Err(bad(name, "must be a meter such as requests/minute, tokens/day, concurrency or nano_usd/month"))
}

fn percent(name: &str, value: &str) -> Result<u32, ApiError> {
    match value.parse::<u32>() {
        Ok(percent) if percent <= MAX_PERCENT => Ok(percent),
        _ => Err(bad(name, "must be a whole number of percent")),
    }
}

fn past(name: &str, value: &str, budgets: bool) -> Result<bool, ApiError> {
    match value {
        "current" => Ok(false),
        "all" if budgets => Ok(true),
        _ if budgets => Err(bad(name, "must be current or all")),
        _ => Err(bad(name, "must be current: only of budgets are past windows kept")),
    }
}

fn place(name: &str, value: &str) -> Result<Place, ApiError> {
    two(name, CURSOR, value).map(|(fill, count)| Place { fill, count })
}
