//! The steps from one version of the tables to the next.

use super::{backfill, leaf_hash, tree, trusted_time};
use headgate_collector_columns as columns;
use headgate_collector_db::{Db, StoreError};
use headgate_collector_types::Log;

/// One step: SQL for the tables, then code that fills them.
struct MigrationStep {
    ddl: &'static str,
    fill: fn(&Db) -> Result<(), StoreError>,
}

const fn ddl(ddl: &'static str) -> MigrationStep {
    MigrationStep { ddl, fill: |_| Ok(()) }
}

/// The steps, each of which brings the tables one version further. The database counts the steps taken. The SQL is
/// SQLite's; PostgreSQL's is derived from it, except for the first [`BEFORE_POSTGRES`] steps.
const STEPS: [MigrationStep; 29] = [
    ddl(include_str!("schema/1_requests.sql")),
    ddl(include_str!("schema/2_audit.sql")),
    ddl(include_str!("schema/3_limits.sql")),
    MigrationStep { ddl: include_str!("schema/4_columns.sql"), fill: backfill::columns },
    ddl(include_str!("schema/5_dataplanes.sql")),
    MigrationStep { ddl: include_str!("schema/6_leaves.sql"), fill: fill_leaf_hashes },
    ddl(include_str!("schema/7_gaps.sql")),
    MigrationStep { ddl: include_str!("schema/8_usage.sql"), fill: backfill::usage },
    ddl(include_str!("schema/9_policies.sql")),
    MigrationStep { ddl: include_str!("schema/10_retention.sql"), fill: backfill::retention },
    ddl(include_str!("schema/11_commits.sql")),
    MigrationStep { ddl: include_str!("schema/12_audit_revision.sql"), fill: backfill::revisions },
    MigrationStep { ddl: include_str!("schema/13_known_time.sql"), fill: trusted_time::init },
    ddl(include_str!("schema/14_worker_ends.sql")),
    ddl(include_str!("schema/15_senders.sql")),
    MigrationStep { ddl: include_str!("schema/16_unknown_ends.sql"), fill: add_shared_columns },
    MigrationStep { ddl: include_str!("schema/17_findable.sql"), fill: backfill::searchable },
    ddl(include_str!("schema/18_refused_by_proxy.sql")),
    MigrationStep { ddl: include_str!("schema/19_outcomes.sql"), fill: backfill::outcomes },
    ddl(include_str!("schema/20_sessions.sql")),
    MigrationStep { ddl: include_str!("schema/21_sources.sql"), fill: backfill::source },
    ddl(include_str!("schema/22_persons.sql")),
    ddl(include_str!("schema/23_sums.sql")),
    MigrationStep { ddl: include_str!("schema/24_trees.sql"), fill: tree::build_all },
    ddl(include_str!("schema/25_forwarders.sql")),
    ddl(include_str!("schema/26_packets.sql")),
    ddl(include_str!("schema/27_witnesses.sql")),
    ddl(include_str!("schema/28_runs.sql")),
    ddl(include_str!("schema/29_anchors.sql")),
];

/// The first version with a mark.
const MARKED: i64 = 11;

