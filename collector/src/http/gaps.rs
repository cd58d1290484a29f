//! `GET /v1/gaps`: what is missing, and what came late.

use super::App;
use super::auth::Caller;
use super::error::{ApiError, json_response};
use super::query::{bad, invalid, pairs, shown, time};
use crate::audit::Resource;
use crate::store::{self, GapPage, GapPlace, GapQuery, GapState};
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;
const CURSOR: &str = "g1_";
const NAMES: &str = "node, state, from, to, limit, after";

/// `GET /v1/gaps`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let query = parse(&text)?;
    app.note_search(&caller, "gaps.searched", Resource::new("list", "gaps"), &text).await;
    let GapPage { gaps, next, dropped } = app.readers.query(move |db| store::gaps(db, &query)).await?;
    let next = next.map(cursor);
    let body = json!({
        "object": "list", "data": gaps, "has_more": next.is_some(), "next": next, "dropped": dropped,
    });
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

fn parse(text: &str) -> Result<GapQuery, ApiError> {
    let mut query = GapQuery { limit: DEFAULT_LIMIT, ..GapQuery::default() };
    for (name, value) in pairs(text)? {
        match name.as_str() {
            "node" => query.node = Some(value),
            "state" => query.state = state(&name, &value)?,
            "from" => query.from = Some(time(&name, &value)?),
            "to" => query.to = Some(time(&name, &value)?),
            "limit" => query.limit = limit(&name, &value)?,
            "after" => query.after = Some(place(&name, &value)?),
            _ => return Err(unknown(&name)),
        }
    }
    Ok(query)
}

fn state(name: &str, value: &str) -> Result<GapState, ApiError> {
    match value {
        "open" => Ok(GapState::Open),
        "closed" => Ok(GapState::Closed),
        "all" => Ok(GapState::All),
        _ => Err(bad(name, "must be open, closed or all")),
    }
}

fn limit(name: &str, value: &str) -> Result<usize, ApiError> {
    match value.parse::<usize>() {
        Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(bad(name, "must be 1 to 500")),
    }
}

fn cursor(place: GapPlace) -> String {
    format!("{CURSOR}{:x}_{:x}", place.noticed_at, place.gap)
}

fn place(name: &str, value: &str) -> Result<GapPlace, ApiError> {
    let number = |digits: &str| i64::from_str_radix(digits, 16).ok().filter(|number| *number >= 0);
    let place = value
        .strip_prefix(CURSOR)
        .and_then(|rest| rest.split_once('_'))
        .and_then(|(noticed_at, gap)| Some(GapPlace { noticed_at: number(noticed_at)?, gap: number(gap)? }));
    place.ok_or_else(|| bad(name, "must be a `next` of an earlier page, unchanged"))
}

fn unknown(name: &str) -> ApiError {
    let name = shown(name);
    invalid(format!("`{name}` is no parameter. There are: {NAMES}."), "unknown_parameter").param(name)
}
