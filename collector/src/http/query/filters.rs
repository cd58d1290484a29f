//! Filters on the request log, as they stand in query strings.
//!
//! A filter that is given several times asks for any of its values, and `NAME[not]` for none of them; a record without a value
//! passes `NAME[not]`. Different filters must all hold. A value that cannot be is refused by the filter's name: a filter with a
//! typing error must not look like an answer.

use crate::http::error::ApiError;
use crate::http::parameter::{Parameter, Shape};
use crate::http::values::{bad, truth};
use crate::store::{Column, Filter, Range};
use crate::validate::parse_uuid;
use headgate_record::{AttemptError, EndedBy, EstimateReason, RejectedBy, UsageSource};

const AMOUNT: Shape = Shape::Pattern("^[0-9]{1,9}([.][0-9]{0,20})?$", "0.5");
const ID: Shape = Shape::Patterns(
    "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    "01890a5d-ac96-774b-bcce-b302099a8057",
);
const TRACE: Shape = Shape::Patterns("^[0-9a-fA-F]{32}$", "4bf92f3577b34da6a3ce929d0e0e4736");
const SPAN: Shape = Shape::Patterns("^[0-9a-fA-F]{16}$", "00f067aa0ba902b7");
/// The end of the name of a filter whose values must not be.
const NOT: &str = "[not]";

/// Filters that compare a name, and their columns.
pub(in crate::http) const NAMES: [(&str, Column); 26] = [
    ("surface", Column::Surface),
    ("requested_model", Column::RequestedModel),
    ("served_model", Column::ServedModel),
    ("provider", Column::Provider),
    ("key_id", Column::KeyId),
    ("owner", Column::Owner),
    ("team", Column::Team),
    ("project", Column::Project),
    ("application", Column::Application),
    ("cost_center", Column::CostCenter),
    ("tenant", Column::Tenant),
    ("environment", Column::Environment),
    ("error_code", Column::ErrorCode),
    ("config_revision", Column::ConfigRevision),
    ("node", Column::Node),
    ("rejected_by", Column::RejectedBy),
    ("ended_by", Column::EndedBy),
    ("finish_reason", Column::FinishReason),
    ("user_agent", Column::UserAgent),
    ("usage_source", Column::UsageSource),
    ("price_revision", Column::PriceRevision),
    ("retention_class", Column::RetentionClass),
    ("response_model", Column::ResponseModel),
    ("service_tier", Column::ServiceTier),
    ("speed", Column::Speed),
    ("estimate_reason", Column::EstimateReason),
];

/// Filters on one of several names, and their columns.
pub(super) const SETS: [(&str, Column); 5] = [
    ("policy_id", Column::Policies),
    ("stage", Column::Stages),
    ("attempt_provider", Column::AttemptProviders),
    ("attempt_error", Column::AttemptErrors),
    ("provider_error", Column::ProviderErrors),
];

/// Filters on texts that are kept as digests, and their columns.
const DIGESTS: [(&str, Column); 8] = [
    ("trace_id", Column::TraceId),
    ("provider_request_id", Column::ProviderRequestId),
    ("session_id", Column::SessionId),
    ("end_user", Column::EndUser),
    ("agent_id", Column::AgentId),
    ("parent_span_id", Column::ParentSpanId),
    ("requested_service_tier", Column::RequestedServiceTier),
    ("requested_speed", Column::RequestedSpeed),
];

/// Filters that are true or false, and their columns.
pub(super) const TRUTHS: [(&str, Column); 3] =
    [("stream", Column::Stream), ("failover", Column::Failover), ("assumed", Column::Assumed)];

/// By first digit. Proxies pass on statuses that no standard has, such as 999; they are on record too.
const CLASSES: [&str; 9] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx", "7xx", "8xx", "9xx"];

/// Filters between two bounds: their names before `[gte]` or `[lte]`, their columns, decimal digits down to the stored unit,
/// and what is added to a stored value.
const RANGES: [(&str, Column, usize, i64); 3] = [
    ("latency_ms", Column::Duration, 3, 0),
    ("time_to_first_token_ms", Column::FirstToken, 3, 1),
    ("cost_usd", Column::Cost, 9, 1),
];

