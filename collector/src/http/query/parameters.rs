//! The parameters of `GET /v1/requests`. What is not understood is refused by name, never ignored: a filter with a typing
//! error must not look like an answer.

use crate::http::error::ApiError;
use crate::http::parameter::{Parameter, Shape, unknown};
use crate::http::values::{at_most, bad, order, position, time, truth};
use crate::store::{Column, Filter, ListQuery, Range};
use headgate_record::{EndedBy, RejectedBy};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;
const PLACE: Shape = Shape::Pattern("^c1_[0-9a-f]{1,15}$", "c1_1");
const AMOUNT: Shape = Shape::Pattern("^[0-9]{1,9}([.][0-9]{0,20})?$", "0.5");

/// Filters that compare a name, and their columns.
pub(in crate::http) const NAMES: [(&str, Column); 15] = [
    ("surface", Column::Surface),
    ("requested_model", Column::RequestedModel),
    ("served_model", Column::ServedModel),
    ("provider", Column::Provider),
    ("key_id", Column::KeyId),
    ("owner", Column::Owner),
    ("team", Column::Team),
    ("project", Column::Project),
    ("environment", Column::Environment),
    ("error_code", Column::ErrorCode),
    ("config_revision", Column::ConfigRevision),
    ("node", Column::Node),
    ("rejected_by", Column::RejectedBy),
    ("ended_by", Column::EndedBy),
    ("retention_class", Column::RetentionClass),
];

/// By first digit. Proxies pass on statuses that no standard has, such as 999; they are on record too.
const CLASSES: [&str; 9] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "7xx", "8xx", "9xx"];

/// Filters between two bounds: their names before `[gte]` or `[lte]`, their columns, decimal digits down to the stored unit,
/// and what is added to a stored value.
const RANGES: [(&str, Column, usize, i64); 3] = [
    ("latency_ms", Column::Duration, 3, 0),
    ("time_to_first_token_ms", Column::FirstToken, 3, 1),
    ("cost_usd", Column::Cost, 9, 1),
];

/// What a query string of this path asks for.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) list: ListQuery,
    /// Whether the total of all pages is asked for.
    pub(super) total: bool,
    /// Names of the facets that are asked for.
    pub(super) facets: Option<String>,
    /// Whether a limit was given.
    pub(super) limited: bool,
}

/// What a path understands beside the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Also {
    /// Order, limit, cursors, total.
    Pages,
    /// Order and limit.
    Export,
    /// The facets' names.
    Facets,
}

impl Also {
    fn parameters(self) -> Vec<Parameter> {
        let order = Parameter::new("order", "Newest or oldest first.", Shape::Word(vec!["desc", "asc"]));
        let limit = |most| Parameter::new("limit", "Most records; 50 to a page without it.", Shape::Whole(1, most));
        match self {
            Self::Pages => vec![
                order,
                limit(MAX_LIMIT as u64),
                Parameter::new("after", "`next` of another page; this one begins behind it.", PLACE),
                Parameter::new("before", "`previous` of another page; this one ends ahead of it.", PLACE),
                Parameter::new("total", "Whether to count what all pages hold.", Shape::Truth),
            ],
            Self::Export => vec![order, limit(u64::MAX)],
            Self::Facets => {
                let about = "What to spread over; all but `tag` without it.";
                vec![Parameter::new("facets", about, Shape::Words(super::facet::names()))]
            }
        }
    }
}

/// The parameters of a path.
pub(in crate::http) fn described(also: Also) -> Vec<Parameter> {
    let mut all = vec![
        Parameter::new("from", "Started at this time or later; a day begins in UTC.", Shape::Time),
        Parameter::new("to", "Started before this time.", Shape::Time),
        Parameter::new("stream", "Whether a stream was asked for.", Shape::Truth),
        Parameter::new("failover", "Whether a second target was tried.", Shape::Truth),
        Parameter::new("policy_id", "On which this policy had a say.", Shape::Text),
        Parameter::new("q", "Where surface, model, owner, key or a tag contains this, in any case.", Shape::Text),
        Parameter::new("tag", "With this tag: `tag[NAME]=VALUE`.", Shape::Keyed),
    ];
    all.extend(statuses());
    all.extend(NAMES.iter().map(|(name, _)| {
        let shape = match *name {
            "rejected_by" => Shape::Word(RejectedBy::ALL.iter().map(|word| word.as_str()).collect()),
            "ended_by" => Shape::Word(EndedBy::ALL.iter().map(|word| word.as_str()).collect()),
            _ => Shape::Text,
        };
        Parameter::new(*name, format!("Whose `{name}` is this."), shape)
    }));
    for (range, ..) in RANGES {
        for (bound, least) in [("gte", "at least"), ("lte", "at most")] {
            let about = format!("Whose `{range}` is {least} this decimal number.");
            all.push(Parameter::new(format!("{range}[{bound}]"), about, AMOUNT));
        }
    }
    all.extend(also.parameters());
    all
}

/// Filters on the status.
pub(in crate::http) fn statuses() -> [Parameter; 2] {
    let about = "With this HTTP status, also one that no standard has; 0 where the client left before there was one.";
    [
        Parameter::new("status", about, Shape::Status),
        Parameter::new("status_class", "With a status of this class.", Shape::Word(CLASSES.to_vec())),
    ]
}

