//! `GET /`: the last day in numbers. It reads through the functions of the routes that have each of them.

use super::counts::{counts, row};
use super::sums::{UsageSums, by_bucket, sums_of};
use super::visit::Visit;
use crate::access::Access;
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::policy;
use crate::query;
use crate::usage::query_of;
use crate::values::bad;
use axum::response::Response;
use headgate_collector_columns::{self as columns, Histogram, HistogramQuery, Sums};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_pages::counts::{CountRow, RuleKind};
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::logs::AUTO_S;
use headgate_collector_pages::overview::{
    Day, FirstSteps, Hour, OverviewFound, OverviewPage, PolicyChange, Proxies, Spender, WAIT_S,
};
use headgate_collector_store::{
    self as store, Counter, DataPlane, PlaneState, PolicyRevision, Totals, UsageQuery, WorkerState,
};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::{RequestOutcome, clock};

const DAY_US: i64 = 86_400_000_000;
const HOUR_US: i64 = 3_600_000_000;
const QUARTER_US: i64 = 900_000_000;
/// A day that begins within an hour has parts of 25 hours.
const HOURS: usize = 25;
/// Models, teams, and rules close to their end that are shown.
const SHOWN: usize = 5;

/// Handles `GET /`.
pub(super) async fn show(visit: Visit) -> Response {
    let result = page(&visit).await;
    visit.shown(Page::Overview, result).await
}

async fn page(visit: &Visit) -> Result<Response, ApiError> {
    let auto = match visit.query.as_str() {
        "" => false,
        "auto=1" => true,
        _ => return Err(bad("query", "must be `auto=1` or absent")),
    };
    let now = clock::now_us();
    let to = now.saturating_add(QUARTER_US - 1).div_euclid(QUARTER_US).saturating_mul(QUARTER_US);
    let from = to.saturating_sub(DAY_US);
    let (app, caller) = (&visit.app, &visit.caller);
    let sees_changes = visit.may(Access::Audit);
    note(app, caller, sees_changes).await?;
    let queries = OverviewQueries::new(from, to, now, sees_changes)?;
    let seen = app.readers.query(move |db| snapshot(db, queries)).await?;
    let (refresh, found) = match seen {
        OverviewSnapshot::Empty { planes } => {
            let gateway = if sees_changes { policy::gateway_base(app).await? } else { None };
            (Some(WAIT_S), Err(FirstSteps { gateway, proxies: live(&planes) }))
        }
        OverviewSnapshot::Numbers(numbers) => {
            let close = close(app, caller).await?;
            (auto.then_some(AUTO_S), Ok(found(*numbers, close, now)))
        }
    };
    let view = OverviewPage { from, to, now, auto, found, zone: visit.zone.clone() };
    visit.page_every(refresh, Page::Overview, |frame| view.render(frame)).await
}

/// Notes what the page reads, as the routes that have it do.
async fn note(app: &App, caller: &Caller, sees_changes: bool) -> Result<(), ApiError> {
    let day = Some("range=24h");
    let list = |name| Resource::new("list", name);
    app.audit.search(caller, "requests.searched", query::log(), day).await?;
    app.audit.search(caller, "usage.searched", Resource::new("log", "usage"), day).await?;
    app.audit.search(caller, "dataplanes.searched", list("dataplanes"), None).await?;
    if sees_changes {
        app.audit.search(caller, "policies.searched", Resource::new("log", "policy"), None).await?;
        app.audit.search(caller, "damage.searched", list("damage"), None).await?;
    }
    Ok(())
}

/// The queries of the page.
struct OverviewQueries {
    day: HistogramQuery,
    day_before: HistogramQuery,
    usage: UsageQuery,
    usage_before: UsageQuery,
    models: UsageQuery,
    teams: UsageQuery,
    now: i64,
    sees_changes: bool,
}

impl OverviewQueries {
    fn new(from: i64, to: i64, now: i64, sees_changes: bool) -> Result<Self, ApiError> {
        let day = |from, to| HistogramQuery { filters: Vec::new(), from: Some(from), to: Some(to), bars: HOURS };
        let usage = |from: i64, to: i64, more: &str| query_of(&format!("from={from}&to={to}&bucket=hour{more}"));
        let by = |name: &str| usage(from, to, &format!("&group_by[]={name}&percentiles=false"));
        Ok(Self {
            day: day(from, to),
            day_before: day(from - DAY_US, to - DAY_US),
            usage: usage(from, to, "")?,
            usage_before: usage(from - DAY_US, to - DAY_US, "")?,
            models: by("requested_model")?,
            teams: by("team")?,
            now,
            sees_changes,
        })
    }
}

/// Everything that the page shows of the store, from one snapshot.
enum OverviewSnapshot {
    /// There is no record.
    Empty {
        planes: Vec<DataPlane>,
    },
    Numbers(Box<DayNumbers>),
}

struct DayNumbers {
    day: Histogram,
    before: Sums,
    /// Hours with their 95th percentiles.
    hours: Vec<(i64, Totals)>,
    times_before: Totals,
    models: UsageSums,
    teams: UsageSums,
    planes: Vec<DataPlane>,
    policy: Option<PolicyRevision>,
    sees_changes: bool,
    damaged: usize,
}

