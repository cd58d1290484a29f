//! The operator's choice when a damaged database is recovered.

use crate::process::{BINARY, Collector, run};
use crate::records::batch_of;
use headgate_record::INGEST_PATH;
use std::path::{Path, PathBuf};
use std::process::Output;

/// Returns a folder whose database holds ten records and has a damaged table.
fn damaged(root: &Path) -> PathBuf {
    let collector = Collector::start(root);
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=10)).unwrap();
    assert!(collector.terminate().success());
    let database = root.join("data/headgate.db");
    let db = rusqlite::Connection::open(&database).unwrap();
    let page: i64 =
        db.query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'boots'", [], |row| row.get(0)).unwrap();
    drop(db);
    let page = usize::try_from(page).unwrap();
    let mut bytes = std::fs::read(&database).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(0xa5);
    std::fs::write(&database, bytes).unwrap();
    root.join("data")
}

fn command(name: &str, data: &Path, more: &[&str]) -> Output {
    run(BINARY, &[&[name, "--data", data.to_str().unwrap()], more].concat())
}

fn kept(data: &Path) -> usize {
    let names = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("headgate.db.damaged-") && !name.ends_with("-wal")).count()
}

#[test]
fn refuse_leaves_a_damaged_database_alone() {
    let root = tempfile::tempdir().unwrap();
    let data = damaged(root.path());
    let before = std::fs::read(data.join("headgate.db")).unwrap();
    for _ in 0..2 {
        let refused = command("serve", &data, &["--recovery", "refuse", "--listen", "127.0.0.1:0"]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && said.contains("the database is damaged: "), "{said}");
        assert!(said.contains("run `headgate-collector recover --data DIR`"), "{said}");
    }
    assert_eq!((std::fs::read(data.join("headgate.db")).unwrap() == before, kept(&data)), (true, 0));
}

#[test]
fn recover_keeps_the_file_and_all_records() {
    let root = tempfile::tempdir().unwrap();
    let data = damaged(root.path());
    let recovered = command("recover", &data, &[]);
    assert!(recovered.status.success(), "{recovered:?}");
    assert!(
        String::from_utf8(recovered.stderr).unwrap().contains("salvaged: 10 entries of the requests log; 0 are lost")
    );
    assert_eq!(kept(&data), 1);
    let again = command("recover", &data, &[]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), "the database is not damaged; nothing was changed\n");
    let collector = Collector::start_with_environment(root.path(), &[("HEADGATE_COLLECTOR_RECOVERY", "refuse")]);
    let page = collector.owner().get("/v1/requests").unwrap().json();
    assert_eq!(page["data"].as_array().unwrap().len(), 10);
}

#[test]
fn recover_refuses_a_folder_in_use() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let data = root.path().join("data");
    let refused = command("recover", &data, &[]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("another process holds the database"), "{said}");
    drop(collector);
    assert!(!command("recover", &root.path().join("nowhere"), &[]).status.success());
}
