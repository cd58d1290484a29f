//! The steps from one version of the tables to the next.

use super::db::Db;
use super::{Log, StoreError, columns, findable, known_time, leaf, rebuild};
use crate::journal;

/// One step: tables, then what has to be computed for them.
struct Step {
    sql: &'static str,
    fill: fn(&Db) -> Result<(), StoreError>,
}

const fn sql(sql: &'static str) -> Step {
    Step { sql, fill: |_| Ok(()) }
}

/// Each step brings the tables one version further; the database counts the steps taken. The text is SQLite's; PostgreSQL's
/// is made of it, but for the first [`BEFORE_POSTGRES`].
const STEPS: [Step; 17] = [
    sql(include_str!("schema/1_requests.sql")),
    sql(include_str!("schema/2_audit.sql")),
    sql(include_str!("schema/3_limits.sql")),
    Step { sql: include_str!("schema/4_columns.sql"), fill: rebuild::columns },
    sql(include_str!("schema/5_dataplanes.sql")),
    Step { sql: include_str!("schema/6_leaves.sql"), fill: leaves },
    sql(include_str!("schema/7_gaps.sql")),
    Step { sql: include_str!("schema/8_usage.sql"), fill: rebuild::usage },
    sql(include_str!("schema/9_policies.sql")),
    Step { sql: include_str!("schema/10_retention.sql"), fill: rebuild::retention },
    sql(include_str!("schema/11_commits.sql")),
    Step { sql: include_str!("schema/12_audit_revision.sql"), fill: rebuild::revisions },
    Step { sql: include_str!("schema/13_known_time.sql"), fill: known_time::begin },
    sql(include_str!("schema/14_worker_ends.sql")),
    sql(include_str!("schema/15_senders.sql")),
    Step { sql: include_str!("schema/16_unknown_ends.sql"), fill: heard_of_all },
    Step { sql: include_str!("schema/17_findable.sql"), fill: findable::fill },
];

/// The first version with a mark.
const MARKED: i64 = 11;

/// What collectors on one database tell each other of the proxies they hear.
fn heard_of_all(db: &Db) -> Result<(), StoreError> {
    if db.is_shared() {
        db.execute_batch(
            "ALTER TABLE limit_seen ADD COLUMN node TEXT NOT NULL DEFAULT '';
             ALTER TABLE limit_seen ADD COLUMN interval_ms BIGINT NOT NULL DEFAULT 0;
             ALTER TABLE limit_seen ADD COLUMN gone BIGINT NOT NULL DEFAULT 0;",
        )?;
    }
    Ok(())
}

const AUDIT_IS_NOT_CHANGED: &str = "CREATE TRIGGER audit_entries_are_not_changed BEFORE UPDATE ON audit_entries
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;";

/// The hashes of what is stored already; after that, the audit log is closed to changes again.
fn leaves(db: &Db) -> Result<(), StoreError> {
    Log::ALL.into_iter().try_for_each(|log| leaf::fill(db, log))?;
    Ok(db.execute_batch(AUDIT_IS_NOT_CHANGED)?)
}

/// Marks a database as this program's (`PRAGMA application_id`), together with its version: a version alone may be a byte that
/// has changed on disk.
const MARK: i64 = 0x4867_0000;

/// Whether the tables are of this version. What is older is brought forward; what is newer is left alone.
///
/// # Errors
/// [`StoreError::Newer`]; [`StoreError::Damaged`] if version and mark do not agree.
pub(super) fn is_current(db: &Db) -> Result<bool, StoreError> {
    let (version, mark) = (db.schema_version()?, db.application_mark()?);
    match mark {
        0 if version < MARKED => Ok(false),
        _ if mark != MARK.saturating_add(version) => Err(StoreError::Damaged),
        _ if version > self::version() => Err(StoreError::Newer),
        _ => Ok(version == self::version()),
    }
}

/// Looks at both ends of every table, and at the columns of the newest segment.
///
/// # Errors
/// Something cannot be read.
pub(super) fn look_at_every_table(db: &Db) -> Result<(), StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables = db.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    for table in tables {
        for order in ["", " ORDER BY 1 DESC"] {
            let mut select = db.prepare_cached(&format!("SELECT * FROM {table}{order} LIMIT 1"))?;
            select.query([])?.next()?;
        }
    }
    let newest: Option<i64> = db.query_row("SELECT max(segment) FROM segments", [], |row| row.get(0))?;
    newest.map_or(Ok(()), |segment| columns::look(db, segment))
}

