//! `/v1/forwarders`: receivers of both logs, and how far each has them.

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::path_param::PathName;
use super::values::invalid;
use super::write_timeout::commit;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_forward::{Event, Format, Kind, Settings, Verdict, cursor, dead_letters as letters};
use headgate_collector_store::append;
use headgate_collector_types::audit::{Change, Entry, Operation, Outcome, Resource};
use headgate_collector_types::validate::reason_of;
use headgate_collector_types::{Log, clock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// Maximum size of the body of `POST /v1/forwarders/{id}/replay`, bytes.
const MAX_BODY_BYTES: usize = 4 << 10;
/// The most dead letters of an answer.
const LISTED: i64 = 1_000;

/// The state of a forwarder.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ForwarderState {
    /// Its name in the settings.
    pub(crate) id: String,
    /// The kind of its receiver.
    pub(crate) kind: Kind,
    /// The form of events.
    pub(crate) format: Format,
    /// The filter of requests, as the settings have it.
    pub(crate) filter: Option<String>,
    /// `ok`, `retrying`, `blocked` or `paused`.
    pub(crate) state: String,
    /// Why it does not deliver.
    pub(crate) error: Option<String>,
    /// The last failure, µs since the Unix epoch.
    pub(crate) failed_at: Option<i64>,
    /// Entries that the receiver refuses, and nobody has dropped.
    pub(crate) dead_letters: i64,
    /// Each log that it delivers.
    pub(crate) logs: Vec<LogProgress>,
}

/// How far a receiver has a log.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LogProgress {
    /// The log.
    pub(crate) log: Log,
    /// The position of the newest entry that is done.
    pub(crate) position: i64,
    /// Entries that are still to be delivered.
    pub(crate) behind: i64,
    /// Entries that were delivered.
    pub(crate) sent: i64,
    /// Entries that the receiver refused.
    pub(crate) refused: i64,
    /// Entries that were deleted before they were delivered.
    pub(crate) lost: i64,
    /// The last delivery, µs since the Unix epoch.
    pub(crate) delivered_at: Option<i64>,
}

/// The outcome of a test.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Tested {
    /// Whether the receiver has taken the event.
    delivered: bool,
    /// Why it has not.
    pub(crate) error: Option<String>,
    /// The id of the event, which is an entry of the audit log.
    event_id: String,
}

/// The outcome of a retry.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Retried {
    /// Entries that the receiver has taken now.
    delivered: u64,
    /// Dead letters that remain.
    dead_letters: i64,
}

/// Dead letters that are forgotten.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Dropped {
    /// Their number.
    dropped: u64,
}

/// The body of `POST /v1/forwarders/{id}/replay`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    log: Log,
    /// The first entry to deliver. Positions count from 1; an entry that is not kept any more is skipped.
    #[schemars(range(min = 1))]
    from_position: i64,
}

/// Handles `GET /v1/forwarders`.
pub(crate) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    note_list(&app, &caller).await?;
    let states = states(&app).await?;
    Ok(json_response(StatusCode::OK, json!({"object": "list", "data": states}).to_string().into_bytes()))
}

/// Notes that the forwarders were listed.
pub(crate) async fn note_list(app: &App, caller: &Caller) -> Result<(), ApiError> {
    app.audit.search(caller, "forwarders.searched", Resource::new("list", "forwarders"), None).await
}

/// Returns the states of all forwarders, in the order of the settings.
pub(crate) async fn states(app: &App) -> Result<Vec<ForwarderState>, ApiError> {
    let all: Vec<Arc<Settings>> = app.forwarders.settings().cloned().collect();
    let read = move |db: &Db| all.iter().map(|settings| state(db, settings)).collect::<Result<Vec<_>, _>>();
    Ok(app.readers.query(read).await?)
}

