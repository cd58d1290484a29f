//! The hash trees of both logs over HTTP: their state, checkpoints, tiles and proofs.
//!
//! Checkpoints, tiles and proofs of growth hold nothing but hashes, and each entry holds a random id, so they need no token:
//! a monitor needs none. Tiles never change and may be cached for ever.

mod bundles;
mod proofs;
mod state;
mod tiles;

pub(super) use bundles::{audit_bundle, request_bundle};
pub(super) use proofs::{ConsistencyParams, Growth, audit_growth, audit_proof, request_growth, request_proof};
pub(super) use state::{LogStates, show, statement};
pub(super) use tiles::{audit_checkpoint, audit_tile, request_checkpoint, request_tile};

use super::error::ApiError;
use axum::http::StatusCode;
use headgate_collector_store::ProofFault;
use headgate_collector_store::tree::NodeFault;

/// The media type of checkpoints and proofs.
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
/// The media type of tiles.
pub(super) const TILE: &str = "application/octet-stream";

/// Returns the refusal of a tile or proof.
fn refusal(fault: ProofFault) -> ApiError {
    match fault {
        ProofFault::Node(NodeFault::Store(error)) => error.into(),
        ProofFault::Node(NodeFault::Missing { first, last, deleted: true }) => ApiError::invalid(
            StatusCode::GONE,
            "leaves_deleted",
            format!(
                "The hashes of the entries at positions {first} to {last} are deleted with their whole segment. Ask for trees whose \
                 sizes are multiples of 256 there, or for later ones."
            ),
        ),
        ProofFault::Node(NodeFault::Missing { first, last, deleted: false }) => ApiError::invalid(
            StatusCode::CONFLICT,
            "leaf_lost",
            format!(
                "The hashes of the entries at positions {first} to {last} are lost, so nothing can be proven across them; \
                 GET /v1/damage lists lost entries."
            ),
        ),
        ProofFault::NotSigned => ApiError::unavailable(
            "not_signed_yet",
            "No checkpoint covers this entry yet; one is signed every few seconds. GET /v1/log says whether signing has stopped.",
        ),
        ProofFault::TooLarge => ApiError::invalid(
            StatusCode::BAD_REQUEST,
            "invalid_parameter",
            "`from` must not be greater than `to`, and `to` not greater than the log; GET /v1/log has the sizes.",
        )
        .param("to"),
        ProofFault::Contradicted => ApiError::contradicted(),
    }
}
