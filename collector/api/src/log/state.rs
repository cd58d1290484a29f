//! `GET /v1/log`: the state of both logs' trees, and who has signed them.

use crate::app::App;
use crate::error::{ApiError, json_response};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{
    self as store, AnchorKind, AnchorProof, AnchorReport, Anchored, LockedObject, ReadBack, SigningState, SigningStop,
    WitnessReport, WitnessState,
};
use headgate_collector_tree::{VerifyingKey, encode_base64};
use headgate_collector_types::{Log, clock};
use schemars::JsonSchema;
use serde::Serialize;

const OPERATOR: &str = "Signed by the operator only: a person with the key and the database could sign another history. No outside party has confirmed it.";
const WITNESSES: &str = "Signed by the operator, and confirmed by witnesses: each has seen that the log has only grown. A reader who knows their keys can check that.";
const HELD: &str = "Signed by the operator, and checkpoints are held outside: in a bucket in which nobody can change them, or stamped by an authority. A reader who has one from there can check that the log has only grown since.";
const NOBODY: &str =
    "Not signed: no log key is configured. The trees show changes only to somebody who has kept an earlier root.";

/// The state of both logs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LogStates {
    /// The signer of the checkpoints.
    signed_by: SignedBy,
    /// Its meaning, for people.
    statement: &'static str,
    /// Outside parties that are asked to confirm checkpoints.
    anchors: Vec<Anchor>,
    /// Places outside that hold checkpoints.
    places: Vec<AnchorPlace>,
    /// The request log, then the audit log.
    logs: Vec<LogState>,
}

/// The signer of checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SignedBy {
    /// Nobody: there is no key.
    Nobody,
    /// The operator only.
    Operator,
    /// The operator, and witnesses have confirmed it.
    Witnesses,
}

/// An outside party, with its health for each log.
#[derive(Debug, Serialize, JsonSchema)]
struct Anchor {
    /// The kind.
    #[schemars(extend("const" = "witness"))]
    kind: &'static str,
    /// Its name in the settings.
    name: String,
    /// Its public key, as NAME+ID+KEY.
    public_key: String,
    /// The log.
    log: Log,
    /// Its state.
    state: WitnessState,
    /// Entries of the newest checkpoint that it has confirmed.
    confirmed_size: u64,
    /// When, as the witness states, µs since the Unix epoch.
    confirmed_at: Option<i64>,
    /// Since when it has failed, µs since the Unix epoch.
    failing_since: Option<i64>,
    /// Why it failed last.
    message: Option<String>,
}

impl From<WitnessReport> for Anchor {
    fn from(report: WitnessReport) -> Self {
        let WitnessReport { name, public_key, log, state, confirmed_size, .. } = report;
        let WitnessReport { confirmed_at, failing_since, message, .. } = report;
        Self { kind: "witness", name, public_key, log, state, confirmed_size, confirmed_at, failing_since, message }
    }
}

/// A place outside that holds checkpoints, with its health for each log.
#[derive(Debug, Serialize, JsonSchema)]
struct AnchorPlace {
    /// The kind.
    kind: AnchorKind,
    /// Its name in the settings.
    name: String,
    /// The log.
    log: Log,
    /// When it was known last that it holds the newest checkpoint that was due, µs since the Unix epoch.
    last_success: Option<i64>,
    /// Since when it has failed, µs since the Unix epoch.
    failing_since: Option<i64>,
    /// Why it failed last.
    message: Option<String>,
    /// The object of a bucket that was read back last.
    read_back: Option<ReadBack>,
    /// Objects that were missing or different when they were read back last.
    altered_objects: i64,
    /// The newest checkpoint that it holds.
    holds: Option<HeldCheckpoint>,
}

/// A checkpoint that is kept outside.
#[derive(Debug, Serialize, JsonSchema)]
struct HeldCheckpoint {
    /// The number of entries that it covers.
    size: u64,
    /// When it was handed over, µs since the Unix epoch.
    at: i64,
    /// The checkpoint, as it was handed over.
    checkpoint: String,
    /// The reply of a time-stamping authority (RFC 3161) over the checkpoint, in base64.
    timestamp_reply: Option<String>,
    /// The object in the bucket.
    object: Option<HeldObject>,
}

/// An object in a bucket.
#[derive(Debug, Serialize, JsonSchema)]
struct HeldObject {
    /// Its address.
    address: String,
    /// Its version, if the bucket has versions.
    version: String,
    /// Its entity tag.
    etag: String,
    /// When its lock ends, µs since the Unix epoch; absent if it has no lock of its own.
    locked_until: Option<i64>,
}

/// The state of one log.
#[derive(Debug, Serialize, JsonSchema)]
struct LogState {
    /// The log.
    log: Log,
    /// The name of the log in its checkpoints.
    origin: String,
    /// The public key that verifies them, as NAME+ID+KEY.
    public_key: Option<String>,
    /// The number of entries; absent if the tree is damaged.
    size: Option<u64>,
    /// The root of the tree over them, in base64.
    root: Option<String>,
    /// The newest checkpoint, as others get it: of those of the last minutes, the one that most witnesses have confirmed.
    checkpoint: Option<CheckpointState>,
    /// Why no further checkpoint is signed although there is a key.
    signing_stopped: Option<SigningStop>,
}

