//! `GET /policy`, `GET /policy/{rev}` and `GET /policy/{rev}/diff`: the revisions of the policy as pages. They read as the routes
//! of `/v1/policy` do.

use super::visit::Visit;
use crate::access::Access;
use crate::error::ApiError;
use crate::path_param::PathName;
use crate::policy::{self, Comparison};
use crate::revision::ResourceChange;
use crate::values::{Cursor, ParamValue, Position, bad, cursor};
use axum::response::Response;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_pages::frame::Page;
use headgate_collector_pages::policy::{Changed, Counts, OtherWorker, PolicyPage, Revision, RevisionPage, Workers};
use headgate_collector_store::{self as store, PolicyName, PolicyRevision, WorkerState};
use headgate_collector_types::audit::Operation;
use headgate_collector_types::clock;
use std::collections::HashMap;

/// Revisions of a page.
const ROWS: usize = 20;
/// Resources of a page.
const RESOURCES: usize = 200;
/// Workers that are listed.
const WORKERS: usize = 50;

/// Handles `GET /policy`.
pub(super) async fn list(visit: Visit) -> Response {
    let result = revisions(&visit).await;
    visit.shown(Page::Policy, result).await
}

async fn revisions(visit: &Visit) -> Result<Response, ApiError> {
    let after = visit.only("after")?.map(|text| Position::read(&text).map_err(|must| bad("after", &must)));
    let after = after.transpose()?.map(|Cursor([position])| position);
    policy::note_list(&visit.app, &visit.caller, None).await?;
    let found = visit.app.readers.query(move |db| {
        let (found, has_more) = store::policy_revisions(db, after, ROWS)?;
        let bounds = found.last().zip(found.first());
        let counts = bounds.map(|(last, first)| store::revision_counts(db, last.number, first.number)).transpose()?;
        Ok((found, has_more, counts.unwrap_or_default(), fleet(db)?))
    });
    let (found, has_more, counts, fleet) = found.await?;
    let older = found.last().filter(|_| has_more).map(|last| cursor(last.number));
    let row = |revision: PolicyRevision| {
        let counts = counts.get(&revision.number).map(|[created, updated, deleted]| Counts {
            created: *created,
            updated: *updated,
            deleted: *deleted,
        });
        (fleet.shown(revision), counts)
    };
    let revisions = found.into_iter().map(row).collect();
    let view = PolicyPage { revisions, older, workers: fleet.workers.clone(), zone: visit.zone.clone() };
    visit.page(Page::Policy, |frame| view.render(frame)).await
}

/// The live workers, and the revision in force.
struct Fleet {
    workers: Workers,
    by_config: HashMap<String, usize>,
    in_force: Option<PolicyRevision>,
}

fn fleet(db: &Db) -> Result<Fleet, StoreError> {
    let in_force = store::policy_in_force(db)?;
    let (mut by_config, mut others, mut live) = (HashMap::<String, usize>::new(), Vec::new(), 0);
    for plane in store::data_planes(db, clock::now_us())? {
        for worker in plane.workers.into_iter().filter(|worker| worker.state == WorkerState::Live) {
            live += 1;
            *by_config.entry(worker.config_revision.clone()).or_default() += 1;
            let is_current = in_force.as_ref().is_some_and(|one| one.config_revision == worker.config_revision);
            if !is_current && others.len() < WORKERS {
                let number = store::policy_revision(db, &PolicyName::Config(worker.config_revision.clone()))?;
                others.push(OtherWorker {
                    node: plane.node.clone(),
                    boot: worker.boot,
                    config_revision: worker.config_revision,
                    number: number.map(|revision| revision.number),
                });
            }
        }
    }
    Ok(Fleet { workers: Workers { live, others }, by_config, in_force })
}

impl Fleet {
    fn shown(&self, revision: PolicyRevision) -> Revision {
        Revision {
            number: revision.number,
            in_force: self.in_force.as_ref().is_some_and(|one| one.number == revision.number),
            workers: self.by_config.get(&revision.config_revision).copied().unwrap_or(0),
            config_revision: revision.config_revision,
            effective_at: revision.effective_at,
            by: revision.by.name.unwrap_or(revision.by.id),
            restores: revision.restores,
        }
    }
}

/// Handles `GET /policy/{rev}`.
pub(super) async fn one(visit: Visit, PathName(name): PathName) -> Response {
    let result = async {
        visit.state(|query| {
            if query.is_empty() { Ok(()) } else { Err("The address of this page has no parameter.".to_owned()) }
        })?;
        difference(&visit, name, None).await
    };
    let result = result.await;
    visit.shown(Page::Policy, result).await
}

/// Handles `GET /policy/{rev}/diff`.
pub(super) async fn diff(visit: Visit, PathName(name): PathName) -> Response {
    let result = async {
        let from = visit.only("from")?.filter(|from| !from.trim().is_empty());
        let from = from.map(|from| policy::revision_named(Some(from.trim().to_owned()))).transpose()?;
        difference(&visit, name, from).await
    };
    let result = result.await;
    visit.shown(Page::Policy, result).await
}

async fn difference(visit: &Visit, name: Option<String>, from: Option<PolicyName>) -> Result<Response, ApiError> {
    let is_chosen = from.is_some();
    let compared = policy::compare(&visit.app, &visit.caller, from, policy::revision_named(name)?).await?;
    let fleet = visit.app.readers.query(fleet).await?;
    let Comparison { from, to, changes } = compared;
    let newest = fleet.in_force.as_ref().map_or(to.number, |revision| revision.number);
    let view = RevisionPage {
        from: from.map(|revision| revision.number),
        is_chosen,
        counts: counts(&changes),
        changed: changes.into_iter().take(RESOURCES).map(changed).collect(),
        revision: fleet.shown(to),
        workers: fleet.workers,
        newest,
        shows_text: visit.may(Access::Change),
        zone: visit.zone.clone(),
    };
    visit.page(Page::Policy, |frame| view.render(frame)).await
}

fn counts(changes: &[ResourceChange]) -> Counts {
    let of = |operation| {
        u64::try_from(changes.iter().filter(|change| change.operation == operation).count()).unwrap_or(u64::MAX)
    };
    Counts { created: of(Operation::Create), updated: of(Operation::Update), deleted: of(Operation::Delete) }
}

fn changed(change: ResourceChange) -> Changed {
    let ResourceChange { operation, resource, changes, .. } = change;
    Changed { operation, kind: resource.kind, id: resource.id, changes }
}
