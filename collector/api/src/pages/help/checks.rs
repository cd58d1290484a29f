//! The checks of "Traffic does not appear?": what the collector knows about the way of a record, in order.

use super::Visit;
use crate::access::Access;
use crate::error::ApiError;
use crate::metrics::Refused;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_pages::help::{Check, Mark};
use headgate_collector_pages::text::{age as age_text, count, duration};
use headgate_collector_store::{self as store, DataPlane, Order, RequestQuery, WorkerState};
use headgate_collector_types::audit::Resource;
use headgate_collector_types::clock;
use headgate_record::RequestRecord;

/// Age of the newest record from which it is worth a look, µs.
const OLD_US: u64 = 600_000_000;
/// Waiting records of a worker from which its queue is worth a look.
const LONG_QUEUE: i64 = 500;
/// Time by which a proxy's clock may be ahead, µs.
const FAST_US: i64 = 5_000_000;

/// Everything that the checks read of the store, from one snapshot.
struct Facts {
    now: i64,
    planes: Vec<DataPlane>,
    in_force: Option<String>,
    completeness: store::Completeness,
    /// When the newest record began and ended by its proxy's clock, µs.
    newest_end: Option<i64>,
    /// Damaged entries, for readers who may know.
    damaged: Option<usize>,
    has_leapt: bool,
}

impl Facts {
    fn read(db: &Db, now: i64, sees_damage: bool) -> Result<Self, StoreError> {
        let query = RequestQuery { limit: 1, order: Order::Descending, ..RequestQuery::default() };
        let newest = store::list_requests(db, &query)?.records.into_iter().next();
        let newest: Option<RequestRecord> = newest.and_then(|entry| serde_json::from_slice(entry.bytes()?).ok());
        let end = |record: RequestRecord| i64::try_from(record.started_at.saturating_add(record.duration_us)).ok();
        Ok(Self {
            now,
            planes: store::data_planes(db, now)?,
            in_force: store::policy_in_force(db)?.map(|revision| revision.config_revision),
            completeness: store::completeness(db)?,
            newest_end: newest.and_then(end),
            damaged: if sees_damage { Some(store::damage(db)?.0.len()) } else { None },
            has_leapt: store::trusted_time(db)?.skew(clock::host_us()).is_some(),
        })
    }

    fn live(&self) -> impl Iterator<Item = &store::Worker> {
        self.planes.iter().flat_map(|plane| &plane.workers).filter(|worker| worker.state == WorkerState::Live)
    }

    fn newest_age(&self) -> Option<u64> {
        let received = self.completeness.newest_received_at?;
        Some(u64::try_from(self.now.saturating_sub(received)).unwrap_or(0))
    }
}

/// Returns the checks. What they read is noted as the routes of `/v1` note it.
pub(super) async fn all(visit: &Visit) -> Result<Vec<Check>, ApiError> {
    let (app, caller, sees_damage) = (&visit.app, &visit.caller, visit.may(Access::Audit));
    app.audit.search(caller, "dataplanes.searched", Resource::new("list", "dataplanes"), None).await?;
    app.audit.search(caller, "gaps.searched", Resource::new("list", "gaps"), None).await?;
    if sees_damage {
        app.audit.search(caller, "damage.searched", Resource::new("list", "damage"), None).await?;
    }
    let now = clock::now_us();
    let facts = app.readers.query(move |db| Facts::read(db, now, sees_damage)).await?;
    let ready = app.health.check().await;
    let mut checks =
        vec![reported(&facts), reports(&facts), revision(&facts), queue(&facts), arriving(&facts), gaps(&facts)];
    checks.extend(facts.damaged.map(damage));
    checks.extend([readiness(ready), refused(app.metrics.refused_deliveries()), clocks(&facts)]);
    Ok(checks)
}

fn check(question: &'static str, mark: Mark, found: impl Into<String>, remedy: &str) -> Check {
    Check { question, mark, found: found.into(), remedy: (!remedy.is_empty()).then(|| remedy.to_owned()), more: None }
}

fn with(check: Check, name: &'static str, path: impl Into<String>) -> Check {
    Check { more: Some((name, path.into())), ..check }
}

fn reported(facts: &Facts) -> Check {
    let question = "Has any proxy ever reported?";
    let remedy = "Put `collector: {url, token}` into gateway.yaml, with an ingest token of this collector in the environment of \
        the proxy, and apply it. From the proxy's machine, `curl URL/healthz` must answer.";
    match facts.planes.len() {
        0 => check(question, Mark::Bad, "No heartbeat has arrived in the last 30 days.", remedy),
        1 => check(question, Mark::Good, "One proxy has reported.", ""),
        many => check(question, Mark::Good, format!("{many} proxies have reported."), ""),
    }
}

fn reports(facts: &Facts) -> Check {
    let question = "Is a proxy reporting now?";
    let remedy =
        "Start the proxy, or look at its log for `collector`: a proxy reports every ten seconds while it runs.";
    let last = facts.planes.iter().map(|plane| plane.last_seen).max();
    let found = match (facts.live().count(), last) {
        (0, None) => check(question, Mark::Bad, "None.", remedy),
        (0, Some(at)) => {
            let age = age_text(u64::try_from(facts.now.saturating_sub(at)).unwrap_or(0));
            check(question, Mark::Bad, format!("None; the last heartbeat came {age} ago."), remedy)
        }
        (1, _) => check(question, Mark::Good, "One worker is live.", ""),
        (many, _) => check(question, Mark::Good, format!("{many} workers are live."), ""),
    };
    with(found, "Data planes", "/dataplanes")
}

