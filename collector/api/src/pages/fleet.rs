//! `GET /gaps` and `GET /dataplanes`: the proxies as pages. They read as the routes of `/v1` do.

use super::answer::see_other;
use super::visit::Visit;
use crate::access::Access;
use crate::error::ApiError;
use axum::extract::RawQuery;
use axum::response::Response;
use headgate_collector_pages::fleet::{DataPlanesPage, Gap, GapsPage, Plane, Worker};
use headgate_collector_pages::frame::Page;
use headgate_collector_store::{self as store, GapQuery, PlaneState, WorkerState};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::clock;

/// Most gaps on a page.
const GAPS: usize = 200;

/// Handles `GET /gaps`.
pub(super) async fn gaps(visit: Visit) -> Response {
    let result = completeness(&visit).await;
    visit.shown(Page::Completeness, result).await
}

/// Handles `GET /gaps.json`: sends the browser to the route of the API.
pub(super) async fn gaps_json(RawQuery(query): RawQuery) -> Response {
    see_other(&format!("/v1/gaps?{}", query.unwrap_or_default()))
}

/// Handles `GET /dataplanes.json`: sends the browser to the route of the API.
pub(super) async fn planes_json() -> Response {
    see_other("/v1/dataplanes")
}

async fn completeness(visit: &Visit) -> Result<Response, ApiError> {
    let (app, caller) = (&visit.app, &visit.caller);
    app.audit.search(caller, "gaps.searched", Resource::new("list", "gaps"), None).await?;
    let query = GapQuery { limit: GAPS, ..GapQuery::default() };
    let found = app.readers.query(move |db| store::gaps(db, &query)).await?;
    // Damage names positions of the audit log too, which a viewer may not read.
    let damaged = if visit.may(Access::Audit) {
        app.audit.search(caller, "damage.searched", Resource::new("list", "damage"), None).await?;
        app.readers.query(store::damage).await?.0
    } else {
        Vec::new()
    };
    let view = GapsPage {
        gaps: found.gaps.into_iter().map(gap).collect(),
        has_more: found.next.is_some(),
        dropped: found.dropped.into_iter().map(|one| (one.node, one.boot, one.dropped)).collect(),
        damaged: damaged.into_iter().map(|one| (one.log, one.first_position, one.last_position)).collect(),
        zone: visit.zone.clone(),
    };
    visit.page(Page::Completeness, |frame| view.render(frame)).await
}

fn gap(gap: store::Gap) -> Gap {
    Gap {
        node: gap.node,
        boot: gap.boot,
        numbers: (gap.first_seq, gap.last_seq),
        records: u64::try_from(gap.records).unwrap_or(0),
        between: (gap.after, gap.before),
        noticed_at: gap.noticed_at,
        end_unknown: gap.end_unknown,
        waiting: (gap.queued, gap.open),
    }
}

/// Handles `GET /dataplanes`.
pub(super) async fn planes(visit: Visit) -> Response {
    let result = data_planes(&visit).await;
    visit.shown(Page::Planes, result).await
}

async fn data_planes(visit: &Visit) -> Result<Response, ApiError> {
    let app = &visit.app;
    app.audit.search(&visit.caller, "dataplanes.searched", Resource::new("list", "dataplanes"), None).await?;
    let now = clock::now_us();
    let (planes, in_force) =
        app.readers.query(move |db| Ok((store::data_planes(db, now)?, store::policy_in_force(db)?))).await?;
    let view = DataPlanesPage {
        planes: planes.into_iter().map(|one| plane(one, now)).collect(),
        in_force: in_force.map(|revision| revision.config_revision),
    };
    visit.page(Page::Planes, |frame| view.render(frame)).await
}

fn plane(plane: store::DataPlane, now: i64) -> Plane {
    let state = match plane.state {
        PlaneState::Live => "live",
        PlaneState::Stale => "stale",
        PlaneState::Ended => "ended",
        PlaneState::Gone => "gone",
    };
    Plane { node: plane.node, state, workers: plane.workers.into_iter().map(|one| worker(one, now)).collect() }
}

fn worker(worker: store::Worker, now: i64) -> Worker {
    let state = match worker.state {
        WorkerState::Live => "live",
        WorkerState::Silent => "silent",
        WorkerState::Ended => "ended",
        WorkerState::Replaced => "replaced",
    };
    Worker {
        boot: worker.boot,
        state,
        version: worker.version,
        revision: worker.config_revision,
        uptime_s: u64::try_from(worker.uptime_s).unwrap_or(0),
        queue: (worker.queued, worker.dropped),
        last_seq: worker.last_seq,
        age_us: u64::try_from(now.saturating_sub(worker.last_seen)).unwrap_or(0),
    }
}
