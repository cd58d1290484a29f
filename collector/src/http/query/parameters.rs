//! The parameters of `GET /v1/requests`. What is not understood is refused by name, never ignored: a filter with a typing
//! error must not look like an answer.

use crate::http::error::ApiError;
use crate::store::{Condition, ListQuery, Order};
use axum::http::StatusCode;
use headgate_record::{EndedBy, RejectedBy};
use jiff::Timestamp;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;
const MAX_TEXT: usize = 1024;
const CURSOR: &str = "c1_";

/// Filters that compare a name, and their columns.
const NAMES: [(&str, &str); 12] = [
    ("surface", "r.surface"),
    ("requested_model", "r.requested_model"),
    ("served_model", "r.served_model"),
    ("provider", "r.provider"),
    ("key_id", "r.key_id"),
    ("owner", "r.owner"),
    ("team", "r.team"),
    ("project", "r.project"),
    ("environment", "r.environment"),
    ("error_code", "r.error_code"),
    ("config_revision", "r.config_revision"),
    ("node", "r.node"),
];

/// Reads a query string.
pub(super) fn parse(query: &str) -> Result<ListQuery, ApiError> {
    let mut list = ListQuery { limit: DEFAULT_LIMIT, ..ListQuery::default() };
    for (name, value) in pairs(query)? {
        apply(&mut list, &name, &value)?;
    }
    Ok(list)
}

/// Names and values of a query string: each name once, no value empty or very long.
pub(in crate::http) fn pairs(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if all.iter().any(|(earlier, _)| *earlier == name) {
            return Err(bad(&name, "is given twice"));
        }
        if value.is_empty() || value.len() > MAX_TEXT {
            return Err(bad(&name, "must be 1 to 1024 bytes long"));
        }
        all.push((name.into_owned(), value.into_owned()));
    }
    Ok(all)
}

/// For a path that takes no parameter.
pub(super) fn none(query: &str) -> Result<(), ApiError> {
    match form_urlencoded::parse(query.as_bytes()).next() {
        None => Ok(()),
        Some((name, _)) => {
            let name = shown(&name);
            let message = format!("`{name}` is no parameter; this path takes none.");
            Err(invalid(message, "unknown_parameter").param(name))
        }
    }
}

/// The cursor that leads on from a position. Its form is not part of the interface.
pub(in crate::http) fn cursor(position: i64) -> String {
    format!("{CURSOR}{position:x}")
}

fn apply(list: &mut ListQuery, name: &str, value: &str) -> Result<(), ApiError> {
    match name {
        "from" => list.from = Some(time(name, value)?),
        "to" => list.to = Some(time(name, value)?),
        "order" => list.order = order(name, value)?,
        "limit" => list.limit = limit(name, value)?,
        "after" => list.after = Some(position(name, value)?),
        _ => list.conditions.push(condition(name, value)?),
    }
    Ok(())
}

fn condition(name: &str, value: &str) -> Result<Condition, ApiError> {
    if let Some((_, column)) = NAMES.iter().find(|(filter, _)| *filter == name) {
        return Ok(named(column, value));
    }
    match name {
        "status" => Ok(number("r.status", status(name, value)?)),
        "status_class" => Ok(number("r.status / 100", class(name, value)?)),
        "stream" => Ok(number("r.stream", i64::from(truth(name, value)?))),
        "failover" if truth(name, value)? => Ok(Condition::Fixed("r.attempts > 1")),
        "failover" => Ok(Condition::Fixed("r.attempts <= 1")),
        "rejected_by" => word(name, value, "r.rejected_by", RejectedBy::ALL.iter().map(|w| w.as_str())),
        "ended_by" => word(name, value, "r.ended_by", EndedBy::ALL.iter().map(|w| w.as_str())),
        _ => Err(unknown(name, &names())),
    }
}

fn named(column: &'static str, text: &str) -> Condition {
    Condition::Name { column, text: text.to_owned() }
}

fn number(column: &'static str, value: i64) -> Condition {
    Condition::Number { column, value }
}

fn word(
    name: &str,
    value: &str,
    column: &'static str,
    words: impl Iterator<Item = &'static str>,
) -> Result<Condition, ApiError> {
    let words: Vec<_> = words.collect();
    if words.contains(&value) {
        return Ok(named(column, value));
    }
    Err(bad(name, &format!("must be one of {}", words.join(", "))))
}

