//! `PUT /v1/policy` and `POST /v1/policy/rollback`: how another policy comes into force.
//!
//! Checking and comparing take long for a large policy, so they come first and on a thread of their own, against the
//! revision that the change was made from. The writer's transaction then only sees whether that one is still in force.

use super::conditions::{base, moved};
use super::parameters::{Wish, wish};
use super::{blocking, listed, merge, not_found, shown, tagged};
use crate::audit::{Entry, Operation, Resource, diff};
use crate::clock;
use crate::http::App;
use crate::http::auth::Caller;
use crate::http::commit::in_time;
use crate::http::error::{ApiError, json_response};
use crate::http::ingest::body;
use crate::http::values::invalid;
use crate::policy::{self, BadPolicy, Checked, MAX_BYTES, ResourceChange};
use crate::store::{self, NewPolicy, PolicyRevision, Put};
use crate::validate::reason_of;
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate::diagnostic::{Diagnostic, Severity};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Longest wait for a check, others' checks included.
const CHECK_TIME: Duration = Duration::from_secs(30);
/// Longest wait for the commit: a first policy of a hundred thousand keys has as many audit entries.
const WRITE_TIME: Duration = Duration::from_secs(60);
/// Largest body of a roll back, bytes.
const MAX_ROLLBACK_BYTES: usize = 1 << 10;

/// The body of `POST /v1/policy/rollback`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Rollback {
    /// Number of the revision to bring back.
    to: i64,
}

/// A change that has been checked.
struct Proposal {
    checked: Checked,
    base: i64,
    restores: Option<i64>,
    wish: Wish,
}

/// `PUT /v1/policy`.
pub(in crate::http) async fn apply(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let (base, wish) = (base(request.headers())?, wish(query.as_deref().unwrap_or_default())?);
    let (_held, text) = body(&app, request, MAX_BYTES).await?;
    let checked = check(&app, text.to_vec()).await?;
    revise(&app, &caller, Proposal { checked, base, restores: None, wish }).await
}

/// `POST /v1/policy/rollback`.
pub(in crate::http) async fn roll_back(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Response, ApiError> {
    let (base, wish) = (base(request.headers())?, wish(query.as_deref().unwrap_or_default())?);
    let (_held, body) = body(&app, request, MAX_ROLLBACK_BYTES).await?;
    let Rollback { to } = serde_json::from_slice(&body)
        .map_err(|error| invalid(format!("The body is no roll back: {}.", reason_of(&error)), "invalid_body"))?;
    let text = app.readers.query(move |db| store::policy_text(db, to)).await?.ok_or_else(not_found)?;
    let checked = check(&app, text.into_bytes()).await?;
    revise(&app, &caller, Proposal { checked, base, restores: Some(to), wish }).await
}

async fn check(app: &App, text: Vec<u8>) -> Result<Checked, ApiError> {
    let checking = Arc::clone(&app.checking);
    let checked = async {
        let turn = checking.lock_owned().await;
        // The turn ends with the work, also where nobody waits for it any more.
        blocking(move || {
            let _turn = turn;
            policy::check(text, clock::now_us())
        })
        .await
    };
    match tokio::time::timeout(CHECK_TIME, checked).await {
        Ok(checked) => checked?.map_err(bad_policy),
        Err(_) => {
            Err(ApiError::unavailable("check_slow", "The policy could not be checked in time. Send it again later."))
        }
    }
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
    same_code(&proposal)?;
    let base = proposal.base;
    let (current, before) =
        app.readers.query(move |db| Ok((store::policy_in_force(db)?, store::policy_text(db, base)?))).await?;
    let Proposal { checked: Checked { text, config_revision, warnings }, restores, wish, .. } = proposal;
    if let Some(current) = current.as_ref().filter(|current| current.is(&text, &config_revision)) {
        return Ok(unchanged(current, &warnings));
    }
    if current.as_ref().map_or(0, |current| current.number) != base {
        return Err(moved(base, current.as_ref()));
    }
    let (changes, text) = blocking(move || (policy::changes(before.as_deref(), text.as_str()), text)).await?;
    if wish.dry_run {
        return Ok(would_change(current.as_ref(), &config_revision, &changes, &warnings));
    }
    let own = own_entry(caller, base, restores, current.as_ref(), &config_revision);
    let (by, actor) = (caller.actor(), caller.actor());
    let (changes, entries) = blocking(move || {
        let entries = policy::entries(own, &changes, &actor, base.saturating_add(1));
        (changes, entries)
    })
    .await?;
    let entries = entries?;
    let put = commit(app, NewPolicy { text, config_revision, base, restores, by, entries }).await?;
    match put {
        Put::Done(revision) => Ok(done(&revision, &changes, &warnings)),
        Put::Unchanged(current) => Ok(unchanged(&current, &warnings)),
        Put::Moved(current) => Err(moved(base, current.as_ref())),
    }
}

/// Records name what the caller's program makes of a policy: it must be what this one makes of it.
fn same_code(proposal: &Proposal) -> Result<(), ApiError> {
    let mine = &proposal.checked.config_revision;
    match proposal.wish.config_revision.as_ref().filter(|theirs| *theirs != mine) {
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

/// The entry of the revision itself, for what concerns no resource of it.
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

async fn commit(app: &App, new: NewPolicy) -> Result<Put, ApiError> {
    in_time(WRITE_TIME, "the policy", app.writes.transact(move |tx| store::put_policy(tx, &new))).await
}

fn done(revision: &PolicyRevision, changes: &[ResourceChange], warnings: &[Diagnostic]) -> Response {
    let mut body = shown(revision);
    merge(&mut body, json!({"changed": true, "warnings": warnings}));
    merge(&mut body, listed(changes));
    tagged(json_response(StatusCode::OK, body.to_string().into_bytes()), revision)
}

fn unchanged(current: &PolicyRevision, warnings: &[Diagnostic]) -> Response {
    let mut body = shown(current);
    merge(&mut body, json!({"changed": false, "warnings": warnings}));
    merge(&mut body, listed(&[]));
    tagged(json_response(StatusCode::OK, body.to_string().into_bytes()), current)
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
    merge(&mut body, listed(changes));
    json_response(StatusCode::OK, body.to_string().into_bytes())
}
