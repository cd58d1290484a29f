//! `GET /keys` and `GET /keys/{id}`: the virtual keys of the policy in force, with their use in the last 30 days.

use super::applied;
use super::visit::Visit;
use crate::error::ApiError;
use crate::path_param::PathName;
use crate::policy::read_in_force;
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_columns::{self as columns, ByValue, ByValueQuery, Column};
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::keys::{Key, KeyPage, KeyUse, KeysPage, KeysState, RANGE, ROWS};
use headgate_collector_types::audit::{Entry, Operation, Resource};
use headgate_collector_types::clock;
use serde_json::Value;

/// Handles `GET /keys`.
pub(super) async fn list(visit: Visit) -> Response {
    let result = keys(&visit).await;
    visit.shown(Page::Keys, result).await
}

async fn keys(visit: &Visit) -> Result<Response, ApiError> {
    let (now, state) = (clock::now_us(), visit.state(KeysState::read)?);
    visit.app.audit.search(&visit.caller, "keys.searched", Resource::new("list", "keys"), Some(&visit.query)).await?;
    let wanted = state.clone();
    let read = move |resources: &[Value]| {
        let keys = applied::keys(resources, now);
        let all = keys.len();
        let mut found: Vec<Key> = keys.into_iter().filter(|key| wanted.finds(key)).collect();
        let count = found.len();
        let before = wanted.page.saturating_sub(1).saturating_mul(ROWS);
        found = found.into_iter().skip(before).take(ROWS).collect();
        (found, count, all, applied::names(resources, "team"), applied::names(resources, "model"))
    };
    let mut view = KeysPage { state, zone: visit.zone.clone(), now, ..KeysPage::default() };
    if let Some((revision, (found, count, all, teams, models))) = read_in_force(&visit.app, read).await? {
        let used = used(visit, found.iter().map(|key| key.id.clone()).collect(), now).await?;
        view.rows = found.into_iter().zip(used).collect();
        (view.revision, view.found, view.all) = (Some(revision.number), count, all);
        (view.teams, view.models) = (teams, models);
    }
    visit.page(Page::Keys, |frame| view.render(frame)).await
}

/// Returns the use of each key in the last 30 days.
async fn used(visit: &Visit, ids: Vec<String>, now: i64) -> Result<Vec<KeyUse>, ApiError> {
    let (from, to) = RANGE.bounds(now);
    let (from, to) = (from.unwrap_or(0), to.unwrap_or(now));
    let query = ByValueQuery { filters: Vec::new(), from, to, column: Column::KeyId, values: ids, bars: 1 };
    let ByValue { values } = visit.app.readers.query(move |db| columns::by_value(db, &query)).await?;
    let key_use = |(histogram, last): (columns::Histogram, Option<i64>)| {
        let total = histogram.total();
        KeyUse { requests: total.requests(), cost_nano_usd: total.cost_nano_usd, last }
    };
    Ok(values.into_iter().map(key_use).collect())
}

/// Handles `GET /keys/{id}`.
pub(super) async fn one(visit: Visit, PathName(name): PathName) -> Response {
    let result = key(&visit, name.unwrap_or_default()).await;
    visit.shown(Page::Keys, result).await
}

async fn key(visit: &Visit, id: String) -> Result<Response, ApiError> {
    let now = clock::now_us();
    let wanted = id.clone();
    let read = move |resources: &[Value]| {
        let key = applied::keys(resources, now).into_iter().find(|key| key.id == wanted)?;
        let rules = applied::rules_of(&key, resources);
        Some((key, rules))
    };
    let found = read_in_force(&visit.app, read).await?.and_then(|(_, found)| found);
    let (key, rules) = found.ok_or_else(no_key)?;
    let about = Resource::new("key", &id);
    visit.app.audit.note(Entry::new("key.read", Operation::Read, visit.caller.actor(), about)).await;
    let used = used(visit, vec![id], now).await?.pop().unwrap_or_default();
    let view = KeyPage { key, used, rules, zone: visit.zone.clone(), now };
    visit.page(Page::Keys, |frame| view.render(frame)).await
}

fn no_key() -> ApiError {
    let message = "The policy in force has no key of this id. The Keys page lists those that it has; requests of keys that are gone \
        are in the log: search `key:ID`.";
    ApiError::invalid(StatusCode::NOT_FOUND, "not_found", message)
}
