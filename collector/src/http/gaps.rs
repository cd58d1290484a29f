//! `GET /v1/gaps`: what is missing, and what came late.

use super::App;
use super::auth::Caller;
use super::error::{ApiError, json_response};
use super::openapi::{self, Schemas};
use super::parameter::{Parameter, Shape, unknown};
use super::values::{at_most, bad, cursor_of_two, time, two};
use crate::audit::Resource;
use crate::store::{self, Dropped, Gap, GapPage, GapPlace, GapQuery, GapState};
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;
const CURSOR: &str = "g1_";
const PLACE: Shape = Shape::Pattern("^g1_[0-9a-f]{1,15}_[0-9a-f]{1,15}$", "g1_0_1");

/// All parameters.
pub(super) fn described() -> Vec<Parameter> {
    let states = vec!["open", "closed", "all"];
    vec![
        Parameter::new("node", "Of this proxy.", Shape::Text),
        Parameter::new(
            "state",
            "Missing (`open`, also without it), come late (`closed`), or both.",
            Shape::Word(states),
        ),
        Parameter::new("from", "Noticed at this time or later.", Shape::Time),
        Parameter::new("to", "Due before this time: what stands before the gap was received earlier.", Shape::Time),
        Parameter::new("limit", "Most gaps; 50 without it.", Shape::Whole(1, MAX_LIMIT as u64)),
        Parameter::new("after", "`next` of the page before.", PLACE),
    ]
}

/// The answer of `GET /v1/gaps`.
pub(super) fn page(schemas: &mut Schemas) -> Value {
    let (gap, dropped) = (openapi::of::<Gap>(schemas), openapi::of::<Dropped>(schemas));
    let more = [
        ("has_more", json!({"type": "boolean"})),
        ("next", openapi::cursor()),
        ("dropped", json!({"type": "array", "items": dropped})),
    ];
    schemas.list(&gap, &more)
}

/// `GET /v1/gaps`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let query = parse(&text)?;
    app.note_search(&caller, "gaps.searched", Resource::new("list", "gaps"), &text).await?;
    let GapPage { gaps, next, dropped } = app.readers.query(move |db| store::gaps(db, &query)).await?;
    let next = next.map(cursor);
    let body = json!({
        "object": "list", "data": gaps, "has_more": next.is_some(), "next": next, "dropped": dropped,
    });
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

fn parse(text: &str) -> Result<GapQuery, ApiError> {
    let mut query = GapQuery { limit: DEFAULT_LIMIT, ..GapQuery::default() };
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        match &*name {
            "node" => query.node = Some(value.into_owned()),
            "state" => query.state = state(&name, &value)?,
            "from" => query.from = Some(time(&name, &value)?),
            "to" => query.to = Some(time(&name, &value)?),
            "limit" => query.limit = at_most(&name, &value, MAX_LIMIT)?,
            "after" => query.after = Some(place(&name, &value)?),
            _ => return Err(unknown(&name, &described())),
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

fn cursor(place: GapPlace) -> String {
    cursor_of_two(CURSOR, (place.noticed_at, place.gap))
}

fn place(name: &str, value: &str) -> Result<GapPlace, ApiError> {
    two(name, CURSOR, value).map(|(noticed_at, gap)| GapPlace { noticed_at, gap })
}
