//! The parameters of `GET /v1/requests`, of its exports and of its facets.

use super::filters::Filters;
use crate::error::ApiError;
use crate::values::{Cursor, Limit, Position, Time};
use headgate_collector_columns::Filter;
use headgate_collector_store::{Order, RequestQuery};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which records.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct RequestFilter {
    /// Started at this time or later; a day begins in UTC.
    from: Option<Time>,
    /// Started before this time.
    to: Option<Time>,
    #[serde(flatten)]
    filters: Filters<false>,
}

/// Which page of them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct RequestPaging {
    /// Newest or oldest first.
    order: Order,
    /// Most records; 50 without it.
    limit: Option<Limit<500>>,
    /// `next` of another page; this one begins behind it.
    after: Option<Position>,
    /// `previous` of another page; this one ends ahead of it.
    before: Option<Position>,
    /// Whether to count the records of all pages.
    pub(super) total: bool,
    /// Whether to add up outcomes, tokens and cost of the records of all pages.
    pub(super) totals: bool,
}

/// The size of an export.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct RequestExport {
    /// Newest or oldest first.
    pub(super) order: Order,
    /// Most records; all without it.
    pub(super) limit: Option<Limit<{ u64::MAX }>>,
}

impl RequestFilter {
    /// Returns the query for all entries that match the filters.
    pub(super) fn query(self) -> Result<RequestQuery, ApiError> {
        let (from, to) = (self.from.map(Time::us), self.to.map(Time::us));
        Ok(RequestQuery { filters: self.filters.read()?, from, to, ..RequestQuery::default() })
    }
}

/// Reads filters of records, in the form of the query string of `GET /v1/requests`.
///
/// # Errors
/// A parameter is unknown or wrong; the message names it.
pub fn request_filters(text: &str) -> Result<Vec<Filter>, String> {
    let pairs: Vec<_> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    if let Some((name, _)) = pairs.iter().find(|(name, _)| !Filters::<false>::has(name)) {
        let shown: String = name.chars().take(40).collect();
        return Err(format!("there is no filter `{}`; see GET /v1/requests", shown.escape_debug()));
    }
    Filters::<false>::of(pairs).read().map_err(ApiError::into_message)
}

impl RequestPaging {
    /// Returns the query of this page.
    pub(super) fn query(&self, filtered: RequestFilter) -> Result<RequestQuery, ApiError> {
        let position = |cursor: Option<Position>| cursor.map(|Cursor([position])| position);
        Ok(RequestQuery {
            order: self.order,
            limit: self.limit.map_or(50, Limit::count),
            after: position(self.after),
            before: position(self.before),
            ..filtered.query()?
        })
    }
}
