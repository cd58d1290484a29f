//! The check for a rollback: an intact database that is behind the high-water mark, because an older copy was put in its place.
//!
//! There is nothing to recover then. The entries that were acknowledged since the copy was made are reported as lost, and
//! their positions are not reused.

use super::files::Files;
use super::heads::set_heads;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::high_water_mark::Progress;
use headgate_collector_store::{DamageKind, DamagedRange, change, damage, schema, tree};
use headgate_collector_types::{Log, clock};

/// Advances the database to the high-water mark. Returns false if the database is not intact, or if the write-ahead log of
/// another database lies beside it.
pub(super) fn advance_heads(files: &Files, known: Progress) -> Result<bool, StoreError> {
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
        .map(|(log, first, end)| DamagedRange { log, first, last: end.saturating_sub(1), kind: DamageKind::Lost })
        .collect();
    change(&mut db, |tx| {
        set_heads(tx, found.max(known))?;
        tree::catch_up_all(tx)?;
        damage::note(tx, &lost, clock::now_us()).map(drop)
    })?;
    for range in &lost {
        tracing::warn!("the database is older than what was acknowledged: lost is {}", range.places());
    }
    Ok(true)
}
