//! `GET /limits` and `GET /budgets`: the use of rules as pages. They read as the routes of `/v1` do.

use super::answer::see_other;
use super::visit::Visit;
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::limits::{cursor, query_of};
use axum::extract::RawQuery;
use axum::response::Response;
use headgate_collector_pages::counts::{CountRow, CountsFound, CountsPage, CountsState, RuleFacts, RuleKind};
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::logs::AUTO_S;
use headgate_collector_quota::{Count, CountPage};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::clock;
use headgate_limits::WhenUnreachable;

/// Handles `GET /limits`.
pub(super) async fn limits(visit: Visit) -> Response {
    let result = page(&visit, RuleKind::Limits, Page::Limits).await;
    visit.shown(Page::Limits, result).await
}

/// Handles `GET /budgets`.
pub(super) async fn budgets(visit: Visit) -> Response {
    let result = page(&visit, RuleKind::Budgets, Page::Budgets).await;
    visit.shown(Page::Budgets, result).await
}

/// Handles `GET /limits.json`: sends the browser to the route of the API.
pub(super) async fn limits_json(RawQuery(query): RawQuery) -> Response {
    see_other(&format!("/v1/limits?{}", query.unwrap_or_default()))
}

/// Handles `GET /budgets.json`: sends the browser to the route of the API.
pub(super) async fn budgets_json(RawQuery(query): RawQuery) -> Response {
    see_other(&format!("/v1/budgets?{}", query.unwrap_or_default()))
}

async fn page(visit: &Visit, kind: RuleKind, page: Page) -> Result<Response, ApiError> {
    let state = visit.state(|query| CountsState::read(kind, query))?;
    let found = match counts(&visit.app, &visit.caller, kind, &state.filters(), &state.parameters()).await {
        Ok(CountPage { entries, next }) => {
            Ok(CountsFound { rows: entries.into_iter().map(row).collect(), next: next.map(cursor) })
        }
        // A filter that is no meter is a problem of the form, and the form must stay.
        Err(error) if !error.is_server_side() => Err(error.into_parts().1),
        Err(error) => return Err(error),
    };
    let refresh = state.auto.then_some(AUTO_S);
    let view = CountsPage { state, found, zone: visit.zone.clone(), now: clock::now_us() };
    visit.page_every(refresh, page, |frame| view.render(frame)).await
}

/// Reads a page of counts as `GET /v1/limits` or `GET /v1/budgets` does, and notes it with its filters.
pub(super) async fn counts(
    app: &App,
    caller: &Caller,
    kind: RuleKind,
    filters: &str,
    parameters: &str,
) -> Result<CountPage, ApiError> {
    let (noted, list) = match kind {
        RuleKind::Limits => ("limits.searched", "limits"),
        RuleKind::Budgets => ("budgets.searched", "budgets"),
    };
    let query = query_of(kind == RuleKind::Budgets, parameters)?;
    app.audit.search(caller, noted, Resource::new("list", list), Some(filters)).await?;
    Ok(app.limits.list(query).await?)
}

pub(super) fn row(count: Count) -> CountRow {
    let text = |value: serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let subject =
        |subject: serde_json::Map<_, _>| subject.into_iter().map(|(name, value)| (name, text(value))).collect();
    let rule = count.rule.map(|rule| RuleFacts {
        action: rule.action,
        monitor: rule.monitor,
        warn_at: rule.warn_at,
        when_unreachable: match rule.when_unreachable {
            WhenUnreachable::LastKnown => "goes on with the last known use",
            WhenUnreachable::Allow => "rejects nothing",
            WhenUnreachable::Deny => "rejects everything",
        },
    });
    CountRow {
        id: count.id,
        meter: count.meter,
        subject: count.subject.map(subject),
        window: (count.window.start, count.window.end),
        used: count.used,
        reserved: count.reserved,
        max: count.max,
        percent: count.percent,
        close: count.close,
        told: count.told,
        proxies: count.proxies,
        rule,
    }
}
