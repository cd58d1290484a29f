//! The router: all routes, and the layers that every answer passes.

use super::app::App;
use super::connections::ConnectionSlot;
use super::error::ApiError;
use super::{metrics, pages, routes};
use axum::Router;
use axum::extract::{Extension, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use std::sync::Arc;

/// Returns the router of all routes, with the layers that they have in common.
pub(super) fn router(app: App) -> Router {
    routes::router(&app)
        .merge(pages::router(&app))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(app.metrics.clone(), metrics::count))
        .layer(from_fn(mark_serving))
        .with_state(app)
}

/// Keeps the connection from being closed for a newcomer while it serves.
async fn mark_serving(Extension(place): Extension<Arc<ConnectionSlot>>, request: Request, next: Next) -> Response {
    let _serving = place.serve();
    next.run(request).await
}

async fn no_route() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "not_found",
        "There is nothing at this path. The request log is at /v1/requests.",
    )
}

async fn no_method() -> ApiError {
    ApiError::invalid(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This path exists, but not with this method; see the Allow header.",
    )
}
