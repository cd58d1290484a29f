//! `GET /v1/retention` and `PUT /v1/retention`: the retention rules of the logs.
//!
//! A change names its base revision (`If-Match`), so that two owners cannot undo each other's change unnoticed.
//! `?dry_run=true` changes nothing and counts the entries that would be deleted.

mod clock_state;

pub(super) use clock_state::{Clock, StatedTime, confirm, confirm_clock};

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::query_string::Query;
use super::values::{bad, invalid};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, Settings, TrustedTime};
use headgate_collector_types::audit::{Entry, Operation, Resource};
use headgate_collector_types::retention::{AuditRules, RequestRules, Rules};
use headgate_collector_types::validate::reason_of;
use headgate_collector_types::{Log, clock};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Maximum size of the body of `PUT /v1/retention`, bytes.
const MAX_BODY_BYTES: usize = 64 << 10;

/// The answer of both. Times are µs since the Unix epoch.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Shown {
    #[schemars(extend("const" = "retention"))]
    object: &'static str,
    /// Grows with each change; also the `ETag`.
    revision: i64,
    /// Of the request log, as it was set.
    requests: RequestRules,
    /// Of the audit log, as it was set.
    audit: AuditRules,
    /// When it was set.
    changed_at: Option<i64>,
    /// When the new rules take effect, if they keep less than before and have not yet.
    takes_effect_at: Option<i64>,
    /// The rules that deletion goes by now.
    in_force: Rules,
    clock: Clock,
    /// Of a dry run: the entries that would be deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_delete: Option<Preview>,
}

/// The entries of each log that would be deleted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Preview {
    pub(super) requests: Counted,
    pub(super) audit: Counted,
}

/// The entries of a log that would be deleted.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Counted {
    /// Entries that would go because of this change.
    pub(super) entries: u64,
    /// Entries that go anyway.
    pub(super) past_their_time_already: u64,
    /// Entries that only a hold would keep.
    pub(super) kept_by_holds: u64,
    /// All that would go, by retention class; those of the audit log have none.
    classes: BTreeMap<String, u64>,
}

/// The parameters of the change.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(super) struct RetentionQuery {
    /// Whether to change nothing and only count the entries that would be deleted.
    dry_run: bool,
}

/// Handles `GET /v1/retention`.
pub(super) async fn show(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    note_read(&app, &caller).await;
    let (settings, known) = app.readers.query(|db| Ok((store::retention(db)?, store::trusted_time(db)?))).await?;
    answer(settings, known, None)
}

/// Notes that the rules were read.
pub(super) async fn note_read(app: &App, caller: &Caller) {
    let about = Resource::new("retention", "logs");
    app.audit.note(Entry::new("retention.read", Operation::Read, caller.actor(), about)).await;
}

/// Handles `PUT /v1/retention`.
pub(super) async fn set(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(RetentionQuery { dry_run }): Query<RetentionQuery>,
    request: Request,
) -> Result<Response, ApiError> {
    let revision = revision(request.headers());
    // The body is read before anything is refused, so that the connection can go on.
    let (_permit, body) = app.bodies.read(request, MAX_BODY_BYTES).await?;
    let revision = revision?;
    if dry_run {
        let (settings, known, preview) = effect(&app, revision, &body).await?;
        return answer(settings, known, Some(preview));
    }
    let (settings, known) = change(&app, &caller, revision, &body).await?;
    answer(settings, known, None)
}

/// Returns the settings as if the rules of a body were set, and the entries that they would delete.
pub(super) async fn effect(
    app: &App,
    revision: Option<i64>,
    body: &[u8],
) -> Result<(Settings, TrustedTime, Preview), ApiError> {
    let rules = rules(body)?;
    let known = app.readers.query(store::trusted_time).await?;
    let now = known.now(clock::host_us());
    let previewed = app.readers.query(move |db| preview(db, revision, rules, now)).await?;
    let (settings, preview) = previewed.ok_or_else(another_revision)?;
    Ok((settings, known, preview))
}

/// Sets the rules of a body.
pub(super) async fn change(
    app: &App,
    caller: &Caller,
    revision: Option<i64>,
    body: &[u8],
) -> Result<(Settings, TrustedTime), ApiError> {
    let rules = rules(body)?;
    let known = app.readers.query(store::trusted_time).await?;
    let (actor, now) = (caller.actor(), known.now(clock::host_us()));
    let set = move |tx: &Db| store::set_retention(tx, revision, rules, actor, now);
    let changed = crate::write_timeout::commit(&app.writes, "the rules", set).await?;
    Ok((changed.ok_or_else(another_revision)?, known))
}

/// Returns the base revision of the change; `None` if any is accepted (`*`).
fn revision(headers: &HeaderMap) -> Result<Option<i64>, ApiError> {
    let value = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok()).map(str::trim);
    match value {
        Some("*") => Ok(None),
        Some(tag) => match tag.trim_matches('"').parse() {
            Ok(revision) => Ok(Some(revision)),
            Err(_) => Err(another_revision()),
        },
        None => Err(ApiError::invalid(
            StatusCode::PRECONDITION_REQUIRED,
            "revision_required",
            "Send the ETag of GET /v1/retention as If-Match, so that no change is overwritten unseen.",
        )
        .param("If-Match")),
    }
}

fn another_revision() -> ApiError {
    ApiError::invalid(
        StatusCode::PRECONDITION_FAILED,
        "revision_conflict",
        "Retention has been changed since. Get it again, and change what you find.",
    )
    .param("If-Match")
}

fn rules(body: &[u8]) -> Result<Rules, ApiError> {
    let rules: Rules = serde_json::from_slice(body).map_err(|error| {
        let shape = r#"{"requests":{"days":90,"classes":{"30d":30}},"audit":{"days":180}}"#;
        invalid(format!("The body is no retention: {}. It looks like {shape}.", reason_of(&error)), "invalid_body")
    })?;
    match rules.invalid_member() {
        Some((name, what)) => Err(bad(&name, what)),
        None => Ok(rules),
    }
}

/// Returns the settings as if the rules were set now, and the entries that they would delete; `None` if the revision has changed.
fn preview(db: &Db, revision: Option<i64>, rules: Rules, now: i64) -> Result<Option<(Settings, Preview)>, StoreError> {
    let before = store::retention(db)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(None);
    }
    let after = before.changed(rules, now);
    let counted = |log| -> Result<Counted, StoreError> {
        let then = store::count_expired(db, log, &after.rules, now)?;
        let anyway = store::count_expired(db, log, &before.in_force(now), now)?;
        Ok(Counted {
            entries: then.entries.saturating_sub(anyway.entries),
            past_their_time_already: anyway.entries,
            kept_by_holds: then.held,
            classes: then.classes,
        })
    };
    let preview = Preview { requests: counted(Log::Requests)?, audit: counted(Log::Audit)? };
    Ok(Some((after, preview)))
}

fn answer(settings: Settings, known: TrustedTime, would_delete: Option<Preview>) -> Result<Response, ApiError> {
    let clock = Clock::of(known);
    let now = clock.retention;
    let in_force = settings.in_force(now);
    let takes_effect_at = settings.takes_effect_at(now);
    let Settings { revision, rules: Rules { requests, audit }, changed_at, .. } = settings;
    let dry_run = would_delete.is_some();
    let object = "retention";
    let shown = Shown { object, revision, requests, audit, changed_at, takes_effect_at, in_force, clock, would_delete };
    let body = serde_json::to_vec(&shown).map_err(|_| ApiError::internal())?;
    let mut response = json_response(StatusCode::OK, body);
    // A dry run creates no revision that a change could name.
    if !dry_run && let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}
