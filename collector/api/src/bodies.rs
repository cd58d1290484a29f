//! Bodies of requests, and the memory for them.
//!
//! Memory is bounded before a body is read: each request takes its share of one budget, and keeps it until its work is done.

use super::error::ApiError;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use headgate_collector_store::MemoryPermit;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Largest body, bytes, unless the operator says otherwise.
const MAX_BODY_BYTES: usize = 8 << 20;
/// Bodies that are read, checked or waiting for the disk, KiB in all, unless the operator says otherwise.
const MAX_MEMORY_KIB: usize = 128 << 10;
/// Longest time for a body to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads bodies; clones share the memory.
#[derive(Debug, Clone)]
pub(super) struct Bodies {
    budget: Arc<Semaphore>,
    /// Largest body of a batch or of audit entries, bytes.
    max_bytes: usize,
}

impl Default for Bodies {
    fn default() -> Self {
        Self { budget: Arc::new(Semaphore::new(MAX_MEMORY_KIB)), max_bytes: MAX_BODY_BYTES }
    }
}

impl Bodies {
    /// Returns limits on the largest body and on the memory for all bodies, both in MiB.
    pub(super) fn with_limits(max_body_mib: u16, memory_mib: u16) -> Self {
        Self {
            budget: Arc::new(Semaphore::new(usize::from(memory_mib) << 10)),
            max_bytes: usize::from(max_body_mib) << 20,
        }
    }

    /// Reads a body of the largest size, with its share of the memory.
    pub(super) async fn read_max(&self, request: Request) -> Result<(MemoryPermit, Bytes), ApiError> {
        self.read(request, self.max_bytes).await
    }

    /// Reads a body of at most `max_bytes` bytes.
    pub(super) async fn read(&self, request: Request, max_bytes: usize) -> Result<(MemoryPermit, Bytes), ApiError> {
        let (parts, body) = request.into_parts();
        let permit = self.reserve(expected_bytes(&parts.headers, max_bytes)?)?;
        Ok((permit, read(body, max_bytes).await?))
    }

    fn reserve(&self, bytes: usize) -> Result<MemoryPermit, ApiError> {
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX);
        match Arc::clone(&self.budget).try_acquire_many_owned(kib) {
            Ok(permit) => Ok(Box::new(permit)),
            Err(_) => Err(ApiError::unavailable("busy", "Too many bodies are under way. Send it again in a second.")),
        }
    }
}

/// Returns the body's length in bytes by `Content-Length`, or the maximum without one.
///
/// # Errors
/// The body is encoded or announced to be too large.
fn expected_bytes(headers: &HeaderMap, max_bytes: usize) -> Result<usize, ApiError> {
    if let Some(coding) = headers.get(header::CONTENT_ENCODING)
        && coding != "identity"
    {
        return Err(ApiError::invalid(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_encoding",
            "Send the body as plain JSON, without Content-Encoding.",
        ));
    }
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok())
        .unwrap_or(max_bytes);
    if announced > max_bytes {
        return Err(too_large(max_bytes));
    }
    Ok(announced)
}

async fn read(body: Body, max_bytes: usize) -> Result<Bytes, ApiError> {
    let whole = Limited::new(body, max_bytes).collect();
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(max_bytes)),
        Ok(Err(_)) => Err(ApiError::invalid(StatusCode::BAD_REQUEST, "incomplete_body", "The body broke off.")),
        Err(_) => Err(ApiError::invalid(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "The body did not arrive within 10 seconds.",
        )),
    }
}

fn too_large(max_bytes: usize) -> ApiError {
    let message = format!("The body may be at most {max_bytes} bytes. Send less at once.");
    ApiError::invalid(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message)
}
