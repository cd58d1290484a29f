//! The policy and its revisions: `/v1/policy` and the routes below it.
//!
//! Answers are masked: a reader sees that the hash of a key changed, not its value. The file as written is served by one route
//! alone, to roles that may change it.

mod conditions;
mod incident;
mod kept;
mod parameters;
mod revise;
mod schemas;
mod tried;

pub(super) use incident::of_request;
pub(super) use kept::{in_words, read_in_force};
pub(super) use parameters::{DiffParams, Revision};
pub(super) use revise::{Rollback, apply, roll_back};
pub(super) use schemas::{ABOUT_REVISION, changing, difference, incident, outcome, page, whole};
pub(super) use tried::{TryPolicy, to_try};

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response, stored_json};
use super::path_param::PathName;
use super::query_string::Query;
use super::values::{Paging, cursor};
use crate::revision as policy;
use crate::revision::ResourceChange;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, PolicyName, PolicyRevision};
use headgate_collector_types::audit::{Change, Entry, Operation, Resource};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Maximum number of changed resources in one answer; `total` counts all.
const MAX_SHOWN: usize = 1_000;
/// Longest wait for the checks and comparisons of others.
const CHECK_TIME: Duration = Duration::from_secs(30);

/// Handles `GET /v1/policy`.
pub(super) async fn in_force(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let guard = lock(&app.comparing).await?;
    let found = app.readers.query(|db| with_text(db, store::policy_in_force(db)?)).await?;
    let whole = found.ok_or_else(no_policy)?;
    whole_revision(&app, &caller, whole, true, guard).await
}

/// Handles `GET /v1/policy/{rev}`.
pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let name = revision_named(name)?;
    let guard = lock(&app.comparing).await?;
    let (found, current) = app
        .readers
        .query(move |db| Ok((with_text(db, store::policy_revision(db, &name)?)?, store::policy_in_force(db)?)))
        .await?;
    let whole = found.ok_or_else(not_found)?;
    let in_force = current.is_some_and(|current| current.number == whole.0.number);
    whole_revision(&app, &caller, whole, in_force, guard).await
}

async fn whole_revision(
    app: &App,
    caller: &Caller,
    (revision, text): WithText,
    in_force: bool,
    guard: OwnedMutexGuard<()>,
) -> Result<Response, ApiError> {
    note(app, caller, "policy.read", Operation::Read, resource(&revision)).await;
    let resources = blocking(guard, move || policy::masked(&text)).await?;
    let mut body = revision_json(&revision);
    merge(&mut body, json!({"in_force": in_force, "resources": resources}));
    Ok(with_etag(json_response(StatusCode::OK, body.to_string().into_bytes()), &revision))
}

/// Handles `GET /v1/policy/{rev}/gateway.yaml`.
pub(super) async fn text(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let name = revision_named(name)?;
    let found = app.readers.query(move |db| with_text(db, store::policy_revision(db, &name)?)).await?;
    let (revision, text) = found.ok_or_else(not_found)?;
    note(&app, &caller, "policy.exported", Operation::Export, resource(&revision)).await;
    let mut response = stored_json(StatusCode::OK, text.into_bytes());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/yaml"));
    Ok(with_etag(response, &revision))
}

