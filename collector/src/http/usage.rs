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
use crate::store::{self, Db, StoreError, Totals, UsagePage};
use axum::extract::{Extension, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use parameters::Wanted;

/// `GET /v1/usage`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
) -> Result<Response, ApiError> {
    let text = text.unwrap_or_default();
    let wanted = parameters::parse(&text, Also::Pages)?;
    app.note_search(&caller, "usage.searched", Resource::new("log", "usage"), &text).await?;
    let body = app
        .readers
        .query(move |db| {
            let page = store::usage(db, &wanted.query)?;
            let total = wanted.total.then(|| total(db, &page, &wanted)).transpose()?;
            Ok(answer::page(&page, total.as_ref(), &wanted))
        })
        .await?;
    Ok(json_response(StatusCode::OK, body?))
}

/// The sum of all pages: of this one, if it is the only one.
fn total(db: &Db, page: &UsagePage, wanted: &Wanted) -> Result<Totals, StoreError> {
    let only = page.next.is_none() && wanted.query.from == wanted.whole.from;
    if only { Ok(page.total()) } else { store::usage_total(db, &wanted.whole) }
}
