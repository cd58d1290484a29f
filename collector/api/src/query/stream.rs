//! `GET /v1/requests/stream`: records as they are stored, as server-sent events.
//!
//! A stream ends after a minute, and a client continues with the cursor of the last event, as browsers do by themselves. So a
//! token that was revoked is out after a minute at most, and no record is sent twice or left out.

use super::parameters::RequestFilter;
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::query_string::Query;
use crate::streams::{Closed, StreamSender};
use crate::values::{Cursor, ParamValue, Position, bad, cursor};
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, Order, RequestQuery};
use headgate_collector_types::{Log, StoredEntry, clock::Stopwatch};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;

/// The media type of the answer.
pub(crate) const EVENT_STREAM: &str = "text/event-stream";

/// Pause between two looks at the log.
const PAUSE: Duration = Duration::from_millis(250);
/// Longest time of a stream.
const MAX_TIME: Duration = Duration::from_secs(60);
/// Pause after which a comment shows that the stream is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Most records of one look.
const MAX_RECORDS: usize = 200;

/// Where the stream begins.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct StreamParams {
    /// `next` of a page in ascending order, or the `id` of an event; without it the stream begins with the next record. The
    /// header `Last-Event-ID` has precedence.
    after: Option<Position>,
}

/// Handles `GET /v1/requests/stream`.
pub(crate) async fn stream(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(filtered): Query<RequestFilter>,
    Query(params): Query<StreamParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = RequestQuery { order: Order::Ascending, limit: MAX_RECORDS, ..filtered.query()? };
    let last = headers.get("last-event-id").map(last_event).transpose()?;
    app.audit.search(&caller, "requests.searched", super::log(), text.as_deref()).await?;
    let (sender, body) = app.streams.open(&caller.id)?;
    let after = match last.or(params.after.map(|Cursor([position])| position)) {
        Some(position) => position,
        None => app.readers.query(store::next_request_position).await?.saturating_sub(1),
    };
    tokio::spawn(Stream { app, query: RequestQuery { after: Some(after), ..query }, sender }.run());
    let mut response = Response::new(body);
    for (name, value) in [
        (header::CONTENT_TYPE, EVENT_STREAM),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

fn last_event(value: &HeaderValue) -> Result<i64, ApiError> {
    let read = value.to_str().map_err(|_| "must be the `id` of an event".to_owned()).and_then(Position::read);
    read.map(|Cursor([position])| position).map_err(|must| bad("Last-Event-ID", &must))
}

/// A stream that runs.
struct Stream {
    app: App,
    query: RequestQuery,
    sender: StreamSender,
}

/// The records of one look, and the position up to which the log was read.
struct Seen {
    records: Vec<StoredEntry>,
    read_to: i64,
}

impl Stream {
    async fn run(mut self) {
        let (began, mut said) = (Stopwatch::start(), Stopwatch::start());
        // A client that loses the connection comes back after a second.
        let mut out = b"retry: 1000\n\n".to_vec();
        while began.elapsed() < MAX_TIME && !self.app.health.is_shutting_down() {
            if out.is_empty() && said.elapsed() >= KEEP_ALIVE {
                out.extend_from_slice(b":\n\n");
            }
            if !out.is_empty() {
                said = Stopwatch::start();
                if let Err(Closed) = self.sender.send(std::mem::take(&mut out)).await {
                    return;
                }
            }
            tokio::time::sleep(PAUSE).await;
            let query = self.query.clone();
            match self.app.readers.query(move |db| look(db, &query)).await {
                Ok(seen) => out = self.events(seen).await,
                // Too many searches run at present.
                Err(StoreError::Slow) => {}
                Err(_) => return self.sender.abort(),
            }
        }
    }

    /// Returns the events for new records. Their id is the cursor behind all that was read.
    async fn events(&mut self, Seen { records, read_to }: Seen) -> Vec<u8> {
        let damaged = crate::damaged::damaged(records.iter());
        self.app.damage.report_altered(Log::Requests, &damaged).await;
        self.query.after = Some(read_to);
        let mut out = Vec::new();
        for (place, record) in records.iter().enumerate() {
            // All events of a look but the last have no id: a client that lost the connection within it gets it once more.
            if place + 1 == records.len() {
                out.extend_from_slice(format!("id: {}\n", cursor(read_to)).as_bytes());
            }
            match record {
                StoredEntry::Intact(bytes) => {
                    out.extend_from_slice(b"event: request\ndata: ");
                    out.extend_from_slice(bytes);
                }
                StoredEntry::Damaged(position) => {
                    out.extend_from_slice(format!("event: damaged\ndata: {{\"position\":{position}}}").as_bytes());
                }
            }
            out.extend_from_slice(b"\n\n");
        }
        out
    }
}

/// Reads what has been stored behind the query's position.
fn look(db: &Db, query: &RequestQuery) -> Result<Seen, StoreError> {
    let end = store::next_request_position(db)?.saturating_sub(1);
    let after = query.after.unwrap_or(0);
    if end <= after {
        // Retention or a restored copy may have taken the end back.
        return Ok(Seen { records: Vec::new(), read_to: after });
    }
    let page = store::list_range(db, query)?;
    let read_to = if page.has_more { page.last.unwrap_or(end) } else { end };
    Ok(Seen { records: page.records, read_to })
}
