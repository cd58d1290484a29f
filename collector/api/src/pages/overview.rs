//! `GET /`: the last day in numbers. It reads through the functions of the routes that have each of them.

use super::answer::html;
use super::counts::{counts, row};
use super::frame::{frame, shown, zone};
use super::sums::{UsageSums, sums_of};
use crate::access::Access;
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::policy;
use crate::query;
use crate::usage::query_of;
use crate::values::bad;
use axum::extract::{Extension, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use headgate_collector_columns::{self as columns, Histogram, HistogramQuery, Sums};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_pages::counts::{CountRow, RuleKind};
use headgate_collector_pages::frame::{Page, Person};
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
pub(super) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Extension(person): Extension<Person>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let result = page(&app, &caller, &person, query.as_deref().unwrap_or_default(), &headers).await;
    shown(&app, Page::Overview, person, result).await
}

async fn page(
    app: &App,
    caller: &Caller,
    person: &Person,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let auto = match query {
        "" => false,
        "auto=1" => true,
        _ => return Err(bad("query", "must be `auto=1` or absent")),
    };
    let now = clock::now_us();
    let to = now.saturating_add(QUARTER_US - 1).div_euclid(QUARTER_US).saturating_mul(QUARTER_US);
    let from = to.saturating_sub(DAY_US);
    let sees_changes = Access::Audit.roles().contains(&person.role);
    note(app, caller, sees_changes).await?;
    let asked = Asked::new(from, to, now, sees_changes)?;
    let seen = app.readers.query(move |db| snapshot(db, asked)).await?;
    let mut frame = frame(app, Page::Overview, person.clone()).await?;
    let found = match seen {
        Snapshot::Empty { planes } => {
            frame.refresh = Some(WAIT_S);
            let listen = if sees_changes { policy::listen(app).await? } else { None };
            Err(FirstSteps { listen, proxies: live(&planes) })
        }
        Snapshot::Numbers(numbers) => {
            frame.refresh = auto.then_some(AUTO_S);
            let close = close(app, caller).await?;
            Ok(found(*numbers, close, now))
        }
    };
    let view = OverviewPage { from, to, now, auto, found, zone: zone(headers) };
    Ok(html(StatusCode::OK, view.render(&frame)))
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
struct Asked {
    day: HistogramQuery,
    day_before: HistogramQuery,
    usage: UsageQuery,
    usage_before: UsageQuery,
    models: UsageQuery,
    teams: UsageQuery,
    now: i64,
    sees_changes: bool,
}

impl Asked {
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
enum Snapshot {
    /// There is no record.
    Empty {
        planes: Vec<DataPlane>,
    },
    Numbers(Box<DayNumbers>),
}

struct DayNumbers {
    day: Histogram,
    before: Sums,
    /// Times of the day and of each hour.
    times: UsageSums,
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

fn snapshot(db: &Db, asked: Asked) -> Result<Snapshot, StoreError> {
    let planes = store::data_planes(db, asked.now)?;
    if store::next_request_position(db)? <= 1 {
        return Ok(Snapshot::Empty { planes });
    }
    let nothing = |_: &Totals| 0;
    let cost = |totals: &Totals| totals.get(Counter::Cost);
    let hours = store::usage(db, &asked.usage)?.buckets.into_iter().map(|bucket| {
        let mut whole = Totals::default();
        bucket.rows.iter().for_each(|row| whole.merge(&row.totals));
        (bucket.start.saturating_mul(1_000_000), whole)
    });
    Ok(Snapshot::Numbers(Box::new(DayNumbers {
        day: columns::histogram(db, &asked.day)?,
        before: columns::histogram(db, &asked.day_before)?.total(),
        hours: hours.collect(),
        times: sums_of(db, asked.usage, nothing)?,
        times_before: sums_of(db, asked.usage_before, nothing)?.total,
        models: sums_of(db, asked.models, cost)?,
        teams: sums_of(db, asked.teams, cost)?,
        planes,
        policy: store::policy_in_force(db)?,
        sees_changes: asked.sees_changes,
        damaged: if asked.sees_changes { store::damage(db)?.0.len() } else { 0 },
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

fn found(seen: DayNumbers, close: Vec<(RuleKind, CountRow)>, now: i64) -> OverviewFound {
    let hours = seen.day.bars.iter().zip(0_i64..).map(|(bar, place)| {
        let start = seen.day.start.saturating_add(seen.day.width.saturating_mul(place));
        let same = |at: i64| at.div_euclid(HOUR_US) == start.div_euclid(HOUR_US);
        let times = seen.hours.iter().find(|(at, _)| same(*at)).map(|(_, totals)| totals);
        Hour { start, numbers: day_of(bar, times) }
    });
    let in_force = seen.policy.as_ref().map(|revision| revision.config_revision.as_str());
    OverviewFound {
        now: day_of(&seen.day.total(), Some(&seen.times.total)),
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
