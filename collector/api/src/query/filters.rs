//! Filters on records and on usage, as they are written in query strings.
//!
//! A repeated filter matches any of its values, and `NAME[not]` none of them; a record without a value passes `NAME[not]`.
//! Different filters must all match. An impossible value is refused with the filter's name, so that a typing error does not
//! look like an empty result.

mod kind;

use crate::error::ApiError;
use crate::values::bad;
use headgate_collector_columns::{Column, Filter};
use headgate_record::{AttemptError, EndedBy, EstimateReason, RejectedBy, RequestSource, UsageSource};
pub(crate) use kind::Kind;
use kind::{TEXT, Words};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A filter.
#[derive(Debug)]
pub(crate) struct FilterSpec {
    pub(crate) name: &'static str,
    /// Its description; if empty, the name is sufficient.
    about: &'static str,
    pub(crate) kind: Kind,
}

/// Filters that apply to records and to usage.
const OF_USAGE: &[FilterSpec] = &[
    row("status", STATUS, Kind::Status),
    row("status_class", "With a status of this class.", Kind::Class),
    name("key_id", Column::KeyId),
    name("owner", Column::Owner),
    name("team", Column::Team),
    name("project", Column::Project),
    name("application", Column::Application),
    name("cost_center", Column::CostCenter),
    name("tenant", Column::Tenant),
    name("environment", Column::Environment),
    name("config_revision", Column::ConfigRevision),
    name("surface", Column::Surface),
    name("requested_model", Column::RequestedModel),
    name("served_model", Column::ServedModel),
    name("provider", Column::Provider),
];

/// Filters that apply to records alone.
const OF_RECORDS: &[FilterSpec] = &[
    row("id", "With this id.", Kind::Id),
    row("any_id", "With this as id, `trace_id`, `provider_request_id` or `session_id`.", Kind::AnyId),
    row("outcome", OUTCOME, Kind::Outcome),
    row("q", "Where surface, model, owner, key or a tag contains this, in any case.", Kind::Contains),
    row("tag", "With this tag: `tag[NAME]=VALUE`; without it: `tag[NAME][not]=VALUE`.", Kind::Tag),
    row("stream", "Whether a stream was asked for.", Kind::Truth(Column::Stream)),
    row("failover", "Whether a second target was tried.", Kind::Truth(Column::Failover)),
    row("assumed", "Whether its cost is at an assumed price.", Kind::Truth(Column::Assumed)),
    name("error_code", Column::ErrorCode),
    name("use_case", Column::UseCase),
    name("risk_class", Column::RiskClass),
    name("node", Column::Node),
    name("finish_reason", Column::FinishReason),
    name("user_agent", Column::UserAgent),
    name("price_revision", Column::PriceRevision),
    name("retention_class", Column::RetentionClass),
    name("response_model", Column::ResponseModel),
    name("service_tier", Column::ServiceTier),
    name("speed", Column::Speed),
    word("rejected_by", Column::RejectedBy, Some(|| words(RejectedBy::ALL, RejectedBy::as_str))),
    word("source", Column::Source, Some(|| words(RequestSource::ALL, RequestSource::as_str))),
    word("ended_by", Column::EndedBy, Some(|| words(EndedBy::ALL, EndedBy::as_str))),
    word("usage_source", Column::UsageSource, Some(|| words(UsageSource::ALL, UsageSource::as_str))),
    word("estimate_reason", Column::EstimateReason, Some(|| words(EstimateReason::ALL, EstimateReason::as_str))),
    row("policy_id", "On which this policy had a say.", Kind::Member(Column::Policies, TEXT)),
    row("stage", "On which this stage had a say.", Kind::Member(Column::Stages, TEXT)),
    row("attempt_provider", "For which this provider was tried.", Kind::Member(Column::AttemptProviders, TEXT)),
    row(
        "attempt_error",
        "Of which a try ended with this.",
        Kind::Member(Column::AttemptErrors, Some(|| words(AttemptError::ALL, AttemptError::as_str))),
    ),
    row(
        "provider_error",
        "Of which a try ended with this error of the provider's own.",
        Kind::Member(Column::ProviderErrors, TEXT),
    ),
    row("trace_id", "", Kind::Hex(Column::TraceId, 32)),
    row("parent_span_id", "", Kind::Hex(Column::ParentSpanId, 16)),
    row("provider_request_id", "", Kind::Digest(Column::ProviderRequestId)),
    row("session_id", "", Kind::Digest(Column::SessionId)),
    row("end_user", "", Kind::Digest(Column::EndUser)),
    row("agent_id", "", Kind::Digest(Column::AgentId)),
    row("requested_service_tier", "", Kind::Digest(Column::RequestedServiceTier)),
    row("requested_speed", "", Kind::Digest(Column::RequestedSpeed)),
    row("latency_ms", "", Kind::Amount(Column::Duration, 3, 0)),
    row("time_to_first_token_ms", "", Kind::Amount(Column::FirstToken, 3, 1)),
    row("cost_usd", "", Kind::Amount(Column::Cost, 9, 1)),
];

