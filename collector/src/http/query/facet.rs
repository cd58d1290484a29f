//! `GET /v1/requests/facets`: the exact total of what is filtered, and how it spreads over the values of chosen columns.

use super::filters::{NAMES, SETS, TRUTHS};
use super::parameters::{self, Also};
use super::{counting, log};
use crate::http::App;
use crate::http::auth::Caller;
use crate::http::error::{ApiError, json_response};
use crate::http::openapi::{Schemas, object};
use crate::http::values::bad;
use crate::store::{self, Column, Facets, Spread};
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Values shown of each facet, those with the most records.
pub(super) const VALUES: usize = 100;

/// Facets that are no names.
const OTHERS: [(&str, Column); 3] =
    [("status", Column::Status), ("status_class", Column::Status), ("tag", Column::Tags)];

/// `GET /v1/requests/facets`.
pub(in crate::http) async fn facets(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let wanted = parameters::parse(&text, Also::Facets)?;
    let names = chosen(wanted.facets.as_deref())?;
    app.note_search(&caller, "requests.searched", log(), &text).await?;
    let columns = names.iter().map(|(_, column)| *column).collect();
    let query = counting(&wanted.list, columns);
    let found = app.readers.query(move |db| store::facets(db, &query)).await?;
    let body = body(&names, found).to_string();
    Ok(json_response(StatusCode::OK, body.into_bytes()))
}

/// The answer.
pub(in crate::http) fn spread(_: &mut Schemas) -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let value = object(&[("value", json!({"type": "string"})), ("count", count.clone())]);
    let values = json!({"type": "array", "maxItems": VALUES, "items": value, "description": "The most frequent ones."});
    let facet = object(&[("distinct", count.clone()), ("values", values)]);
    let facets = json!({"type": "object", "additionalProperties": facet});
    object(&[("object", json!({"const": "facets"})), ("total", count), ("facets", facets)])
}

/// The names of all facets.
pub(super) fn names() -> Vec<&'static str> {
    known().map(|(name, _)| name).collect()
}

fn known() -> impl Iterator<Item = (&'static str, Column)> {
    OTHERS.into_iter().chain(TRUTHS).chain(SETS).chain(NAMES)
}

/// The facets by name; all but the tags if none are named.
fn chosen(names: Option<&str>) -> Result<Vec<(&'static str, Column)>, ApiError> {
    let Some(names) = names else {
        return Ok(known().filter(|(name, _)| *name != "tag").collect());
    };
    let one = |name: &str| known().find(|(known, _)| *known == name);
    names.split(',').map(|name| one(name).ok_or_else(unknown)).collect()
}

fn unknown() -> ApiError {
    bad("facets", &format!("must be some of these, joined by commas: {}", names().join(",")))
}

fn body(names: &[(&str, Column)], found: Facets) -> Value {
    let facets: Map<String, Value> =
        names.iter().zip(found.columns).map(|((name, _), spread)| ((*name).to_owned(), facet(name, spread))).collect();
    json!({"object": "facets", "total": found.total, "facets": facets})
}

fn facet(name: &str, spread: Spread) -> Value {
    let Spread { distinct, values } = match name {
        "status_class" => by_class(spread),
        name if TRUTHS.iter().any(|(truth, _)| *truth == name) => as_truth(spread),
        _ => spread,
    };
    let shown: Vec<_> =
        values.into_iter().take(VALUES).map(|(value, count)| json!({"value": value, "count": count})).collect();
    json!({"distinct": distinct, "values": shown})
}

fn as_truth(bits: Spread) -> Spread {
    let values = bits.values.into_iter().map(|(bit, count)| ((bit == "1").to_string(), count)).collect();
    Spread { values, ..bits }
}

/// By first digit; without a status there is no class.
fn by_class(statuses: Spread) -> Spread {
    let mut classes = BTreeMap::<String, u64>::new();
    for (status, count) in statuses.values.iter().filter(|(status, _)| status.len() == 3) {
        *classes.entry(format!("{}xx", status.get(..1).unwrap_or_default())).or_default() += count;
    }
    let mut values: Vec<_> = classes.into_iter().collect();
    values.sort_by_key(|(_, count)| Reverse(*count));
    Spread { distinct: values.len(), values }
}
