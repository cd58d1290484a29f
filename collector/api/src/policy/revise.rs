//! `PUT /v1/policy` and `POST /v1/policy/rollback`: put another policy in force.
//!
//! Checking and comparing a large policy take long, so both run first, on a thread of their own, against the base revision of
//! the change. The writer's transaction then only checks that this revision is still in force.

use super::conditions::{base, precondition_failed};
use super::parameters::{ApplyOptions, ConfigRevision};
use super::{blocking, changes_json, lock, merge, not_found, revision_json, with_etag};
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, json_response};
use crate::query_string::Query;
use crate::revision as policy;
use crate::revision::{BadPolicy, CheckedPolicy, MAX_BYTES, ResourceChange};
use crate::values::invalid;
use crate::write_timeout::in_time;
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_db::Db;
use headgate_collector_store::{self as store, NewPolicy, PolicyRevision, PolicyUpdate};
use headgate_collector_types::audit::{Entry, Operation, Resource, diff};
use headgate_collector_types::clock;
use headgate_collector_types::validate::reason_of;
use headgate_config::diagnostic::{Diagnostic, Severity};
use headgate_limits::Rule;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Maximum wait for the commit: a first policy with a hundred thousand keys has as many audit entries.
const WRITE_TIME: Duration = Duration::from_secs(60);
/// Maximum size of the body of a rollback, bytes.
const MAX_ROLLBACK_BYTES: usize = 1 << 10;

/// The body of `POST /v1/policy/rollback`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    /// Number of the revision to bring back.
    to: i64,
}

/// A checked change.
struct Proposal {
    checked: CheckedPolicy,
    base: i64,
    restores: Option<i64>,
    options: ApplyOptions,
}

/// Handles `PUT /v1/policy`.
pub(crate) async fn apply(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(options): Query<ApplyOptions>,
    request: Request,
) -> Result<Response, ApiError> {
    let base = base(request.headers())?;
    let (_permit, text) = app.bodies.read(request, MAX_BYTES).await?;
    let checked = check(&app, text.to_vec()).await?;
    revise(&app, &caller, Proposal { checked, base, restores: None, options }).await
}

/// Handles `POST /v1/policy/rollback`.
pub(crate) async fn roll_back(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Query(options): Query<ApplyOptions>,
    request: Request,
) -> Result<Response, ApiError> {
    let base = base(request.headers())?;
    let (_permit, body) = app.bodies.read(request, MAX_ROLLBACK_BYTES).await?;
    let Rollback { to } = serde_json::from_slice(&body)
        .map_err(|error| invalid(format!("The body is no roll back: {}.", reason_of(&error)), "invalid_body"))?;
    let text = app.readers.query(move |db| store::policy_text(db, to)).await?.ok_or_else(not_found)?;
    let checked = check(&app, text.into_bytes()).await?;
    revise(&app, &caller, Proposal { checked, base, restores: Some(to), options }).await
}

async fn check(app: &App, text: Vec<u8>) -> Result<CheckedPolicy, ApiError> {
    blocking(lock(&app.checking).await?, move || policy::check(text, clock::now_us())).await?.map_err(bad_policy)
}

fn bad_policy(bad: BadPolicy) -> ApiError {
    match bad {
        BadPolicy::NotText(at) => invalid(
            format!("The body is not UTF-8 from byte {at} on: send the text of a gateway.yaml."),
            "invalid_body",
        ),
        BadPolicy::Problems(problems) => {
            let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
            let message = format!(
                "This gateway.yaml has {errors} error(s), and nothing was changed. `problems` has each with line, column and \
                 what to write instead, as `headgate check --format json` prints them."
            );
            ApiError::invalid(StatusCode::UNPROCESSABLE_ENTITY, "invalid_policy", message)
                .beside("problems", json!(problems))
        }
    }
}