fn state(db: &Db, settings: &Settings) -> Result<ForwarderState, StoreError> {
    let row = cursor::row(db, &settings.id)?;
    let progress = |one: cursor::Cursor| LogProgress {
        log: one.log,
        position: one.position,
        behind: one.newest.saturating_sub(one.position),
        sent: one.sent,
        refused: one.refused,
        lost: one.lost,
        delivered_at: one.delivered_at,
    };
    let cursors = cursor::cursors(db, &settings.id)?;
    let dead_letters = letters::count(db, &settings.id)?;
    let is_full = dead_letters >= letters::MOST;
    let shown = match &row {
        Some(row) if row.is_paused => "paused",
        _ if is_full => "blocked",
        Some(row) => &row.state,
        None => "ok",
    };
    let full = || format!("{} entries are refused; drop them or deliver them once more", letters::MOST);
    Ok(ForwarderState {
        id: settings.id.clone(),
        kind: settings.kind,
        format: settings.format,
        filter: settings.filter_text.clone(),
        state: shown.to_owned(),
        error: row.as_ref().and_then(|row| row.fault.clone()).or_else(|| is_full.then(full)),
        failed_at: row.and_then(|row| row.fault_at),
        dead_letters,
        logs: cursors.into_iter().filter(|one| settings.logs.contains(&one.log)).map(progress).collect(),
    })
}

async fn answer(app: &App, id: &str) -> Result<Response, ApiError> {
    let settings = app.forwarders.find(id).cloned().ok_or_else(not_found)?;
    as_json(&app.readers.query(move |db| state(db, &settings)).await?)
}

fn as_json(answer: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_vec(answer).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// Returns the name in a path, if it is that of a forwarder.
fn named(app: &App, name: Option<String>) -> Result<String, ApiError> {
    name.filter(|id| app.forwarders.find(id).is_some()).ok_or_else(not_found)
}

/// Handles `GET /v1/forwarders/{id}/dead-letters`.
pub(crate) async fn dead_letters(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let id = named(&app, name)?;
    app.audit.search(&caller, "dead_letters.searched", Resource::new("forwarder", &id), None).await?;
    let found = app.readers.query(move |db| letters::list(db, &id, LISTED)).await?;
    Ok(json_response(StatusCode::OK, json!({"object": "list", "data": found}).to_string().into_bytes()))
}

/// Handles `POST /v1/forwarders/{id}/dead-letters/retry`.
pub(crate) async fn retry(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    as_json(&retry_of(&app, &caller, name).await?)
}

/// Delivers dead letters once more.
pub(crate) async fn retry_of(app: &App, caller: &Caller, name: Option<String>) -> Result<Retried, ApiError> {
    let id = named(app, name)?;
    let channel = channel(app, &id).await?;
    let retried = app.forwarders.retry(&id, &channel).await?;
    let (delivered, dead_letters) = retried.ok_or_else(not_found)?;
    let mut entry = entry(caller, "forwarder.retried", Operation::Other, &id);
    entry.count = Some(delivered);
    commit(&app.writes, "the entry", move |tx| append(tx, &entry)).await?;
    Ok(Retried { delivered, dead_letters })
}

/// Handles `DELETE /v1/forwarders/{id}/dead-letters`.
pub(crate) async fn drop_dead_letters(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    as_json(&drop_of(&app, &caller, name).await?)
}

/// Forgets the dead letters of a forwarder.
pub(crate) async fn drop_of(app: &App, caller: &Caller, name: Option<String>) -> Result<Dropped, ApiError> {
    let id = named(app, name)?;
    let mut entry = entry(caller, "forwarder.dead_letters_dropped", Operation::Delete, &id);
    let dropped = commit(&app.writes, "the deletion", move |tx| {
        let dropped = u64::try_from(letters::drop_all(tx, &id)?).unwrap_or(u64::MAX);
        entry.count = Some(dropped);
        append(tx, &entry)?;
        Ok(dropped)
    })
    .await?;
    Ok(Dropped { dropped })
}

/// Handles `POST /v1/forwarders/{id}/test`.
pub(crate) async fn test(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    as_json(&test_of(&app, &caller, name).await?)
}

/// Delivers one marked event.
pub(crate) async fn test_of(app: &App, caller: &Caller, name: Option<String>) -> Result<Tested, ApiError> {
    let id = named(app, name)?;
    let channel = channel(app, &id).await?;
    let mut marked = entry(caller, "forwarder.tested", Operation::Other, &id);
    marked.id = headgate_collector_store::new_id(clock::now_us())?;
    let bytes = serde_json::to_vec(&marked).map_err(|_| ApiError::internal())?;
    // Its place in the log is not known before it is stored, and it is stored with the outcome.
    let event = Event::read(Log::Audit, 0, bytes).ok_or_else(ApiError::internal)?;
    let verdict = app.forwarders.deliver_one(&id, channel, event).await.ok_or_else(not_found)?;
    let error = error_of(&verdict);
    if error.is_some() {
        marked.outcome = Outcome::Failure;
    }
    let tested = Tested { delivered: error.is_none(), error, event_id: marked.id.clone() };
    commit(&app.writes, "the entry", move |tx| append(tx, &marked)).await?;
    Ok(tested)
}

fn error_of(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Delivered { refused } => refused.first().map(|(_, fault)| fault.to_string()),
        Verdict::Awaiting { .. } => None,
        Verdict::Retry { fault, .. } | Verdict::Blocked(fault) | Verdict::Split(fault) => Some(fault.to_string()),
    }
}

