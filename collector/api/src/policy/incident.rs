//! `GET /v1/requests/{id}/policy`: the policy change before a failed request.
//!
//! The answer serves an operator with a request's id and little time. It has the revision that the request ran under, the actor
//! that put it in force and how long before, and its changes. Changes that concern this request come first (its key, model,
//! provider, the limits that decided). It also says whether the revision is still in force. The clocks of proxies and
//! collector may differ by seconds, so the age is that imprecise.

use super::{WithText, blocking, changes_json, lock, merge, note, revision_json, with_text};
use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, json_response};
use crate::path_param::PathName;
use crate::revision as policy;
use crate::revision::ResourceChange;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, PolicyName, PolicyRevision};
use headgate_collector_types::audit::{Operation, Resource};
use headgate_config::resources::is_price_of;
use headgate_record::RequestRecord;
use serde_json::{Value, json};

/// The policy of a request.
struct PolicyOfRequest {
    record: RequestRecord,
    /// The revision that the request ran under, if this collector has it.
    revision: Option<WithText>,
    previous: Option<WithText>,
    /// The revision in force here when the request began.
    then: Option<PolicyRevision>,
    now: Option<PolicyRevision>,
}

/// Handles `GET /v1/requests/{id}/policy`.
pub(crate) async fn of_request(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    PathName(name): PathName,
) -> Result<Response, ApiError> {
    let (text, bytes) = crate::query::named_request(&app, name).await?;
    let record = serde_json::from_slice(&bytes).map_err(|_| ApiError::internal())?;
    let guard = lock(&app.comparing).await?;
    let found = app.readers.query(move |db| find(db, record)).await?;
    let about = Resource::new("request", text).named(found.record.config_revision.clone());
    note(&app, &caller, "request.policy_read", Operation::Read, about).await;
    let body = blocking(guard, move || answer(found)).await?;
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

fn find(db: &Db, record: RequestRecord) -> Result<PolicyOfRequest, StoreError> {
    let started_at = i64::try_from(record.started_at).unwrap_or(i64::MAX);
    let revision = with_text(db, store::policy_of_request(db, &record.config_revision, started_at)?)?;
    let before = revision.as_ref().map(|(revision, _)| PolicyName::Number(revision.number.saturating_sub(1)));
    let previous = before.map(|name| with_text(db, store::policy_revision(db, &name)?)).transpose()?.flatten();
    let (then, now) = (store::policy_at(db, started_at)?, store::policy_in_force(db)?);
    Ok(PolicyOfRequest { record, revision, previous, then, now })
}

fn answer(found: PolicyOfRequest) -> Value {
    let PolicyOfRequest { record, revision, previous, then, now } = found;
    let mut body = json!({
        "object": "request.policy",
        "request": {
            "id": record.id, "node": record.node, "started_at": record.started_at, "status": record.status,
            "rejected_by": record.rejected_by, "config_revision": record.config_revision,
        },
        "revision": revision.as_ref().map(|(revision, _)| revision_json(revision)),
        "previous": previous.as_ref().map(|(revision, _)| revision_json(revision)),
        "in_force_when_it_began": then.as_ref().map(revision_json),
        "in_force_now": now.as_ref().map(revision_json),
    });
    match revision {
        Some((revision, text)) => {
            let mut changes = policy::changes(previous.as_ref().map(|(_, text)| text.as_str()), &text);
            // The sort is stable: both halves keep the order of the file.
            changes.sort_by_key(|change| !concerns(&record, change));
            let met = changes.iter().take_while(|change| concerns(&record, change)).count();
            let age = i64::try_from(record.started_at).unwrap_or(i64::MAX).saturating_sub(revision.effective_at);
            merge(&mut body, json!({"in_force_for_s": age.div_euclid(1_000_000), "met_by_request": met}));
            merge(&mut body, changes_json(&changes));
            merge(&mut body, json!({"next_steps": next_steps(&revision, now.as_ref())}));
        }
        None => merge(&mut body, json!({"next_steps": [NOT_FROM_HERE]})),
    }
    body
}

const NOT_FROM_HERE: &str = "The proxy ran a policy that was never put here: it was rendered by hand, or by another version of \
    `headgate`. Compare its files with those that `headgate apply` writes, and apply from now on.";

fn next_steps(revision: &PolicyRevision, now: Option<&PolicyRevision>) -> Vec<String> {
    let number = revision.number;
    let mut steps = Vec::new();
    match now {
        Some(now) if now.number == number && number > 1 => {
            steps.push(format!("It is still in force. To undo it: `headgate rollback {}`.", number.saturating_sub(1)));
        }
        Some(now) if now.number == number => steps.push("It is still in force, and the first one.".to_owned()),
        Some(now) => steps.push(format!(
            "Revision {0} is in force by now; what it changed since: GET /v1/policy/{0}/diff?from={number}.",
            now.number
        )),
        None => {}
    }
    steps.push(format!("The same from the audit log: GET /v1/audit?revision={number}."));
    steps
}

/// Returns whether the request used the changed resource.
fn concerns(record: &RequestRecord, change: &ResourceChange) -> bool {
    let id = change.resource.id.as_str();
    let caller = record.caller.as_ref();
    match change.resource.kind.as_str() {
        "key" => caller.is_some_and(|caller| caller.key_id == id),
        "team" => caller.is_some_and(|caller| caller.team.as_deref() == Some(id)),
        "model" => record.requested_model.as_deref() == Some(id),
        "provider" => record.attempts.iter().any(|attempt| attempt.provider == id),
        "price" | "listed_price" => {
            record.attempts.iter().any(|attempt| is_price_of(id, &attempt.provider, &attempt.model))
        }
        "limit" | "budget" | "guardrail" => {
            record.decisions.iter().any(|decision| decision.policy_id.as_deref() == Some(id))
        }
        _ => false,
    }
}
