//! `GET /v1/gaps`: missing and late records.

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::openapi::{self, Schemas};
use super::query_string::Query;
use super::values::{Cursor, Limit, Time};
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_store::{self as store, Dropped, Gap, GapPage, GapPlace, GapQuery, GapState};
use headgate_collector_types::audit::Resource;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

const DEFAULT_LIMIT: usize = 50;

/// The parameters.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct GapsQuery {
    /// Of this proxy.
    node: Option<String>,
    /// Missing (`open`, also without it), come late (`closed`), or both.
    state: GapState,
    /// Noticed at this time or later.
    from: Option<Time>,
    /// Due before this time: the record before the gap was received earlier.
    to: Option<Time>,
    /// Most gaps; 50 without it.
    limit: Option<Limit<500>>,
    /// `next` of the page before.
    after: Option<Cursor<'g', 2>>,
}

/// Returns the schema of the answer of `GET /v1/gaps`.
pub(super) fn page(schemas: &mut Schemas) -> Value {
    let (gap, dropped) = (openapi::of::<Gap>(schemas), openapi::of::<Dropped>(schemas));
    let more = [
        ("has_more", json!({"type": "boolean"})),
        ("next", openapi::cursor()),
        ("dropped", json!({"type": "array", "items": dropped})),
    ];
    schemas.list(&gap, &more)
}

/// Handles `GET /v1/gaps`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(asked): Query<GapsQuery>,
) -> Result<Response, ApiError> {
    let query = asked.query();
    app.audit.search(&caller, "gaps.searched", Resource::new("list", "gaps"), text.as_deref()).await?;
    let GapPage { gaps, next, dropped } = app.readers.query(move |db| store::gaps(db, &query)).await?;
    let next = next.map(cursor);
    let body = json!({
        "object": "list", "data": gaps, "has_more": next.is_some(), "next": next, "dropped": dropped,
    });
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

impl GapsQuery {
    fn query(self) -> GapQuery {
        GapQuery {
            node: self.node,
            state: self.state,
            from: self.from.map(Time::us),
            to: self.to.map(Time::us),
            limit: self.limit.map_or(DEFAULT_LIMIT, Limit::count),
            after: self.after.map(|Cursor([noticed_at, gap])| GapPlace { noticed_at, gap }),
        }
    }
}

fn cursor(place: GapPlace) -> String {
    Cursor::<'g', 2>([place.noticed_at, place.gap]).to_string()
}
