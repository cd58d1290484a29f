//! `GET /v1/corrections` and `POST /v1/corrections`: an owner corrects counts and usage, on the record.

use super::app::App;
use super::caller::Caller;
use super::error::{ApiError, json_response};
use super::openapi::{self, Schemas};
use super::query_string::Query;
use super::values::{Paging, bad, cursor, invalid, time};
use axum::extract::{Extension, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_quota::{AskedCount, Corrected, CorrectionRequest, Subject, meter_of};
use headgate_collector_store::{
    self as store, Correction, Counter, MAX_CORRECTION_SECONDS, QUARTER_S, UsageChange, usage_filters,
};
use headgate_collector_types::audit::{self, Resource};
use headgate_collector_types::clock;
use headgate_collector_types::validate::{is_name, reason_of, uuid_v7};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Maximum size of the body of `POST /v1/corrections`, bytes.
const MAX_BODY_BYTES: usize = 16 << 10;
/// Maximum number of values of a subject.
const MAX_PARTS: usize = 8;
/// Counters of records. They follow from the stored records and cannot be corrected.
const OF_RECORDS: [Counter; 9] = [
    Counter::Requests,
    Counter::Errors,
    Counter::RejectedByGateway,
    Counter::RejectedByProvider,
    Counter::EndedByClient,
    Counter::EndedByProvider,
    Counter::EstimatedRequests,
    Counter::UnpricedRequests,
    Counter::RejectedByHost,
];

/// The body of `POST /v1/corrections`. At least one of `count` and `usage` is there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCorrection {
    /// UUIDv7. A correction that is sent again under its id is made once. Given by the collector if it is left out.
    #[serde(default)]
    id: Option<String>,
    /// Why.
    #[schemars(length(min = 1, max = 256))]
    reason: String,
    /// The correction of a limit's or budget's count.
    #[serde(default)]
    count: Option<AskedCount>,
    /// The correction of usage.
    #[serde(default)]
    usage: Option<NewUsage>,
}

/// A correction of usage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUsage {
    /// From here on: a day or a time, RFC 3339. Counted by quarters of an hour.
    from: String,
    /// Until here, 35 days later at most.
    to: String,
    /// The dimensions of the usage: `key_id`, `owner`, `team` and so on, as in `GET /v1/usage`.
    #[serde(default)]
    filters: BTreeMap<String, String>,
    /// The amounts to add, by counter, such as `output_tokens` or `cost_nano_usd`; negative to take away.
    amounts: BTreeMap<String, i64>,
}

/// Returns the schema of the answer of `GET /v1/corrections`.
pub(super) fn page(schemas: &mut Schemas) -> Value {
    let correction = openapi::of::<Correction>(schemas);
    schemas.list(&correction, &[("has_more", json!({"type": "boolean"})), ("next", openapi::cursor())])
}

/// Handles `GET /v1/corrections`.
pub(super) async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    RawQuery(text): RawQuery,
    Query(pages): Query<Paging>,
) -> Result<Response, ApiError> {
    let (limit, after) = (pages.limit(), pages.after());
    app.audit.search(&caller, "corrections.searched", Resource::new("list", "corrections"), text.as_deref()).await?;
    let mut found = app.readers.query(move |db| store::corrections(db, after, limit.saturating_add(1))).await?;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| has_more).map(|last| cursor(last.place));
    let data: Vec<_> = found.into_iter().map(|listed| listed.correction).collect();
    let body = json!({"object": "list", "data": data, "has_more": has_more, "next": next});
    Ok(json_response(StatusCode::OK, body.to_string().into_bytes()))
}