/// Adds the columns in which collectors on one database share the state of proxies.
fn add_shared_columns(db: &Db) -> Result<(), StoreError> {
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

/// Fills the leaf hashes of existing entries, and then closes the audit log to changes again.
fn fill_leaf_hashes(db: &Db) -> Result<(), StoreError> {
    Log::ALL.into_iter().try_for_each(|log| leaf_hash::fill(db, log))?;
    Ok(db.execute_batch(AUDIT_IS_NOT_CHANGED)?)
}

/// The mark of this program's databases (`PRAGMA application_id`), to which the version is added. A version alone could
/// be a byte that changed on disk.
const MARK: i64 = 0x4867_0000;

/// Returns whether the tables have this version. Older tables are upgraded, and newer ones are left alone.
///
/// # Errors
/// [`StoreError::Newer`]; [`StoreError::Damaged`] if version and mark do not agree.
pub fn is_current(db: &Db) -> Result<bool, StoreError> {
    let (version, mark) = (db.schema_version()?, db.application_mark()?);
    match mark {
        0 if version < MARKED => Ok(false),
        _ if mark != MARK.saturating_add(version) => Err(StoreError::Damaged),
        _ if version > self::version() => Err(StoreError::Newer),
        _ => Ok(version == self::version()),
    }
}

/// The logs, and the tables with data that are derived from each entry. The scrub checks them entry by entry, and a recovery
/// rebuilds them.
pub const LOGS_AND_DERIVED: [&str; 9] = [
    "request_entries",
    "audit_entries",
    "requests",
    "fresh",
    "segments",
    "segment_columns",
    "name_sets",
    "name_set_members",
    "audit",
];

/// Returns the names of all tables of a file.
fn tables(db: &Db) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    Ok(db.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Returns the names of the tables that no walk over the logs reads. A server has its own tools for these.
///
/// # Errors
/// The schema cannot be read.
pub(crate) fn other_tables(db: &Db) -> Result<Vec<String>, StoreError> {
    if db.is_shared() {
        return Ok(Vec::new());
    }
    Ok(tables(db)?.into_iter().filter(|table| !LOGS_AND_DERIVED.contains(&table.as_str())).collect())
}

/// Reads both ends of every table and the columns of the newest segment.
///
/// # Errors
/// A row cannot be read.
pub fn probe_tables(db: &Db) -> Result<(), StoreError> {
    for table in tables(db)? {
        for order in ["", " ORDER BY 1 DESC"] {
            let mut select = db.prepare_cached(&format!("SELECT * FROM {table}{order} LIMIT 1"))?;
            select.query([])?.next()?;
        }
    }
    let newest: Option<i64> = db.query_row("SELECT max(segment) FROM segments", [], |row| row.get(0))?;
    newest.map_or(Ok(()), |segment| columns::verify_segment(db, segment))
}

/// The number of steps that PostgreSQL takes at once. They are history: SQLite's tables had other forms at first.
const BEFORE_POSTGRES: usize = 6;
/// Those of these steps that PostgreSQL shares with SQLite. The others are in `schema/postgres/tables.sql`.
const SHARED_DDL: [&str; 2] = [include_str!("schema/3_limits.sql"), include_str!("schema/5_dataplanes.sql")];

/// Returns the version of the tables, which is the number of steps.
pub(super) fn version() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Upgrades the tables to this version.
pub fn upgrade(db: &mut Db) -> Result<(), StoreError> {
    let steps = db.transaction()?;
    let mut applied = usize::try_from(steps.schema_version()?).map_err(|_| StoreError::Damaged)?;
    if applied > STEPS.len() {
        return Err(StoreError::Newer);
    }
    if applied > 0 && applied < STEPS.len() {
        tracing::info!("the database is brought forward from version {applied} to {}", STEPS.len());
    }
    if steps.is_shared() && applied == 0 {
        steps.execute_batch(include_str!("schema/postgres/tables.sql"))?;
        SHARED_DDL.iter().try_for_each(|ddl| steps.execute_batch(&steps.table_form(ddl)))?;
        applied = BEFORE_POSTGRES;
    }
    for step in STEPS.iter().skip(applied) {
        steps.execute_batch(&steps.table_form(step.ddl))?;
        (step.fill)(&steps)?;
    }
    steps.set_schema_version(version())?;
    steps.set_application_mark(MARK.saturating_add(version()))?;
    Ok(steps.commit()?)
}

#[cfg(test)]
mod tests {
    use super::STEPS;
    use crate::audit::{Appended, append};
    use crate::{
        Counter, RequestQuery, UsageQuery, change, hash_token, known_token, list_requests, open_writer, token_id,
        usage_total,
    };
    use headgate_collector_columns::{Column, Filter, Range};
    use headgate_collector_db::StoreError;
    use headgate_collector_types::Role;
    use headgate_collector_types::audit::{Actor, Entry, Operation, Resource};
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

    /// Creates a database as version 1 left it, with a record and an owner's token.
    fn version_1(folder: &std::path::Path) {
        let db = file(folder);
        db.execute_batch("PRAGMA journal_mode = WAL").unwrap();
        db.execute_batch(STEPS[0].ddl).unwrap();
        db.execute_batch(V1_ROWS).unwrap();
        let record = RequestRecord { schema: 1, status: 418, started_at: 5, ..RequestRecord::default() };
        let bytes = serde_json::to_vec(&record).unwrap();
        db.execute("INSERT INTO request_entries VALUES (1, 1, 5, ?1)", [bytes]).unwrap();
        db.execute("INSERT INTO tokens VALUES (?1, 'owner', 7)", [hash_token("hgc_old")]).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
    }

    #[test]
    fn a_database_of_version_1_is_upgraded() {
        let folder = tempfile::tempdir().unwrap();
        version_1(folder.path());
        let mut db = open_writer(folder.path()).unwrap();
        let hash = hash_token("hgc_old");
        let known = known_token(&db, &hash, 0).unwrap().unwrap();
        assert_eq!((known.role, known.id), (Role::Owner, token_id(&hash)));
        let all = list_requests(&db, &RequestQuery { limit: 9, ..RequestQuery::default() }).unwrap();
        assert_eq!(all.records.len(), 2, "what cannot be read keeps its place");
        assert_eq!(all.records[0].bytes(), Some(&b"{\"schema\":1}"[..]));
        let teapot = Filter::Number(Column::Status, Range { least: 418, greatest: 418 });
        let found =
            list_requests(&db, &RequestQuery { limit: 9, filters: vec![teapot], ..RequestQuery::default() }).unwrap();
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
    fn a_newer_database_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let db = open_writer(folder.path()).unwrap();
        db.set_schema_version(i64::try_from(STEPS.len()).unwrap() + 1).unwrap();
        drop(db);
        let refused = open_writer(folder.path());
        assert!(matches!(refused, Err(StoreError::Newer)));
    }
}
