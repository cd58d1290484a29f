//! The tables: the same on both engines, and entries partitioned by day.

use super::numbers;
use crate::host_clock::HostClock;
use crate::process::{BINARY, Collector, run};
use crate::records::batch_of;
use crate::store;
use headgate_record::INGEST_PATH;
use std::collections::BTreeSet;
use std::path::Path;

/// Columns that only one engine has.
const OF_POSTGRES: [&str; 6] =
    ["schema_version", "audit_days", "request_entries_by_day", "audit_entries_by_day", "limit_members", "limit_seen"];
/// Maps a position to its day.
const WAY_TO_THE_DAY: &str = "requests.received_at";

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn both_engines_have_the_same_tables() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    assert!(run(BINARY, &["init", "--data", data.to_str().unwrap()]).status.success());
    let file = rusqlite::Connection::open(data.join("headgate.db")).unwrap();
    let sql = "SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let mut select = file.prepare(sql).unwrap();
    let sqlite: BTreeSet<String> = select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();

    drop(Collector::start(root.path()));
    let sql = "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'";
    // The start of the collector is an entry, so its day has a partition.
    let is_day = |column: &str| column.starts_with("audit_entries_2");
    let own = |column: &str| {
        OF_POSTGRES.contains(&column.split('.').next().unwrap()) || column == WAY_TO_THE_DAY || is_day(column)
    };
    let rows = store::query(&store::database(root.path()).unwrap(), sql);
    let postgres: BTreeSet<String> =
        rows.into_iter().map(|mut row| row.remove(0)).filter(|column| !own(column)).collect();
    assert_eq!(postgres, sqlite);
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn reading_a_position_reads_one_day() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=500)).unwrap();
    let url = store::database(root.path()).unwrap();
    let days: String = (1..=30)
        .map(|day| {
            let (from, to) = (day * 86_400_000_000_i64, (day + 1) * 86_400_000_000_i64);
            format!("CREATE TABLE d{day} PARTITION OF request_entries_by_day FOR VALUES FROM ({from}) TO ({to});")
        })
        .collect();
    store::query(&url, &format!("{days} ANALYZE"));
    let plan = store::query(
        &url,
        "PREPARE look (bigint) AS SELECT bytes, leaf FROM request_entries WHERE position = $1;
         SET plan_cache_mode = force_generic_plan; EXPLAIN (ANALYZE, COSTS OFF) EXECUTE look (7)",
    );
    let plan: Vec<String> = plan.into_iter().map(|mut row| row.remove(0)).collect();
    let days = plan.iter().filter(|line| line.contains("request_entries_by_day_") || line.contains(" on d"));
    let read = days.filter(|line| !line.contains("never executed")).count();
    assert!(read <= 1, "{plan:#?}");
    assert_eq!(numbers(&url, "SELECT count(*) FROM request_entries WHERE position = 7"), [1]);
}

/// Starts a collector with a clock this many seconds off.
fn at_another_time(root: &Path, name: &str, offset_s: i64) -> Collector {
    let logs = root.join(name);
    std::fs::create_dir(&logs).unwrap();
    Collector::start_with(root, &logs, &HostClock::at(offset_s).variables())
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn days_begin_at_midnight_with_any_clock() {
    let root = tempfile::tempdir().unwrap();
    let today = crate::any_store::fleet::now_s() % 86_400;
    let to_midnight = 86_400 - i64::try_from(today).unwrap();
    let eve = at_another_time(root.path(), "eve", to_midnight - 10);
    // Near enough that its entries are not expired.
    let past = at_another_time(root.path(), "past", -60 * 86_400);
    let send = |collector: &Collector, boot: &str| {
        let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", boot, 1..=5)).unwrap();
        assert_eq!(reply.json()["stored"], 5, "{}", reply.text());
        assert_eq!(
            crate::any_store::audit::post(collector, &[crate::any_store::audit::entry(u64::from(collector.id()))])["stored"],
            1
        );
    };
    send(&eve, "eve");
    send(&past, "past");
    let url = store::database(root.path()).unwrap();
    let days = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'request_entries_by_day'::regclass";
    let mut stored = 10;
    while numbers(&url, days) != [3] {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let body = batch_of("n", &format!("day-{stored}"), 1..=5);
        let reply = eve.ingest().post(INGEST_PATH, &body).unwrap();
        assert_eq!(reply.json()["stored"], 5, "{}", reply.text());
        stored += 5;
        assert!(stored < 1_000, "no day has begun");
    }
    let places = numbers(&url, "SELECT position FROM request_entries ORDER BY position");
    assert_eq!(places, (1..=stored).collect::<Vec<_>>());
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_newer_database_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    drop(Collector::start(root.path()));
    let url = store::database(root.path()).unwrap();
    store::query(&url, "UPDATE schema_version SET version = version + 1");
    let (done, text) = super::output(&["token", "list"], &[("HEADGATE_COLLECTOR_STORE", &url)]);
    assert!(!done && text.contains("newer version"), "{text}");
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_log_entry_cannot_be_changed_in_place() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=1)).unwrap();
    let url = store::database(root.path()).unwrap();
    store::query(
        &url,
        "DO $$ BEGIN UPDATE request_entries_by_day SET bytes = 'x'; RAISE 'changed';
         EXCEPTION WHEN raise_exception THEN IF SQLERRM = 'changed' THEN RAISE; END IF; END $$",
    );
}

