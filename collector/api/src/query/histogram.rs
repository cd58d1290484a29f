//! `GET /v1/requests/histogram`: the matching records over time, by outcome, with their tokens and cost.

use super::log;
use super::parameters::RequestFilter;
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, json_response};
use crate::openapi::{Schemas, object};
use crate::query_string::Query;
use crate::values::{Limit, MAX_TIME};
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_columns::{self as columns, Histogram, HistogramQuery, Sums};
use headgate_collector_store::RequestQuery;
use headgate_collector_types::RequestOutcome;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Number of bars where none is asked for.
const BARS: usize = 60;

/// The number of bars.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Bars {
    /// Most bars; 60 without it. The width is the least of 1 s, 2 s, 5 s … 7 d that needs no more.
    bars: Option<Limit<240>>,
}

/// Handles `GET /v1/requests/histogram`.
pub(crate) async fn histogram(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(filtered): Query<RequestFilter>,
    Query(Bars { bars }): Query<Bars>,
) -> Result<Response, ApiError> {
    let query = of(&filtered.query()?, bars.map_or(BARS, Limit::count));
    app.audit.search(&caller, "requests.searched", log(), text.as_deref()).await?;
    let found = app.readers.query(move |db| columns::histogram(db, &query)).await?;
    Ok(json_response(StatusCode::OK, body(&found).to_string().into_bytes()))
}

/// Returns the query for a histogram of the same records.
fn of(list: &RequestQuery, bars: usize) -> HistogramQuery {
    HistogramQuery { filters: list.filters.clone(), from: list.from, to: list.to, bars }
}

/// Returns the schema of the answer.
pub(crate) fn bars(_: &mut Schemas) -> Value {
    let time = |about: &str| json!({"type": "integer", "minimum": 0, "maximum": MAX_TIME, "description": about});
    let sums = sums_schema();
    let mut bar = vec![("start", time("When it begins, µs since 1970."))];
    bar.extend(sums.clone());
    object(&[
        ("object", json!({"const": "histogram"})),
        (
            "width_us",
            json!({"type": "integer", "minimum": 0, "description": "Width of a bar; 0 if there is no record."}),
        ),
        ("total", object(&sums)),
        ("bars", json!({"type": "array", "maxItems": columns::MAX_BARS + 1, "items": object(&bar)})),
    ])
}

/// Returns the members of sums with their schemas.
pub(super) fn sums_schema() -> Vec<(&'static str, Value)> {
    let count = json!({"type": "integer", "minimum": 0});
    let names = ["requests", "cost_nano_usd", "input_tokens", "output_tokens"];
    names.into_iter().chain(RequestOutcome::ALL.map(RequestOutcome::as_str)).map(|name| (name, count.clone())).collect()
}

/// Returns sums as they are answered.
pub(super) fn sums(sums: &Sums) -> Map<String, Value> {
    let outcomes = RequestOutcome::ALL.map(|outcome| (outcome.as_str(), sums.of(outcome)));
    let others = [
        ("requests", sums.requests()),
        ("cost_nano_usd", sums.cost_nano_usd),
        ("input_tokens", sums.input_tokens),
        ("output_tokens", sums.output_tokens),
    ];
    outcomes.into_iter().chain(others).map(|(name, count)| (name.to_owned(), json!(count))).collect()
}

fn body(found: &Histogram) -> Value {
    let starts = (0_i64..).map(|bar| found.start.saturating_add(found.width.saturating_mul(bar)));
    let bars: Vec<_> = starts
        .zip(&found.bars)
        .map(|(start, bar)| {
            let mut members = sums(bar);
            members.insert("start".to_owned(), json!(start));
            members
        })
        .collect();
    json!({"object": "histogram", "width_us": found.width, "total": sums(&found.total()), "bars": bars})
}
