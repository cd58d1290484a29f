//! The state of each data plane, from the last heartbeats of its workers.

use crate::senders::boot_time;
use headgate_collector_db::{self as db, Db, Row, StoreError};
use headgate_record::ProxyRefusal;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The silence after which a worker is stale, in µs: three heartbeats of ten seconds and a margin.
const STALE_US: i64 = 45_000_000;
/// The silence of all workers after which a proxy counts as ended even without having reported its end, in µs: an hour. By
/// then, operators have seen an alarm on silent proxies, and it must not stay for a machine that does not come back.
const GONE_US: i64 = 3_600_000_000;
/// The silence after which a worker counts as replaced if its proxy has a newer one, in µs: a missed heartbeat.
const MISSED_HEARTBEAT_US: i64 = 15_000_000;
/// The time within which all workers of one process begin, in µs. Uptimes are reported in whole seconds.
const START_SPREAD_US: i64 = 3_000_000;
/// The most workers of each sender in one answer, the latest heard first. So no sender displaces another's workers.
const MAX_WORKERS: i64 = 10_000;

/// One proxy of one sender: a name alone must not be enough to speak for another sender's proxy, which may be silent.
#[derive(Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct DataPlane {
    /// Its name.
    pub node: String,
    /// The state.
    pub state: PlaneState,
    /// Whether it is silent without having reported its end, and not for so long that it counts as ended.
    pub stale: bool,
    /// When one of them was heard last, µs since the Unix epoch.
    pub last_seen: i64,
    /// Revisions in force at the workers that are live; more than one while a policy is rolled out.
    pub config_revisions: BTreeSet<String>,
    /// Its workers, the latest heard first.
    pub workers: Vec<Worker>,
}

/// The state of a proxy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaneState {
    /// A worker of it was heard of lately.
    Live,
    /// It has been silent for too long.
    #[default]
    Stale,
    /// All of its workers reported their end.
    Ended,
    /// It has been silent for more than an hour.
    Gone,
}

/// The state of a worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It was heard of lately.
    Live,
    /// It has been silent for too long.
    #[default]
    Silent,
    /// It reported its end.
    Ended,
    /// Its proxy was restarted since it was heard last.
    Replaced,
}

/// One worker of a proxy, as it said last.
#[derive(Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Worker {
    /// Its boot.
    pub boot: String,
    /// Version of the filter.
    pub version: String,
    /// Revision of the policy.
    pub config_revision: String,
    /// s.
    pub uptime_s: i64,
    /// Records that waited.
    pub queued: i64,
    /// Records it had dropped.
    pub dropped: i64,
    /// The last number it had given.
    pub last_seq: i64,
    /// Requests under way; absent if it did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<i64>,
    /// Requests and connections that its proxy refused by itself on it, by class.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refused_by_proxy: BTreeMap<ProxyRefusal, u64>,
    /// Whether it said that it ends: `last_seq` is final then, and `queued` counts the records that it could not deliver.
    pub ending: bool,
    /// When this was heard, µs since the Unix epoch.
    pub last_seen: i64,
    /// The state.
    pub state: WorkerState,
    /// Whether it is not live.
    pub stale: bool,
    /// Id of the first ingest token of the line that its boot belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
}

/// Returns the data planes that were heard in the last 30 days, the latest heard first.
///
/// # Errors
/// The store cannot be read.
pub fn data_planes(db: &Db, now: i64) -> Result<Vec<DataPlane>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT h.node, h.boot_id, h.version, h.config_revision, h.uptime_s, h.queued, h.dropped, h.last_seq, h.received_at,
           h.open, h.ending, h.sender, h.refused
         FROM (
           SELECT b.*, o.sender, row_number() OVER (PARTITION BY o.sender ORDER BY b.received_at DESC, b.node, b.boot_id) AS place
           FROM heartbeats b LEFT JOIN boot_owners o ON o.boot_id = b.boot_id
         ) h WHERE h.place <= ?1
         ORDER BY h.received_at DESC, h.node, h.boot_id",
    )?;
    let (mut planes, mut places) = (Vec::<DataPlane>::new(), HashMap::<(String, Option<String>), usize>::new());
    for row in select.query_map([MAX_WORKERS], |row| worker(row, now))? {
        let (node, worker) = row?;
        let place = *places.entry((node.clone(), worker.sender.clone())).or_insert(planes.len());
        if place == planes.len() {
            planes.push(DataPlane { node, last_seen: worker.last_seen, ..DataPlane::default() });
        }
        if let Some(plane) = planes.get_mut(place) {
            plane.workers.push(worker);
        }
    }
    planes.iter_mut().for_each(|plane| plane.set_states(now));
    Ok(planes)
}

