//! Entry bundles: the bytes whose hashes are in the tiles, for auditors, and noted in the audit log.

use super::access::new_token;
use super::retention::{rules, set, start_in_days, told, wait_for_run};
use super::trees::{ingest, leaves, start};
use crate::patience::until;
use crate::process::Collector;
use crate::records::id;
use crate::store;
use headgate_collector_tree::leaf_hash;
use serde_json::{Value, json};
use std::path::Path;

/// Returns the entries of a bundle.
fn entries(mut bundle: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        entries.push(entry.to_vec());
        bundle = rest;
    }
    assert!(bundle.is_empty(), "{bundle:?}");
    entries
}

/// Returns status and code of the answer to a bundle's request, and the message.
fn refused(collector: &Collector, path: &str) -> (u16, Value, String) {
    let reply = collector.owner().get(path).unwrap();
    let error = reply.json()["error"].clone();
    (reply.status, error["code"].clone(), error["message"].as_str().unwrap().to_owned())
}

#[test]
fn bundles_are_the_entries_of_the_tiles() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path());
    ingest(&collector, "b", 1..=700);
    let mut auditor = collector.with_token(&new_token(root.path(), "auditor"));
    let mut all = Vec::new();
    for name in ["000", "001", "002.p/188"] {
        let reply = auditor.get(&format!("/log/requests/tile/entries/{name}")).unwrap();
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/octet-stream")), "{name}");
        assert_eq!(reply.header("cache-control"), Some("no-store"), "they are read with a role, and deleted some day");
        all.extend(entries(&reply.body));
    }
    let hashes: Vec<_> = all.iter().map(|entry| leaf_hash(entry)).collect();
    assert_eq!(hashes, leaves(&collector, "requests", 700));
    assert_eq!(all[300], collector.owner().get(&format!("/v1/requests/{}", id("b", 301))).unwrap().body);
    assert_eq!(entries(&auditor.get("/log/requests/tile/entries/000.p/7").unwrap().body), all[..7]);
    let audit = auditor.get("/log/audit/tile/entries/000.p/1").unwrap();
    assert_eq!([leaf_hash(&entries(&audit.body)[0])], *leaves(&collector, "audit", 1));

    for name in ["003.p/1", "002", "002.p/189", "0", "000.p/256", "000.p/0", "x000/001", "999", "%ff"] {
        let (status, code, _) = refused(&collector, &format!("/log/requests/tile/entries/{name}"));
        assert_eq!((status, code), (404, json!("no_tile")), "{name}");
    }
    let path = "/log/requests/tile/entries/000";
    assert_eq!(collector.with_token("").get(path).unwrap().status, 401);
    assert_eq!(collector.ingest().get(path).unwrap().status, 403);
    assert_eq!(collector.with_token(&new_token(root.path(), "viewer")).get(path).unwrap().status, 403);
    // Bundles of one segment in a minute are one entry, and perhaps another one of the next minute.
    let read = told(&mut collector.owner(), "requests.bundles_read");
    assert!((1..=2).contains(&read.len()), "{read:?}");
    assert_eq!(read[0]["resource"]["name"], "bundles of positions 1 to 16384");
    assert_eq!((&read[0]["operation"], &read[0]["actor"]["kind"]), (&json!("export"), &json!("token")));
    assert_eq!(told(&mut collector.owner(), "audit.bundles_read").len(), 1);
}

/// Changes the bytes of a stored record, but not its hash.
fn damage(root: &Path, position: u64) {
    match store::database(root) {
        None => {
            let db = rusqlite::Connection::open(root.join("data/headgate.db")).unwrap();
            let sql = format!("UPDATE request_entries SET bytes = x'00' WHERE position = {position}");
            assert_eq!(db.execute(&sql, []).unwrap(), 1);
        }
        Some(url) => drop(store::query(
            &url,
            &format!(
                "ALTER TABLE request_entries_by_day DISABLE TRIGGER ALL;
                 UPDATE request_entries_by_day SET bytes = '\\x00' WHERE position = {position}"
            ),
        )),
    }
}

#[test]
fn a_bundle_with_a_damaged_entry_names_it() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path());
    ingest(&collector, "b", 1..=300);
    assert!(collector.terminate().success());
    damage(root.path(), 5);
    damage(root.path(), 6);
    damage(root.path(), 9);
    let collector = start(root.path());
    let (status, code, message) = refused(&collector, "/log/requests/tile/entries/000");
    assert_eq!((status, code), (409, json!("entries_damaged")));
    assert!(message.contains("positions 5 to 6, 9 are lost"), "{message}");
    assert_eq!(collector.owner().get("/log/requests/tile/entries/000.p/4").unwrap().status, 200);
    assert_eq!(collector.owner().get("/log/requests/tile/entries/001.p/44").unwrap().status, 200);
    until("the damage is listed", || {
        collector.owner().get("/v1/damage").unwrap().json()["data"].as_array().is_some_and(|all| !all.is_empty())
    });
}

#[test]
fn a_bundle_with_deleted_entries_names_them() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    ingest(&collector, "b", 1..=300);
    set(&mut collector.owner(), &rules(30, json!({}), 36_500));
    collector.kill();
    let collector = start_in_days(root.path(), 40);
    wait_for_run(&collector);
    ingest(&collector, "c", 1..=20);
    for (name, status) in [("000", 410), ("001.p/64", 410), ("001.p/44", 410)] {
        let (found, code, message) = refused(&collector, &format!("/log/requests/tile/entries/{name}"));
        assert_eq!((found, code), (status, json!("entries_deleted")), "{name}");
        let runs = if name == "000" { "positions 1 to 256." } else { "positions 257 to 300." };
        assert!(message.contains(runs), "{message}");
    }
}
