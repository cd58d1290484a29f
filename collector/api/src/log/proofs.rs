//! Proofs: that an entry is in its log, and that a log has only grown.

use super::{TEXT, refusal};
use crate::app::App;
use crate::audit;
use crate::caller::Caller;
use crate::error::{ApiError, json_response};
use crate::path_param::PathName;
use crate::query;
use crate::query_string::Query;
use crate::values::{Integer, MAX_TIME};
use axum::extract::{Extension, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headgate_collector_store::{self as store, GrowthProof};
use headgate_collector_tree::encode_base64;
use headgate_collector_types::Log;
use headgate_collector_types::audit::{Entry, Operation, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The header that says who has signed the checkpoint of a proof.
const SIGNED_BY: HeaderName = HeaderName::from_static("x-headgate-signed-by");

/// Handles `GET /v1/requests/{id}/proof`.
pub(crate) async fn request_proof(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let (id, position) = query::named_position(&app, name).await?;
    let read = Entry::new("request.proof_read", Operation::Read, caller.actor(), Resource::new("request", id));
    app.audit.note(read).await;
    proof(&app, Log::Requests, position).await
}

/// Handles `GET /v1/audit/{id}/proof`.
pub(crate) async fn audit_proof(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let (id, position) = audit::named_position(&app, name).await?;
    let read = Entry::new("audit_entry.proof_read", Operation::Read, caller.actor(), Resource::new("audit_entry", id));
    app.audit.note(read).await;
    proof(&app, Log::Audit, position).await
}

async fn proof(app: &App, log: Log, position: i64) -> Result<Response, ApiError> {
    let found = app.readers.query(move |db| Ok(store::prove_entry(db, log, position))).await?.map_err(refusal)?;
    let signed_by = match found.is_signed {
        true if !found.confirmations.is_empty() => "operator, witnesses",
        true => "operator",
        false => "nobody",
    };
    let headers = [(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, "no-store"), (SIGNED_BY, signed_by)];
    Ok((headers, found.proof.text()).into_response())
}

/// The parameters of `GET /v1/log/…/consistency`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ConsistencyParams {
    /// Size of the older tree; 0 without it.
    from: Option<Integer<0, MAX_TIME>>,
    /// Size of the newer tree; without it, that of the newest checkpoint, or of the log if none is signed.
    to: Option<Integer<0, MAX_TIME>>,
}

/// A proof that a log has only grown.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Growth {
    /// The log.
    log: Log,
    /// Size of the older tree.
    from: u64,
    /// Size of the newer tree.
    to: u64,
    /// The hashes of the proof (RFC 6962, 2.1.2), in base64.
    proof: Vec<String>,
}

/// Handles `GET /v1/log/requests/consistency`.
pub(crate) async fn request_growth(
    State(app): State<App>,
    Query(asked): Query<ConsistencyParams>,
) -> Result<Response, ApiError> {
    growth(&app, Log::Requests, asked).await
}

/// Handles `GET /v1/log/audit/consistency`.
pub(crate) async fn audit_growth(
    State(app): State<App>,
    Query(asked): Query<ConsistencyParams>,
) -> Result<Response, ApiError> {
    growth(&app, Log::Audit, asked).await
}

async fn growth(app: &App, log: Log, asked: ConsistencyParams) -> Result<Response, ApiError> {
    let (from, to) = (asked.from.map_or(0, |from| from.0), asked.to.map(|to| to.0));
    let found = app.readers.query(move |db| Ok(store::prove_growth(db, log, from, to))).await?;
    let GrowthProof { to, proof } = found.map_err(refusal)?;
    let proof = proof.iter().map(|hash| encode_base64(hash)).collect();
    let body = serde_json::to_vec(&Growth { log, from, to, proof }).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}
