//! Heartbeats: the last one of each worker, and what they say of each data plane together.

use super::conflicts::{Conflict, Delivery};
use super::db::{self, Db, OptionalExtension, Row, params};
use super::senders::{Claim, RECORDS, Sender, began, claim};
use super::{StoreError, gaps, time_to_delete_by};
use headgate_record::Heartbeat;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// A worker that has been silent for longer is stale, µs: three heartbeats of ten seconds and some patience.
const STALE_US: i64 = 45_000_000;
/// A worker that has been silent for longer is forgotten, µs: 30 days.
const FORGOTTEN_US: i64 = 30 * 86_400_000_000;
/// A proxy of which nobody was heard for longer, and that did not say goodbye, is taken to be gone, µs: an hour. An alarm on
/// silent proxies has been seen by then, and must not stay for a machine that does not come back.
const GONE_US: i64 = 3_600_000_000;
/// A worker that missed its heartbeat, µs, has been replaced if its proxy has a newer one.
const MISSED_US: i64 = 15_000_000;
/// Workers of one process begin within less than this, µs; the time for which one ran is told in whole seconds.
const TOGETHER_US: i64 = 3_000_000;
/// Workers in one answer, the latest heard first.
const WORKERS: i64 = 10_000;

/// One proxy.
#[derive(Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct DataPlane {
    /// Its name.
    pub node: String,
    /// How it stands.
    pub state: PlaneState,
    /// Whether it is silent without having said goodbye, and not for so long that it is taken to be gone.
    pub stale: bool,
    /// When one of them was heard last, µs since the Unix epoch.
    pub last_seen: i64,
    /// Revisions in force at the workers that are live; more than one while a policy is rolled out.
    pub config_revisions: BTreeSet<String>,
    /// Its workers, the latest heard first.
    pub workers: Vec<Worker>,
}

/// How a proxy stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlaneState {
    /// A worker of it was heard of lately.
    Live,
    /// It has been silent for too long.
    #[default]
    Stale,
    /// All of its workers said goodbye.
    Ended,
    /// It has been silent for more than an hour.
    Gone,
}

/// How a worker stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It was heard of lately.
    Live,
    /// It has been silent for too long.
    #[default]
    Silent,
    /// It said goodbye.
    Ended,
    /// Its proxy was started anew since it was heard last.
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
    /// Whether it said that it ends: `last_seq` is final then, and `queued` is what it could not deliver.
    pub ending: bool,
    /// When this was heard, µs since the Unix epoch.
    pub last_seen: i64,
    /// How it stands.
    pub state: WorkerState,
    /// Whether it is not live.
    pub stale: bool,
    /// Id of the first ingest token of the line that its boot belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
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
        "SELECT h.node, h.boot_id, h.version, h.config_revision, h.uptime_s, h.queued, h.dropped, h.last_seq, h.received_at,
           h.open, h.ending, o.sender
         FROM heartbeats h LEFT JOIN boot_owners o ON o.boot_id = h.boot_id
         ORDER BY h.received_at DESC, h.node, h.boot_id LIMIT ?1",
    )?;
    let (mut planes, mut places) = (Vec::<DataPlane>::new(), HashMap::<String, usize>::new());
    for row in select.query_map([WORKERS], |row| worker(row, now))? {
        let (node, worker) = row?;
        let place = *places.entry(node.clone()).or_insert(planes.len());
        if place == planes.len() {
            planes.push(DataPlane { node, last_seen: worker.last_seen, ..DataPlane::default() });
        }
        if let Some(plane) = planes.get_mut(place) {
            plane.workers.push(worker);
        }
    }
    planes.iter_mut().for_each(|plane| plane.judge(now));
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
        ending,
        last_seen,
        state,
        stale: state != WorkerState::Live,
        sender: row.get(11)?,
    };
    Ok((row.get(0)?, worker))
}

impl Worker {
    /// When it began, and until when it ran for sure, by its proxy's clock, µs.
    fn life(&self) -> (i64, i64) {
        let uptime = self.uptime_s.saturating_mul(1_000_000);
        let began = began(&self.boot).unwrap_or_else(|| self.last_seen.saturating_sub(uptime));
        (began, began.saturating_add(uptime))
    }

