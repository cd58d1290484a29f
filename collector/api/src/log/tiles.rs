//! `GET /log/…/checkpoint` and `GET /log/…/tile/…`, as C2SP's tlog-tiles names them.

use super::{TEXT, TILE, refusal};
use crate::app::App;
use crate::error::ApiError;
use crate::path_param::PathName;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headgate_collector_store as store;
use headgate_collector_store::ProofFault;
use headgate_collector_store::tree::StoredTree;
use headgate_collector_tree::Tile;
use headgate_collector_types::Log;

/// A tile never changes.
const FOR_EVER: (HeaderName, &str) = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");
const NO_SNIFFING: (HeaderName, &str) = (header::X_CONTENT_TYPE_OPTIONS, "nosniff");

/// Handles `GET /log/requests/checkpoint`.
pub(crate) async fn request_checkpoint(State(app): State<App>) -> Result<Response, ApiError> {
    checkpoint(&app, Log::Requests).await
}

/// Handles `GET /log/audit/checkpoint`.
pub(crate) async fn audit_checkpoint(State(app): State<App>) -> Result<Response, ApiError> {
    checkpoint(&app, Log::Audit).await
}

async fn checkpoint(app: &App, log: Log) -> Result<Response, ApiError> {
    let newest = app.readers.query(move |db| store::published_checkpoint(db, log)).await?;
    let newest = newest.ok_or_else(|| {
        ApiError::invalid(
            StatusCode::NOT_FOUND,
            "no_checkpoint",
            "No checkpoint of this log has been signed: no log key is configured, or it is about to be used for the first time. \
             `headgate-collector log-key new` makes a key.",
        )
    })?;
    let headers = [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-store"), NO_SNIFFING];
    Ok((headers, newest.note).into_response())
}

/// Handles `GET /log/requests/tile/{*tile}`.
pub(crate) async fn request_tile(State(app): State<App>, PathName(name): PathName) -> Result<Response, ApiError> {
    tile(&app, Log::Requests, name).await
}

/// Handles `GET /log/audit/tile/{*tile}`.
pub(crate) async fn audit_tile(State(app): State<App>, PathName(name): PathName) -> Result<Response, ApiError> {
    tile(&app, Log::Audit, name).await
}

async fn tile(app: &App, log: Log, name: Option<String>) -> Result<Response, ApiError> {
    let tile = name.and_then(|name| Tile::from_path(&format!("tile/{name}")).ok()).ok_or_else(no_tile)?;
    let least = tile.least_size().ok_or_else(no_tile)?;
    let read = move |db: &headgate_collector_db::Db| {
        let Some(mut tree) = StoredTree::open(db, log)? else { return Ok(Err(ProofFault::Contradicted)) };
        if tree.size() < least {
            return Ok(Ok(None));
        }
        Ok(tree.tile(tile).map(Some).map_err(ProofFault::Node))
    };
    let hashes = app.readers.query(read).await?.map_err(refusal)?.ok_or_else(no_tile)?;
    Ok(([(header::CONTENT_TYPE, TILE), FOR_EVER, NO_SNIFFING], hashes.concat()).into_response())
}

pub(super) fn no_tile() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "no_tile",
        "There is no such tile, or the log is not yet that long. Tiles are named as in c2sp.org/tlog-tiles, such as tile/0/x001/067.p/5.",
    )
}
