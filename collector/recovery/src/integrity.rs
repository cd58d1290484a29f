//! A quick check of the integrity of a database before it is opened for writing.

use super::files::Files;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::high_water_mark::Progress;
use headgate_collector_store::schema;

/// The problem of a database that is older than the acknowledged entries.
pub(super) const ROLLED_BACK: &str = "it lacks what was acknowledged";

/// Returns the problem in words for the operator; `None` if there is none.
///
/// # Errors
/// The check is not possible: the disk does not answer, or the database is from a newer version.
pub(super) fn problem(files: &Files, known: Option<Progress>) -> Result<Option<&'static str>, StoreError> {
    if files.mark.exists() {
        return Ok(Some("damage was met while it was in use"));
    }
    let has_database = std::fs::metadata(&files.database).is_ok_and(|file| file.len() > 0);
    if !has_database {
        // A new folder has no database, no high-water mark and no log.
        let expected = known.is_some() || std::fs::metadata(&files.log).is_ok_and(|log| log.len() > 0);
        return Ok(expected.then_some("its file is gone or empty"));
    }
    match quick_check(files, known) {
        Ok(problem) => Ok(problem),
        Err(StoreError::Damaged) => Ok(Some("SQLite cannot read it")),
        Err(StoreError::Other) => Ok(Some("its tables are not what this program made")),
        Err(error) => Err(error),
    }
}

fn quick_check(files: &Files, known: Option<Progress>) -> Result<Option<&'static str>, StoreError> {
    // A read-only connection leaves file and log unchanged, even when it is the last one.
    let db = Db::sqlite_reader(&files.database)?;
    if !schema::is_current(&db)? {
        return Ok(None);
    }
    if let Some(known) = known
        && Progress::of(&db)?.is_behind(known)
    {
        return Ok(Some(ROLLED_BACK));
    }
    schema::probe_tables(&db)?;
    Ok(None)
}
