//! The policy and its revisions: `/v1/policy` and what is below it.
//!
//! What can be read here is masked: a reviewer sees that a key's hash changed, not to what. The file as it was written leaves
//! by one path alone, to those who may change it.

mod conditions;
mod described;
mod incident;
mod parameters;
mod revise;

pub(super) use described::{ABOUT_REVISION, REVISION, changing, difference, incident, outcome, page, whole};
pub(super) use incident::of_request;
pub(super) use parameters::{compared, pages};
pub(super) use revise::{Rollback, apply, roll_back};

use super::App;
use super::auth::Caller;
use super::error::{ApiError, json_response};
use super::named::Named;
use super::values::cursor;
use crate::audit::{Entry, Operation, Resource};
use crate::policy::{self, ResourceChange};
use crate::store::{self, Db, PolicyName, PolicyRevision, StoreError};
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

/// Changed resources in one answer; `total` counts all.
const MAX_SHOWN: usize = 1_000;

/// `GET /v1/policy`.
pub(super) async fn in_force(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let found = app.readers.query(|db| with_text(db, store::policy_in_force(db)?)).await?;
    let (revision, text) = found.ok_or_else(no_policy)?;
    shown_whole(&app, &caller, &revision, text, true).await
}

/// `GET /v1/policy/{rev}`.
pub(super) async fn one(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
) -> Result<Response, ApiError> {
    let name = revision_named(name)?;
    let (found, current) = app
        .readers
        .query(move |db| Ok((with_text(db, store::policy_revision(db, &name)?)?, store::policy_in_force(db)?)))
        .await?;
    let (revision, text) = found.ok_or_else(not_found)?;
    let in_force = current.is_some_and(|current| current.number == revision.number);
    shown_whole(&app, &caller, &revision, text, in_force).await
}

async fn shown_whole(
    app: &App,
    caller: &Caller,
    revision: &PolicyRevision,
    text: String,
    in_force: bool,
) -> Result<Response, ApiError> {
    note(app, caller, "policy.read", Operation::Read, resource(revision)).await;
    let resources = blocking(move || policy::masked(&text)).await?;
    let mut body = shown(revision);
    merge(&mut body, json!({"in_force": in_force, "resources": resources}));
    Ok(tagged(json_response(StatusCode::OK, body.to_string().into_bytes()), revision))
}

/// `GET /v1/policy/{rev}/gateway.yaml`.
pub(super) async fn text(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
) -> Result<Response, ApiError> {
    let name = revision_named(name)?;
    let found = app.readers.query(move |db| with_text(db, store::policy_revision(db, &name)?)).await?;
    let (revision, text) = found.ok_or_else(not_found)?;
    note(&app, &caller, "policy.exported", Operation::Export, resource(&revision)).await;
    let mut response = json_response(StatusCode::OK, text.into_bytes());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/yaml"));
    Ok(tagged(response, &revision))
}

/// `GET /v1/policy/revisions`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let query = query.unwrap_or_default();
    let page = parameters::page(&query)?;
    app.note_search(&caller, "policies.searched", Resource::new("log", "policy"), &query).await?;
    let (found, has_more) = app.readers.query(move |db| store::policy_revisions(db, page.after, page.limit)).await?;
    let next = found.last().filter(|_| has_more).map(|last| cursor(last.number));
    let data: Vec<_> = found.iter().map(shown).collect();
    let body = json!({"object": "list", "data": data, "has_more": has_more, "next": next});
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

/// `GET /v1/policy/{rev}/diff`.
pub(super) async fn diff(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Named(name): Named,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let (name, from) = (revision_named(name)?, parameters::from(query.as_deref().unwrap_or_default())?);
    let (from, to) = app.readers.query(move |db| both(db, from.as_ref(), &name)).await?.ok_or_else(not_found)?;
    note(&app, &caller, "policy.compared", Operation::Read, resource(&to.0)).await;
    let mut body = json!({"object": "policy.diff", "from": from.as_ref().map(|(revision, _)| shown(revision)), "to": shown(&to.0)});
    let changes = blocking(move || policy::changes(from.as_ref().map(|(_, text)| text.as_str()), &to.1)).await?;
    merge(&mut body, listed(&changes));
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

type WithText = (PolicyRevision, String);

/// The two revisions of a comparison; the first one is that before the second unless another is named.
fn both(
    db: &Db,
    from: Option<&PolicyName>,
    to: &PolicyName,
) -> Result<Option<(Option<WithText>, WithText)>, StoreError> {
    let Some(to) = with_text(db, store::policy_revision(db, to)?)? else {
        return Ok(None);
    };
    let before = PolicyName::Number(to.0.number.saturating_sub(1));
    let found = with_text(db, store::policy_revision(db, from.unwrap_or(&before))?)?;
    let lacking = from.is_some() && found.is_none();
    Ok((!lacking).then_some((found, to)))
}

fn with_text(db: &Db, revision: Option<PolicyRevision>) -> Result<Option<WithText>, StoreError> {
    let Some(revision) = revision else { return Ok(None) };
    let text = store::policy_text(db, revision.number)?.ok_or(StoreError::Damaged)?;
    Ok(Some((revision, text)))
}

/// Reads a whole policy or compares two: work for a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())
}

async fn note(app: &App, caller: &Caller, kind: &str, operation: Operation, resource: Resource) {
    app.note(Entry::new(kind, operation, caller.actor(), resource)).await;
}

/// As audit entries name it.
fn resource(revision: &PolicyRevision) -> Resource {
    Resource::new("policy", revision.number.to_string()).named(revision.config_revision.clone())
}

fn shown(revision: &PolicyRevision) -> Value {
    let mut body = json!({"object": "policy.revision"});
    merge(&mut body, json!(revision));
    body
}

/// The first changes, and how many there are of each sort.
fn listed(changes: &[ResourceChange]) -> Value {
    let shown: Vec<_> = changes.iter().take(MAX_SHOWN).collect();
    let of = |operation| changes.iter().filter(|change| change.operation == operation).count();
    json!({
        "changes": shown, "total": changes.len(), "has_more": changes.len() > MAX_SHOWN,
        "counts": {
            "created": of(Operation::Create), "updated": of(Operation::Update), "deleted": of(Operation::Delete),
        },
    })
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// With the number that a change of this revision has to name.
fn tagged(mut response: Response, revision: &PolicyRevision) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", revision.number)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn revision_named(name: Option<String>) -> Result<PolicyName, ApiError> {
    let text = name.ok_or_else(not_found)?;
    parameters::revision(&text).ok_or_else(not_found)
}

fn not_found() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "policy_not_found",
        "No revision has this number or config revision. GET /v1/policy/revisions lists them.",
    )
    .param("rev")
}

fn no_policy() -> ApiError {
    ApiError::invalid(
        StatusCode::NOT_FOUND,
        "no_policy",
        "No policy has been put here yet. `headgate apply gateway.yaml` does, or PUT /v1/policy with `If-None-Match: *`.",
    )
}
