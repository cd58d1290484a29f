//! Stores heartbeats: the last one of each worker.

use crate::conflicts::{Conflict, Delivery};
use crate::senders::{Claim, RECORDS, claim};
use crate::{deletion_time, gaps};
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_types::Sender;
use headgate_record::Heartbeat;

/// The silence after which a worker is removed, in µs: 30 days.
pub(super) const RETENTION_US: i64 = 30 * 86_400_000_000;

/// The outcome of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeartbeatOutcome {
    /// The heartbeat is stored.
    Stored,
    /// The boot belongs to another sender.
    ForeignBoot,
    /// The sender has opened too many boots.
    TooManyBoots,
    /// The numbers cannot be true.
    NumberTooFar,
}

/// Stores a heartbeat in place of the worker's last one, and notes the losses that it shows.
///
/// # Errors
/// The store cannot be written.
pub fn store_heartbeat(tx: &Db, sender: &Sender, beat: &Heartbeat, now: i64) -> Result<HeartbeatOutcome, StoreError> {
    let delivery = Delivery { sender, node: &beat.node, boot_id: &beat.boot };
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let last_seq = number(beat.last_seq);
    let (conflict, numbers, outcome) = match claim(tx, sender, &beat.boot, now)? {
        Claim::Foreign => (Conflict::ForeignBoot, Vec::new(), HeartbeatOutcome::ForeignBoot),
        Claim::TooMany => (Conflict::TooManyBoots, Vec::new(), HeartbeatOutcome::TooManyBoots),
        Claim::Own => {
            // Waiting and dropped records cannot be more than the numbered ones either.
            let counts = number(beat.dropped).max(number(beat.queued));
            if counts <= last_seq && last_seq <= highest_possible_seq(tx, beat, now)? {
                write_heartbeat(tx, beat, now)?;
                return Ok(HeartbeatOutcome::Stored);
            }
            (Conflict::NumberTooFar, vec![last_seq.max(counts)], HeartbeatOutcome::NumberTooFar)
        }
    };
    delivery.note(tx, conflict, &numbers)?;
    Ok(outcome)
}

/// Returns the highest number that the worker can have reached.
fn highest_possible_seq(tx: &Db, beat: &Heartbeat, now: i64) -> Result<i64, StoreError> {
    let last_seq = i64::try_from(beat.last_seq).unwrap_or(i64::MAX);
    match gaps::Boot::find(tx, &beat.node, &beat.boot)? {
        Some(boot) => Ok(boot.highest_possible_seq(tx, &beat.node, &beat.boot, last_seq, now)?),
        None => {
            let sql = "SELECT last_seq, received_at FROM heartbeats WHERE node = ?1 AND boot_id = ?2";
            let mut select = tx.prepare_cached(sql)?;
            let reported = select
                .query_row(params![beat.node, beat.boot], |row| Ok(RECORDS.highest(row.get(0)?, row.get(1)?, now)))
                .optional()?;
            Ok(reported.unwrap_or(0).max(RECORDS.highest_of_new(&beat.boot, now)))
        }
    }
}

/// Stores a heartbeat that was checked.
///
/// # Errors
/// The store cannot be written.
pub(crate) fn write_heartbeat(tx: &Db, beat: &Heartbeat, now: i64) -> Result<(), StoreError> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    tx.prepare_cached(
        "INSERT INTO heartbeats (node, boot_id, version, config_revision, uptime_s, queued, dropped, last_seq, received_at,
           open, ending, refused)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (node, boot_id) DO UPDATE SET
           version = ?3, config_revision = ?4, uptime_s = ?5, queued = ?6, dropped = ?7, last_seq = ?8, received_at = ?9,
           open = ?10, ending = ?11, refused = ?12, end_noted = 0",
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
        i64::from(beat.ending),
        serde_json::to_string(&beat.refused_by_proxy).unwrap_or_default()
    ])?;
    let oldest = now.min(deletion_time(tx)?).saturating_sub(RETENTION_US);
    tx.prepare_cached("DELETE FROM heartbeats WHERE received_at < ?1")?.execute([oldest])?;
    gaps::close_unknown_end(tx, beat, now)?;
    gaps::note_trailing(tx, beat, now)
}

#[cfg(test)]
mod tests {
    use super::{HeartbeatOutcome, store_heartbeat, write_heartbeat};
    use crate::dataplanes::tests::beat;
    use crate::{change, data_planes, open_writer};
    use headgate_collector_db::Db;
    use headgate_collector_types::Sender;
    use headgate_record::{Heartbeat, ProxyRefusal};

    #[test]
    fn heartbeats_are_refused_to_foreign_senders() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let sender = |line: &str| Sender { token: line.to_owned(), line: line.to_owned(), ..Sender::default() };
        let mut take = |line: &str, change_it: fn(&mut Heartbeat), at: i64| {
            let mut beat = beat("edge", "a", "rev-1");
            change_it(&mut beat);
            change(&mut db, |tx| store_heartbeat(tx, &sender(line), &beat, at)).unwrap()
        };
        let second = 1_000_000;
        assert_eq!(take("one", |_| (), second), HeartbeatOutcome::Stored);
        assert_eq!(take("two", |_| (), second), HeartbeatOutcome::ForeignBoot);
        assert_eq!(take("one", |beat| beat.last_seq = u64::MAX, second), HeartbeatOutcome::NumberTooFar);
        assert_eq!(
            take("one", |beat| beat.dropped = 9, second),
            HeartbeatOutcome::NumberTooFar,
            "more than were numbered"
        );
        assert_eq!(take("one", |beat| beat.last_seq = 300_003, second), HeartbeatOutcome::NumberTooFar);
        assert_eq!(
            take("one", |beat| beat.last_seq = 300_003, 6 * second),
            HeartbeatOutcome::Stored,
            "that much in five seconds"
        );
    }

    #[test]
    fn open_requests_and_the_end_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let mut beat = beat("edge", "a", "rev-1");
        change(&mut db, |tx| write_heartbeat(tx, &beat, 7)).unwrap();
        let reported = |db: &Db| {
            let worker = data_planes(db, 8).unwrap().remove(0).workers.remove(0);
            (worker.open, worker.ending)
        };
        assert_eq!(reported(&db), (None, false), "an older filter says neither");
        (beat.open, beat.ending) = (Some(4), true);
        change(&mut db, |tx| write_heartbeat(tx, &beat, 8)).unwrap();
        assert_eq!(reported(&db), (Some(4), true));
    }

    #[test]
    fn refusals_of_the_proxy_are_kept_by_class() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let mut beat = beat("edge", "a", "rev-1");
        for (now, count) in [(7, 0), (8, 3)] {
            beat.refused_by_proxy = (count > 0).then_some((ProxyRefusal::Http10, count)).into_iter().collect();
            change(&mut db, |tx| write_heartbeat(tx, &beat, now)).unwrap();
            let worker = data_planes(&db, 9).unwrap().remove(0).workers.remove(0);
            assert_eq!(worker.refused_by_proxy, beat.refused_by_proxy);
        }
    }
}
