//! `GET /help` and `GET /help/traffic`.

mod checks;

use super::visit::Visit;
use crate::error::ApiError;
use axum::response::Response;
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::help::{HelpPage, TrafficPage};

/// Handles `GET /help`.
pub(super) async fn show(visit: Visit) -> Response {
    let result = visit.page(Page::Help, |frame| HelpPage.render(frame)).await;
    visit.shown(Page::Help, result).await
}

/// Handles `GET /help/traffic`.
pub(super) async fn traffic(visit: Visit) -> Response {
    let result = checked(&visit).await;
    visit.shown(Page::Help, result).await
}

async fn checked(visit: &Visit) -> Result<Response, ApiError> {
    let view = TrafficPage { checks: checks::all(visit).await? };
    visit.page(Page::Help, |frame| view.render(frame)).await
}
