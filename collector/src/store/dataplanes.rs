//! Heartbeats: the last one of each worker, and what they say of each data plane together.

use super::db::{self, Db, Row, params};
use super::{StoreError, gaps, time_to_delete_by};
use headgate_record::Heartbeat;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// A worker that has been silent for longer is stale, µs: three heartbeats of ten seconds and some patience.
const STALE_US: i64 = 45_000_000;
/// A worker that has been silent for longer is forgotten, µs: 30 days.
const FORGOTTEN_US: i64 = 30 * 86_400_000_000;
/// Workers in one answer, the latest heard first.
const WORKERS: i64 = 10_000;

/// One proxy.
#[derive(Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct DataPlane {
    /// Its name.
    pub node: String,
    /// Whether none of its workers was heard of lately.
    pub stale: bool,
    /// When one of them was heard last, µs since the Unix epoch.
    pub last_seen: i64,
    /// Revisions in force at the workers that are not stale; more than one while a policy is rolled out.
    pub config_revisions: BTreeSet<String>,
    /// Its workers, the latest heard first.
    pub workers: Vec<Worker>,
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
    /// Whether it said that it ends: `last_seq` is final then, and `queued` is what it could not deliver.
    pub ending: bool,
    /// When this was heard, µs since the Unix epoch.
    pub last_seen: i64,
    /// Whether that is too long ago.
    pub stale: bool,
}

/// Keeps a heartbeat in place of the worker's last one, and notes what it shows to be lost.
///
/// # Errors
/// The store cannot be written.
pub fn keep_heartbeat(tx: &Db, beat: &Heartbeat, now: i64) -> Result<(), StoreError> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    tx.prepare_cached(
        "INSERT INTO heartbeats (node, boot_id, version, config_revision, uptime_s, queued, dropped, last_seq, received_at,
           open, ending)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (node, boot_id) DO UPDATE SET
           version = ?3, config_revision = ?4, uptime_s = ?5, queued = ?6, dropped = ?7, last_seq = ?8, received_at = ?9,
           open = ?10, ending = ?11, end_noted = 0",
    )?
    .execute(params![
        beat.node,
        beat.boot,
        beat.version,
        beat.config_revision,
        number(beat.uptime_s),
        number(beat.queued),
        number(beat.dropped),
        number(beat.last_seq),
        now,
        beat.open.map(number),
        i64::from(beat.ending)
    ])?;
    let forgotten = now.min(time_to_delete_by(tx)?).saturating_sub(FORGOTTEN_US);
    tx.prepare_cached("DELETE FROM heartbeats WHERE received_at < ?1")?.execute([forgotten])?;
    gaps::is_heard(tx, beat, now)?;
    gaps::note_end(tx, beat, now)
}

/// The data planes that were heard of in the last 30 days, the latest heard first.
///
/// # Errors
/// The store cannot be read.
pub fn data_planes(db: &Db, now: i64) -> Result<Vec<DataPlane>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT node, boot_id, version, config_revision, uptime_s, queued, dropped, last_seq, received_at, open, ending
         FROM heartbeats ORDER BY received_at DESC, node, boot_id LIMIT ?1",
    )?;
    let (mut planes, mut places) = (Vec::<DataPlane>::new(), HashMap::<String, usize>::new());
    for row in select.query_map([WORKERS], |row| worker(row, now))? {
        let (node, worker) = row?;
        let place = *places.entry(node.clone()).or_insert(planes.len());
        if place == planes.len() {
            planes.push(DataPlane { node, stale: true, last_seen: worker.last_seen, ..DataPlane::default() });
        }
        if let Some(plane) = planes.get_mut(place) {
            plane.add(worker);
        }
    }
    Ok(planes)
}

fn worker(row: &Row<'_>, now: i64) -> db::Result<(String, Worker)> {
    let last_seen: i64 = row.get(8)?;
    let worker = Worker {
        boot: row.get(1)?,
        version: row.get(2)?,
        config_revision: row.get(3)?,
        uptime_s: row.get(4)?,
        queued: row.get(5)?,
        dropped: row.get(6)?,
        last_seq: row.get(7)?,
        open: row.get(9)?,
        ending: row.get::<_, i64>(10)? == 1,
        last_seen,
        stale: now.saturating_sub(last_seen) > STALE_US,
    };
    Ok((row.get(0)?, worker))
}

impl DataPlane {
    fn add(&mut self, worker: Worker) {
        if !worker.stale {
            self.stale = false;
            self.config_revisions.insert(worker.config_revision.clone());
        }
        self.workers.push(worker);
    }
}

#[cfg(test)]
mod tests {
    use super::{FORGOTTEN_US, STALE_US, data_planes, keep_heartbeat};
    use crate::store::db::Db;
    use crate::store::{change, open_writer};
    use headgate_record::Heartbeat;

    fn beat(node: &str, boot: &str, revision: &str) -> Heartbeat {
        Heartbeat {
            node: node.to_owned(),
            boot: boot.to_owned(),
            version: "0.1.0".to_owned(),
            config_revision: revision.to_owned(),
            uptime_s: 7,
            queued: 1,
            dropped: 0,
            last_seq: 3,
            ..Heartbeat::default()
        }
    }

    #[test]
    fn open_requests_and_the_end_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let mut beat = beat("edge", "a", "rev-1");
        change(&mut db, |tx| keep_heartbeat(tx, &beat, 7)).unwrap();
        let told = |db: &Db| {
            let worker = data_planes(db, 8).unwrap().remove(0).workers.remove(0);
            (worker.open, worker.ending)
        };
        assert_eq!(told(&db), (None, false), "an older filter says neither");
        (beat.open, beat.ending) = (Some(4), true);
        change(&mut db, |tx| keep_heartbeat(tx, &beat, 8)).unwrap();
        assert_eq!(told(&db), (Some(4), true));
    }

    #[test]
    fn a_silent_worker_becomes_stale_and_is_forgotten_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let start = FORGOTTEN_US * 2;
        let later = start + STALE_US;
        change(&mut db, |tx| keep_heartbeat(tx, &beat("edge", "old", "rev-1"), start)).unwrap();
        assert!(!data_planes(&db, later).unwrap()[0].stale);
        assert!(data_planes(&db, later + 1).unwrap()[0].stale);
        change(&mut db, |tx| keep_heartbeat(tx, &beat("edge", "new", "rev-2"), later + 1)).unwrap();
        let planes = data_planes(&db, later + 1).unwrap();
        assert!(!planes[0].stale && planes[0].workers.iter().map(|worker| worker.stale).eq([false, true]));
        assert!(planes[0].config_revisions.iter().eq(["rev-2"]), "what a silent worker runs does not count");
        change(&mut db, |tx| keep_heartbeat(tx, &beat("other", "b", "rev-2"), start + FORGOTTEN_US + 1)).unwrap();
        let left = data_planes(&db, start + FORGOTTEN_US + 1).unwrap();
        assert_eq!(left.iter().map(|plane| plane.workers.len()).collect::<Vec<_>>(), [1, 1]);
    }
}