fn worker(row: &Row<'_>, now: i64) -> db::Result<(String, Worker)> {
    let last_seen: i64 = row.get(8)?;
    let ending = row.get::<_, i64>(10)? == 1;
    let state = match now.saturating_sub(last_seen) {
        _ if ending => WorkerState::Ended,
        silent if silent > STALE_US => WorkerState::Silent,
        _ => WorkerState::Live,
    };
    let worker = Worker {
        boot: row.get(1)?,
        version: row.get(2)?,
        config_revision: row.get(3)?,
        uptime_s: row.get(4)?,
        queued: row.get(5)?,
        dropped: row.get(6)?,
        last_seq: row.get(7)?,
        open: row.get(9)?,
        // The column holds values that this program wrote. An unreadable value counts as empty.
        refused_by_proxy: serde_json::from_str(&row.get::<_, String>(12)?).unwrap_or_default(),
        ending,
        last_seen,
        state,
        stale: state != WorkerState::Live,
        sender: row.get(11)?,
    };
    Ok((row.get(0)?, worker))
}

impl Worker {
    /// Returns the time when the worker began and the last time at which it surely ran, by its proxy's clock, in µs.
    fn lifetime(&self) -> (i64, i64) {
        let uptime = self.uptime_s.saturating_mul(1_000_000);
        let boot_time = boot_time(&self.boot).unwrap_or_else(|| self.last_seen.saturating_sub(uptime));
        (boot_time, boot_time.saturating_add(uptime))
    }

    /// Returns whether a worker of the same proxy that began at `newest` replaced this one. A process starts all its
    /// workers together.
    fn is_replaced(&self, newest: i64, now: i64) -> bool {
        let (boot_time, until) = self.lifetime();
        let missed = now.saturating_sub(self.last_seen) > MISSED_HEARTBEAT_US;
        newest > until.saturating_add(START_SPREAD_US) || (missed && newest > boot_time.saturating_add(START_SPREAD_US))
    }
}

impl DataPlane {
    /// Sets the state of the data plane and of replaced workers.
    fn set_states(&mut self, now: i64) {
        let newest = self.workers.iter().map(|worker| worker.lifetime().0).max().unwrap_or(i64::MIN);
        for worker in self.workers.iter_mut().filter(|worker| worker.state != WorkerState::Ended) {
            if worker.is_replaced(newest, now) {
                (worker.state, worker.stale) = (WorkerState::Replaced, true);
            }
        }
        let of = |state| self.workers.iter().filter(move |worker| worker.state == state);
        self.config_revisions = of(WorkerState::Live).map(|worker| worker.config_revision.clone()).collect();
        let silent_since = of(WorkerState::Silent).map(|worker| worker.last_seen).max();
        self.state = match silent_since {
            _ if of(WorkerState::Live).next().is_some() => PlaneState::Live,
            None => PlaneState::Ended,
            Some(since) if now.saturating_sub(since) > GONE_US => PlaneState::Gone,
            Some(_) => PlaneState::Stale,
        };
        self.stale = self.state == PlaneState::Stale;
    }
}

#[cfg(test)]
mod tests {
    use super::{GONE_US, PlaneState, STALE_US, WorkerState, data_planes};
    use crate::dataplanes::heartbeat::{RETENTION_US, store_heartbeat, write_heartbeat};
    use crate::dataplanes::tests::beat;
    use crate::{change, open_writer};
    use headgate_collector_db::Db;
    use headgate_collector_types::Sender;
    use headgate_record::Heartbeat;

    const SECOND: i64 = 1_000_000;

    fn boot(ms: i64) -> String {
        format!("{:08x}-{:04x}-7000-8000-000000000000", ms >> 16, ms & 0xffff)
    }

    fn states(db: &Db, now: i64) -> (PlaneState, Vec<WorkerState>) {
        let plane = data_planes(db, now).unwrap().remove(0);
        (plane.state, plane.workers.iter().map(|worker| worker.state).collect())
    }