/// Reads a query string.
pub(super) fn parse(query: &str, also: Also) -> Result<Wanted, ApiError> {
    let mut wanted = Wanted { list: ListQuery { limit: DEFAULT_LIMIT, ..ListQuery::default() }, ..Wanted::default() };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        apply(&mut wanted, &name, &value, also)?;
    }
    Ok(wanted)
}

fn apply(wanted: &mut Wanted, name: &str, value: &str, also: Also) -> Result<(), ApiError> {
    let list = &mut wanted.list;
    match name {
        "from" => list.from = Some(time(name, value)?),
        "to" => list.to = Some(time(name, value)?),
        "order" | "limit" | "after" | "before" | "total" | "facets" => return apply_own(wanted, name, value, also),
        _ => list.filters.push(filter(name, value, also)?),
    }
    Ok(())
}

fn apply_own(wanted: &mut Wanted, name: &str, value: &str, also: Also) -> Result<(), ApiError> {
    let list = &mut wanted.list;
    match name {
        "order" => list.order = order(name, value)?,
        "limit" => {
            list.limit = at_most(name, value, if also == Also::Export { usize::MAX } else { MAX_LIMIT })?;
            wanted.limited = true;
        }
        "after" => list.after = Some(position(name, value)?),
        "before" => list.before = Some(position(name, value)?),
        "total" => wanted.total = truth(name, value)?,
        _ => wanted.facets = Some(value.to_owned()),
    }
    Ok(())
}

fn filter(name: &str, value: &str, also: Also) -> Result<Filter, ApiError> {
    match name {
        "status" => return status(name, value),
        "status_class" => return class(name, value),
        "stream" => return truth(name, value).map(|truth| exactly(Column::Stream, i64::from(truth))),
        "failover" => return truth(name, value).map(|truth| exactly(Column::Failover, i64::from(truth))),
        "policy_id" => return Ok(Filter::Member(Column::Policies, value.to_owned())),
        "q" => return Ok(Filter::Contains(value.to_owned())),
        "rejected_by" => one_of(name, value, RejectedBy::ALL.iter().map(|word| word.as_str()))?,
        "ended_by" => one_of(name, value, EndedBy::ALL.iter().map(|word| word.as_str()))?,
        _ => {}
    }
    if let Some((_, column)) = NAMES.iter().find(|(filter, _)| *filter == name) {
        return Ok(Filter::Name(*column, value.to_owned()));
    }
    let bracketed = name.strip_suffix(']').and_then(|name| name.split_once('['));
    match bracketed {
        Some(("tag", tag)) if !tag.is_empty() => Ok(Filter::Member(Column::Tags, format!("{tag}={value}"))),
        Some((of, bound)) => range(name, of, bound, value)?.ok_or_else(|| unknown(name, &described(also))),
        None => Err(unknown(name, &described(also))),
    }
}

fn range(name: &str, of: &str, bound: &str, value: &str) -> Result<Option<Filter>, ApiError> {
    let Some((_, column, digits, offset)) = RANGES.iter().find(|(range, ..)| *range == of) else {
        return Ok(None);
    };
    let number = decimal(value, *digits).ok_or_else(|| bad(name, "must be a number, such as 250 or 0.005"))?;
    let number = number.saturating_add(*offset);
    let range = match bound {
        "gte" => Range { least: number, greatest: i64::MAX },
        // An absent value is stored as 0 and is not small, but absent.
        "lte" => Range { least: *offset, greatest: number },
        _ => return Ok(None),
    };
    Ok(Some(Filter::Number(*column, range)))
}

/// A decimal number in units of 10^-digits; further digits are cut off.
fn decimal(text: &str, digits: usize) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digit = |byte: u8| byte.is_ascii_digit();
    if whole.is_empty() || !whole.bytes().all(digit) || !part.bytes().all(digit) {
        return None;
    }
    let part: String = part.chars().chain(std::iter::repeat('0')).take(digits).collect();
    format!("{whole}{part}").parse().ok()
}

fn exactly(column: Column, value: i64) -> Filter {
    Filter::Number(column, Range { least: value, greatest: value })
}

fn one_of(name: &str, value: &str, words: impl Iterator<Item = &'static str>) -> Result<(), ApiError> {
    let words: Vec<_> = words.collect();
    if words.contains(&value) { Ok(()) } else { Err(bad(name, &format!("must be one of {}", words.join(", ")))) }
}

pub(in crate::http) fn status(name: &str, value: &str) -> Result<Filter, ApiError> {
    match value.parse::<i64>() {
        Ok(status) if status == 0 || (100..=999).contains(&status) => Ok(exactly(Column::Status, status)),
        _ => Err(bad(name, "must be an HTTP status of three digits, or 0 for none")),
    }
}

pub(in crate::http) fn class(name: &str, value: &str) -> Result<Filter, ApiError> {
    let hundreds = match CLASSES.iter().zip(1..).find(|(class, _)| **class == value) {
        Some((_, digit)) => digit * 100,
        None => return Err(bad(name, "must be 2xx, 4xx or the like")),
    };
    Ok(Filter::Number(Column::Status, Range { least: hundreds, greatest: hundreds + 99 }))
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn amounts_are_read_without_rounding() {
        assert_eq!(decimal("0.000005550", 9), Some(5_550));
        assert_eq!(decimal("12", 9), Some(12_000_000_000));
        assert_eq!(decimal("1.2345678901", 3), Some(1_234));
        for bad in ["", ".", "-1", "1e3", "1,5", "99999999999999999999"] {
            assert_eq!(decimal(bad, 9), None, "{bad}");
        }
    }
}
