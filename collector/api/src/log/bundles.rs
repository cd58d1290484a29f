//! `GET /log/…/tile/entries/…`: the entries themselves, as C2SP's tlog-tiles bundles them.
//!
//! Tiles are open, since they hold nothing but hashes. Bundles are read with a role, and noted in the audit log.

use super::TILE;
use super::tiles::no_tile;
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::path_param::PathName;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use headgate_collector_store::tree::{BundleFault, Run, entry_bundle, position_of, tree_state};
use headgate_collector_tree::{TILE_WIDTH, Tile};
use headgate_collector_types::Log;

/// The most runs of positions that an answer names.
const MAX_RUNS: usize = 8;

/// Handles `GET /log/requests/tile/entries/{*bundle}`.
pub(crate) async fn request_bundle(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    bundle(&app, &caller, Log::Requests, name).await
}

/// Handles `GET /log/audit/tile/entries/{*bundle}`.
pub(crate) async fn audit_bundle(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    bundle(&app, &caller, Log::Audit, name).await
}

async fn bundle(app: &App, caller: &Caller, log: Log, name: Option<String>) -> Result<Response, ApiError> {
    // Its index and width are those of a tile of leaves.
    let tile = name.and_then(|name| Tile::from_path(&format!("tile/0/{name}")).ok()).ok_or_else(no_tile)?;
    let least = tile.least_size().ok_or_else(no_tile)?;
    let size = app.readers.query(move |db| tree_state(db, log)).await?.ok_or_else(ApiError::contradicted)?.size;
    if size < least {
        return Err(no_tile());
    }
    app.audit.bundle(caller, log, position_of(tile.index.saturating_mul(TILE_WIDTH))).await?;
    match app.readers.query(move |db| entry_bundle(db, log, tile)).await? {
        Ok(bytes) => Ok(answer(bytes)),
        Err(fault) => Err(refused(app, log, fault).await),
    }
}

fn answer(bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, TILE),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, bytes).into_response()
}

async fn refused(app: &App, log: Log, fault: BundleFault) -> ApiError {
    match fault {
        BundleFault::Deleted(runs) => ApiError::invalid(
            StatusCode::GONE,
            "entries_deleted",
            format!(
                "Retention has deleted the entries at {}. Their hashes are in the tile of leaves; the export of the log has the others.",
                words(&runs)
            ),
        ),
        BundleFault::Damaged(runs) => {
            let positions: Vec<_> = runs.iter().flat_map(|(first, last)| *first..=*last).collect();
            app.damage.report_altered(log, &positions).await;
            let text =
                format!("The entries at {} are lost or altered on disk; GET /v1/damage lists them.", words(&runs));
            ApiError::invalid(StatusCode::CONFLICT, "entries_damaged", text)
        }
        BundleFault::TooLong(position) => ApiError::invalid(
            StatusCode::CONFLICT,
            "entry_too_long",
            format!(
                "The entry at position {position} is longer than the 65,535 bytes that a bundle has room for; the export of the log \
                 has it."
            ),
        ),
    }
}

/// Returns positions in words, the first of them if there are many.
fn words(runs: &[Run]) -> String {
    let one = |(first, last): &Run| if first == last { first.to_string() } else { format!("{first} to {last}") };
    let shown: Vec<_> = runs.iter().take(MAX_RUNS).map(one).collect();
    let more = if runs.len() > MAX_RUNS { " and others" } else { "" };
    format!("positions {}{more}", shown.join(", "))
}
