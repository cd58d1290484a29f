//! Answers without an end: their number is limited, in all and for each caller, and a slow client is let go.

use super::error::ApiError;
use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most streams at once.
const MAX_STREAMS: usize = 64;
/// Most streams of one caller at once.
const MAX_OF_CALLER: usize = 8;
/// Pieces that wait for the client.
const BUFFERED_CHUNKS: usize = 2;
/// Longest wait for a client to take a piece.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// The streams that are open, by caller; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Streams(Arc<Mutex<HashMap<String, usize>>>);

impl Streams {
    /// Returns a sender, and the body that streams its pieces.
    ///
    /// # Errors
    /// Too many streams are open.
    pub(super) fn open(&self, caller: &str) -> Result<(StreamSender, Body), ApiError> {
        let turn = self.turn(caller)?;
        let (sender, body) = Channel::new(BUFFERED_CHUNKS);
        let body = body.map_frame(move |frame| {
            let _turn = &turn;
            frame
        });
        Ok((StreamSender(sender), Body::new(body)))
    }

    fn turn(&self, caller: &str) -> Result<Turn, ApiError> {
        let mut open = self.counts();
        let of_caller = open.get(caller).copied().unwrap_or(0);
        if of_caller >= MAX_OF_CALLER || open.values().sum::<usize>() >= MAX_STREAMS {
            return Err(too_many());
        }
        open.insert(caller.to_owned(), of_caller + 1);
        Ok(Turn { streams: self.clone(), caller: caller.to_owned() })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many() -> ApiError {
    let message = format!(
        "{MAX_OF_CALLER} streams of this token are open, or {MAX_STREAMS} in all. Close one, or ask again in a minute."
    );
    ApiError::invalid(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", message)
}

/// A place among the open streams, given back when the body ends.
struct Turn {
    streams: Streams,
    caller: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut open = self.streams.counts();
        if let Some(count) = open.get_mut(&self.caller) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

/// The sending end of a stream.
pub(super) struct StreamSender(Sender<Bytes, std::io::Error>);

/// The client is gone, or takes nothing.
pub(super) struct Closed;

impl StreamSender {
    /// Sends a piece, once there is room for it.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Closed> {
        match tokio::time::timeout(SEND_TIMEOUT, self.0.send_data(Bytes::from(bytes))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Closed),
        }
    }

    /// Aborts the stream.
    pub(super) fn abort(self) {
        self.0.abort(std::io::Error::other("the stream broke off"));
    }
}