    #[test]
    fn workers_of_a_restarted_process_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let start = 1_800_000_000_000 * 1_000;
        let mut say = |boot_ms: i64, uptime_s: u64, at: i64| {
            let beat = Heartbeat { uptime_s, ..beat("edge", &boot(1_800_000_000_000 + boot_ms), "rev-1") };
            change(&mut db, |tx| write_heartbeat(tx, &beat, start + at)).unwrap();
        };
        // Two workers of one process. The second sends its first heartbeat a little later.
        say(0, 0, 0);
        say(900, 0, 1_900_000);
        say(0, 20, 20 * SECOND);
        say(900, 20, 21 * SECOND);
        // The process is killed, and started again 5 s later.
        say(26_000, 0, 26 * SECOND);
        let expected = vec![WorkerState::Live, WorkerState::Replaced, WorkerState::Replaced];
        assert_eq!(states(&db, start + 26 * SECOND), (PlaneState::Live, expected));
    }

    #[test]
    fn workers_of_one_process_replace_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let start = 1_800_000_000_000 * 1_000;
        for (boot_ms, at) in [(0, 0), (900, SECOND)] {
            let beat = Heartbeat { uptime_s: 0, ..beat("edge", &boot(1_800_000_000_000 + boot_ms), "rev-1") };
            change(&mut db, |tx| write_heartbeat(tx, &beat, start + at)).unwrap();
        }
        assert_eq!(states(&db, start + 30 * SECOND), (PlaneState::Live, vec![WorkerState::Live; 2]));
    }

    #[test]
    fn a_boot_of_another_sender_replaces_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let start = 1_800_000_000_000 * 1_000;
        let sender = |line: &str| Sender { token: line.to_owned(), line: line.to_owned(), ..Sender::default() };
        for (line, boot_ms, at) in [("one", 0, 8 * SECOND), ("two", 60_000, 9 * SECOND)] {
            let beat = beat("edge", &boot(1_800_000_000_000 + boot_ms), "rev-1");
            change(&mut db, |tx| store_heartbeat(tx, &sender(line), &beat, start + at)).unwrap();
        }
        let planes = data_planes(&db, start + 30 * SECOND).unwrap();
        assert_eq!(
            planes.iter().map(|plane| plane.workers.len()).collect::<Vec<_>>(),
            [1, 1],
            "each is a proxy of its own"
        );
        let later = data_planes(&db, start + 54 * SECOND).unwrap();
        assert_eq!(
            later.iter().map(|plane| plane.stale).collect::<Vec<_>>(),
            [false, true],
            "nobody hides another's silence"
        );
    }

    #[test]
    fn a_node_that_ended_or_is_gone_is_not_stale() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let start = RETENTION_US * 2;
        let last = Heartbeat { ending: true, ..beat("edge", "a", "rev-1") };
        change(&mut db, |tx| write_heartbeat(tx, &last, start)).unwrap();
        assert_eq!(states(&db, start + 1), (PlaneState::Ended, vec![WorkerState::Ended]));
        assert!(!data_planes(&db, start + GONE_US).unwrap()[0].stale);
        change(&mut db, |tx| write_heartbeat(tx, &beat("edge", "b", "rev-1"), start + 1)).unwrap();
        assert_eq!(states(&db, start + STALE_US).0, PlaneState::Live);
        assert_eq!(states(&db, start + STALE_US + 2).0, PlaneState::Stale);
        assert_eq!(states(&db, start + GONE_US + 2).0, PlaneState::Gone);
        assert!(!data_planes(&db, start + GONE_US + 2).unwrap()[0].stale, "the alarm clears");
    }

    #[test]
    fn a_silent_worker_becomes_stale_then_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let start = RETENTION_US * 2;
        let later = start + STALE_US;
        change(&mut db, |tx| write_heartbeat(tx, &beat("edge", "old", "rev-1"), start)).unwrap();
        assert!(!data_planes(&db, later).unwrap()[0].stale);
        assert!(data_planes(&db, later + 1).unwrap()[0].stale);
        change(&mut db, |tx| write_heartbeat(tx, &beat("edge", "new", "rev-2"), later + 1)).unwrap();
        let planes = data_planes(&db, later + 1).unwrap();
        assert!(!planes[0].stale && planes[0].workers.iter().map(|worker| worker.stale).eq([false, true]));
        assert!(planes[0].config_revisions.iter().eq(["rev-2"]), "what a silent worker runs does not count");
        change(&mut db, |tx| write_heartbeat(tx, &beat("other", "b", "rev-2"), start + RETENTION_US + 1)).unwrap();
        let left = data_planes(&db, start + RETENTION_US + 1).unwrap();
        assert_eq!(left.iter().map(|plane| plane.workers.len()).collect::<Vec<_>>(), [1, 1]);
    }
}
