//! The logs' trees through HTTP: checkpoints, tiles and proofs that somebody else verifies, and what a changed database leads to.

use super::audit;
use crate::patience::{eventually, until};
use crate::process::{BINARY, Collector, run};
use crate::records::{batch_of, id};
use crate::store;
use headgate_collector_tree::{
    Checkpoint, CompactRange, Hash, SigningKey, Tile, TlogProof, VerifyingKey, decode_hash, leaf_hash,
    verify_consistency, verify_inclusion,
};
use headgate_record::INGEST_PATH;
use serde_json::{Value, json};
use std::path::Path;

/// The name of the logs of the tests.
const NAME: &str = "logs.example.com/headgate";
/// Variables that sign a checkpoint each second.
pub(crate) const EACH_SECOND: (&str, &str) = ("HEADGATE_COLLECTOR_CHECKPOINT_INTERVAL", "1");

pub(crate) fn key() -> SigningKey {
    SigningKey::new(NAME, &[42; 32]).unwrap()
}

/// Returns the public key of a log.
pub(crate) fn public(log: &str) -> VerifyingKey {
    key().public().renamed(&format!("{NAME}/{log}")).unwrap()
}

/// Starts a collector that signs.
pub(crate) fn start(root: &Path) -> Collector {
    Collector::start_with_environment(root, &[("HEADGATE_COLLECTOR_LOG_KEY", &key().secret()), EACH_SECOND])
}

pub(crate) fn ingest(collector: &Collector, boot: &str, seqs: std::ops::RangeInclusive<u64>) {
    let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", boot, seqs)).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

/// Returns the newest checkpoint of a log, verified.
pub(crate) fn checkpoint(collector: &Collector, log: &str) -> Option<Checkpoint> {
    let reply = collector.with_token("").get(&format!("/log/{log}/checkpoint")).unwrap();
    if reply.status == 404 {
        assert_eq!(reply.json()["error"]["code"], "no_checkpoint");
        return None;
    }
    assert_eq!(reply.status, 200, "{}", reply.text());
    Some(Checkpoint::open(&reply.text(), &[public(log)]).unwrap())
}

/// Waits for a checkpoint of a log that covers this many entries.
pub(crate) fn checkpoint_of(collector: &Collector, log: &str, size: u64) -> Checkpoint {
    eventually("a checkpoint", || checkpoint(collector, log).filter(|checkpoint| checkpoint.size >= size))
}

fn tile(collector: &Collector, log: &str, tile: Tile) -> Vec<Hash> {
    let reply = collector.with_token("").get(&format!("/log/{log}/{}", tile.path())).unwrap();
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, Some("application/octet-stream")),
        "{}",
        tile.path()
    );
    assert!(reply.header("cache-control").unwrap().contains("immutable"));
    reply.body.as_chunks::<32>().0.to_vec()
}

/// Returns the leaves of a log, from its tiles.
pub(crate) fn leaves(collector: &Collector, log: &str, size: u64) -> Vec<Hash> {
    let tiles = (0..size.div_ceil(256)).map(|index| Tile { level: 0, index, width: (size - index * 256).min(256) });
    tiles.flat_map(|one| tile(collector, log, one)).collect()
}

fn range(leaves: &[Hash]) -> CompactRange {
    let mut range = CompactRange::default();
    leaves.iter().for_each(|leaf| range.push(*leaf, |_, _, _| {}));
    range
}

/// Returns the proof of growth between two sizes.
pub(crate) fn growth(collector: &Collector, log: &str, from: u64, to: u64) -> Vec<Hash> {
    let reply = collector.with_token("").get(&format!("/v1/log/{log}/consistency?from={from}&to={to}")).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let proof = reply.json()["proof"].as_array().unwrap().clone();
    proof.iter().map(|hash| decode_hash(hash.as_str().unwrap()).unwrap()).collect()
}

