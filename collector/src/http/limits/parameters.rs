//! The parameters of `GET /v1/limits` and `GET /v1/budgets`; as everywhere, what is not understood is refused by name.

use crate::http::error::ApiError;
use crate::http::query::{bad, limit, pairs, unknown};
use crate::limits::{CountQuery, Place, meter_of};

const DEFAULT_LIMIT: usize = 50;
const CURSOR: &str = "l1_";
const NAMES: &str = "id, subject, meter, min_percent, window, limit, after";

/// Reads a query string.
pub(super) fn parse(query: &str, budgets: bool) -> Result<CountQuery, ApiError> {
    let mut list = CountQuery { budgets, limit: DEFAULT_LIMIT, ..CountQuery::default() };
    for (name, value) in pairs(query)? {
        apply(&mut list, &name, value)?;
    }
    Ok(list)
}

/// The cursor that leads on from a place. Its form is not part of the interface.
pub(super) fn cursor(place: Place) -> String {
    format!("{CURSOR}{:x}_{:x}", place.fill, place.count)
}

fn apply(list: &mut CountQuery, name: &str, value: String) -> Result<(), ApiError> {
    match name {
        "id" => list.id = Some(value),
        "subject" => list.subject = Some(value),
        "meter" => list.meter = Some(meter(name, value)?),
        "min_percent" => list.min_percent = Some(percent(name, &value)?),
        "window" => list.past = past(name, &value, list.budgets)?,
        "limit" => list.limit = limit(name, &value)?,
        "after" => list.after = Some(place(name, &value)?),
        _ => return Err(unknown(name, NAMES)),
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
        Ok(percent) if percent <= 1_000_000 => Ok(percent),
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
    let number = |digits: &str| i64::from_str_radix(digits, 16).ok().filter(|number| *number >= 0);
    let place = value
        .strip_prefix(CURSOR)
        .and_then(|rest| rest.split_once('_'))
        .and_then(|(fill, count)| Some(Place { fill: number(fill)?, count: number(count)? }));
    place.ok_or_else(|| bad(name, "must be a `next` of an earlier page, unchanged"))
}