/// Steps that PostgreSQL takes at once. They are history: tables that were made otherwise at first.
const BEFORE_POSTGRES: usize = 6;
/// Those of them that are as SQLite's; the others stand in `schema/postgres/tables.sql`.
const AS_THEY_ARE: [&str; 2] = [include_str!("schema/3_limits.sql"), include_str!("schema/5_dataplanes.sql")];

/// Steps that the tables of this version have taken.
pub(super) fn version() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Brings the tables to this version.
pub(super) fn upgrade(db: &mut Db) -> Result<(), StoreError> {
    let steps = db.transaction()?;
    let mut taken = usize::try_from(steps.schema_version()?).map_err(|_| StoreError::Damaged)?;
    if taken > STEPS.len() {
        return Err(StoreError::Newer);
    }
    if taken > 0 && taken < STEPS.len() {
        journal::line(&format!("the database is brought forward from version {taken} to {}", STEPS.len()));
    }
    if steps.is_shared() && taken == 0 {
        steps.execute_batch(include_str!("schema/postgres/tables.sql"))?;
        AS_THEY_ARE.iter().try_for_each(|sql| steps.execute_batch(&steps.table_form(sql)))?;
        taken = BEFORE_POSTGRES;
    }
    for step in STEPS.iter().skip(taken) {
        steps.execute_batch(&steps.table_form(step.sql))?;
        (step.fill)(&steps)?;
    }
    steps.set_schema_version(version())?;
    steps.set_application_mark(MARK.saturating_add(version()))?;
    Ok(steps.commit()?)
}

#[cfg(test)]
mod tests {
    use super::STEPS;
    use crate::audit::{Actor, Appended, Entry, Operation, Resource, append};
    use crate::store::{Column, Counter, Filter, ListQuery, Range, Role, StoreError, UsageQuery};
    use crate::store::{change, hash_token, known_token, list, open_writer, token_id, usage_total};
    use headgate_record::RequestRecord;

    const V1_ROWS: &str = "INSERT INTO request_entries VALUES (2, 1, 6, CAST('{\"schema\":1}' AS BLOB));
         INSERT INTO names VALUES (1, 'n');
         INSERT INTO requests (position, id, boot, seq, started_at, status, stream, attempts, node, surface, environment,
           config_revision, ended_by)
         VALUES (1, x'01890a5dac96774bbcceb302099a8057', 1, 1, 5, 200, 0, 1, 1, 1, 1, 1, 1),
                (2, x'01890a5dac96774bbcceb302099a8058', 1, 2, 6, 200, 0, 1, 1, 1, 1, 1, 1);
         INSERT INTO boots (node, boot_id, stored, highest_seq) VALUES ('n', 'b', 2, 2);
         UPDATE log_heads SET next_position = 3;";

    fn file(folder: &std::path::Path) -> rusqlite::Connection {
        rusqlite::Connection::open(folder.join("headgate.db")).unwrap()
    }

    /// A database as version 1 left it, with a record and an owner's token.
    fn version_1(folder: &std::path::Path) {
        let db = file(folder);
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
        assert_eq!(all.records[0].sound(), Some(&b"{\"schema\":1}"[..]));
        let teapot = Filter::Number(Column::Status, Range { least: 418, greatest: 418 });
        let found = list(&db, &ListQuery { limit: 9, filters: vec![teapot], ..ListQuery::default() }).unwrap();
        assert_eq!(found.last, Some(1));
        let usage = usage_total(&db, &UsageQuery::of_day(0)).unwrap();
        assert_eq!((usage.get(Counter::Requests), usage.get(Counter::Errors)), (1, 1), "what can be read is counted");
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
        let refused = file(folder.path()).execute("UPDATE audit_entries SET bytes = x''", []).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }

    #[test]
    fn a_database_of_a_newer_version_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        db.set_schema_version(i64::try_from(STEPS.len()).unwrap() + 1).unwrap();
        drop(db);
        let refused = open_writer(folder.path());
        assert!(matches!(refused, Err(StoreError::Newer)));
    }
}
