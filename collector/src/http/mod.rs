//! The HTTP side: which routes there are, who may use them, and how they are served.

mod audit;
mod auth;
mod commit;
mod connections;
mod corrections;
mod damage;
mod dataplanes;
mod entries;
mod error;
mod export;
mod gaps;
mod health;
mod holds;
mod ingest;
mod limits;
mod metrics;
mod named;
mod notes;
mod openapi;
mod outlet;
mod parameter;
mod policy;
mod query;
mod retention;
mod routes;
mod server;
mod sheet;
mod tokens;
mod usage;
mod values;

pub use metrics::Metrics;
pub use openapi::{Docs, SchemaOf, Schemas};
pub use parameter::{Parameter, Shape};
pub use routes::{Access, Route, routes};
pub use server::serve;

use crate::completeness::Completeness;
use crate::limits::Limits;
use crate::retention::Retention;
use crate::store::{DamageWatch, Readers, Role, Scrub, Store, TokenHash, WriteHandle};
use axum::Router;
use axum::extract::{Extension, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use connections::Place;
use error::ApiError;
use notes::Notes;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, Semaphore};

/// What every handler needs.
#[derive(Debug, Clone)]
pub struct App {
    writes: WriteHandle,
    readers: Readers,
    limits: Limits,
    completeness: Completeness,
    retention: Retention,
    metrics: Metrics,
    tokens: Arc<[(TokenHash, Role)]>,
    budget: Arc<Semaphore>,
    /// Largest body of a batch or of audit entries, bytes.
    max_body: usize,
    /// Places for exports: each holds a few pages in memory for as long as its client takes.
    exports: Arc<Semaphore>,
    probing: Arc<Mutex<()>>,
    /// Policies are checked one at a time: each may take much memory.
    checking: Arc<Mutex<()>>,
    notes: Notes,
    damage: DamageWatch,
    scrub: Scrub,
    leaving: Arc<AtomicBool>,
    /// When each token's use was last noted.
    uses: Arc<std::sync::Mutex<HashMap<String, i64>>>,
}

impl App {
    /// Ties the parts together. `tokens` are valid beside those in the store.
    #[must_use]
    pub fn new(store: &Store, metrics: Metrics, tokens: &[(TokenHash, Role)]) -> Self {
        let damage = DamageWatch::new(store.writes.clone());
        Self {
            writes: store.writes.clone(),
            readers: store.readers.clone(),
            limits: Limits::new(store),
            completeness: Completeness::new(store),
            retention: Retention::new(store, metrics.retention.clone()),
            notes: Notes::new(metrics.dropped_notes.clone()),
            metrics,
            tokens: tokens.into(),
            budget: Arc::new(Semaphore::new(ingest::BUDGET_KIB)),
            exports: Arc::new(Semaphore::new(outlet::EXPORTS)),
            max_body: ingest::MAX_BODY_BYTES,
            probing: Arc::default(),
            scrub: Scrub::new(store.readers.clone(), store.writes.clone(), damage.clone()),
            damage,
            checking: Arc::default(),
            leaving: Arc::default(),
            uses: Arc::default(),
        }
    }

    /// With other bounds: the largest body of a batch or of audit entries, and the memory for all bodies, MiB.
    #[must_use]
    pub fn bounded(mut self, max_body_mib: u16, memory_mib: u16) -> Self {
        self.max_body = usize::from(max_body_mib) << 20;
        self.budget = Arc::new(Semaphore::new(usize::from(memory_mib) << 10));
        self
    }

    /// From now on `/readyz` says no: the process is about to end.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }
}

fn router(app: App) -> Router {
    routes::router(&app)
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
