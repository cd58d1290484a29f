//! A database that is sound and knows less than the witness: an older copy that was put in its place.
//!
//! Nothing is to be salvaged then. What was acknowledged since the copy was made is lost and named, and its positions are not
//! given again.

use super::super::damage::{self, Finding, Kind, Log};
use super::super::db::Db;
use super::super::witness::Progress;
use super::super::{StoreError, change, schema};
use super::{Files, set_heads};
use crate::{clock, journal};

/// Moves the database on to where the witness is; false if it is not sound, or another one's log lies beside it.
pub(super) fn go_on(files: &Files, known: Progress) -> Result<bool, StoreError> {
    if std::fs::metadata(&files.log).is_ok_and(|log| log.len() > 0) {
        return Ok(false);
    }
    let mut db = Db::sqlite_writer(&files.database)?;
    if !schema::is_current(&db)? || !db.structure_problems(1)?.is_empty() {
        return Ok(false);
    }
    let found = Progress::of(&db)?;
    let lost: Vec<_> = [(Log::Requests, found.requests, known.requests), (Log::Audit, found.audit, known.audit)]
        .into_iter()
        .filter(|(_, from, to)| from < to)
        .map(|(log, first, end)| Finding { log, first, last: end.saturating_sub(1), kind: Kind::Lost })
        .collect();
    change(&mut db, |tx| {
        set_heads(tx, found.or_further(known))?;
        damage::note(tx, &lost, clock::now_us()).map(drop)
    })?;
    for one in &lost {
        journal::line(&format!("the database is older than what was acknowledged: lost is {}", one.places()));
    }
    Ok(true)
}
