//! `GET /v1/retention` and `PUT /v1/retention`: how long the logs are kept.
//!
//! A change names the revision that it was made from (`If-Match`), so that of two owners nobody undoes the other's change unseen.
//! `?dry_run=true` changes nothing and counts what would go.

use super::App;
use super::auth::Caller;
use super::error::{ApiError, json_response};
use super::parameter::{Parameter, Shape};
use super::values::{bad, invalid, truth};
use crate::audit::{Entry, Operation, Resource};
use crate::clock;
use crate::retention::{AuditRules, RequestRules, Rules};
use crate::store::{self, Db, Log, Settings, StoreError};
use crate::validate::reason_of;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Largest body of `PUT /v1/retention`, bytes.
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
    /// When what was set takes effect, if it keeps less than before and that is still to come.
    takes_effect_at: Option<i64>,
    /// By what is deleted now.
    in_force: Rules,
    /// Of a dry run: what would go.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_delete: Option<Preview>,
}

/// What would go of each log.
#[derive(Debug, Serialize, JsonSchema)]
struct Preview {
    requests: Counted,
    audit: Counted,
}

/// What would go of a log.
#[derive(Debug, Serialize, JsonSchema)]
struct Counted {
    /// Entries that would go because of this change.
    entries: u64,
    /// Entries that go anyway.
    past_their_time_already: u64,
    /// Entries that only a hold would keep.
    kept_by_holds: u64,
    /// All that would go, by retention class; those of the audit log have none.
    classes: BTreeMap<String, u64>,
}

/// All parameters of the change.
pub(super) fn described() -> Vec<Parameter> {
    vec![Parameter::new("dry_run", "Whether to change nothing and only count what would go.", Shape::Truth)]
}

/// `GET /v1/retention`.
pub(super) async fn show(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    app.note(Entry::new("retention.read", Operation::Read, caller.actor(), Resource::new("retention", "logs"))).await;
    let settings = app.readers.query(store::retention).await?;
    answer(settings, clock::now_us(), None)
}

/// `PUT /v1/retention`.
pub(super) async fn set(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let dry_run = dry_run(query.as_deref().unwrap_or_default())?;
    let revision = revision(request.headers());
    // The body is read before anything is refused, so that the connection can go on.
    let (_held, body) = super::ingest::body(&app, request, MAX_BODY_BYTES).await?;
    let (revision, rules) = (revision?, rules(&body)?);
    let now = clock::now_us();
    if dry_run {
        let tried = app.readers.query(move |db| try_out(db, revision, rules, now)).await?;
        let (settings, preview) = tried.ok_or_else(another_revision)?;
        return answer(settings, now, Some(preview));
    }
    let actor = caller.actor();
    let changed = app.commit("the rules", move |tx| store::set_retention(tx, revision, rules, actor, now)).await?;
    answer(changed.ok_or_else(another_revision)?, now, None)
}

fn dry_run(query: &str) -> Result<bool, ApiError> {
    let given = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "dry_run");
    given.map_or(Ok(false), |(name, value)| truth(&name, &value))
}

/// The revision that the change was made from; `None` if any will do (`*`).
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
    match rules.fault() {
        Some((name, what)) => Err(bad(&name, what)),
        None => Ok(rules),
    }
}

/// What would be if the rules were set now, and what of each log would go by them; `None` if another change came first.
fn try_out(db: &Db, revision: Option<i64>, rules: Rules, now: i64) -> Result<Option<(Settings, Preview)>, StoreError> {
    let before = store::retention(db)?;
    if revision.is_some_and(|revision| revision != before.revision) {
        return Ok(None);
    }
    let after = before.changed(rules, now);
    let counted = |log| -> Result<Counted, StoreError> {
        let then = store::expired(db, log, &after.rules, now)?;
        let anyway = store::expired(db, log, &before.in_force(now), now)?;
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

fn answer(settings: Settings, now: i64, would_delete: Option<Preview>) -> Result<Response, ApiError> {
    let in_force = settings.in_force(now);
    let takes_effect_at = settings.takes_effect_at(now);
    let Settings { revision, rules: Rules { requests, audit }, changed_at, .. } = settings;
    let dry_run = would_delete.is_some();
    let object = "retention";
    let shown = Shown { object, revision, requests, audit, changed_at, takes_effect_at, in_force, would_delete };
    let body = serde_json::to_vec(&shown).map_err(|_| ApiError::internal())?;
    let mut response = json_response(StatusCode::OK, body);
    // What was only tried out is no revision that a change could name.
    if !dry_run && let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}