fn state(collector: &Collector) -> Value {
    let reply = collector.owner().get("/v1/log").unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[test]
fn each_entry_is_proven_to_somebody_with_the_public_key_alone() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path());
    ingest(&collector, "b", 1..=700);
    let mut owner = collector.owner();
    checkpoint_of(&collector, "requests", 700);
    for seq in [1, 255, 256, 257, 512, 699, 700] {
        let path = format!("/v1/requests/{}", id("b", seq));
        let record = owner.get(&path).unwrap();
        let proof = owner.get(&format!("{path}/proof")).unwrap();
        assert_eq!((proof.status, proof.header("x-headgate-signed-by")), (200, Some("operator")), "{}", proof.text());
        let proof = TlogProof::parse(&proof.text()).unwrap();
        let signed = proof.verify(&leaf_hash(&record.body), &[public("requests")]).unwrap();
        assert_eq!((signed.origin.as_str(), signed.size), ("logs.example.com/headgate/requests", 700));
        for place in (0..record.body.len()).step_by(7) {
            let mut altered = record.body.clone();
            altered[place] ^= 1;
            assert!(proof.verify(&leaf_hash(&altered), &[public("requests")]).is_err());
        }
    }
    assert_eq!(audit::post(&collector, &[audit::entry(1), audit::entry(2)])["stored"], 2);
    let path = format!("/v1/audit/{}", id("audit", 2));
    let entry = owner.get(&path).unwrap();
    let proof = eventually("the entry is signed", || {
        let reply = owner.get(&format!("{path}/proof")).unwrap();
        assert!(reply.status == 200 || reply.json()["error"]["code"] == "not_signed_yet", "{}", reply.text());
        (reply.status == 200).then(|| TlogProof::parse(&reply.text()).unwrap())
    });
    proof.verify(&leaf_hash(&entry.body), &[public("audit")]).unwrap();
    assert!(proof.verify(&leaf_hash(&entry.body), &[public("requests")]).is_err(), "it is the proof of another log");
    let unknown = owner.get("/v1/requests/01890a5d-ac96-774b-bcce-b302099a8057/proof").unwrap();
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (404, &json!("request_not_found")));
}

#[test]
fn the_tiles_are_the_tree_of_the_checkpoint() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path());
    let mut signed: Vec<Checkpoint> = Vec::new();
    for batch in 0..6_u64 {
        ingest(&collector, "b", batch * 190 + 1..=batch * 190 + 190);
        signed.push(checkpoint_of(&collector, "requests", (batch + 1) * 190));
    }
    let newest = signed.last().unwrap();
    let leaves = leaves(&collector, "requests", newest.size);
    for checkpoint in &signed {
        let size = usize::try_from(checkpoint.size).unwrap();
        assert_eq!(range(&leaves[..size]).root(), checkpoint.root);
        let proof = growth(&collector, "requests", checkpoint.size, newest.size);
        let (old, new) = ((checkpoint.size, &checkpoint.root), (newest.size, &newest.root));
        verify_consistency(old, new, &proof).unwrap();
    }
    let level_1 = tile(&collector, "requests", Tile { level: 1, index: 0, width: newest.size / 256 });
    for (hash, leaves) in level_1.iter().zip(leaves.chunks(256)) {
        assert_eq!(range(leaves).root(), *hash);
    }
    let mut anyone = collector.with_token("");
    let code = |reply: crate::client::Reply| (reply.status, reply.json()["error"]["code"].clone());
    for path in
        ["tile/0/999", "tile/2/000.p/1", "tile/1/000", "tile/0/0", "tile/0/000.p/256", "tile/64/000", "tile/0/%2e"]
    {
        let reply = anyone.get(&format!("/log/requests/{path}")).unwrap();
        assert_eq!(code(reply), (404, json!("no_tile")), "{path}");
    }
    let beyond = format!("/v1/log/requests/consistency?from=1&to={}", newest.size + 1);
    for path in [beyond.as_str(), "/v1/log/requests/consistency?from=9&to=8", "/v1/log/requests/consistency?from=x"] {
        assert_eq!(code(anyone.get(path).unwrap()), (400, json!("invalid_parameter")), "{path}");
    }
}

#[test]
fn without_a_key_nothing_is_signed_and_everything_says_so() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_with_environment(root.path(), &[EACH_SECOND]);
    ingest(&collector, "b", 1..=10);
    assert_eq!(checkpoint(&collector, "requests"), None);
    let mut owner = collector.owner();
    let path = format!("/v1/requests/{}", id("b", 4));
    let reply = owner.get(&format!("{path}/proof")).unwrap();
    assert_eq!((reply.status, reply.header("x-headgate-signed-by")), (200, Some("nobody")));
    let (proof, leaf) = (TlogProof::parse(&reply.text()).unwrap(), leaf_hash(&owner.get(&path).unwrap().body));
    assert!(proof.verify(&leaf, &[public("requests")]).is_err(), "there is no signature");
    assert_eq!(proof.verify_path(&leaf).unwrap().size, 10);
    let state = state(&collector);
    assert_eq!((&state["signed_by"], &state["anchors"]), (&json!("nobody"), &json!([])));
    assert!(state["statement"].as_str().unwrap().starts_with("Not signed"));
    assert_eq!(state["logs"][0]["checkpoint"], Value::Null);
    let leaves = leaves(&collector, "requests", 10);
    assert_eq!(decode_hash(state["logs"][0]["root"].as_str().unwrap()).unwrap(), range(&leaves).root());
}