/// Handles `POST /v1/forwarders/{id}/pause`.
pub(crate) async fn pause(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let id = pause_of(&app, &caller, name, true).await?;
    answer(&app, &id).await
}

/// Handles `POST /v1/forwarders/{id}/resume`.
pub(crate) async fn resume(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let id = pause_of(&app, &caller, name, false).await?;
    answer(&app, &id).await
}

/// Pauses a forwarder, or ends its pause; returns its id.
pub(crate) async fn pause_of(
    app: &App,
    caller: &Caller,
    name: Option<String>,
    pause: bool,
) -> Result<String, ApiError> {
    let id = named(app, name)?;
    let kind = if pause { "forwarder.paused" } else { "forwarder.resumed" };
    let (entry, changed) = (entry(caller, kind, Operation::Update, &id), id.clone());
    commit(&app.writes, "the change", move |tx| {
        if cursor::set_paused(tx, &changed, pause)? {
            append(tx, &entry)?;
        }
        Ok(())
    })
    .await?;
    app.forwarders.wake(&id);
    Ok(id)
}

/// Handles `POST /v1/forwarders/{id}/replay`.
pub(crate) async fn replay(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
    request: Request,
) -> Result<Response, ApiError> {
    let id = named(&app, name)?;
    let (_permit, body) = app.bodies.read(request, MAX_BODY_BYTES).await?;
    let Replay { log, from_position } = serde_json::from_slice(&body)
        .map_err(|error| invalid(format!("The body is no replay: {}.", reason_of(&error)), "invalid_body"))?;
    if from_position < 1 || !app.forwarders.find(&id).is_some_and(|settings| settings.logs.contains(&log)) {
        let message = "`from_position` must be at least 1, and `log` one that the forwarder delivers.";
        return Err(invalid(message.to_owned(), "invalid_body"));
    }
    let (entry, changed) = (entry(&caller, "forwarder.replayed", Operation::Update, &id), id.clone());
    commit(&app.writes, "the change", move |tx| {
        let before = cursor::move_to(tx, &changed, log, from_position)?;
        let change = |path: &str, before: Value, after: Value| Change {
            path: path.to_owned(),
            before: Some(before).filter(|value| !value.is_null()),
            after: Some(after),
        };
        let next = before.map_or(Value::Null, |before| json!(before.saturating_add(1)));
        let changes = vec![change("log", Value::Null, json!(log)), change("next_position", next, json!(from_position))];
        append(tx, &entry.with_changes(changes))?;
        Ok(())
    })
    .await?;
    app.forwarders.wake(&id);
    answer(&app, &id).await
}

/// Returns the name that the receiver knows a forwarder by.
async fn channel(app: &App, id: &str) -> Result<String, ApiError> {
    let id = id.to_owned();
    let row = app.readers.query(move |db| cursor::row(db, &id)).await?;
    Ok(row.map_or_else(|| clock::now_us().to_string(), |row| row.channel))
}

fn entry(caller: &Caller, kind: &str, operation: Operation, id: &str) -> Entry {
    Entry::new(kind, operation, caller.actor(), Resource::new("forwarder", id))
}

fn not_found() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "forwarder_not_found",
        "No forwarder has this id; GET /v1/forwarders lists those in the settings.",
    )
    .param("id")
}
