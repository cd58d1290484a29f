//! How a connection is set up, and the steps from one version of the tables to the next.

use super::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::time::Duration;

/// Each step brings the tables one version further; `PRAGMA user_version` counts the steps taken.
const STEPS: [&str; 2] = [include_str!("schema.sql"), include_str!("../limits/schema.sql")];

/// Longest wait for another process's lock: an answer is due within a second.
const LOCK_WAIT: Duration = Duration::from_millis(250);

/// Sets a writing connection up and brings the tables to this version.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    connection.busy_timeout(LOCK_WAIT)?;
    // FULL: in WAL mode a commit is on disk when it returns. A checkpoint every 32 MiB keeps its cost off most commits.
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA cache_size = -65536;
         PRAGMA wal_autocheckpoint = 8192;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA trusted_schema = OFF;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    upgrade(connection)
}

/// Sets a reading connection up.
pub(super) fn prepare_reader(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(LOCK_WAIT)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -16384; PRAGMA trusted_schema = OFF;")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn upgrade(connection: &mut Connection) -> Result<(), StoreError> {
    let steps = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let taken: i64 = steps.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let taken = usize::try_from(taken).map_err(|_| StoreError::Damaged)?;
    if taken > STEPS.len() {
        return Err(StoreError::Newer);
    }
    for step in STEPS.iter().skip(taken) {
        steps.execute_batch(step)?;
    }
    steps.pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap_or(i64::MAX))?;
    steps.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::STEPS;
    use crate::store::{StoreError, open_writer};

    #[test]
    fn a_commit_is_on_disk_when_it_returns() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        let pragma =
            |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
        assert_eq!(pragma("synchronous").unwrap(), 2.into(), "2 is FULL");
    }

    #[test]
    fn a_database_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        db.pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap() + 1).unwrap();
        drop(db);
        let refused = open_writer(folder.path());
        assert!(matches!(refused, Err(StoreError::Newer)));
    }
}
