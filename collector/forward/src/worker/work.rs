//! The work of a forwarder: the batch that is next, and what becomes of it.

use crate::batch::{self, Batch};
use crate::cursor::{self, Progress, Right};
use crate::dead_letters;
use crate::settings::Settings;
use crate::transport::Parcel;
use crate::verdict::Fault;
use crate::wire::Bounds;
use headgate_collector_db::{Db, StoreError};
use std::sync::Arc;

/// A batch on its way.
#[derive(Debug)]
pub(crate) struct Work {
    pub(super) batch: Batch,
    /// The name that the receiver knows the forwarder by.
    pub(super) channel: String,
    /// Whether this process has the right to deliver for long enough.
    pub(super) is_held: bool,
    /// The batch as its receiver gets it, once it is rendered.
    pub(super) parcel: Option<Arc<Parcel>>,
}

/// Returns the next batch of the first log that has one: the one that waits, if its cursor stands where it stood and retention
/// has deleted nothing of it.
pub(super) fn next(
    db: &Db,
    settings: &Settings,
    holder: &str,
    bounds: Bounds,
    waiting: Option<Work>,
) -> Result<Option<Work>, StoreError> {
    let Some(row) = cursor::row(db, &settings.id)?.filter(|row| !row.is_paused) else { return Ok(None) };
    if dead_letters::count(db, &settings.id)? >= dead_letters::MOST {
        return Ok(None);
    }
    let is_held = match cursor::right(db, &settings.id, holder)? {
        Right::Taken => return Ok(None),
        right => right == Right::Held,
    };
    let cursors = cursor::cursors(db, &settings.id)?;
    let stands = |batch: &Batch| cursors.iter().any(|one| one.log == batch.log && one.position == batch.from);
    if let Some(work) = waiting.filter(|work| stands(&work.batch))
        && work.batch.is_kept(db)?
    {
        return Ok(Some(Work { is_held, ..work }));
    }
    for cursor in cursors.iter().filter(|cursor| settings.logs.contains(&cursor.log)) {
        if let Some(batch) = batch::next(db, settings, cursor, bounds)? {
            return Ok(Some(Work { batch, channel: row.channel, is_held, parcel: None }));
        }
    }
    Ok(None)
}

/// Stores what has become of a batch.
pub(super) fn store(
    tx: &Db,
    id: &str,
    holder: &str,
    batch: &Batch,
    refused: &[(usize, Fault)],
) -> Result<Progress, StoreError> {
    let count = |len: usize| i64::try_from(len).unwrap_or(i64::MAX);
    let dead = count(refused.len()).saturating_add(count(batch.damaged.len()));
    let progress = Progress {
        position: batch.to,
        sent: count(batch.positions.len()).saturating_sub(count(refused.len())),
        refused: dead,
        lost: batch.lost,
    };
    cursor::set_state(tx, id, "ok", None)?;
    // In the same transaction, so that the next batch needs none of its own for it.
    cursor::hold(tx, id, holder)?;
    if !cursor::advance(tx, id, holder, batch.log, batch.from, &progress)? {
        return Ok(Progress::default());
    }
    // Entries that are delivered again, because somebody asked for it, are dead no longer.
    dead_letters::remove(tx, id, batch.log, &batch.positions)?;
    for (place, fault) in refused {
        if let Some(position) = batch.positions.get(*place) {
            dead_letters::put(tx, id, batch.log, *position, *fault)?;
        }
    }
    for position in &batch.damaged {
        dead_letters::put(tx, id, batch.log, *position, Fault::Damaged)?;
    }
    Ok(progress)
}