    /// Whether a worker of the same proxy and sender that began at `newest` took its place: a process that runs begins all its
    /// workers together.
    fn is_replaced(&self, newest: i64, now: i64) -> bool {
        let (began, until) = self.life();
        let missed = now.saturating_sub(self.last_seen) > MISSED_US;
        newest > until.saturating_add(TOGETHER_US) || (missed && newest > began.saturating_add(TOGETHER_US))
    }
}

impl DataPlane {
    /// Finds out how its workers stand together.
    fn judge(&mut self, now: i64) {
        let mut newest = HashMap::<Option<String>, i64>::new();
        for worker in &self.workers {
            let latest = newest.entry(worker.sender.clone()).or_insert(i64::MIN);
            *latest = worker.life().0.max(*latest);
        }
        for worker in self.workers.iter_mut().filter(|worker| worker.state != WorkerState::Ended) {
            if newest.get(&worker.sender).is_some_and(|newest| worker.is_replaced(*newest, now)) {
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
    use super::{
        Beat, FORGOTTEN_US, GONE_US, PlaneState, STALE_US, Sender, WorkerState, data_planes, keep_heartbeat,
        take_heartbeat,
    };
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

    const SECOND: i64 = 1_000_000;

    fn boot(ms: i64) -> String {
        format!("{:08x}-{:04x}-7000-8000-000000000000", ms >> 16, ms & 0xffff)
    }

    fn states(db: &Db, now: i64) -> (PlaneState, Vec<WorkerState>) {
        let plane = data_planes(db, now).unwrap().remove(0);
        (plane.state, plane.workers.iter().map(|worker| worker.state).collect())
    }

    #[test]
    fn workers_of_a_process_that_was_started_anew_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let start = 1_800_000_000_000 * 1_000;
        let mut say = |boot_ms: i64, uptime_s: u64, at: i64| {
            let beat = Heartbeat { uptime_s, ..beat("edge", &boot(1_800_000_000_000 + boot_ms), "rev-1") };
            change(&mut db, |tx| keep_heartbeat(tx, &beat, start + at)).unwrap();
        };
        // Two workers of one process, the second of which beats for the first time a little later.
        say(0, 0, 0);
        say(900, 0, 1_900_000);
        say(0, 20, 20 * SECOND);
        say(900, 20, 21 * SECOND);
        // Killed, and started again 5 s later.
        say(26_000, 0, 26 * SECOND);
        let expected = vec![WorkerState::Live, WorkerState::Replaced, WorkerState::Replaced];
        assert_eq!(states(&db, start + 26 * SECOND), (PlaneState::Live, expected));
    }

    #[test]
    fn workers_of_one_process_do_not_replace_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let start = 1_800_000_000_000 * 1_000;
        for (boot_ms, at) in [(0, 0), (900, SECOND)] {
            let beat = Heartbeat { uptime_s: 0, ..beat("edge", &boot(1_800_000_000_000 + boot_ms), "rev-1") };
            change(&mut db, |tx| keep_heartbeat(tx, &beat, start + at)).unwrap();
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
            change(&mut db, |tx| take_heartbeat(tx, &sender(line), &beat, start + at)).unwrap();
        }
        assert_eq!(states(&db, start + 30 * SECOND).1, [WorkerState::Live; 2]);
    }

    #[test]
    fn a_node_that_said_goodbye_is_not_stale_and_silence_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let start = FORGOTTEN_US * 2;
        let last = Heartbeat { ending: true, ..beat("edge", "a", "rev-1") };
        change(&mut db, |tx| keep_heartbeat(tx, &last, start)).unwrap();
        assert_eq!(states(&db, start + 1), (PlaneState::Ended, vec![WorkerState::Ended]));
        assert!(!data_planes(&db, start + GONE_US).unwrap()[0].stale);
        change(&mut db, |tx| keep_heartbeat(tx, &beat("edge", "b", "rev-1"), start + 1)).unwrap();
        assert_eq!(states(&db, start + STALE_US).0, PlaneState::Live);
        assert_eq!(states(&db, start + STALE_US + 2).0, PlaneState::Stale);
        assert_eq!(states(&db, start + GONE_US + 2).0, PlaneState::Gone);
        assert!(!data_planes(&db, start + GONE_US + 2).unwrap()[0].stale, "the alarm clears");
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
