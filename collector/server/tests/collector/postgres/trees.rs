//! Several collectors sign one log.

use super::another;
use crate::any_store::trees::{EACH_SECOND, checkpoint_of, growth, key, public};
use crate::any_store::witnesses::{self, WitnessProcess, witness_key};
use crate::process::Collector;
use crate::records::batch_of;
use crate::store;
use headgate_collector_tree::{Checkpoint, verify_consistency};
use headgate_record::INGEST_PATH;
use std::thread;

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn collectors_sign_one_sequence_of_consistent_checkpoints() {
    let root = tempfile::tempdir().unwrap();
    let secret = key().secret();
    let variables = [("HEADGATE_COLLECTOR_LOG_KEY", secret.as_str()), EACH_SECOND];
    let collectors: Vec<Collector> = ["one", "two"]
        .iter()
        .map(|name| {
            let logs = root.path().join(name);
            std::fs::create_dir(&logs).unwrap();
            Collector::start_with(root.path(), &logs, &variables)
        })
        .collect();
    thread::scope(|scope| {
        for (number, collector) in collectors.iter().enumerate() {
            scope.spawn(move || {
                let mut client = collector.ingest();
                for batch in 0..80_u64 {
                    let body = batch_of("n", &format!("b{number}"), batch * 20 + 1..=batch * 20 + 20);
                    assert_eq!(client.post(INGEST_PATH, &body).unwrap().json()["stored"], 20);
                    thread::sleep(std::time::Duration::from_millis(60));
                }
            });
        }
    });
    checkpoint_of(&collectors[1], "requests", 3_200);
    let url = store::database(root.path()).unwrap();
    let notes = store::query(&url, "SELECT note FROM checkpoints WHERE log = 'requests' ORDER BY size");
    let signed: Vec<Checkpoint> =
        notes.iter().map(|row| Checkpoint::open(&row[0], &[public("requests")]).unwrap()).collect();
    assert!(signed.len() >= 4, "{signed:?}");
    for (place, old) in signed.iter().enumerate() {
        for new in &signed[place..] {
            let proof = growth(&collectors[place % 2], "requests", old.size, new.size);
            verify_consistency((old.size, &old.root), (new.size, &new.root), &proof).unwrap();
        }
    }
    let third = another(root.path(), "third");
    assert_eq!(checkpoint_of(&third, "requests", 3_200), *signed.last().unwrap());
}

#[test]
#[ignore = "needs a PostgreSQL: just contract"]
fn collectors_on_one_database_share_a_witness() {
    let root = tempfile::tempdir().unwrap();
    let witness = WitnessProcess::start(root.path(), "127.0.0.1:0");
    let collectors: Vec<Collector> = ["one", "two"]
        .iter()
        .map(|name| {
            let logs = root.path().join(name);
            std::fs::create_dir(&logs).unwrap();
            witnesses::start(root.path(), &logs, &[("audit", witness.address, witness_key().public())])
        })
        .collect();
    thread::scope(|scope| {
        for (number, collector) in collectors.iter().enumerate() {
            scope.spawn(move || {
                let mut client = collector.ingest();
                for batch in 0..60_u64 {
                    let body = batch_of("n", &format!("b{number}"), batch * 20 + 1..=batch * 20 + 20);
                    assert_eq!(client.post(INGEST_PATH, &body).unwrap().json()["stored"], 20);
                    thread::sleep(std::time::Duration::from_millis(60));
                }
            });
        }
    });
    for collector in &collectors {
        witnesses::confirmed(collector, "requests", 2_400);
        let state = collector.owner().get("/v1/log").unwrap().json();
        assert!(state["logs"][0]["signing_stopped"].is_null(), "{state}");
    }
    let url = store::database(root.path()).unwrap();
    assert_eq!(store::query(&url, "SELECT count(*) FROM tree_rollbacks")[0][0], "0");
    let confirmed: usize =
        store::query(&url, "SELECT count(*) FROM cosignatures WHERE log = 'requests'")[0][0].parse().unwrap();
    assert!(confirmed >= 3, "{confirmed}");
}
