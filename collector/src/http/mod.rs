//! The HTTP side: which routes there are, who may use them, and how they are served.

mod auth;
mod connections;
mod error;
mod health;
mod ingest;
mod limits;
mod metrics;
mod query;
mod server;

pub use metrics::Metrics;
pub use server::serve;

use crate::limits::Limits;
use crate::store::{Readers, Role, Store, TokenHash, WriteHandle};
use auth::Access;
use axum::Router;
use axum::extract::{Extension, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use connections::Place;
use error::ApiError;
use headgate_limits::SYNC_PATH;
use headgate_record::INGEST_PATH;
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore};

/// What every handler needs.
#[derive(Debug, Clone)]
pub struct App {
    writes: WriteHandle,
    readers: Readers,
    limits: Limits,
    metrics: Metrics,
    tokens: Arc<[(TokenHash, Role)]>,
    budget: Arc<Semaphore>,
    probing: Arc<Mutex<()>>,
}

impl App {
    /// Ties the parts together. `tokens` are valid beside those in the store.
    #[must_use]
    pub fn new(store: &Store, metrics: Metrics, tokens: &[(TokenHash, Role)]) -> Self {
        Self {
            writes: store.writes.clone(),
            readers: store.readers.clone(),
            limits: Limits::new(store),
            metrics,
            tokens: tokens.into(),
            budget: Arc::new(Semaphore::new(ingest::BUDGET_KIB)),
            probing: Arc::default(),
        }
    }
}

/// All routes. Those of a group share what they ask of a token; the last group asks for none.
fn router(app: App) -> Router {
    let ingest = Router::new()
        .route(INGEST_PATH, post(ingest::requests))
        .route(SYNC_PATH, post(limits::sync))
        .route_layer(from_fn_with_state((app.clone(), Access::Ingest), auth::require));
    let read = Router::new()
        .route("/v1/requests", get(query::list))
        .route("/v1/requests/{id}", get(query::one))
        .route("/v1/gaps", get(query::gaps))
        .route("/v1/limits", get(limits::limits))
        .route("/v1/budgets", get(limits::budgets))
        .route_layer(from_fn_with_state((app.clone(), Access::Read), auth::require));
    let open = Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::page));
    ingest
        .merge(read)
        .merge(open)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(app.clone(), metrics::count))
        .layer(from_fn(mark_serving))
        .with_state(app)
}

/// Keeps the connection from being closed for a newcomer while it serves.
async fn mark_serving(Extension(place): Extension<Arc<Place>>, request: Request, next: Next) -> Response {
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