const STATUS: &str =
    "With this HTTP status, also one that no standard has; 0 where the client left before there was one.";

const OUTCOME: &str = "With this outcome: `refused` by the gateway; `aborted` by the client; `error` for any other status of 400 and \
    above, and for an answer that broke off; else `success`.";

const fn row(name: &'static str, about: &'static str, kind: Kind) -> FilterSpec {
    FilterSpec { name, about, kind }
}

const fn word(name: &'static str, column: Column, words: Words) -> FilterSpec {
    row(name, "", Kind::Name(column, words))
}

const fn name(name: &'static str, column: Column) -> FilterSpec {
    word(name, column, TEXT)
}

fn words<T: Copy>(all: &[T], word: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|value| word(*value)).collect()
}

/// The filters of a query string, not yet parsed. The map may contain parameters that are no filters.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Filters<const USAGE: bool>(BTreeMap<String, Vec<String>>);

impl<const USAGE: bool> Filters<USAGE> {
    /// Returns the filters of these parameters.
    pub(crate) fn of(parameters: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut filters = Self::default();
        for (name, value) in parameters {
            filters.0.entry(name).or_default().push(value);
        }
        filters
    }

    /// Returns all filters.
    pub(crate) fn rows() -> impl Iterator<Item = &'static FilterSpec> {
        OF_USAGE.iter().chain(if USAGE { &[] } else { OF_RECORDS })
    }

    /// Returns whether this is the name of a filter, with its brackets.
    pub(crate) fn has(name: &str) -> bool {
        Self::rows().any(|row| row.any(name, &[]).is_some())
    }

    /// Returns the conditions, all of which must hold.
    pub(crate) fn read(self) -> Result<Vec<Filter>, ApiError> {
        let known =
            self.0.into_iter().filter_map(|(name, values)| Self::rows().find_map(|row| row.any(&name, &values)));
        known.collect()
    }
}

impl<const USAGE: bool> JsonSchema for Filters<USAGE> {
    fn schema_name() -> Cow<'static, str> {
        "Filters".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let properties: Map<_, _> = Self::rows().flat_map(FilterSpec::described).collect();
        json!({"type": "object", "properties": properties}).try_into().unwrap_or_default()
    }
}

impl FilterSpec {
    /// Returns the condition that any of the values matches, or none of them; `None` if the name is not this filter's.
    fn any(&self, whole: &str, values: &[String]) -> Option<Result<Filter, ApiError>> {
        let brackets = whole.strip_prefix(self.name)?;
        let inner = match brackets.strip_prefix('[') {
            None if brackets.is_empty() => "",
            other => other?.strip_suffix(']')?,
        };
        let (inner, not) = match self.kind {
            Kind::Tag => inner.strip_suffix("][not").map_or((inner, false), |key| (key, true)),
            Kind::Amount(..) => (inner, false),
            _ => (inner, inner == "not"),
        };
        let any: Result<_, String> = values.iter().map(|value| self.kind.read(inner, value)).collect();
        let filter = any.map(|any| if not { Filter::Not(Box::new(Filter::Any(any))) } else { Filter::Any(any) });
        Some(filter.map_err(|must| bad(whole, &must)))
    }

    /// Returns the filter's parameters, each with its schema.
    fn described(&self) -> Vec<(String, Value)> {
        let Self { name, about, kind } = self;
        let filter = |end: &str, about: &str, schema: &Value| {
            let mut schema = schema.clone();
            schema.as_object_mut().and_then(|members| members.insert("description".to_owned(), json!(about)));
            (format!("{name}{end}"), schema)
        };
        let schema = kind.schema();
        let list = json!({"type": "array", "items": schema});
        let about = match kind {
            Kind::Tag => return vec![filter("", about, &json!({"type": "object", "additionalProperties": schema}))],
            Kind::Amount(..) => {
                let about = |least: &str| format!("Records with a `{name}` of {least} this decimal number.");
                return vec![filter("[gte]", &about("at least"), &schema), filter("[lte]", &about("at most"), &schema)];
            }
            Kind::Digest(_) | Kind::Hex(..) => format!("Records with exactly this `{name}`."),
            _ if about.is_empty() => format!("Records with this `{name}`."),
            _ => (*about).to_owned(),
        };
        let not = "None of these, or no value at all. Without `[not]`, any of several values.";
        vec![filter("", &about, &list), filter("[not]", not, &list)]
    }
}

#[cfg(test)]
mod tests {
    use super::Filters;
    use crate::parameter::Parameter;
    use crate::query_string::parse;

    #[test]
    fn every_described_filter_is_parsed() {
        for parameter in Parameter::of::<Filters<false>>() {
            let read = parse::<Filters<false>>(&parameter.example()).unwrap().read().unwrap();
            assert_eq!(read.len(), 1, "{}", parameter.name);
        }
        for bad in ["tag[not]=a", "tag[][not]=a", "status=20", "trace_id=a", "stream[not]=maybe"] {
            assert!(parse::<Filters<false>>(bad).unwrap().read().is_err(), "{bad}");
        }
    }
}