fn snapshot(db: &Db, queries: OverviewQueries) -> Result<OverviewSnapshot, StoreError> {
    let planes = store::data_planes(db, queries.now)?;
    if store::next_request_position(db)? <= 1 {
        return Ok(OverviewSnapshot::Empty { planes });
    }
    let cost = |totals: &Totals| totals.get(Counter::Cost);
    let hours = by_bucket(db, queries.usage)?;
    Ok(OverviewSnapshot::Numbers(Box::new(DayNumbers {
        day: columns::histogram(db, &queries.day)?,
        before: columns::histogram(db, &queries.day_before)?.total(),
        hours: hours.into_iter().map(|(start, totals)| (start.saturating_mul(1_000_000), totals)).collect(),
        times_before: whole(by_bucket(db, queries.usage_before)?.iter().map(|(_, totals)| totals)),
        models: sums_of(db, queries.models, cost)?,
        teams: sums_of(db, queries.teams, cost)?,
        planes,
        policy: store::policy_in_force(db)?,
        sees_changes: queries.sees_changes,
        damaged: if queries.sees_changes { store::damage(db)?.0.len() } else { 0 },
    })))
}

/// Returns limits and budgets that are close to their end, the fullest first.
async fn close(app: &App, caller: &Caller) -> Result<Vec<(RuleKind, CountRow)>, ApiError> {
    let mut all = Vec::new();
    for kind in [RuleKind::Limits, RuleKind::Budgets] {
        let found = counts(app, caller, kind, "", "limit=50").await?;
        all.extend(found.entries.into_iter().filter(|count| count.close).map(|count| (kind, row(count))));
    }
    all.sort_by(|(_, left), (_, right)| right.percent.total_cmp(&left.percent));
    all.truncate(SHOWN);
    Ok(all)
}

/// Returns the sum of totals.
fn whole<'t>(all: impl Iterator<Item = &'t Totals>) -> Totals {
    let mut whole = Totals::default();
    all.for_each(|totals| whole.merge(totals));
    whole
}

fn found(seen: DayNumbers, close: Vec<(RuleKind, CountRow)>, now: i64) -> OverviewFound {
    let hours = seen.day.bars.iter().zip(0_i64..).map(|(bar, place)| {
        let start = seen.day.start.saturating_add(seen.day.width.saturating_mul(place));
        let same = |at: i64| at.div_euclid(HOUR_US) == start.div_euclid(HOUR_US);
        let times = seen.hours.iter().find(|(at, _)| same(*at)).map(|(_, totals)| totals);
        Hour { start, numbers: day_of(bar, times) }
    });
    let in_force = seen.policy.as_ref().map(|revision| revision.config_revision.as_str());
    OverviewFound {
        now: day_of(&seen.day.total(), Some(&whole(seen.hours.iter().map(|(_, totals)| totals)))),
        before: day_of(&seen.before, Some(&seen.times_before)),
        hours: hours.collect(),
        close,
        proxies: proxies(&seen.planes, in_force, now),
        damaged: seen.damaged,
        models: spenders(seen.models),
        teams: spenders(seen.teams),
        policy: seen.policy.filter(|_| seen.sees_changes).map(change),
    }
}

fn day_of(sums: &Sums, times: Option<&Totals>) -> Day {
    Day {
        requests: sums.requests(),
        errors: sums.of(RequestOutcome::Error),
        refused: sums.of(RequestOutcome::Refused),
        cost_nano_usd: sums.cost_nano_usd,
        p95_us: times.and_then(|times| times.duration.percentile(95)),
        first_token_p95_us: times.and_then(|times| times.first_token.percentile(95)),
    }
}

fn change(revision: PolicyRevision) -> PolicyChange {
    PolicyChange {
        number: revision.number,
        at: revision.effective_at,
        by: revision.by.name.unwrap_or(revision.by.id),
        restores: revision.restores,
    }
}

fn spenders(sums: UsageSums) -> Vec<Spender> {
    let spender = |(name, totals): (Option<String>, Totals)| Spender {
        name,
        requests: totals.get(Counter::Requests),
        cost_nano_usd: totals.get(Counter::Cost),
    };
    let mut all: Vec<_> = sums.groups.into_iter().map(spender).collect();
    all.sort_by(|left, right| right.cost_nano_usd.cmp(&left.cost_nano_usd).then_with(|| left.name.cmp(&right.name)));
    all.truncate(SHOWN);
    all
}

fn live(planes: &[DataPlane]) -> usize {
    planes.iter().filter(|plane| plane.state == PlaneState::Live).count()
}

fn proxies(planes: &[DataPlane], in_force: Option<&str>, now: i64) -> Proxies {
    let heard = |plane: &DataPlane| plane.workers.iter().map(|worker| worker.last_seen).max().unwrap_or(now);
    let is_outdated = |plane: &&DataPlane| {
        let mut live = plane.workers.iter().filter(|worker| worker.state == WorkerState::Live);
        in_force.is_some_and(|revision| live.any(|worker| worker.config_revision != revision))
    };
    let silent = planes.iter().filter(|plane| plane.state == PlaneState::Stale);
    let age = |plane: &DataPlane| u64::try_from(now.saturating_sub(heard(plane))).unwrap_or(0);
    Proxies {
        live: live(planes),
        silent: silent.map(|plane| (plane.node.clone(), age(plane))).take(SHOWN).collect(),
        outdated: planes.iter().filter(is_outdated).map(|plane| plane.node.clone()).take(SHOWN).collect(),
    }
}