fn revision(facts: &Facts) -> Check {
    let question = "Do the workers run the policy in force?";
    let Some(in_force) = &facts.in_force else {
        return check(
            question,
            Mark::Unknown,
            "No policy was put in force at this collector, so it cannot tell.",
            "Use `headgate apply` to put a policy in force: the collector then knows which one each worker should run.",
        );
    };
    let (live, behind) =
        (facts.live().count(), facts.live().filter(|worker| worker.config_revision != *in_force).count());
    let found = match (live, behind) {
        (0, _) => check(question, Mark::Unknown, "No worker is live.", ""),
        (_, 0) => check(question, Mark::Good, format!("{live} of {live} do."), ""),
        _ => check(
            question,
            Mark::Warning,
            format!("{behind} of {live} live workers run another policy."),
            "A key or model of the new policy is not known there yet. Wait for the rollout, or run `headgate apply` again.",
        ),
    };
    with(found, "Data planes", "/dataplanes")
}

fn queue(facts: &Facts) -> Check {
    let question = "Do queues of proxies empty?";
    let most = facts.live().map(|worker| worker.queued).max();
    let dropped: i64 = facts.live().fold(0, |sum, worker| sum.saturating_add(worker.dropped));
    let remedy = "The proxy cannot deliver. Check its way to this collector, the token, and the checks below; check again in \
        a minute to see whether the queue grows. A full queue drops records, which then show as gaps.";
    match most {
        None => check(question, Mark::Unknown, "No worker is live.", ""),
        Some(most) if dropped > 0 => check(
            question,
            Mark::Bad,
            format!("Live workers have dropped {dropped} records; {most} wait in the longest queue."),
            remedy,
        ),
        Some(most) if most > LONG_QUEUE => {
            check(question, Mark::Warning, format!("{most} records wait in the longest queue."), remedy)
        }
        Some(most) => {
            check(question, Mark::Good, format!("The longest queue holds {most}, and no record was dropped."), "")
        }
    }
}

fn arriving(facts: &Facts) -> Check {
    let question = "Are records arriving?";
    let found = match facts.newest_age() {
        None => check(
            question,
            Mark::Bad,
            "No record is stored.",
            "Send a request through the gateway, with one of its virtual keys. Refused requests leave a record too.",
        ),
        Some(age) if age > OLD_US => check(
            question,
            Mark::Warning,
            format!("The newest one arrived {} ago.", age_text(age)),
            "If there was traffic since, see whether clients use the gateway's address and not the provider's.",
        ),
        Some(age) => check(question, Mark::Good, format!("The newest one arrived {} ago.", age_text(age)), ""),
    };
    with(found, "Logs", "/logs")
}

fn gaps(facts: &Facts) -> Check {
    let question = "Are all numbered records here?";
    let missing = u64::try_from(facts.completeness.missing).unwrap_or(0);
    let found = match missing {
        0 => check(question, Mark::Good, "No number is missing.", ""),
        _ => check(
            question,
            Mark::Warning,
            format!("{} missing.", count(missing)),
            "They may still arrive. Otherwise the proxy was killed or its queue was full: drain a proxy before each stop.",
        ),
    };
    with(found, "Completeness", "/gaps")
}

fn damage(ranges: usize) -> Check {
    let question = "Are all stored records readable?";
    let found = match ranges {
        0 => check(question, Mark::Good, "No damage is known.", ""),
        _ => check(
            question,
            Mark::Bad,
            format!("{ranges} ranges of entries are damaged."),
            "Those entries are not shown. Restore a backup, and check the disk.",
        ),
    };
    with(found, "Completeness", "/gaps")
}

fn readiness(ready: Result<(), ApiError>) -> Check {
    let question = "Can the collector store records?";
    match ready {
        Ok(()) => check(question, Mark::Good, "A write has just reached the disk.", ""),
        Err(error) => {
            let (_, message) = error.into_parts();
            check(
                question,
                Mark::Bad,
                message,
                "Free space on the disk, or bring the database back; `/readyz` says when it works.",
            )
        }
    }
}

fn refused(refused: Refused) -> Check {
    let question = "Does the collector accept what proxies send?";
    let Refused { token, body, unavailable, accepted } = refused;
    let found = format!(
        "Since this collector started: {} batches accepted, {} refused for their token, {} for their content, {} not stored.",
        count(accepted),
        count(token),
        count(body),
        count(unavailable)
    );
    match (token, body + unavailable) {
        (0, 0) => check(question, Mark::Good, found, ""),
        (0, _) => check(
            question,
            Mark::Warning,
            found,
            "Bring proxies and collector to the same version, the collector first. The proxy sends refused batches again.",
        ),
        _ => check(
            question,
            Mark::Bad,
            found,
            "A proxy has a wrong, revoked or expired ingest token, or one of another role. Make one with `headgate-collector \
             token new --role ingest`, put it into the environment of the proxy, and restart that.",
        ),
    }
}

fn clocks(facts: &Facts) -> Check {
    let question = "Do the clocks agree?";
    if facts.has_leapt {
        let found = "The clock of the collector's host is more than a day away from the stored time.";
        return check(
            question,
            Mark::Bad,
            found,
            "Set the host's clock by NTP; an owner confirms it on the Retention page.",
        );
    }
    let ahead =
        facts.newest_end.zip(facts.completeness.newest_received_at).map(|(end, received)| end.saturating_sub(received));
    match ahead {
        None => check(question, Mark::Unknown, "Without a record the clocks of proxies are not known.", ""),
        Some(ahead) if ahead > FAST_US => check(
            question,
            Mark::Warning,
            format!(
                "A proxy's clock is at least {} ahead of the collector's.",
                duration(u64::try_from(ahead).unwrap_or(0))
            ),
            "Set both clocks by NTP. A range such as “15 min” ends a minute after the collector's time, so newer records are not in it.",
        ),
        Some(_) => check(question, Mark::Good, "The newest record did not end after it arrived.", ""),
    }
}
