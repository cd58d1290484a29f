//! `GET /v1/usage` and `GET /v1/usage.csv`: what was used, by time and by whom.
//!
//! The page is shaped like those of OpenAI's usage API: buckets of time with results in them. Who used how much tells about
//! people, so looking at it is an audit entry, as a search is.

mod answer;
mod export;
mod parameters;

pub(super) use answer::described as page;
pub(super) use export::csv;
pub(super) use parameters::{Also, described};

use super::App;
use super::auth::Caller;
use super::error::{ApiError, json_response};
use crate::audit::Resource;
use crate::store;
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;

/// `GET /v1/usage`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let wanted = parameters::parse(&text, Also::Pages)?;
    app.note_search(&caller, "usage.searched", Resource::new("log", "usage"), &text).await;
    let body = app
        .readers
        .query(move |db| {
            let total = wanted.total.then(|| store::usage_total(db, &wanted.whole)).transpose()?;
            let page = store::usage(db, &wanted.query)?;
            Ok(answer::page(&page, total.as_ref(), &wanted))
        })
        .await?;
    Ok(json_response(StatusCode::OK, body))
}
