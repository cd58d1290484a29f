//! `GET /guardrails` and `GET /guardrails/{id}`: the guardrails of the policy in force, with their hits by day and key.

use super::applied;
use super::visit::Visit;
use crate::error::ApiError;
use crate::path_param::PathName;
use crate::policy::read_in_force;
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_columns::{self as columns, ByValueQuery, Column, FacetQuery, Filter, Histogram};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::guardrails::{Guardrail, GuardrailPage, GuardrailsPage, GuardrailsState, Hits};
use headgate_collector_pages::logs::RANGES;
use headgate_collector_types::audit::Resource;
use headgate_collector_types::clock;
use headgate_collector_types::retention::DAY_US;
use serde_json::Value;

/// Keys that are listed.
const KEYS: usize = 20;
/// The stage of the decisions of guardrails.
const STAGE: &str = "guardrails";

/// Handles `GET /guardrails`.
pub(super) async fn list(visit: Visit) -> Response {
    let result = guardrails(&visit).await;
    visit.shown(Page::Guardrails, result).await
}

async fn guardrails(visit: &Visit) -> Result<Response, ApiError> {
    let state = visit.state(GuardrailsState::read)?;
    note(visit).await?;
    let read = |resources: &[Value]| applied::guardrails(resources);
    let mut view = GuardrailsPage { state, revision: None, rows: Vec::new() };
    if let Some((revision, found)) = read_in_force(&visit.app, read).await? {
        let ids = found.iter().map(|guardrail| guardrail.id.clone()).collect();
        let query = hits_query(ids, days(state));
        let hits = visit.app.readers.query(move |db| hits_of(db, &query)).await?;
        view.revision = Some(revision.number);
        view.rows = found.into_iter().zip(hits).collect();
    }
    visit.page(Page::Guardrails, |frame| view.render(frame)).await
}

async fn note(visit: &Visit) -> Result<(), ApiError> {
    let about = Resource::new("list", "guardrails");
    visit.app.audit.search(&visit.caller, "guardrails.searched", about, Some(&visit.query)).await
}

/// Returns the first and the last moment of the range, by whole days of UTC, today included, µs.
fn days(state: GuardrailsState) -> (i64, i64) {
    let length = RANGES.get(state.0).map_or(DAY_US, |(_, _, length)| *length);
    let end = clock::now_us().div_euclid(DAY_US).saturating_add(1).saturating_mul(DAY_US);
    (end.saturating_sub(length), end)
}

fn hits_query(values: Vec<String>, (from, to): (i64, i64)) -> ByValueQuery {
    let filters = vec![Filter::Member(Column::Stages, STAGE.to_owned())];
    let bars = usize::try_from(to.saturating_sub(from).div_euclid(DAY_US)).unwrap_or(1);
    ByValueQuery { filters, from, to, column: Column::Policies, values, bars }
}

fn hits_of(db: &Db, query: &ByValueQuery) -> Result<Vec<Hits>, StoreError> {
    let hits = |(Histogram { start, width, bars }, _)| Hits {
        start,
        width,
        days: bars.iter().map(columns::Sums::requests).collect(),
    };
    Ok(columns::by_value(db, query)?.values.into_iter().map(hits).collect())
}

/// Handles `GET /guardrails/{id}`.
pub(super) async fn one(visit: Visit, PathName(name): PathName) -> Response {
    let result = guardrail(&visit, name.unwrap_or_default()).await;
    visit.shown(Page::Guardrails, result).await
}

async fn guardrail(visit: &Visit, id: String) -> Result<Response, ApiError> {
    let state = visit.state(GuardrailsState::read)?;
    note(visit).await?;
    let wanted = id.clone();
    let read = move |resources: &[Value]| applied::guardrails(resources).into_iter().find(|one| one.id == wanted);
    let found: Option<Guardrail> = read_in_force(&visit.app, read).await?.and_then(|(_, found)| found);
    let guardrail = found.ok_or_else(no_guardrail)?;
    let (from, to) = days(state);
    let query = hits_query(vec![id.clone()], (from, to));
    let filters = [query.filters.clone(), vec![Filter::Member(Column::Policies, id)]].concat();
    let by_key = FacetQuery { filters, from: Some(from), to: Some(to), columns: vec![Column::KeyId], names: KEYS };
    let (hits, keys) =
        visit.app.readers.query(move |db| Ok((hits_of(db, &query)?, columns::facets(db, &by_key)?))).await?;
    let view = GuardrailPage {
        state,
        guardrail,
        hits: hits.into_iter().next().unwrap_or_default(),
        keys: keys.columns.into_iter().next().map(|facet| facet.values).unwrap_or_default(),
    };
    visit.page(Page::Guardrails, |frame| view.render(frame)).await
}

fn no_guardrail() -> ApiError {
    let message = "The policy in force has no guardrail of this id. The Guardrails page lists those that it has; decisions of \
        guardrails that are gone are in the log: search `policy:ID`.";
    ApiError::invalid(StatusCode::NOT_FOUND, "not_found", message)
}
