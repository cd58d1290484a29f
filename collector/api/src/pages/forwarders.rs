//! `/forwarders` and the forms below it. They go through the functions of `/v1/forwarders`.

use super::answer::see_other;
use super::visit::Visit;
use crate::access::Access;
use crate::error::ApiError;
use crate::forwarders::{self, ForwarderState};
use crate::path_param::PathName;
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_pages::forwarders::{ForwarderRow, ForwardersPage, ProgressRow};
use headgate_collector_pages::frame::Page;

/// Sentences about a change that was made, by the word in the URL.
const DONE: [(&str, &str); 5] = [
    ("test", "The receiver has taken the test."),
    ("pause", "The forwarder is paused. What it does not deliver waits in the log."),
    ("resume", "The forwarder delivers again."),
    ("retry", "The refused entries were offered once more."),
    ("drop", "The dead letters were dropped."),
];

/// Handles `GET /forwarders`.
pub(super) async fn show(visit: Visit) -> Response {
    let result = async {
        let done = visit.only("done")?;
        let done = done.and_then(|word| DONE.into_iter().find(|(known, _)| *known == word));
        forwarders::note_list(&visit.app, &visit.caller).await?;
        let mut view = view(&visit).await?;
        view.done = done.map(|(_, sentence)| sentence);
        visit.page(Page::Forwarders, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Forwarders, result).await
}

async fn view(visit: &Visit) -> Result<ForwardersPage, ApiError> {
    let rows = forwarders::states(&visit.app).await?.into_iter().map(row).collect();
    let may_change = visit.may(Access::Own);
    Ok(ForwardersPage { rows, may_change, done: None, problem: None, zone: visit.zone.clone() })
}

fn row(state: ForwarderState) -> ForwarderRow {
    let progress = |one: forwarders::LogProgress| ProgressRow {
        log: one.log.as_str(),
        behind: one.behind,
        sent: one.sent,
        refused: one.refused,
        lost: one.lost,
        delivered_at: one.delivered_at,
    };
    ForwarderRow {
        id: state.id,
        kind: state.kind.as_str(),
        format: state.format.as_str(),
        filter: state.filter,
        state: state.state,
        error: state.error,
        dead_letters: state.dead_letters,
        logs: state.logs.into_iter().map(progress).collect(),
    }
}

/// Handles `POST /forwarders/{id}/test`.
pub(super) async fn test(visit: Visit, PathName(name): PathName) -> Response {
    let result = async {
        let tested = forwarders::test_of(&visit.app, &visit.caller, name).await?;
        let Some(problem) = tested.error else { return Ok(see_other("/forwarders?done=test")) };
        let view =
            ForwardersPage { problem: Some(format!("The test was not delivered: {problem}")), ..view(&visit).await? };
        visit.page_with(StatusCode::OK, Page::Forwarders, |frame| view.render(frame)).await
    };
    let result = result.await;
    visit.shown(Page::Forwarders, result).await
}

/// Handles `POST /forwarders/{id}/pause`.
pub(super) async fn pause(visit: Visit, PathName(name): PathName) -> Response {
    let done = forwarders::pause_of(&visit.app, &visit.caller, name, true).await;
    visit.shown(Page::Forwarders, done.map(|_| see_other("/forwarders?done=pause"))).await
}

/// Handles `POST /forwarders/{id}/resume`.
pub(super) async fn resume(visit: Visit, PathName(name): PathName) -> Response {
    let done = forwarders::pause_of(&visit.app, &visit.caller, name, false).await;
    visit.shown(Page::Forwarders, done.map(|_| see_other("/forwarders?done=resume"))).await
}

/// Handles `POST /forwarders/{id}/retry`.
pub(super) async fn retry(visit: Visit, PathName(name): PathName) -> Response {
    let done = forwarders::retry_of(&visit.app, &visit.caller, name).await;
    visit.shown(Page::Forwarders, done.map(|_| see_other("/forwarders?done=retry"))).await
}

/// Handles `POST /forwarders/{id}/drop`.
pub(super) async fn drop_dead_letters(visit: Visit, PathName(name): PathName) -> Response {
    let done = forwarders::drop_of(&visit.app, &visit.caller, name).await;
    visit.shown(Page::Forwarders, done.map(|_| see_other("/forwarders?done=drop"))).await
}
