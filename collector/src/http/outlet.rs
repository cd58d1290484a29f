//! Answers that are made while they are taken: exports.
//!
//! Each keeps some pages in memory for as long as its client takes over it, so there are only so many at once: who takes a
//! byte a minute from hundreds of them would fill the memory otherwise.

use super::App;
use super::error::ApiError;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use std::sync::Arc;

/// Exports at once.
pub(super) const EXPORTS: usize = 16;
/// Pieces that are made before the client takes them.
const AHEAD: usize = 2;

/// Where an export goes.
pub(super) struct Outlet(Sender<Bytes, std::io::Error>);

/// The answer does not come to its end: its client is gone, or the store has failed.
pub(super) struct BrokenOff;

impl Outlet {
    /// A way out, and the body at its other end.
    pub(super) fn open(app: &App) -> Result<(Self, Body), ApiError> {
        let turn = Arc::clone(&app.exports).try_acquire_owned().map_err(|_| busy())?;
        let (sender, body) = Channel::new(AHEAD);
        // The turn ends with the body: what waits in it takes memory also when nothing more is made.
        let body = body.map_frame(move |frame| {
            let _turn = &turn;
            frame
        });
        Ok((Self(sender), Body::new(body)))
    }

    /// Sends a piece, once there is room for it.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> Result<(), BrokenOff> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.0.send_data(Bytes::from(bytes)).await.map_err(|_| BrokenOff)
    }

    /// Breaks the answer off, so that nobody takes a part for the whole.
    pub(super) fn break_off(self) {
        self.0.abort(std::io::Error::other("the export broke off"));
    }
}

fn busy() -> ApiError {
    ApiError::unavailable("busy", "Too many exports are under way. Ask again when one has ended.")
}

/// An answer that is saved as a file.
pub(super) fn download(body: Body, content_type: &'static str, file: &'static str) -> Response {
    let mut response = Response::new(body);
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, file),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