#[test]
fn the_audit_log_commits_to_the_request_tree() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path());
    ingest(&collector, "b", 1..=300);
    let entry = eventually("the tree is noted", || {
        let page = collector.owner().get("/v1/audit?event_types=tree.checkpointed").unwrap().json();
        page["data"].get(0).cloned()
    });
    let change = |path: &str| {
        let changes = entry["changes"].as_array().unwrap();
        changes.iter().find(|change| change["path"] == path).unwrap()["after"].clone()
    };
    let size = change("size").as_u64().unwrap();
    let root_of = range(&leaves(&collector, "requests", size)).root();
    assert_eq!(decode_hash(change("root").as_str().unwrap()).unwrap(), root_of);
    checkpoint_of(&collector, "requests", 300);
    let state = state(&collector);
    assert_eq!(state["signed_by"], "operator");
    assert!(state["statement"].as_str().unwrap().contains("operator only"));
    assert_eq!(state["logs"][1]["public_key"], public("audit").to_string());
}

#[test]
fn no_kill_makes_a_checkpoint_that_the_log_contradicts() {
    let root = tempfile::tempdir().unwrap();
    let mut signed: Vec<(&str, Checkpoint)> = Vec::new();
    for round in 0..12_u64 {
        let collector = start(root.path());
        for part in 0..=round % 4 {
            ingest(&collector, &format!("b{round}"), part * 90 + 1..=part * 90 + 90);
            audit::post(&collector, &[audit::entry(round * 4 + part)]);
        }
        // Now and then it lives until it has signed both.
        for log in ["requests", "audit"].into_iter().filter(|_| round % 3 == 0) {
            let size = signed.iter().filter(|(of, _)| *of == log).map(|(_, one)| one.size).max().unwrap_or(0);
            signed.push((log, checkpoint_of(&collector, log, size + 1)));
        }
        collector.kill();
    }
    let collector = start(root.path());
    assert_eq!(signed.len(), 8, "{signed:?}");
    for log in ["requests", "audit"] {
        let least = u64::try_from(store::number(root.path(), &next_position(log))).unwrap() - 1;
        let newest = checkpoint_of(&collector, log, least);
        for (_, old) in signed.iter().filter(|(of, _)| *of == log) {
            let proof = growth(&collector, log, old.size, newest.size);
            verify_consistency((old.size, &old.root), (newest.size, &newest.root), &proof).unwrap();
        }
        let leaves = leaves(&collector, log, newest.size);
        assert_eq!(range(&leaves).root(), newest.root);
    }
    assert_eq!(state(&collector)["logs"][0]["signing_stopped"], Value::Null);
}

fn next_position(log: &str) -> String {
    format!("SELECT next_position FROM log_heads WHERE log = '{log}'")
}

/// Changes a stored record together with its hash, past all that protects it.
pub(crate) fn forge(root: &Path, position: u64) {
    let forged = b"{\"schema\":1,\"id\":\"forged\"}";
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (bytes, leaf) = (hex(forged), hex(&leaf_hash(forged)));
    match store::database(root) {
        None => {
            let db = rusqlite::Connection::open(root.join("data/headgate.db")).unwrap();
            let sql =
                format!("UPDATE request_entries SET bytes = x'{bytes}', leaf = x'{leaf}' WHERE position = {position}");
            assert_eq!(db.execute(&sql, []).unwrap(), 1);
        }
        Some(url) => {
            store::query(
                &url,
                &format!(
                    "ALTER TABLE request_entries_by_day DISABLE TRIGGER ALL;
                     UPDATE request_entries_by_day SET bytes = '\\x{bytes}', leaf = '\\x{leaf}' WHERE position = {position}"
                ),
            );
        }
    }
}