/// Handles `POST /v1/corrections`.
pub(super) async fn create(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, ApiError> {
    let (_permit, body) = app.bodies.read(request, MAX_BODY_BYTES).await?;
    let correction = parse(&body)?;
    let made =
        super::write_timeout::committed("the correction", app.limits.correct(correction, caller.actor())).await?;
    let (status, correction) = match made {
        Corrected::Done(correction) => (StatusCode::CREATED, correction),
        Corrected::Duplicate(correction) => (StatusCode::OK, correction),
        refused => return Err(refusal(refused)),
    };
    let body = serde_json::to_vec(&correction).map_err(|_| ApiError::internal())?;
    Ok(json_response(status, body))
}

fn refusal(refused: Corrected) -> ApiError {
    let conflict = |code, message: String| ApiError::invalid(StatusCode::CONFLICT, code, message);
    match refused {
        Corrected::NoCount => conflict(
            "nothing_counted",
            "Nothing is counted of this rule, meter and subject in this window. GET /v1/limits and /v1/budgets show what is."
                .to_owned(),
        ),
        Corrected::NoUsage => conflict(
            "no_usage",
            "There is no usage with these filters at that time. GET /v1/usage shows what there is.".to_owned(),
        ),
        Corrected::OutOfRange(what, there) => conflict(
            "out_of_range",
            format!("There are {there} of `{what}`; no sum may fall below zero or grow beyond 2^63."),
        ),
        _ => conflict("id_taken", "Another correction has this id.".to_owned()),
    }
}

fn parse(body: &[u8]) -> Result<CorrectionRequest, ApiError> {
    let new: NewCorrection = serde_json::from_slice(body).map_err(|error| {
        let shape = r#"{"reason":"…","count":{"rule":"search-month","meter":"nano_usd/month","subject":{"team":"search"},"amount":-5}}"#;
        invalid(format!("The body is no correction: {}. It looks like {shape}.", reason_of(&error)), "invalid_body")
    })?;
    if !is_name(&new.reason) {
        return Err(bad("reason", "must be 1 to 256 characters long"));
    }
    let id = match new.id {
        Some(id) if uuid_v7(&id).is_some() => id,
        Some(_) => return Err(bad("id", "must be a UUIDv7 in lower case")),
        None => store::new_id(clock::now_us())?,
    };
    if new.count.is_none() && new.usage.is_none() {
        return Err(bad("count", "or `usage` must say what to correct"));
    }
    new.count.as_ref().map_or(Ok(()), check_count)?;
    let usage = new.usage.map(usage).transpose()?;
    Ok(CorrectionRequest { id, reason: audit::mask_text(&new.reason), count: new.count, usage })
}

fn check_count(count: &AskedCount) -> Result<(), ApiError> {
    if !is_name(&count.rule) {
        return Err(bad("count.rule", "must be 1 to 256 characters long"));
    }
    if meter_of(&count.meter).is_none_or(|meter| meter.period.is_none()) {
        return Err(bad("count.meter", "must be a meter with a period, such as tokens/day or nano_usd/month"));
    }
    let parts = match &count.subject {
        Subject::Values(values) => values.len(),
        Subject::Named(named) => named.len(),
    };
    if parts > MAX_PARTS {
        return Err(bad("count.subject", "may have at most 8 values"));
    }
    if count.amount == 0 {
        return Err(bad("count.amount", "must not be 0"));
    }
    Ok(())
}

fn usage(new: NewUsage) -> Result<UsageChange, ApiError> {
    let second = |name: &str, text: &str, up: i64| {
        time(name, text).map(|us| us.saturating_add(up).div_euclid(QUARTER_S * 1_000_000).saturating_mul(QUARTER_S))
    };
    let from = second("usage.from", &new.from, 0)?;
    let to = second("usage.to", &new.to, QUARTER_S * 1_000_000 - 1)?;
    if to <= from || to.saturating_sub(from) > MAX_CORRECTION_SECONDS {
        return Err(bad("usage.to", "must lie behind `usage.from`, by 35 days at most"));
    }
    if usage_filters(&new.filters).len() != new.filters.len() {
        return Err(bad(
            "usage.filters",
            "must be some of those of GET /v1/usage, such as key_id, team or served_model",
        ));
    }
    let may = |name: &str| Counter::ALL.iter().any(|counter| counter.name() == name && !OF_RECORDS.contains(counter));
    if new.amounts.is_empty() || !new.amounts.iter().all(|(name, amount)| may(name) && *amount != 0) {
        return Err(bad(
            "usage.amounts",
            "must give amounts other than 0 of tokens or cost, named as in GET /v1/usage",
        ));
    }
    Ok(UsageChange { from, to, filters: new.filters, amounts: new.amounts })
}
