//! The next batch of a forwarder.

use crate::cursor::{Cursor, newest};
use crate::event::Event;
use crate::settings::Settings;
use crate::wire::Bounds;
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};
use headgate_collector_store::{Order, RequestQuery, matching_positions, verify_entry};
use headgate_collector_types::{Log, StoredEntry};
use std::time::Duration;

/// Events that follow each other in a log, and where they leave it.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The log.
    pub log: Log,
    /// The cursor before the batch.
    pub from: i64,
    /// The cursor after it.
    pub to: i64,
    /// The events, in the order of the log; they are handed over to the thread that delivers them.
    pub events: Vec<Event>,
    /// The positions of the events.
    pub positions: Vec<i64>,
    /// Positions of entries that are damaged.
    pub damaged: Vec<i64>,
    /// Entries in the range that were deleted.
    pub lost: i64,
}

/// Returns the next batch of a log; `None` if there is nothing new.
///
/// # Errors
/// The store cannot be read.
pub(crate) fn next(db: &Db, settings: &Settings, cursor: &Cursor, bounds: Bounds) -> Result<Option<Batch>, StoreError> {
    let (log, from) = (cursor.log, cursor.position);
    // A file that was begun has an end, whatever has come since.
    let is_planned = settings.archive.is_some() && cursor.planned > from;
    let newest = if is_planned { cursor.planned } else { newest(db, log)? };
    let bounds = if is_planned { Bounds::NONE } else { bounds };
    if newest <= from {
        return Ok(None);
    }
    let archive = settings.archive.as_ref().filter(|_| !is_planned);
    let may_wait = archive.map_or(Ok(false), |archive| is_younger(db, log, from, archive.every))?;
    // Too few entries for a file are not read again and again.
    if may_wait && usize::try_from(newest.saturating_sub(from)).is_ok_and(|count| count < bounds.events) {
        return Ok(None);
    }
    let (events, positions, damaged) = (Vec::new(), Vec::new(), Vec::new());
    let mut batch = Batch { log, from, to: from, events, positions, damaged, lost: 0 };
    if log == Log::Requests && !settings.filters.is_empty() {
        batch.read_filtered(db, settings, bounds, newest)?;
    } else {
        batch.read_all(db, bounds, newest)?;
    }
    if may_wait && batch.to == newest {
        return Ok(None);
    }
    batch.lost = batch.gone(db)?;
    Ok(Some(batch))
}

/// Whether the first entry after a position arrived within this time.
fn is_younger(db: &Db, log: Log, from: i64, time: Duration) -> Result<bool, StoreError> {
    let sql = format!("SELECT received_at FROM {} WHERE position > ?1 ORDER BY position LIMIT 1", log.table());
    let received: Option<i64> = db.prepare_cached(&sql)?.query_row([from], |row| row.get(0)).optional()?;
    let age = db.now_us()?.saturating_sub(received.unwrap_or(0));
    Ok(i64::try_from(time.as_micros()).is_ok_and(|time| age < time))
}

impl Batch {
    /// Returns whether all entries that were read are still in the log: what retention has deleted is not delivered.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn is_kept(&self, db: &Db) -> Result<bool, StoreError> {
        Ok(self.gone(db)? == self.lost)
    }

    /// Returns the number of entries in the range that are not in the log.
    fn gone(&self, db: &Db) -> Result<i64, StoreError> {
        let sql = format!("SELECT count(*) FROM {} WHERE position > ?1 AND position <= ?2", self.log.table());
        let kept: i64 = db.prepare_cached(&sql)?.query_row([self.from, self.to], |row| row.get(0))?;
        Ok(self.to.saturating_sub(self.from).saturating_sub(kept))
    }

    fn read_all(&mut self, db: &Db, bounds: Bounds, newest: i64) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT position, bytes, leaf FROM {} WHERE position > ?1 AND position <= ?2 ORDER BY position LIMIT ?3",
            self.log.table()
        );
        let limit = i64::try_from(bounds.events).unwrap_or(i64::MAX);
        let mut select = db.prepare_cached(&sql)?;
        let mut rows = select.query(params![self.from, newest, limit])?;
        let (mut bytes, mut found) = (0_usize, 0_i64);
        while let Some(row) = rows.next()? {
            let position = row.get(0)?;
            let entry = verify_entry(position, &row, 1, 2)?;
            bytes = bytes.saturating_add(entry.size());
            if bytes > bounds.bytes && self.to > self.from {
                return Ok(());
            }
            self.take(position, entry);
            found = found.saturating_add(1);
        }
        if found < limit {
            self.to = newest;
        }
        Ok(())
    }

    fn read_filtered(&mut self, db: &Db, settings: &Settings, bounds: Bounds, newest: i64) -> Result<(), StoreError> {
        let query = RequestQuery {
            filters: settings.filters.clone(),
            order: Order::Ascending,
            limit: bounds.events,
            after: Some(self.from),
            before: Some(newest.saturating_add(1)),
            ..RequestQuery::default()
        };
        let mut positions = matching_positions(db, &query)?;
        let has_more = positions.len() > bounds.events;
        positions.truncate(bounds.events);
        let mut select = db.prepare_cached("SELECT bytes, leaf FROM request_entries WHERE position = ?1")?;
        let mut bytes = 0_usize;
        for position in positions {
            let mut rows = select.query([position])?;
            // The columns may name an entry that is lost.
            let Some(row) = rows.next()? else { continue };
            let entry = verify_entry(position, &row, 0, 1)?;
            bytes = bytes.saturating_add(entry.size());
            if bytes > bounds.bytes && self.to > self.from {
                return Ok(());
            }
            self.take(position, entry);
        }
        if !has_more {
            self.to = newest;
        }
        Ok(())
    }

    fn take(&mut self, position: i64, entry: StoredEntry) {
        self.to = position;
        match Event::of(self.log, position, entry) {
            Some(event) => {
                self.events.push(event);
                self.positions.push(position);
            }
            None => self.damaged.push(position),
        }
    }
}
