//! What can be seen quickly of a database's state, before it is opened for writing.

use super::Files;
use crate::store::db::Db;
use crate::store::witness::Progress;
use crate::store::{StoreError, schema};

/// What is wrong with a database that is older than what was acknowledged.
pub(super) const BEHIND: &str = "it lacks what was acknowledged";

/// What is wrong, in words for the operator; none if nothing is.
///
/// # Errors
/// It cannot be told: the disk does not answer, or the database is from a newer version.
pub(super) fn problem(files: &Files, known: Option<Progress>) -> Result<Option<&'static str>, StoreError> {
    if files.mark.exists() {
        return Ok(Some("damage was met while it was in use"));
    }
    let there = std::fs::metadata(&files.database).is_ok_and(|file| file.len() > 0);
    if !there {
        // Nothing is what a new folder has.
        let expected = known.is_some() || std::fs::metadata(&files.log).is_ok_and(|log| log.len() > 0);
        return Ok(expected.then_some("its file is gone or empty"));
    }
    match look(files, known) {
        Ok(problem) => Ok(problem),
        Err(StoreError::Damaged) => Ok(Some("SQLite cannot read it")),
        Err(StoreError::Other) => Ok(Some("its tables are not what this program made")),
        Err(error) => Err(error),
    }
}

fn look(files: &Files, known: Option<Progress>) -> Result<Option<&'static str>, StoreError> {
    // A connection that may not write leaves file and log as they are, also when it is the last one.
    let db = Db::sqlite_reader(&files.database)?;
    if !schema::is_current(&db)? {
        return Ok(None);
    }
    if let Some(known) = known
        && Progress::of(&db)?.is_behind(known)
    {
        return Ok(Some(BEHIND));
    }
    schema::look_at_every_table(&db)?;
    Ok(None)
}
