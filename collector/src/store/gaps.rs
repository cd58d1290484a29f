//! What is missing: numbers that a sender gave to records that never came.
//!
//! Looking for holes reads every number of a boot, so only boots whose count does not match their highest number are
//! looked at; on a healthy day that is none.

use super::StoreError;
use super::db::{self, Db, Row};
use serde::Serialize;

/// Boots in one answer, newest first.
const BOOTS: usize = 500;
/// Holes in one boot's list, lowest numbers first.
const HOLES: usize = 100;

/// A sender's boot of which records are missing, or that dropped some before sending.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct IncompleteBoot {
    /// The sending proxy.
    pub node: String,
    /// The sending worker's boot.
    pub boot: String,
    /// Records stored.
    pub stored: i64,
    /// Highest number stored.
    pub highest_seq: i64,
    /// Numbers up to the highest that are not stored.
    pub missing: i64,
    /// Records the sender says it dropped; those after the highest number are not among the missing.
    pub dropped: i64,
    /// Where the missing ones are: the first 100 holes.
    pub holes: Vec<Hole>,
}

/// A run of missing numbers.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Hole {
    /// First missing number.
    pub first_seq: i64,
    /// Last missing number.
    pub last_seq: i64,
    /// `started_at` of the record before the hole, µs; absent when the hole begins the boot.
    pub after: Option<i64>,
    /// `started_at` of the record behind the hole, µs.
    pub before: i64,
}

/// The newest incomplete boots, and whether there are more.
///
/// # Errors
/// The store cannot be read, or not in time.
pub fn gaps(db: &Db) -> Result<(Vec<IncompleteBoot>, bool), StoreError> {
    let mut select = db.prepare_cached(
        "SELECT boot, node, boot_id, stored, highest_seq, dropped FROM boots
         WHERE stored < highest_seq OR dropped > 0 ORDER BY boot DESC LIMIT ?1",
    )?;
    let limit = i64::try_from(BOOTS).unwrap_or(i64::MAX).saturating_add(1);
    let mut boots = select.query_map([limit], incomplete)?.collect::<Result<Vec<_>, _>>()?;
    let has_more = boots.len() > BOOTS;
    boots.truncate(BOOTS);
    let listed = boots.into_iter().map(|(number, boot)| with_holes(db, number, boot)).collect::<Result<Vec<_>, _>>()?;
    Ok((listed, has_more))
}

fn incomplete(row: &Row<'_>) -> db::Result<(i64, IncompleteBoot)> {
    let (stored, highest_seq): (i64, i64) = (row.get(3)?, row.get(4)?);
    let boot = IncompleteBoot {
        node: row.get(1)?,
        boot: row.get(2)?,
        stored,
        highest_seq,
        missing: highest_seq.saturating_sub(stored).max(0),
        dropped: row.get(5)?,
        holes: Vec::new(),
    };
    Ok((row.get(0)?, boot))
}

fn with_holes(db: &Db, number: i64, mut boot: IncompleteBoot) -> Result<IncompleteBoot, StoreError> {
    if boot.missing > 0 {
        boot.holes = holes(db, number)?;
    }
    Ok(boot)
}

fn holes(db: &Db, boot: i64) -> Result<Vec<Hole>, StoreError> {
    // The window runs over the index of (boot, seq) alone; times are looked up for the holes that were found.
    let mut select = db.prepare_cached(
        "SELECT h.prev + 1, h.seq - 1,
           (SELECT started_at FROM requests WHERE boot = ?1 AND seq = h.prev),
           (SELECT started_at FROM requests WHERE boot = ?1 AND seq = h.seq)
         FROM (SELECT seq, lag(seq, 1, 0) OVER (ORDER BY seq) AS prev FROM requests WHERE boot = ?1) h
         WHERE h.seq > h.prev + 1 LIMIT ?2",
    )?;
    let limit = i64::try_from(HOLES).unwrap_or(i64::MAX);
    let found = select.query_map([boot, limit], |row| {
        Ok(Hole { first_seq: row.get(0)?, last_seq: row.get(1)?, after: row.get(2)?, before: row.get(3)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