/// Reverts each step, the newest first: the remaining version and the SQL.
const TAKEN_BACK: [(u32, &str); 19] = [
    (28, "ALTER TABLE anchored DROP COLUMN object, DROP COLUMN version, DROP COLUMN etag, DROP COLUMN locked_until,
         DROP COLUMN read_at, DROP COLUMN finding"),
    (27, "DROP TABLE collector_runs, anchored; ALTER TABLE forwarders DROP COLUMN hold_us;
         ALTER TABLE forwarder_logs DROP COLUMN planned"),
    (26, "DROP TABLE cosignatures, tree_rollbacks, former_log_keys, former_checkpoints"),
    (25, "DROP TABLE packets, packet_key"),
    (24, "DROP TABLE forwarders, forwarder_logs, dead_letters"),
    (23, "DROP TABLE trees, tree_tiles, tree_nodes, log_key, checkpoints, tree_forks, tree_in_audit"),
    (
        21,
        "DROP TABLE sign_in_key, finished_sign_ins; ALTER TABLE sessions DROP COLUMN role, DROP COLUMN name;
         ALTER TABLE sessions RENAME COLUMN grant_sha256 TO token_sha256; ALTER TABLE sessions RENAME COLUMN holder TO token",
    ),
    (20, "ALTER TABLE audit DROP COLUMN outcome, DROP COLUMN resource_name, DROP COLUMN address"),
    (19, "DROP TABLE sessions"),
    (18, "SELECT 1"),
    (17, "ALTER TABLE heartbeats DROP COLUMN refused"),
    (16, "ALTER TABLE audit DROP COLUMN actor_name"),
    (
        15,
        "ALTER TABLE gaps DROP COLUMN end_unknown, DROP COLUMN queued, DROP COLUMN open;
         ALTER TABLE heartbeats DROP COLUMN end_noted;
         ALTER TABLE limit_seen DROP COLUMN node, DROP COLUMN interval_ms, DROP COLUMN gone",
    ),
    (
        14,
        "DROP TABLE boot_owners, senders, conflicts, corrections; ALTER TABLE tokens DROP COLUMN sender;
         DROP INDEX boots_boot_id",
    ),
    (13, "ALTER TABLE heartbeats DROP COLUMN open, DROP COLUMN ending"),
    (12, "DROP TABLE known_time"),
    (11, "ALTER TABLE audit DROP COLUMN revision"),
    (10, "DROP TABLE commits"),
    (
        9,
        "DROP TABLE retention, holds, retention_runs, gone_leaves, gone_segments;
         DROP INDEX audit_entries_received_at, gaps_boot",
    ),
];

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn every_version_is_brought_forward() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let there = (1..=500).filter(|seq| !(250..=254).contains(seq));
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", there)).unwrap();
    let named_entry = |number| {
        let mut one = crate::any_store::audit::entry(number);
        one["actor"]["name"] = serde_json::json!("Alice");
        one
    };
    crate::any_store::audit::post(&collector, &(1..=20).map(named_entry).collect::<Vec<_>>());
    let questions = [
        "/v1/requests/facets?facets=status,team,retention_class",
        "/v1/usage?from=2026-01-01&to=2026-01-03&group_by[]=team&total=true",
        "/v1/gaps",
    ];
    let answers =
        |collector: &Collector| questions.map(|path| crate::any_store::retention::get(&mut collector.owner(), path));
    let before = answers(&collector);
    let tree = |collector: &Collector| collector.owner().get("/v1/log").unwrap().json()["logs"][0].clone();
    let tree_before = tree(&collector);
    assert_eq!(tree_before["size"], 495);
    assert!(collector.terminate().success());
    let url = store::database(root.path()).unwrap();
    let named = "SELECT count(actor_name) FROM audit";
    let names = numbers(&url, named);
    assert!(names[0] > 0, "{names:?}");
    for (version, _) in TAKEN_BACK {
        for (_, step) in TAKEN_BACK.iter().filter(|(left, _)| *left >= version) {
            store::query(&url, step);
        }
        store::query(&url, &format!("UPDATE schema_version SET version = {version}"));
        // After an upgrade several collectors start at once.
        let started = std::thread::scope(|scope| {
            let names = [format!("one-{version}"), format!("two-{version}")];
            let root = root.path();
            let starting = names.map(|name| scope.spawn(move || super::another(root, &name)));
            starting.map(|one| one.join().unwrap())
        });
        for collector in &started {
            assert_eq!(answers(collector), before, "version {version}");
            assert_eq!(tree(collector), tree_before, "version {version}: the tree is built from the stored leaves");
            assert_eq!(crate::any_store::audit::everything(collector).len(), 20, "version {version}");
        }
        let again = started[0].ingest().post(INGEST_PATH, &batch_of("n", "b", 490..=500)).unwrap().json();
        assert_eq!(again["duplicates"], 11, "version {version}: {again}");
        assert!(numbers(&url, named)[0] >= names[0], "version {version}: actors are named again");
        started.into_iter().for_each(|one| assert!(one.terminate().success()));
    }
}
