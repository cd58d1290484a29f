//! How a connection is set up, and the steps from one version of the tables to the next.

use super::{StoreError, rebuild};
use rusqlite::{Connection, TransactionBehavior};
use std::time::Duration;

/// One step: tables, then what has to be computed for them.
struct Step {
    sql: &'static str,
    fill: fn(&Connection) -> Result<(), StoreError>,
}

const fn sql(sql: &'static str) -> Step {
    Step { sql, fill: |_| Ok(()) }
}

/// Each step brings the tables one version further; `PRAGMA user_version` counts the steps taken.
const STEPS: [Step; 6] = [
    sql(include_str!("schema/1_requests.sql")),
    sql(include_str!("schema/2_audit.sql")),
    sql(include_str!("schema/3_limits.sql")),
    Step { sql: include_str!("schema/4_columns.sql"), fill: rebuild::columns },
    sql(include_str!("schema/5_dataplanes.sql")),
    sql(include_str!("schema/6_policies.sql")),
];

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
        steps.execute_batch(step.sql)?;
        (step.fill)(&steps)?;
    }
    steps.pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap_or(i64::MAX))?;
    steps.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::STEPS;
    use crate::audit::{Actor, Appended, Entry, Operation, Resource, append};
    use crate::store::{Column, Filter, ListQuery, Range, Role, StoreError};
    use crate::store::{change, hash_token, known_token, list, open_writer, token_id};
    use headgate_record::RequestRecord;

    const V1_ROWS: &str = "INSERT INTO request_entries VALUES (2, 1, 6, CAST('{\"schema\":1}' AS BLOB));
         INSERT INTO names VALUES (1, 'n');
         INSERT INTO requests (position, id, boot, seq, started_at, status, stream, attempts, node, surface, environment,
           config_revision, ended_by)
         VALUES (1, x'01890a5dac96774bbcceb302099a8057', 1, 1, 5, 200, 0, 1, 1, 1, 1, 1, 1),
                (2, x'01890a5dac96774bbcceb302099a8058', 1, 2, 6, 200, 0, 1, 1, 1, 1, 1, 1);
         INSERT INTO boots (node, boot_id, stored, highest_seq) VALUES ('n', 'b', 2, 2);
         UPDATE log_heads SET next_position = 3;";

    #[test]
    fn a_commit_is_on_disk_when_it_returns() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        let pragma =
            |name: &str| db.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
        assert_eq!(pragma("synchronous").unwrap(), 2.into(), "2 is FULL");
    }

    /// A database as version 1 left it, with a record and an owner's token.
    fn version_1(folder: &std::path::Path) {
        let db = rusqlite::Connection::open(folder.join("headgate.db")).unwrap();
        db.execute_batch("PRAGMA journal_mode = WAL").unwrap();
        db.execute_batch(STEPS[0].sql).unwrap();
        db.execute_batch(V1_ROWS).unwrap();
        let record = RequestRecord { schema: 1, status: 418, started_at: 5, ..RequestRecord::default() };
        let bytes = serde_json::to_vec(&record).unwrap();
        db.execute("INSERT INTO request_entries VALUES (1, 1, 5, ?1)", [bytes]).unwrap();
        db.execute("INSERT INTO tokens VALUES (?1, 'owner', 7)", [hash_token("hgc_old")]).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
    }

    #[test]
    fn a_database_of_version_1_is_brought_forward_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        version_1(folder.path());
        let mut db = open_writer(folder.path()).unwrap();
        let hash = hash_token("hgc_old");
        let known = known_token(&db, &hash, 0).unwrap().unwrap();
        assert_eq!((known.role, known.id), (Role::Owner, token_id(&hash)));
        let all = list(&db, &ListQuery { limit: 9, ..ListQuery::default() }).unwrap();
        assert_eq!(all.records.len(), 2, "what cannot be read keeps its place");
        assert_eq!(all.records[0], b"{\"schema\":1}");
        let teapot = Filter::Number(Column::Status, Range { least: 418, greatest: 418 });
        let found = list(&db, &ListQuery { limit: 9, filters: vec![teapot], ..ListQuery::default() }).unwrap();
        assert_eq!(found.last, Some(1));
        let entry = Entry::new("test.done", Operation::Other, Actor::command(), Resource::new("test", "1"));
        let first = change(&mut db, |tx| append(tx, &entry)).unwrap();
        assert!(matches!(first, Appended::New { position: 1, .. }), "{first:?}");
    }

    #[test]
    fn an_audit_entry_cannot_be_changed_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut db = open_writer(folder.path()).unwrap();
        let entry = Entry::new("test.done", Operation::Other, Actor::command(), Resource::new("test", "1"));
        change(&mut db, |tx| append(tx, &entry)).unwrap();
        let refused = db.execute("UPDATE audit_entries SET bytes = x''", []).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
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
