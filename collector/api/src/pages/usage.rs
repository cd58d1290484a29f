//! `GET /usage`: usage as a page. It reads as `GET /v1/usage` does.

use super::answer::see_other;
use super::frame::has_local_time;
use super::sums::{UsageSums, sums_of};
use super::visit::Visit;
use crate::app::App;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::query::Filters;
use crate::usage::query_of;
use crate::values::bad;
use axum::response::Response;
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::search::{self, Problem, Term};
use headgate_collector_pages::text::Zone;
use headgate_collector_pages::usage::{
    DIMENSIONS, MAX_BARS, Measure, Numbers, ROWS, Refusal, Span, TOP, UsageBar, UsageFound, UsageGroup, UsagePage,
    UsageState,
};
use headgate_collector_store::{Counter, Totals};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::clock;
use std::collections::HashMap;

/// Handles `GET /usage`.
pub(super) async fn show(visit: Visit) -> Response {
    let result = page(&visit).await;
    visit.shown(Page::Usage, result).await
}

/// Handles `GET /usage.csv`.
pub(super) async fn csv(visit: Visit) -> Response {
    elsewhere(visit, "/v1/usage.csv").await
}

/// Handles `GET /usage.json`.
pub(super) async fn json(visit: Visit) -> Response {
    elsewhere(visit, "/v1/usage").await
}

/// Sends the browser to the route of the API that has the same numbers.
async fn elsewhere(visit: Visit, path: &str) -> Response {
    let result = asked(&visit).and_then(|asked| {
        let terms = asked
            .terms
            .map_err(|problem| bad("q", &format!("cannot be read at `{}`: {}", problem.term, problem.message)))?;
        Ok(see_other(&format!(
            "{path}?{}",
            asked.state.parameters(&terms, asked.state.period(asked.now, &asked.zone), &asked.zone)
        )))
    });
    visit.shown(Page::Usage, result).await
}

/// A page as its URL asks for it.
struct AskedUsage {
    state: UsageState,
    terms: Result<Vec<Term>, Problem>,
    zone: Zone,
    now: i64,
}

fn asked(visit: &Visit) -> Result<AskedUsage, ApiError> {
    let mut state = visit.state(|query| UsageState::read(query, &visit.zone))?;
    let zone = state.zone_or(&visit.zone);
    // Links of the page mean the same days to everyone.
    state.zone = Some(zone.name.clone());
    let terms = search::parse(&state.q).and_then(counted);
    Ok(AskedUsage { state, terms, zone, now: clock::now_us() })
}

/// Returns the terms if usage is counted by all of them.
fn counted(terms: Vec<Term>) -> Result<Vec<Term>, Problem> {
    for term in &terms {
        let parameters = term.parameters()?;
        if let Some((name, _)) = parameters.iter().find(|(name, _)| !Filters::<true>::has(name)) {
            let mut known: Vec<_> = DIMENSIONS.iter().map(|one| one.field).collect();
            known.dedup();
            let known = known.join(", ");
            let message = if name.starts_with("outcome") {
                "Usage is counted by status, not by outcome: `status:4xx`.".to_owned()
            } else {
                format!("Usage is counted by {known} alone. The search of the logs has the other names.")
            };
            return Err(Problem { term: term.to_string(), message });
        }
        let refused = |error: ApiError| Problem { term: term.to_string(), message: error.into_parts().1 };
        Filters::<true>::of(parameters).read().map_err(refused)?;
    }
    Ok(terms)
}

async fn page(visit: &Visit) -> Result<Response, ApiError> {
    let asked = asked(visit)?;
    if has_local_time(&visit.query) {
        return Ok(see_other(&asked.state.url()));
    }
    let AskedUsage { state, terms, zone, now } = asked;
    let period = state.period(now, &zone);
    let (terms, found) = match terms {
        Err(problem) => (Vec::new(), Err(Refusal::Search(problem))),
        Ok(terms) if period.bars() > MAX_BARS => (terms, Err(Refusal::Bars(period.bars()))),
        Ok(terms) => {
            let found = find(&visit.app, &visit.caller, &state, &terms, &zone, now).await?;
            (terms, Ok(found))
        }
    };
    let view = UsagePage { state, terms, period, zone, found };
    visit.page(Page::Usage, |frame| view.render(frame)).await
}