#[test]
fn a_fork_is_never_signed_and_holds_up_no_record() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path());
    ingest(&collector, "b", 1..=50);
    let signed = checkpoint_of(&collector, "requests", 50);
    assert!(collector.terminate().success());
    // Among the leaves at the right edge of the tree, which every checkpoint is compared with.
    forge(root.path(), 50);
    let collector = start(root.path());
    until("signing stops", || state(&collector)["logs"][0]["signing_stopped"] == "forked");
    ingest(&collector, "b", 51..=60);
    let entries = collector.owner().get("/v1/audit?event_types=tree.forked").unwrap().json();
    assert_eq!(entries["data"].as_array().unwrap().len(), 1, "{entries}");
    assert_eq!(entries["data"][0]["outcome"], "failure");
    // The other log goes on, and so the audit log says it under its own signature.
    let position = store::number(root.path(), &next_position("audit"));
    checkpoint_of(&collector, "audit", u64::try_from(position).unwrap() - 1);
    assert_eq!(checkpoint(&collector, "requests").unwrap(), signed, "no further one");
    let metrics = collector.with_token("").get("/metrics").unwrap().text();
    assert!(metrics.contains("headgate_collector_signing_stopped{log=\"requests\"} 1"), "{metrics}");
    let proof = collector.owner().get(&format!("/v1/requests/{}/proof", id("b", 3))).unwrap();
    assert_eq!((proof.status, &proof.json()["error"]["code"]), (500, &json!("tree_contradicted")));
    drop(collector);
    let collector = start(root.path());
    until("signing stops again", || state(&collector)["logs"][0]["signing_stopped"] == "forked");
    let entries = collector.owner().get("/v1/audit?event_types=tree.forked").unwrap().json();
    assert_eq!(entries["data"].as_array().unwrap().len(), 1, "it is told once: {entries}");
}

#[test]
fn another_key_does_not_sign() {
    let root = tempfile::tempdir().unwrap();
    let collector = start(root.path());
    ingest(&collector, "b", 1..=5);
    let signed = checkpoint_of(&collector, "requests", 5);
    assert!(collector.terminate().success());
    let other = SigningKey::new(NAME, &[43; 32]).unwrap().secret();
    let collector =
        Collector::start_with_environment(root.path(), &[("HEADGATE_COLLECTOR_LOG_KEY", &other), EACH_SECOND]);
    until("signing stops", || state(&collector)["logs"][0]["signing_stopped"] == "other_key");
    ingest(&collector, "b", 6..=9);
    assert_eq!(checkpoint(&collector, "requests").unwrap(), signed);
    assert!(!collector.logs().contains(&other) && !collector.logs().contains("PRIVATE+KEY"), "{}", collector.logs());
    store::assert_nowhere(root.path(), "PRIVATE+KEY");
}

#[test]
fn a_new_key_signs_and_is_shown_nowhere_else() {
    let made = run(BINARY, &["log-key", "new", "--name", NAME]);
    assert!(made.status.success());
    let text = String::from_utf8(made.stdout).unwrap();
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().to_owned();
    let key = SigningKey::parse(&line("log_key")).unwrap();
    assert_eq!(line("public_key"), key.public().to_string());
    let own = VerifyingKey::parse(&line("requests_key")).unwrap();
    assert_eq!(own, key.public().renamed(&format!("{NAME}/requests")).unwrap());
    assert!(!run(BINARY, &["log-key", "new", "--name", "a b"]).status.success());
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start_with_environment(
        root.path(),
        &[("HEADGATE_COLLECTOR_LOG_KEY", &line("log_key")), EACH_SECOND],
    );
    ingest(&collector, "b", 1..=3);
    let note = eventually("a checkpoint", || {
        let reply = collector.with_token("").get("/log/requests/checkpoint").unwrap();
        (reply.status == 200).then(|| reply.text())
    });
    let signed = Checkpoint::open(&note, &[own]).unwrap();
    let leaves = leaves(&collector, "requests", signed.size);
    verify_inclusion(0, signed.size, &leaves[0], &proof_of(&collector), &signed.root).unwrap();
    store::assert_nowhere(root.path(), &line("log_key"));
}

fn proof_of(collector: &Collector) -> Vec<Hash> {
    let reply = collector.owner().get(&format!("/v1/requests/{}/proof", id("b", 1))).unwrap();
    TlogProof::parse(&reply.text()).unwrap().path
}