/// Filters of a query string, the values of each together.
#[derive(Debug, Default)]
pub(in crate::http) struct Filters(Vec<(String, Vec<Filter>)>);

impl Filters {
    /// Adds one more value of a filter, by the filter's whole name.
    pub(in crate::http) fn add(&mut self, name: &str, filter: Filter) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.push(filter),
            None => self.0.push((name.to_owned(), vec![filter])),
        }
    }

    /// What must hold.
    pub(in crate::http) fn all(self) -> Vec<Filter> {
        let one = |(name, values): (String, Vec<Filter>)| {
            let any = Filter::Any(values);
            if name.ends_with(NOT) { Filter::Not(Box::new(any)) } else { any }
        };
        self.0.into_iter().map(one).collect()
    }
}

/// The filters as parameters.
pub(super) fn described() -> Vec<Parameter> {
    let truths = [
        ("stream", "Whether a stream was asked for."),
        ("failover", "Whether a second target was tried."),
        ("assumed", "Whether its cost is at an assumed price."),
    ];
    let mut all =
        truths.map(|(name, about)| Parameter::new(name, about, Shape::Choices(vec!["true", "false"]))).to_vec();
    all.extend([
        Parameter::new("id", "With this id.", ID),
        Parameter::new("policy_id", "On which this policy had a say.", Shape::List),
        Parameter::new("stage", "On which this stage had a say.", Shape::List),
        Parameter::new("attempt_provider", "For which this provider was tried.", Shape::List),
        Parameter::new(
            "attempt_error",
            "Of which a try ended with this.",
            words(AttemptError::ALL, AttemptError::as_str),
        ),
        Parameter::new("provider_error", "Of which a try ended with this error of the provider's own.", Shape::List),
        Parameter::new("q", "Where surface, model, owner, key or a tag contains this, in any case.", Shape::List),
    ]);
    all.extend(statuses());
    all.extend(NAMES.map(|(name, _)| Parameter::new(name, format!("Whose `{name}` is this."), shape(name))));
    all.extend(DIGESTS.map(|(name, _)| {
        let shape = match name {
            "trace_id" => TRACE,
            "parent_span_id" => SPAN,
            _ => Shape::List,
        };
        Parameter::new(name, format!("Whose `{name}` is this, as a whole."), shape)
    }));
    let mut all = with_not(all);
    let about = "With this tag: `tag[NAME]=VALUE`; without it: `tag[NAME][not]=VALUE`.";
    all.push(Parameter::new("tag", about, Shape::Keyed));
    for (range, ..) in RANGES {
        for (bound, least) in [("gte", "at least"), ("lte", "at most")] {
            let about = format!("Whose `{range}` is {least} this decimal number.");
            all.push(Parameter::new(format!("{range}[{bound}]"), about, AMOUNT));
        }
    }
    all
}

/// Filters on the status.
pub(in crate::http) fn statuses() -> [Parameter; 2] {
    let about = "With this HTTP status, also one that no standard has; 0 where the client left before there was one.";
    [
        Parameter::new("status", about, Shape::Statuses),
        Parameter::new("status_class", "With a status of this class.", Shape::Choices(CLASSES.to_vec())),
    ]
}

/// Filters, and each once more for values that must not be.
pub(in crate::http) fn with_not(filters: Vec<Parameter>) -> Vec<Parameter> {
    let both = |filter: Parameter| {
        let about = "None of these, or no value at all. Without `[not]`, any of several values.";
        let not = Parameter::new(format!("{}{NOT}", filter.name), about, filter.shape.clone());
        [filter, not]
    };
    filters.into_iter().flat_map(both).collect()
}

fn shape(name: &str) -> Shape {
    match name {
        "rejected_by" => words(RejectedBy::ALL, RejectedBy::as_str),
        "ended_by" => words(EndedBy::ALL, EndedBy::as_str),
        "usage_source" => words(UsageSource::ALL, UsageSource::as_str),
        "estimate_reason" => words(EstimateReason::ALL, EstimateReason::as_str),
        _ => Shape::List,
    }
}

fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Shape {
    Shape::Choices(all.iter().map(|one| word(*one)).collect())
}

/// Reads one value of a filter; `None` if there is no such filter. Whether it must not be is left to [`Filters`].
pub(super) fn read(whole: &str, value: &str) -> Result<Option<Filter>, ApiError> {
    let name = whole.strip_suffix(NOT).unwrap_or(whole);
    let column = |table: &[(&str, Column)]| table.iter().find(|(filter, _)| *filter == name).map(|(_, column)| *column);
    if let Some(column) = column(&NAMES) {
        one_of(whole, value, &shape(name))?;
        return Ok(Some(Filter::Name(column, value.to_owned())));
    }
    if let Some(column) = column(&SETS) {
        if name == "attempt_error" {
            one_of(whole, value, &words(AttemptError::ALL, AttemptError::as_str))?;
        }
        return Ok(Some(Filter::Member(column, value.to_owned())));
    }
    if let Some(column) = column(&DIGESTS) {
        return digest(whole, column, value).map(Some);
    }
    if let Some(column) = column(&TRUTHS) {
        return truth(whole, value).map(|truth| Some(exactly(column, i64::from(truth))));
    }
    match name {
        "id" => id(whole, value).map(Some),
        "status" => status(whole, value).map(Some),
        "status_class" => class(whole, value).map(Some),
        "q" => Ok(Some(Filter::Contains(value.to_owned()))),
        _ => bracketed(whole, name, value),
    }
}

/// `tag[NAME]`, or a bound of a range, which knows no `[not]`.
fn bracketed(whole: &str, name: &str, value: &str) -> Result<Option<Filter>, ApiError> {
    match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some(("tag", tag)) if !tag.is_empty() => Ok(Some(Filter::Member(Column::Tags, format!("{tag}={value}")))),
        Some((of, bound)) if whole == name => range(name, of, bound, value),
        _ => Ok(None),
    }
}

fn digest(whole: &str, column: Column, value: &str) -> Result<Filter, ApiError> {
    let digits = match column {
        Column::TraceId => 32,
        Column::ParentSpanId => 16,
        _ => return Ok(Filter::Digest(column, value.to_owned())),
    };
    if value.len() != digits || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad(whole, &format!("must be {digits} hex digits")));
    }
    // W3C Trace Context: lower case, as proxies keep it.
    Ok(Filter::Digest(column, value.to_ascii_lowercase()))
}

fn id(whole: &str, value: &str) -> Result<Filter, ApiError> {
    parse_uuid(value)
        .map(Filter::Id)
        .ok_or_else(|| bad(whole, "must be a UUID in lower case, as in `x-headgate-request-id`"))
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

/// Refuses a word that the shape does not name.
fn one_of(name: &str, value: &str, shape: &Shape) -> Result<(), ApiError> {
    match shape {
        Shape::Choices(words) if !words.contains(&value) => {
            Err(bad(name, &format!("must be one of {}", words.join(", "))))
        }
        _ => Ok(()),
    }
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
    use super::{decimal, described, read};

    #[test]
    fn amounts_are_read_without_rounding() {
        assert_eq!(decimal("0.000005550", 9), Some(5_550));
        assert_eq!(decimal("12", 9), Some(12_000_000_000));
        assert_eq!(decimal("1.2345678901", 3), Some(1_234));
        for bad in ["", ".", "-1", "1e3", "1,5", "99999999999999999999"] {
            assert_eq!(decimal(bad, 9), None, "{bad}");
        }
    }

    #[test]
    fn every_described_filter_is_read() {
        for parameter in described() {
            let example = parameter.example();
            let (name, value) = example.split_once('=').unwrap();
            assert!(read(name, value).unwrap().is_some(), "{name}");
        }
        assert!(read("latency_ms[gte][not]", "5").unwrap().is_none());
    }
}