fn status(name: &str, value: &str) -> Result<i64, ApiError> {
    match value.parse::<i64>() {
        Ok(status) if status == 0 || (100..=599).contains(&status) => Ok(status),
        _ => Err(bad(name, "must be an HTTP status, or 0 for none")),
    }
}

fn class(name: &str, value: &str) -> Result<i64, ApiError> {
    match value {
        "1xx" => Ok(1),
        "2xx" => Ok(2),
        "3xx" => Ok(3),
        "4xx" => Ok(4),
        "5xx" => Ok(5),
        _ => Err(bad(name, "must be 1xx, 2xx, 3xx, 4xx or 5xx")),
    }
}

fn truth(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(bad(name, "must be true or false")),
    }
}

pub(in crate::http) fn time(name: &str, value: &str) -> Result<i64, ApiError> {
    let us = if value.bytes().all(|byte| byte.is_ascii_digit()) {
        value.parse().ok()
    } else {
        value.parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
    };
    us.ok_or_else(|| bad(name, "must be a time as 2026-01-31T12:00:00Z (write + as %2B) or in µs since 1970"))
}

fn order(name: &str, value: &str) -> Result<Order, ApiError> {
    match value {
        "asc" => Ok(Order::Ascending),
        "desc" => Ok(Order::Descending),
        _ => Err(bad(name, "must be asc or desc")),
    }
}

pub(in crate::http) fn limit(name: &str, value: &str) -> Result<usize, ApiError> {
    match value.parse::<usize>() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(bad(name, "must be 1 to 500")),
    }
}

pub(in crate::http) fn position(name: &str, value: &str) -> Result<i64, ApiError> {
    value
        .strip_prefix(CURSOR)
        .and_then(|digits| i64::from_str_radix(digits, 16).ok())
        .filter(|position| *position >= 0)
        .ok_or_else(|| bad(name, "must be a `next` of an earlier page, unchanged"))
}

pub(in crate::http) fn bad(name: &str, what: &str) -> ApiError {
    let name = shown(name);
    invalid(format!("`{name}` {what}."), "invalid_parameter").param(name)
}

fn names() -> String {
    let filters: Vec<_> = NAMES.iter().map(|(filter, _)| *filter).collect();
    let own = "from, to, order, limit, after, status, status_class, stream, failover, rejected_by, ended_by";
    format!("{own}, {}", filters.join(", "))
}

pub(in crate::http) fn unknown(name: &str, known: &str) -> ApiError {
    let name = shown(name);
    invalid(format!("`{name}` is no parameter. There are: {known}."), "unknown_parameter").param(name)
}

pub(in crate::http) fn invalid(message: String, code: &'static str) -> ApiError {
    ApiError::invalid(StatusCode::BAD_REQUEST, code, message)
}

/// A parameter's name is named back only if it is shaped like one.
pub(in crate::http) fn shown(name: &str) -> &str {
    let shaped = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']');
    if (1..=40).contains(&name.len()) && name.bytes().all(shaped) { name } else { "?" }
}

#[cfg(test)]
mod tests {
    use super::{NAMES, parse};
    use crate::store::{open_writer, plan};

    fn filters() -> Vec<String> {
        let names = NAMES.iter().map(|(name, _)| format!("{name}=gateway"));
        let others = ["status=200", "status_class=2xx", "stream=true", "failover=true"];
        let words = ["rejected_by=gateway", "ended_by=gateway"];
        names.chain(others.into_iter().chain(words).map(str::to_owned)).collect()
    }

    #[test]
    fn every_filter_walks_an_index_in_the_order_of_the_page() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        db.execute("INSERT INTO names (text) VALUES ('gateway')", []).unwrap();
        for filter in filters() {
            for rest in ["", "&order=asc", "&after=c1_ff", "&from=5", "&from=5&to=9&after=c1_ff"] {
                let query = parse(&format!("{filter}{rest}")).unwrap();
                let steps = plan(&db, &query).unwrap().join("; ");
                assert!(steps.contains("INDEX requests_"), "{filter}{rest}: {steps}");
                assert!(!steps.contains("TEMP B-TREE"), "{filter}{rest}: {steps}");
            }
        }
    }

    #[test]
    fn a_range_of_time_reads_the_zones_it_touches_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        for query in ["from=5&to=9", "to=9&order=asc", "from=5&after=c1_ff"] {
            let steps = plan(&db, &parse(query).unwrap()).unwrap().join("; ");
            let by_zone = "SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
            assert!(steps.contains(by_zone), "{query}: {steps}");
            assert!(!steps.contains("TEMP B-TREE"), "{query}: {steps}");
        }
    }
}
