//! Streamed answers: exports.
//!
//! Each export keeps some pages in memory until its client has received them. Their number is limited, since a client that
//! reads a byte a minute from hundreds of exports would fill the memory.

use super::error::ApiError;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Exports at once.
const MAX_EXPORTS: usize = 16;
/// Pieces that are made before the client takes them.
const BUFFERED_CHUNKS: usize = 2;

/// Turns for exports: each holds a few pages in memory for as long as its client takes.
#[derive(Debug, Clone)]
pub(super) struct Exports(Arc<Semaphore>);

impl Default for Exports {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_EXPORTS)))
    }
}

impl Exports {
    /// Returns a sender, and the body that streams its pages.
    ///
    /// # Errors
    /// Too many exports are running.
    pub(super) fn open(&self) -> Result<(ExportSender, Body), ApiError> {
        let permit = Arc::clone(&self.0).try_acquire_owned().map_err(|_| busy())?;
        let (sender, body) = Channel::new(BUFFERED_CHUNKS);
        // The permit is held until the body ends, because pages that wait in it take memory even after the export is done.
        let body = body.map_frame(move |frame| {
            let _permit = &permit;
            frame
        });
        Ok((ExportSender(sender), Body::new(body)))
    }
}

/// The receiving end of an export.
pub(super) struct ExportSender(Sender<Bytes, std::io::Error>);

/// The answer ended early: the client disconnected, or the store failed.
pub(super) struct Aborted;

impl ExportSender {
    /// Sends a piece, once there is room for it.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Aborted> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.0.send_data(Bytes::from(bytes)).await.map_err(|_| Aborted)
    }

    /// Aborts the answer, so that the client does not take a part for the whole.
    pub(super) fn abort(self) {
        self.0.abort(std::io::Error::other("the export broke off"));
    }
}

fn busy() -> ApiError {
    ApiError::unavailable("busy", "Too many exports are under way. Ask again when one has ended.")
}

/// Returns an answer that clients save as a file.
pub(super) fn download(body: Body, content_type: &'static str, file: &str) -> Response {
    let mut response = Response::new(body);
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{file}\""));
    response.headers_mut().extend(disposition.ok().map(|value| (header::CONTENT_DISPOSITION, value)));
    response
}
