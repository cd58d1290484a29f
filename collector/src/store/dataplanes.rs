//! Heartbeats: the last one of each worker, and what they say of each data plane together.

use super::conflicts::{Conflict, Delivery};
use super::db::{self, Db, OptionalExtension, Row, params};
use super::senders::{Claim, RECORDS, Sender, claim};
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
    /// When this was heard, µs since the Unix epoch.
    pub last_seen: i64,
    /// Whether that is too long ago.
    pub stale: bool,
}

/// Whether a heartbeat was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// It is kept.
    Kept,
    /// Its boot is another sender's.
    Foreign,
    /// Its sender has opened too many boots.
    TooManyBoots,
    /// Its numbers cannot be true.
    TooFar,
}

/// Keeps a heartbeat in place of the worker's last one, and notes what it shows to be lost.
///
/// # Errors
/// The store cannot be written.
pub fn take_heartbeat(tx: &Db, sender: &Sender, beat: &Heartbeat, now: i64) -> Result<Beat, StoreError> {
    let delivery = Delivery { sender, node: &beat.node, boot_id: &beat.boot };
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let last_seq = number(beat.last_seq);
    let (conflict, numbers, taken) = match claim(tx, sender, &beat.boot, now)? {
        Claim::Foreign => (Conflict::ForeignBoot, Vec::new(), Beat::Foreign),
        Claim::TooMany => (Conflict::TooManyBoots, Vec::new(), Beat::TooManyBoots),
        Claim::Own => {
            // Neither can there be more records waiting or dropped than were numbered.
            let counts = number(beat.dropped).max(number(beat.queued));
            if counts <= last_seq && last_seq <= most(tx, beat, now)? {
                keep_heartbeat(tx, beat, now)?;
                return Ok(Beat::Kept);
            }
            (Conflict::NumberTooFar, vec![last_seq.max(counts)], Beat::TooFar)
        }
    };
    delivery.refused(tx, conflict, &numbers)?;
    Ok(taken)
}

/// The highest number that the worker can have reached.
fn most(tx: &Db, beat: &Heartbeat, now: i64) -> Result<i64, StoreError> {
    let last_seq = i64::try_from(beat.last_seq).unwrap_or(i64::MAX);
    match gaps::Boot::find(tx, &beat.node, &beat.boot)? {
        Some(boot) => Ok(boot.most(tx, &beat.node, &beat.boot, last_seq, now)?),
        None => {
            let sql = "SELECT last_seq, received_at FROM heartbeats WHERE node = ?1 AND boot_id = ?2";
            let mut select = tx.prepare_cached(sql)?;
            let told = select
                .query_row(params![beat.node, beat.boot], |row| Ok(RECORDS.most(row.get(0)?, row.get(1)?, now)))
                .optional()?;
            Ok(told.unwrap_or(0).max(RECORDS.most_of_new(&beat.boot, now)))
        }
    }
}

/// Keeps a heartbeat that was checked.
///
/// # Errors
/// The store cannot be written.
pub(super) fn keep_heartbeat(tx: &Db, beat: &Heartbeat, now: i64) -> Result<(), StoreError> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    tx.prepare_cached(
        "INSERT INTO heartbeats (node, boot_id, version, config_revision, uptime_s, queued, dropped, last_seq, received_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (node, boot_id) DO UPDATE SET
           version = ?3, config_revision = ?4, uptime_s = ?5, queued = ?6, dropped = ?7, last_seq = ?8, received_at = ?9",
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
        now
    ])?;
    let forgotten = now.min(time_to_delete_by(tx)?).saturating_sub(FORGOTTEN_US);
    tx.prepare_cached("DELETE FROM heartbeats WHERE received_at < ?1")?.execute([forgotten])?;
    gaps::note_end(tx, beat, now)
}

/// The data planes that were heard of in the last 30 days, the latest heard first.
///
/// # Errors
/// The store cannot be read.
pub fn data_planes(db: &Db, now: i64) -> Result<Vec<DataPlane>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT node, boot_id, version, config_revision, uptime_s, queued, dropped, last_seq, received_at
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
    use super::{Beat, FORGOTTEN_US, STALE_US, Sender, data_planes, keep_heartbeat, take_heartbeat};
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
        }
    }

    #[test]
    fn a_heartbeat_is_refused_to_another_sender_and_beyond_bounds() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let sender = |line: &str| Sender { token: line.to_owned(), line: line.to_owned(), ..Sender::default() };
        let mut take = |line: &str, change_it: fn(&mut Heartbeat), at: i64| {
            let mut beat = beat("edge", "a", "rev-1");
            change_it(&mut beat);
            change(&mut db, |tx| take_heartbeat(tx, &sender(line), &beat, at)).unwrap()
        };
        let second = 1_000_000;
        assert_eq!(take("one", |_| (), second), Beat::Kept);
        assert_eq!(take("two", |_| (), second), Beat::Foreign);
        assert_eq!(take("one", |beat| beat.last_seq = u64::MAX, second), Beat::TooFar);
        assert_eq!(take("one", |beat| beat.dropped = 9, second), Beat::TooFar, "more than were numbered");
        assert_eq!(take("one", |beat| beat.last_seq = 300_003, second), Beat::TooFar);
        assert_eq!(take("one", |beat| beat.last_seq = 300_003, 6 * second), Beat::Kept, "that much in five seconds");
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
