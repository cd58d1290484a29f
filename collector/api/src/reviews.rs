//! `POST /v1/reviews` and `GET /v1/reviews`: statements that somebody has looked at the logs, and what was found.
//!
//! A review is an entry of the audit log and nothing else, so it is in exports, packets and forwarders too, and nobody can change it.

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::values::{bad, invalid, time};
use axum::extract::{Extension, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::{self as store, Appended, AuditQuery, NameFilter, Order};
use headgate_collector_types::audit::{Change, Entry, Operation, Resource};
use headgate_collector_types::clock;
use headgate_collector_types::validate::{is_name, reason_of};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The most bytes of a body.
const MAX_BODY_BYTES: usize = 16 << 10;
/// The type of the entries.
const KIND: &str = "review.recorded";
/// The reviews of one answer.
const MOST: usize = 200;

/// The body of `POST /v1/reviews`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReview {
    /// The beginning of the period that was looked at, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    from: String,
    /// Its end, exclusive, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    to: String,
    /// What was looked at: filters as in the query of `GET /v1/requests` or `GET /v1/audit`. Everything, without it.
    #[serde(default)]
    #[schemars(length(min = 1, max = 256))]
    filter: Option<String>,
    /// What was found, such as `nothing unusual` or the number of a ticket.
    #[schemars(length(min = 1, max = 256))]
    finding: String,
}

/// A review. Times are µs since the Unix epoch.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Review {
    /// Id of its audit entry.
    id: String,
    /// When it was recorded.
    time: u64,
    /// Who looked, as audit entries name an actor.
    actor: headgate_collector_types::audit::Actor,
    /// The beginning of the period.
    from: i64,
    /// Its end, exclusive.
    to: i64,
    /// The filters; everything, without them.
    filter: Option<String>,
    /// What was found.
    finding: String,
}

/// Handles `POST /v1/reviews`.
pub(super) async fn record(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (_permit, body) = app.bodies.read(request, MAX_BODY_BYTES).await?;
    let review = record_of(&app, &caller, &body).await?;
    let body = serde_json::to_vec(&review).map_err(|_| ApiError::internal())?;
    Ok(json_response(StatusCode::CREATED, body))
}

/// Records the review that a body describes.
async fn record_of(app: &App, caller: &Caller, body: &[u8]) -> Result<Review, ApiError> {
    let asked: NewReview = serde_json::from_slice(body).map_err(|error| {
        let shape = r#"{"from":"2026-01-01T00:00:00Z","to":"2026-01-02T00:00:00Z","filter":"status_class=5xx","finding":"nothing unusual"}"#;
        invalid(format!("The body is no review: {}. It looks like {shape}.", reason_of(&error)), "invalid_body")
    })?;
    let (from, to) = (time("from", &asked.from)?, time("to", &asked.to)?);
    if from >= to || to > clock::now_us() {
        return Err(bad("to", "must be after `from`, and not in the future"));
    }
    for (name, text) in [("finding", Some(&asked.finding)), ("filter", asked.filter.as_ref())] {
        if text.is_some_and(|text| !is_name(text)) {
            return Err(bad(name, "must be 1 to 256 characters long"));
        }
    }
    let mut entry = Entry::new(KIND, Operation::Other, caller.actor(), Resource::new("review", "logs"));
    let change = |path: &str, after: Value| Change { path: path.to_owned(), before: None, after: Some(after) };
    entry.changes = vec![change("from", json!(from)), change("to", json!(to)), change("finding", json!(asked.finding))];
    entry.changes.extend(asked.filter.as_ref().map(|filter| change("filter", json!(filter))));
    let (time, actor) = (entry.time, entry.actor.clone());
    let append = move |tx: &Db| store::append(tx, &entry);
    let Appended::New { id, .. } = crate::write_timeout::commit(&app.writes, "the review", append).await? else {
        return Err(ApiError::internal());
    };
    Ok(Review { id, time, actor, from, to, filter: asked.filter, finding: asked.finding })
}

/// Handles `GET /v1/reviews`.
pub(super) async fn list(State(app): State<App>, Extension(caller): Extension<Caller>) -> Result<Response, ApiError> {
    let reviews = listed(&app, &caller).await?;
    let body = json!({"object": "list", "data": reviews}).to_string();
    Ok(json_response(StatusCode::OK, body.into_bytes()))
}

/// Returns the newest reviews, and notes that they were listed.
async fn listed(app: &App, caller: &Caller) -> Result<Vec<Review>, ApiError> {
    app.audit.search(caller, "reviews.searched", Resource::new("list", "reviews"), None).await?;
    Ok(app.readers.query(newest).await?)
}

fn newest(db: &Db) -> Result<Vec<Review>, StoreError> {
    let query = AuditQuery {
        names: vec![
            NameFilter { column: "type", texts: vec![KIND.to_owned()], not: false },
            // Another system may deliver an entry of any type.
            NameFilter {
                column: "source",
                texts: vec![headgate_collector_types::audit::SOURCE.to_owned()],
                not: false,
            },
        ],
        order: Order::Descending,
        limit: MOST,
        ..AuditQuery::default()
    };
    let page = store::list_audit(db, &query)?;
    let bytes = page.entries.iter().filter_map(|row| row.entry.bytes());
    Ok(bytes.filter_map(|bytes| review(serde_json::from_slice(bytes).ok()?)).collect())
}

/// Returns the review in an entry.
fn review(entry: Entry) -> Option<Review> {
    let find = |path: &str| entry.changes.iter().find(|change| change.path == path)?.after.clone();
    let text = |path: &str| find(path)?.as_str().map(str::to_owned);
    Some(Review {
        from: find("from")?.as_i64()?,
        to: find("to")?.as_i64()?,
        filter: text("filter"),
        finding: text("finding")?,
        id: entry.id,
        time: entry.time,
        actor: entry.actor,
    })
}
