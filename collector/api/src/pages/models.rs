//! `GET /models` and `GET /models/{alias}`: the aliases of the policy in force, and how they and their providers fared.

use super::applied::{self, MAX_MODELS};
use super::visit::Visit;
use crate::error::ApiError;
use crate::path_param::PathName;
use crate::policy::read_in_force;
use axum::http::StatusCode;
use axum::response::Response;
use headgate_collector_columns::{self as columns, ByValueQuery, Column, FacetQuery, Filter, Range};
use headgate_collector_db::{Db, StoreError};
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::logs;
use headgate_collector_pages::models::{Model, ModelPage, ModelUse, ModelsPage, ModelsState, Provider};
use headgate_collector_store::{self as store, Calendar, GroupBy, Totals, UsageQuery, Width};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::{RequestOutcome, clock};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::collections::HashMap;

/// Providers of an alias that are listed.
const PROVIDERS: usize = 50;
/// Most results of usage for a page.
const USAGE_ROWS: usize = 10_000;

/// Handles `GET /models`.
pub(super) async fn list(visit: Visit) -> Response {
    let result = models(&visit).await;
    visit.shown(Page::Models, result).await
}

async fn models(visit: &Visit) -> Result<Response, ApiError> {
    let state = visit.state(ModelsState::read)?;
    note(visit).await?;
    let mut view = ModelsPage { state, revision: None, rows: Vec::new(), has_more: false };
    if let Some((revision, mut found)) = read_in_force(&visit.app, applied::models).await? {
        view.has_more = found.len() > MAX_MODELS;
        found.truncate(MAX_MODELS);
        let asked = AliasRange::new(state, found.iter().map(|model| model.alias.clone()).collect());
        let used = visit.app.readers.query(move |db| asked.used(db)).await?;
        view.revision = Some(revision.number);
        view.rows = found.into_iter().zip(used).collect();
    }
    visit.page(Page::Models, |frame| view.render(frame)).await
}

async fn note(visit: &Visit) -> Result<(), ApiError> {
    let about = Resource::new("list", "models");
    visit.app.audit.search(&visit.caller, "models.searched", about, Some(&visit.query)).await
}

/// Aliases in a range of time.
struct AliasRange {
    aliases: Vec<String>,
    from: i64,
    to: i64,
}

impl AliasRange {
    fn new(ModelsState(place): ModelsState, aliases: Vec<String>) -> Self {
        let now = clock::now_us();
        let (from, to) = logs::Range::Last(place).bounds(now);
        Self { aliases, from: from.unwrap_or(0), to: to.unwrap_or(now) }
    }

    fn used(&self, db: &Db) -> Result<Vec<ModelUse>, StoreError> {
        let failover = Filter::Number(Column::Failover, Range { least: 1, greatest: 1 });
        let (all, failed_over) = (self.by_alias(db, Vec::new())?, self.by_alias(db, vec![failover])?);
        let slow = self.usage(db, Column::RequestedModel)?;
        let used = |((alias, all), failed): ((&String, columns::Sums), columns::Sums)| ModelUse {
            requests: all.requests(),
            errors: all.of(RequestOutcome::Error),
            failovers: failed.requests(),
            p95_us: slow.get(&Some(alias.clone())).and_then(|totals| totals.duration.percentile(95)),
        };
        Ok(self.aliases.iter().zip(all).zip(failed_over).map(used).collect())
    }

    fn by_alias(&self, db: &Db, filters: Vec<Filter>) -> Result<Vec<columns::Sums>, StoreError> {
        let (from, to, values) = (self.from, self.to, self.aliases.clone());
        let query = ByValueQuery { filters, from, to, column: Column::RequestedModel, values, bars: 1 };
        Ok(columns::by_value(db, &query)?.values.into_iter().map(|(histogram, _)| histogram.total()).collect())
    }

    /// Returns the usage of the aliases by the values of a column, over the quarters of an hour that the range touches.
    fn usage(&self, db: &Db, by: Column) -> Result<HashMap<Option<String>, Totals>, StoreError> {
        let quarter = |us: i64| us.div_euclid(store::QUARTER_S * 1_000_000).saturating_mul(store::QUARTER_S);
        let name = |alias: &String| Filter::Name(Column::RequestedModel, alias.clone());
        let query = UsageQuery {
            filters: vec![Filter::Any(self.aliases.iter().map(name).collect())],
            from: quarter(self.from),
            to: quarter(self.to).saturating_add(store::QUARTER_S),
            // A range of seven days touches two months at most.
            calendar: Calendar { zone: TimeZone::UTC, width: Width::Month },
            groups: vec![GroupBy::Value(by)],
            percentiles: true,
            buckets: 2,
            page_rows: usize::MAX,
            bucket_rows: USAGE_ROWS,
        };
        let mut usage = HashMap::<Option<String>, Totals>::new();
        for mut row in store::usage(db, &query)?.buckets.into_iter().flat_map(|bucket| bucket.rows) {
            usage.entry(row.values.pop().flatten()).or_default().merge(&row.totals);
        }
        Ok(usage)
    }

    /// Returns how the providers of the only alias fared.
    fn providers(&self, db: &Db) -> Result<Vec<Provider>, StoreError> {
        let columns = vec![Column::AttemptProviders, Column::Provider];
        let filters = self.aliases.iter().map(|alias| Filter::Name(Column::RequestedModel, alias.clone())).collect();
        let query = FacetQuery { filters, from: Some(self.from), to: Some(self.to), columns, names: PROVIDERS };
        let mut facets = columns::facets(db, &query)?.columns.into_iter().map(|facet| facet.values);
        let (tried, served) = (facets.next().unwrap_or_default(), facets.next().unwrap_or_default());
        let served: HashMap<_, _> = served.into_iter().collect();
        let slow = self.usage(db, Column::Provider)?;
        let provider = |(name, tried): (String, u64)| Provider {
            tried,
            served: served.get(&name).copied().unwrap_or(0),
            p95_us: slow.get(&Some(name.clone())).and_then(|totals| totals.duration.percentile(95)),
            name,
        };
        Ok(tried.into_iter().map(provider).collect())
    }
}

/// Handles `GET /models/{alias}`.
pub(super) async fn one(visit: Visit, PathName(name): PathName) -> Response {
    let result = model(&visit, name.unwrap_or_default()).await;
    visit.shown(Page::Models, result).await
}

async fn model(visit: &Visit, alias: String) -> Result<Response, ApiError> {
    let state = visit.state(ModelsState::read)?;
    note(visit).await?;
    let wanted = alias.clone();
    let read = move |resources: &[Value]| applied::models(resources).into_iter().find(|one| one.alias == wanted);
    let found: Option<Model> = read_in_force(&visit.app, read).await?.and_then(|(_, found)| found);
    let model = found.ok_or_else(no_model)?;
    let asked = AliasRange::new(state, vec![alias]);
    let (used, providers) = visit.app.readers.query(move |db| Ok((asked.used(db)?, asked.providers(db)?))).await?;
    let view = ModelPage { state, model, used: used.into_iter().next().unwrap_or_default(), providers };
    visit.page(Page::Models, |frame| view.render(frame)).await
}

fn no_model() -> ApiError {
    let message = "The policy in force has no model of this name. The Models page lists those that it has; requests for others are in \
        the log: search `model:NAME`.";
    ApiError::invalid(StatusCode::NOT_FOUND, "not_found", message)
}
