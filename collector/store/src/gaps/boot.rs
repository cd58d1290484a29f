//! A sender's boot: the numbers that are accounted for, and the gaps after them.

use crate::senders::RECORDS;
use headgate_collector_db::{self as db, Db, OptionalExtension, Row, params};

/// A sender's boot, as it was before the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// The number of the boot in the store.
    pub(crate) boot: i64,
    /// The number of records that the boot has reported as dropped.
    pub(crate) dropped: i64,
    /// The highest number that is accounted for, as stored or missing.
    pub(crate) highest_seq: i64,
    last_at: Option<i64>,
    pub(super) received_at: Option<i64>,
}

impl Boot {
    /// Returns the boot, and creates it if it is not known.
    pub(crate) fn find_or_insert(db: &Db, node: &str, boot_id: &str, now: i64) -> db::Result<Self> {
        if let Some(boot) = Self::find(db, node, boot_id)? {
            return Ok(boot);
        }
        let mut insert =
            db.prepare_cached("INSERT INTO boots (node, boot_id, received_at) VALUES (?1, ?2, ?3) RETURNING boot")?;
        let boot = insert.query_row(params![node, boot_id, now], |row| row.get(0))?;
        Ok(Self { boot, dropped: 0, highest_seq: 0, last_at: None, received_at: Some(now) })
    }

    /// Returns the highest number that the boot can have reached by now. It reads the heartbeat only if the cheaper bound
    /// is below `required`.
    pub(crate) fn highest_possible_seq(
        &self,
        db: &Db,
        node: &str,
        boot_id: &str,
        required: i64,
        now: i64,
    ) -> db::Result<i64> {
        let most = RECORDS.highest(self.highest_seq, self.received_at.unwrap_or(now), now);
        if required <= most {
            return Ok(most);
        }
        let beat: Option<(i64, i64)> = db
            .prepare_cached("SELECT last_seq, received_at FROM heartbeats WHERE node = ?1 AND boot_id = ?2")?
            .query_row([node, boot_id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let from_heartbeat = beat.map_or(0, |(last_seq, at)| RECORDS.highest(last_seq, at, now));
        Ok(most.max(from_heartbeat).max(RECORDS.highest_of_new(boot_id, now)))
    }

    /// Returns the boot if it is known.
    pub fn find(db: &Db, node: &str, boot_id: &str) -> db::Result<Option<Self>> {
        let sql = "SELECT boot, dropped, highest_seq, last_at, received_at FROM boots WHERE node = ?1 AND boot_id = ?2";
        db.prepare_cached(sql)?.query_row([node, boot_id], Self::read).optional()
    }

    fn read(row: &Row<'_>) -> db::Result<Self> {
        Ok(Self {
            boot: row.get(0)?,
            dropped: row.get(1)?,
            highest_seq: row.get(2)?,
            last_at: row.get(3)?,
            received_at: row.get(4)?,
        })
    }

    /// Returns a gap after the highest number, up to `last_seq`.
    pub(super) fn gap_until(&self, last_seq: i64, before_at: i64, now: i64) -> NewGap {
        NewGap {
            first_seq: self.highest_seq.saturating_add(1),
            last_seq,
            after_at: self.last_at,
            before_at,
            received_after: self.received_at.filter(|_| self.highest_seq > 0),
            noticed_at: now,
        }
    }

    /// Advances to a number that is now accounted for.
    pub(super) fn advance(&mut self, seq: i64, at: i64, now: i64) {
        (self.highest_seq, self.last_at, self.received_at) = (seq, Some(at), Some(now));
    }

    pub(super) fn save(&self, db: &Db, stored: i64) -> db::Result<()> {
        db.prepare_cached(
            "UPDATE boots SET stored = stored + ?2, highest_seq = ?3, last_at = ?4, received_at = ?5 WHERE boot = ?1",
        )?
        .execute(params![self.boot, stored, self.highest_seq, self.last_at, self.received_at])?;
        Ok(())
    }
}

/// A gap that has just been noticed.
pub(super) struct NewGap {
    pub(super) first_seq: i64,
    pub(super) last_seq: i64,
    pub(super) after_at: Option<i64>,
    pub(super) before_at: i64,
    pub(super) received_after: Option<i64>,
    pub(super) noticed_at: i64,
}

impl NewGap {
    pub(super) fn insert(&self, db: &Db, boot: i64, at_end: bool) -> db::Result<()> {
        db.prepare_cached(
            "INSERT INTO gaps (boot, first_seq, last_seq, after_at, before_at, received_after, noticed_at, at_end)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            boot,
            self.first_seq,
            self.last_seq,
            self.after_at,
            self.before_at,
            self.received_after,
            self.noticed_at,
            i64::from(at_end)
        ])?;
        Ok(())
    }
}