async fn revise(app: &App, caller: &Caller, proposal: Proposal) -> Result<Response, ApiError> {
    check_config_revision(&proposal)?;
    let base = proposal.base;
    let (current, before) =
        app.readers.query(move |db| Ok((store::policy_in_force(db)?, store::policy_text(db, base)?))).await?;
    let Proposal { checked: CheckedPolicy { text, config_revision, rules, warnings }, restores, options, .. } =
        proposal;
    if let Some(current) = current.as_ref().filter(|current| current.matches(&text, &config_revision)) {
        return Ok(unchanged(current, &warnings));
    }
    if current.as_ref().map_or(0, |current| current.number) != base {
        return Err(precondition_failed(base, current.as_ref()));
    }
    let (changes, text) =
        blocking(lock(&app.checking).await?, move || (policy::changes(before.as_deref(), text.as_str()), text)).await?;
    if options.dry_run {
        return Ok(would_change(current.as_ref(), &config_revision, &changes, &warnings));
    }
    let own = own_entry(caller, base, restores, current.as_ref(), &config_revision);
    let (by, actor) = (caller.actor(), caller.actor());
    let (changes, entries) = blocking(lock(&app.checking).await?, move || {
        let entries = policy::entries(own, &changes, &actor, base.saturating_add(1));
        (changes, entries)
    })
    .await?;
    let entries = entries?;
    let update = commit(app, NewPolicy { text, config_revision, base, restores, by, entries }, rules).await?;
    match update {
        PolicyUpdate::Applied(revision) => Ok(done(&revision, &changes, &warnings)),
        PolicyUpdate::Unchanged(current) => Ok(unchanged(&current, &warnings)),
        PolicyUpdate::Conflict(current) => Err(precondition_failed(base, current.as_ref())),
    }
}

/// Checks that the caller's program compiles the policy to the same config revision as this one, since records name it.
fn check_config_revision(proposal: &Proposal) -> Result<(), ApiError> {
    let mine = &proposal.checked.config_revision;
    match proposal.options.config_revision.as_ref().filter(|ConfigRevision(theirs)| theirs != mine) {
        None => Ok(()),
        Some(_) => Err(ApiError::invalid(
            StatusCode::CONFLICT,
            "other_version",
            format!(
                "This collector makes config revision {mine} of the policy, and you another one: `headgate` and \
                 `headgate-collector` (here {}) are of different versions. Bring both to the same. Nothing was changed.",
                env!("CARGO_PKG_VERSION")
            ),
        )
        .param("config_revision")),
    }
}

/// Returns the entry about the revision itself, for changes outside of its resources.
fn own_entry(
    caller: &Caller,
    base: i64,
    restores: Option<i64>,
    before: Option<&PolicyRevision>,
    config_revision: &str,
) -> Entry {
    let (kind, operation) = match (restores, base) {
        (Some(_), _) => ("policy.rolled_back", Operation::Update),
        (None, 0) => ("policy.created", Operation::Create),
        (None, _) => ("policy.updated", Operation::Update),
    };
    let mut now = json!({"number": base.saturating_add(1), "config_revision": config_revision});
    if let Some(restores) = restores {
        merge(&mut now, json!({"restores": restores}));
    }
    let then = before.map_or_else(
        || json!({}),
        |before| json!({"number": before.number, "config_revision": before.config_revision}),
    );
    let resource = Resource::new("policy", base.saturating_add(1).to_string()).named(config_revision);
    Entry::new(kind, operation, caller.actor(), resource).with_changes(diff(&then, &now))
}

async fn commit(app: &App, new: NewPolicy, rules: Vec<Rule>) -> Result<PolicyUpdate, ApiError> {
    let limits = app.limits.clone();
    let work = move |tx: &Db| {
        let update = store::put_policy(tx, &new)?;
        if let PolicyUpdate::Applied(_) = &update {
            limits.put_policy(tx, &new.config_revision, &rules)?;
        }
        Ok(update)
    };
    in_time(WRITE_TIME, "the policy", app.writes.transact(work)).await
}

fn done(revision: &PolicyRevision, changes: &[ResourceChange], warnings: &[Diagnostic]) -> Response {
    let mut body = revision_json(revision);
    merge(&mut body, json!({"changed": true, "warnings": warnings}));
    merge(&mut body, changes_json(changes));
    with_etag(json_response(StatusCode::OK, body.to_string().into_bytes()), revision)
}

fn unchanged(current: &PolicyRevision, warnings: &[Diagnostic]) -> Response {
    let mut body = revision_json(current);
    merge(&mut body, json!({"changed": false, "warnings": warnings}));
    merge(&mut body, changes_json(&[]));
    with_etag(json_response(StatusCode::OK, body.to_string().into_bytes()), current)
}

fn would_change(
    current: Option<&PolicyRevision>,
    config_revision: &str,
    changes: &[ResourceChange],
    warnings: &[Diagnostic],
) -> Response {
    let mut body = json!({
        "object": "policy.proposal", "changed": true, "config_revision": config_revision,
        "in_force": current.map_or(Value::Null, |current| json!(current)), "warnings": warnings,
    });
    merge(&mut body, changes_json(changes));
    json_response(StatusCode::OK, body.to_string().into_bytes())
}