/// Handles `GET /v1/policy/revisions`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(pages): Query<Paging>,
) -> Result<Response, ApiError> {
    note_list(&app, &caller, text.as_deref()).await?;
    let (found, has_more) =
        app.readers.query(move |db| store::policy_revisions(db, pages.after(), pages.limit())).await?;
    let next = found.last().filter(|_| has_more).map(|last| cursor(last.number));
    let data: Vec<_> = found.iter().map(revision_json).collect();
    let body = json!({"object": "list", "data": data, "has_more": has_more, "next": next});
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

/// Notes that the revisions were listed.
pub(super) async fn note_list(app: &App, caller: &Caller, query: Option<&str>) -> Result<(), ApiError> {
    app.audit.search(caller, "policies.searched", Resource::new("log", "policy"), query).await
}

/// Handles `GET /v1/policy/{rev}/diff`.
pub(super) async fn diff(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
    Query(DiffParams { from }): Query<DiffParams>,
) -> Result<Response, ApiError> {
    let from = from.map(|Revision(name)| name);
    let Comparison { from, to, changes } = compare(&app, &caller, from, revision_named(name)?).await?;
    let mut body = json!({"object": "policy.diff", "from": from.as_ref().map(revision_json), "to": revision_json(&to)});
    merge(&mut body, changes_json(&changes));
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

/// Two revisions and the resources that differ.
pub(super) struct Comparison {
    /// The earlier one; `None` if the other is the first.
    pub(super) from: Option<PolicyRevision>,
    pub(super) to: PolicyRevision,
    pub(super) changes: Vec<ResourceChange>,
}

/// Compares a revision with another one, or with the one before, and notes it.
pub(super) async fn compare(
    app: &App,
    caller: &Caller,
    from: Option<PolicyName>,
    to: PolicyName,
) -> Result<Comparison, ApiError> {
    let guard = lock(&app.comparing).await?;
    let found = app.readers.query(move |db| compared_revisions(db, from.as_ref(), &to)).await?;
    let (from, (to, text)) = found.ok_or_else(not_found)?;
    let compared = Entry::new("policy.compared", Operation::Read, caller.actor(), resource(&to));
    let (from, before) = from.unzip();
    let number = from.as_ref().map(|revision| json!(revision.number));
    let with = Change { path: "from".to_owned(), before: None, after: number };
    app.audit.note(compared.with_changes(vec![with])).await;
    let changes = blocking(guard, move || policy::changes(before.as_deref(), &text)).await?;
    Ok(Comparison { from, to, changes })
}

/// Returns the base of the URLs of the gateway of the policy in force, if its address is written there.
pub(super) async fn gateway_base(app: &App) -> Result<Option<String>, ApiError> {
    let found = read_in_force(app, move |resources| resources.iter().find_map(base)).await?;
    Ok(found.and_then(|(_, base)| base))
}

/// Returns the base from a policy's settings: the first address, with the scheme that it serves.
fn base(resource: &Value) -> Option<String> {
    let settings = resource.get("body")?;
    let listen = settings.get("listen")?;
    let address = listen.as_str().or_else(|| listen.get(0)?.as_str())?;
    let scheme = if settings.get("tls").is_some() { "https" } else { "http" };
    Some(format!("{scheme}://{address}"))
}

type WithText = (PolicyRevision, String);

/// Returns the two revisions of a comparison. The first defaults to the one before the second.
fn compared_revisions(
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

/// Waits until no other policy is read. It is called before a text is loaded, so that waiting requests hold none in memory.
async fn lock(mutex: &Arc<Mutex<()>>) -> Result<OwnedMutexGuard<()>, ApiError> {
    let late = |_| ApiError::unavailable("check_slow", "The policy could not be checked in time. Send it again later.");
    tokio::time::timeout(CHECK_TIME, Arc::clone(mutex).lock_owned()).await.map_err(late)
}

/// Reads a whole policy or compares two, on a blocking thread. The lock is held until the work ends, even if the request was cancelled.
async fn blocking<T: Send + 'static>(
    guard: OwnedMutexGuard<()>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let work = move || {
        let _guard = guard;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())
}

async fn note(app: &App, caller: &Caller, kind: &str, operation: Operation, resource: Resource) {
    app.audit.note(Entry::new(kind, operation, caller.actor(), resource)).await;
}

/// Returns the revision as the resource of an audit entry.
fn resource(revision: &PolicyRevision) -> Resource {
    Resource::new("policy", revision.number.to_string()).named(revision.config_revision.clone())
}

fn revision_json(revision: &PolicyRevision) -> Value {
    let mut body = json!({"object": "policy.revision"});
    merge(&mut body, json!(revision));
    body
}

/// Returns the first changes, and the number of changes of each kind.
fn changes_json(changes: &[ResourceChange]) -> Value {
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

/// Adds the ETag of this revision, which a change based on it has to name.
fn with_etag(mut response: Response, revision: &PolicyRevision) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", revision.number)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub(super) fn revision_named(name: Option<String>) -> Result<PolicyName, ApiError> {
    let text = name.ok_or_else(not_found)?;
    parameters::revision(&text).ok_or_else(not_found)
}

pub(super) fn not_found() -> ApiError {
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

#[cfg(test)]
mod tests {
    use super::base;
    use serde_json::json;

    #[test]
    fn base_is_the_first_address_with_its_scheme() {
        let of = |settings| base(&json!({"kind": "settings", "body": settings}));
        assert_eq!(of(json!({"listen": "127.0.0.1:1"})).unwrap(), "http://127.0.0.1:1");
        assert_eq!(of(json!({"listen": ["[::]:2", "127.0.0.1:3"], "tls": {}})).unwrap(), "https://[::]:2");
        assert_eq!(of(json!({"environment": "test"})), None);
        assert_eq!(of(json!({"listen": []})), None);
    }
}
