//! `GET /v1/requests/facets`: the exact total of the matching records, and their distribution over the values of chosen columns.

use super::filters::{FilterSpec, Filters, Kind};
use super::parameters::RequestFilter;
use super::{counting, log};
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, json_response};
use crate::openapi::{Schemas, object};
use crate::query_string::Query;
use crate::values::{ParamValue, param_values};
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_columns::{self as columns, Column, Facet, Facets};
use headgate_collector_types::RequestOutcome;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Returns the values of facets by their names in the API, the most frequent values first.
pub(crate) fn values(names: &[&str], found: Facets) -> Vec<Vec<(String, u64)>> {
    let rows = names.iter().filter_map(|name| known().find(|row| row.name == *name));
    rows.zip(found.columns).map(|(row, spread)| worded(row, spread).values).collect()
}

/// Returns the columns of facets by their names in the API.
pub(crate) fn columns_of(names: &[&str]) -> Vec<Column> {
    names.iter().filter_map(|name| known().find(|row| row.name == *name)?.kind.column()).collect()
}

/// Maximum number of values of each facet, those with the most records.
pub(super) const VALUES: usize = 100;

/// The names of facets, separated by commas.
struct FacetList(Vec<&'static FilterSpec>);

param_values!(FacetList);

/// The dimensions that records spread over.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct FacetParams {
    /// The dimensions to spread over; all but `tag` without it.
    facets: Option<FacetList>,
}

/// Handles `GET /v1/requests/facets`.
pub(crate) async fn facets(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(filtered): Query<RequestFilter>,
    Query(FacetParams { facets }): Query<FacetParams>,
) -> Result<Response, ApiError> {
    let rows = facets.map_or_else(|| known().filter(|row| row.name != "tag").collect(), |FacetList(rows)| rows);
    let columns = rows.iter().filter_map(|row| row.kind.column()).collect();
    let query = counting(&filtered.query()?, columns);
    app.audit.search(&caller, "requests.searched", log(), text.as_deref()).await?;
    let found = app.readers.query(move |db| columns::facets(db, &query)).await?;
    let body = body(&rows, found).to_string();
    Ok(json_response(StatusCode::OK, body.into_bytes()))
}

/// Returns the schema of the answer.
pub(crate) fn facets_schema(_: &mut Schemas) -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let value = object(&[("value", json!({"type": "string"})), ("count", count.clone())]);
    let values = json!({"type": "array", "maxItems": VALUES, "items": value, "description": "The most frequent ones."});
    let facet = object(&[("distinct", count.clone()), ("values", values)]);
    let facets = json!({"type": "object", "additionalProperties": facet});
    object(&[("object", json!({"const": "facets"})), ("total", count), ("facets", facets)])
}

fn known() -> impl Iterator<Item = &'static FilterSpec> {
    Filters::<false>::rows().filter(|row| row.kind.column().is_some())
}

fn names() -> Vec<&'static str> {
    known().map(|row| row.name).collect()
}

impl ParamValue for FacetList {
    fn read(text: &str) -> Result<Self, String> {
        let rows: Option<_> = text.split(',').map(|name| known().find(|row| row.name == name)).collect();
        rows.map(Self).ok_or_else(|| format!("must be some of these, joined by commas: {}", names().join(",")))
    }

    fn schema() -> Value {
        json!({"type": "array", "items": {"type": "string", "enum": names()}, "joined": true})
    }
}

fn body(rows: &[&FilterSpec], found: Facets) -> Value {
    let facets: Map<String, Value> =
        rows.iter().zip(found.columns).map(|(row, counts)| (row.name.to_owned(), facet(row, counts))).collect();
    json!({"object": "facets", "total": found.total, "facets": facets})
}

/// Returns a facet with its values in the words of the API.
fn worded(row: &FilterSpec, spread: Facet) -> Facet {
    match row.kind {
        Kind::Class => by_class(spread),
        Kind::Truth(_) => as_truth(spread),
        Kind::Outcome => as_outcome(spread),
        _ => spread,
    }
}

fn facet(row: &FilterSpec, spread: Facet) -> Value {
    let Facet { distinct, values } = worded(row, spread);
    let shown: Vec<_> =
        values.into_iter().take(VALUES).map(|(value, count)| json!({"value": value, "count": count})).collect();
    json!({"distinct": distinct, "values": shown})
}

fn as_outcome(numbers: Facet) -> Facet {
    let word = |number: &str| {
        RequestOutcome::ALL.get(number.parse::<usize>().ok()?).map(|outcome| outcome.as_str().to_owned())
    };
    let values = numbers.values.into_iter().filter_map(|(number, count)| Some((word(&number)?, count))).collect();
    Facet { values, ..numbers }
}

fn as_truth(bits: Facet) -> Facet {
    let values = bits.values.into_iter().map(|(bit, count)| ((bit == "1").to_string(), count)).collect();
    Facet { values, ..bits }
}

/// Groups statuses by their first digit; records without a status have no class.
fn by_class(statuses: Facet) -> Facet {
    let mut classes = BTreeMap::<String, u64>::new();
    for (status, count) in statuses.values.iter().filter(|(status, _)| status.len() == 3) {
        *classes.entry(format!("{}xx", status.get(..1).unwrap_or_default())).or_default() += count;
    }
    let mut values: Vec<_> = classes.into_iter().collect();
    values.sort_by_key(|(_, count)| Reverse(*count));
    Facet { distinct: values.len(), values }
}
