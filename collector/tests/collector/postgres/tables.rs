//! The tables: the same ones on both engines, and entries in a partition a day.

use super::numbers;
use crate::host_clock::HostClock;
use crate::process::{BINARY, Collector, run};
use crate::records::batch_of;
use crate::store;
use headgate_record::INGEST_PATH;
use std::collections::BTreeSet;
use std::path::Path;

/// What one engine has beside the other.
const OF_POSTGRES: [&str; 6] =
    ["schema_version", "audit_days", "request_entries_by_day", "audit_entries_by_day", "limit_members", "limit_seen"];
/// Leads from a position to its day.
const WAY_TO_THE_DAY: &str = "requests.received_at";

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn both_engines_have_the_same_tables_and_columns() {
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
    let own = |column: &str| OF_POSTGRES.contains(&column.split('.').next().unwrap()) || column == WAY_TO_THE_DAY;
    let rows = store::query(&store::database(root.path()).unwrap(), sql);
    let postgres: BTreeSet<String> =
        rows.into_iter().map(|mut row| row.remove(0)).filter(|column| !own(column)).collect();
    assert_eq!(postgres, sqlite);
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_look_at_a_position_reads_one_day() {
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

/// A collector whose clock stands so many seconds beside the true one.
fn at_another_time(root: &Path, name: &str, offset_s: i64) -> Collector {
    let logs = root.join(name);
    std::fs::create_dir(&logs).unwrap();
    Collector::start_with(root, &logs, &HostClock::at(offset_s).variables())
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_day_begins_at_midnight_and_a_clock_that_is_months_off_stops_nothing() {
    let root = tempfile::tempdir().unwrap();
    let today = crate::fleet::now_s() % 86_400;
    let to_midnight = 86_400 - i64::try_from(today).unwrap();
    let eve = at_another_time(root.path(), "eve", to_midnight - 10);
    // Not so far off that its entries were past their time.
    let past = at_another_time(root.path(), "past", -60 * 86_400);
    let send = |collector: &Collector, boot: &str| {
        let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", boot, 1..=5)).unwrap();
        assert_eq!(reply.json()["stored"], 5, "{}", reply.text());
        assert_eq!(crate::audit::post(collector, &[crate::audit::entry(u64::from(collector.id()))])["stored"], 1);
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
fn a_database_of_a_newer_version_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    drop(Collector::start(root.path()));
    let url = store::database(root.path()).unwrap();
    store::query(&url, "UPDATE schema_version SET version = version + 1");
    let (done, text) = super::output(&["token", "list"], &[("HEADGATE_COLLECTOR_STORE", &url)]);
    assert!(!done && text.contains("newer version"), "{text}");
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn an_entry_of_either_log_cannot_be_changed_in_place() {
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

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn a_database_of_the_version_before_is_brought_forward_with_all_that_is_in_it() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=500)).unwrap();
    let named_entry = |number| {
        let mut one = crate::audit::entry(number);
        one["actor"]["name"] = serde_json::json!("Alice");
        one
    };
    crate::audit::post(&collector, &(1..=20).map(named_entry).collect::<Vec<_>>());
    let facets = "/v1/requests/facets?facets=status,team";
    let before = crate::retention::get(&mut collector.owner(), facets);
    assert!(collector.terminate().success());
    let url = store::database(root.path()).unwrap();
    let named = "SELECT count(actor_name) FROM audit";
    let names = numbers(&url, named);
    assert!(names[0] > 0, "{names:?}");
    store::query(&url, "ALTER TABLE audit DROP COLUMN actor_name; UPDATE schema_version SET version = 16");
    // Several collectors are started at once after an upgrade.
    let started = std::thread::scope(|scope| {
        let starting = ["one", "two"].map(|name| scope.spawn(|| super::another(root.path(), name)));
        starting.map(|one| one.join().unwrap())
    });
    for collector in started {
        assert_eq!(crate::retention::get(&mut collector.owner(), facets), before);
        assert_eq!(crate::audit::everything(&collector).len(), 20);
    }
    assert!(numbers(&url, named)[0] >= names[0], "actors are named again");
}
