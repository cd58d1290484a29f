//! A disk that fails during an upgrade: the operator is told the remedy, the database is unchanged, and the next
//! start continues.

use super::{file, total, version_1};
use crate::process::{BINARY, Collector};
use std::path::Path;
use std::process::Command;

const RECORDS: u32 = 3_000;

/// Runs a script with private mounts; returns the collector's output, `None` if this user may not mount.
fn with_own_mounts(root: &Path, script: &str) -> Option<String> {
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "bash", "-e", "-c", script]).env("COLLECTOR", BINARY).env("DATA", root.join("data"));
    let output = unshare.current_dir(root).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    if said.contains("unshare failed") || said.contains("permission denied") {
        eprintln!("not run: this user may not mount");
        return None;
    }
    assert!(output.status.success(), "{said}");
    Some(said)
}

fn version(root: &Path) -> u32 {
    file(root).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

fn records(root: &Path) -> u32 {
    file(root).query_row("SELECT count(*) FROM request_entries", [], |row| row.get(0)).unwrap()
}

fn goes_on(root: &Path) {
    let collector = Collector::start(root);
    assert_eq!((total(&collector, ""), total(&collector, "&stream=true")), (RECORDS.into(), u64::from(RECORDS / 2)));
    assert!(collector.terminate().success());
    assert_eq!(version(root), super::newest());
}

#[test]
fn a_read_only_folder_is_left_unchanged() {
    let root = tempfile::tempdir().unwrap();
    version_1(root.path(), RECORDS);
    let before = std::fs::read(root.path().join("data/headgate.db")).unwrap();
    let script = "mount --bind $DATA $DATA; mount -o remount,bind,ro $DATA;
        ! $COLLECTOR serve --listen 127.0.0.1:0 --data $DATA";
    let Some(said) = with_own_mounts(root.path(), script) else { return };
    assert!(
        said.contains("may not be written") && said.contains("let the user that runs this program write"),
        "{said}"
    );
    assert!(std::fs::read(root.path().join("data/headgate.db")).unwrap() == before);
    goes_on(root.path());
}

#[test]
fn a_full_disk_ends_the_upgrade_until_room() {
    let root = tempfile::tempdir().unwrap();
    version_1(root.path(), RECORDS);
    let kib = std::fs::metadata(root.path().join("data/headgate.db")).unwrap().len() / 1024 + 512;
    // The next start finds the files as the collector left them on the full disk, now with room.
    let script = format!(
        "mkdir full; mount -t tmpfs -o size={kib}k,mode=700 none full; cp -a $DATA/. full;
         ! $COLLECTOR serve --listen 127.0.0.1:0 --data full; rm -r $DATA/*; cp -a full/. $DATA"
    );
    let Some(said) = with_own_mounts(root.path(), &script) else { return };
    assert!(said.contains("the disk is full") && said.contains("make room, then start again"), "{said}");
    assert_eq!((version(root.path()), records(root.path())), (1, RECORDS));
    goes_on(root.path());
}