async fn find(
    app: &App,
    caller: &Caller,
    state: &UsageState,
    terms: &[Term],
    zone: &Zone,
    now: i64,
) -> Result<UsageFound, ApiError> {
    let period = state.period(now, zone);
    let text = state.parameters(terms, period, zone);
    app.audit.search(caller, "usage.searched", Resource::new("log", "usage"), Some(&noted(state, &text))).await?;
    let measure = state.measure;
    let query = |text: &str| query_of(&format!("{text}&percentiles={}", measure.is_time()));
    let asked = query(&text)?;
    let before = state.compare.then(|| query(&state.parameters(terms, period.before(), zone))).transpose()?;
    let read = move |db: &headgate_collector_db::Db| {
        let value = |totals: &Totals| numbers(totals).of(measure);
        let now = sums_of(db, asked, value)?;
        let before = before.map(|before| sums_of(db, before, value)).transpose()?;
        Ok((now, before))
    };
    let (now, before) = app.readers.query(read).await?;
    Ok(found(measure, now, before))
}

/// Returns the search as the audit log notes it. A span up to now is noted by its name.
fn noted(state: &UsageState, parameters: &str) -> String {
    let Span::Last(_) = state.span else { return parameters.to_owned() };
    let pairs = form_urlencoded::parse(parameters.as_bytes()).filter(|(name, _)| !matches!(&**name, "from" | "to"));
    let range = state.pairs().into_iter().find(|(name, _)| *name == "range").map_or("30d".to_owned(), |(_, word)| word);
    form_urlencoded::Serializer::new(String::new()).append_pair("range", &range).extend_pairs(pairs).finish()
}

fn numbers(totals: &Totals) -> Numbers {
    Numbers {
        requests: totals.get(Counter::Requests),
        errors: totals.get(Counter::Errors),
        input_tokens: totals.get(Counter::InputTokens),
        cached_tokens: totals.get(Counter::CachedInputTokens),
        output_tokens: totals.get(Counter::OutputTokens),
        reasoning_tokens: totals.get(Counter::ReasoningTokens),
        cost_nano_usd: totals.get(Counter::Cost),
        p50_us: totals.duration.percentile(50),
        p95_us: totals.duration.percentile(95),
        first_token_p95_us: totals.first_token.percentile(95),
    }
}

/// Orders the groups by the measure, and divides the bars among the first of them.
fn found(measure: Measure, now: UsageSums, before: Option<UsageSums>) -> UsageFound {
    let compares = before.is_some();
    let total_before = before.as_ref().map(|before| numbers(&before.total));
    let mut earlier: HashMap<_, _> =
        before.into_iter().flat_map(|before| before.groups).map(|(value, totals)| (value, numbers(&totals))).collect();
    let mut groups: Vec<(usize, UsageGroup)> = now
        .groups
        .into_iter()
        .enumerate()
        .map(|(at, (value, totals))| {
            let before = compares.then(|| earlier.remove(&value).unwrap_or_default());
            (at, UsageGroup { value, now: numbers(&totals), before })
        })
        .collect();
    // Groups that have ended are a change too.
    let ended = earlier
        .into_iter()
        .map(|(value, before)| (usize::MAX, UsageGroup { value, before: Some(before), ..UsageGroup::default() }));
    groups.extend(ended);
    groups.sort_by(|(_, left), (_, right)| {
        right.now.of(measure).cmp(&left.now.of(measure)).then_with(|| left.value.cmp(&right.value))
    });
    let places: HashMap<usize, usize> =
        groups.iter().enumerate().map(|(place, (at, _))| (*at, place.min(TOP))).collect();
    let mut bars: Vec<UsageBar> = now
        .spans
        .iter()
        .map(|(from, to)| UsageBar { from: from * 1_000_000, to: to * 1_000_000, parts: vec![0; TOP + 1] })
        .collect();
    for cell in now.cells {
        let place = places.get(&cell.group).copied().unwrap_or(TOP);
        let part = bars.get_mut(cell.span).and_then(|bar| bar.parts.get_mut(place));
        if let Some(part) = part {
            *part = part.saturating_add(cell.value);
        }
    }
    if measure.is_time() {
        for (bar, value) in bars.iter_mut().zip(now.values) {
            bar.parts = vec![value];
        }
    }
    let more = groups.len().saturating_sub(ROWS);
    groups.truncate(ROWS);
    UsageFound {
        groups: groups.into_iter().map(|(_, group)| group).collect(),
        more,
        total: UsageGroup { value: None, now: numbers(&now.total), before: total_before },
        bars,
    }
}