/// The checkpoint of a log that others get.
#[derive(Debug, Serialize, JsonSchema)]
struct CheckpointState {
    /// The number of entries that it covers.
    size: u64,
    /// The root of the tree over them, in base64.
    root: String,
    /// When it was signed, µs since the Unix epoch.
    signed_at: i64,
    /// How long ago that is.
    age_seconds: i64,
    /// The witnesses that have confirmed it, by the names of their keys.
    witnesses: Vec<String>,
}

/// Handles `GET /v1/log`.
pub(crate) async fn show(State(app): State<App>) -> Result<Response, ApiError> {
    let states = states_of(&app).await?;
    let body = serde_json::to_vec(&states).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::OK, body))
}

/// Returns who signs, and who has confirmed it.
pub(crate) async fn statement(app: &App) -> Result<&'static str, ApiError> {
    Ok(states_of(app).await?.statement)
}

async fn states_of(app: &App) -> Result<LogStates, ApiError> {
    let signing = app.metrics.signing.clone();
    let anchors = app.metrics.witnesses.reports().into_iter().map(Anchor::from).collect();
    let places = app.metrics.anchors.reports();
    Ok(app.readers.query(move |db| states(db, &signing, anchors, &places)).await?)
}

/// Returns a place, with the newest checkpoint that it holds.
fn place(db: &Db, report: &AnchorReport) -> Result<AnchorPlace, StoreError> {
    let AnchorReport { name, kind, log, last_success, failing_since, message, read_back, altered, .. } = report.clone();
    let holds = store::newest_anchored(db, log, &name)?.map(HeldCheckpoint::from);
    Ok(AnchorPlace {
        kind,
        name,
        log,
        last_success,
        failing_since,
        message,
        read_back,
        altered_objects: altered,
        holds,
    })
}

impl From<Anchored> for HeldCheckpoint {
    fn from(Anchored { size, at, note, proof, .. }: Anchored) -> Self {
        let (timestamp_reply, object) = match proof {
            AnchorProof::Token(token) => (Some(encode_base64(&token)), None),
            AnchorProof::Object(LockedObject { address, version, etag, locked_until }) => {
                (None, Some(HeldObject { address, version, etag, locked_until }))
            }
        };
        Self { size, at, checkpoint: note, timestamp_reply, object }
    }
}

fn states(
    db: &Db,
    signing: &SigningState,
    anchors: Vec<Anchor>,
    places: &[AnchorReport],
) -> Result<LogStates, StoreError> {
    let places = places.iter().map(|report| place(db, report)).collect::<Result<Vec<_>, _>>()?;
    let stored = store::log_key(db)?.and_then(|text| VerifyingKey::parse(&text).ok());
    let now = clock::now_us();
    let logs = Log::ALL.into_iter().map(|log| state(db, log, stored.as_ref(), signing, now));
    let logs = logs.collect::<Result<Vec<_>, _>>()?;
    let signed: Vec<_> = logs.iter().filter_map(|log| log.checkpoint.as_ref()).collect();
    // One log without a witness is enough to forge what it says of the other.
    let (signed_by, statement) = match signed.iter().all(|checkpoint| !checkpoint.witnesses.is_empty()) {
        _ if signed.is_empty() => (SignedBy::Nobody, NOBODY),
        true => (SignedBy::Witnesses, WITNESSES),
        false if holds_both(&places) => (SignedBy::Operator, HELD),
        false => (SignedBy::Operator, OPERATOR),
    };
    Ok(LogStates { signed_by, statement, anchors, places, logs })
}

/// Whether a checkpoint of each log is held outside.
fn holds_both(places: &[AnchorPlace]) -> bool {
    Log::ALL.iter().all(|log| places.iter().any(|place| place.log == *log && place.holds.is_some()))
}

fn state(
    db: &Db,
    log: Log,
    key: Option<&VerifyingKey>,
    signing: &SigningState,
    now: i64,
) -> Result<LogState, StoreError> {
    let tree = store::tree::tree_state(db, log)?;
    let newest = store::published_checkpoint(db, log)?;
    Ok(LogState {
        log,
        origin: store::origin(db, log)?,
        public_key: key.and_then(|key| store::key_of(log, key)).map(|key| key.to_string()),
        size: tree.as_ref().map(|tree| tree.size),
        root: tree.map(|tree| encode_base64(&tree.root)),
        checkpoint: newest.map(|newest| CheckpointState {
            size: newest.size,
            root: encode_base64(&newest.root),
            signed_at: newest.signed_at,
            age_seconds: now.saturating_sub(newest.signed_at) / 1_000_000,
            witnesses: newest.confirmations.iter().map(|one| one.name().to_owned()).collect(),
        }),
        signing_stopped: signing.stop(log),
    })
}
