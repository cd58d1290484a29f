//! The outside memory of a packet: its log must continue what is held outside, and a token must be over its checkpoint.

use super::made::{Files, Tamper, WHOLE, archive, files, judged, log, sign};
use headgate_collector_packet::{
    HeldOutside, MANIFEST, Manifest, OUTSIDE, OutsideKind, OutsideObject, outside_checkpoint, outside_token,
};
use headgate_collector_tree::{Checkpoint, Hash, Judgement, consistency_proof, encode_base64, range_hash};
use sha2::{Digest as _, Sha256};

const SIZE: u64 = 41;
const HELD: u64 = 20;

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [&head, content].concat()
}

/// Returns the reply of an authority over some bytes, without a signature.
fn reply(bytes: &[u8]) -> Vec<u8> {
    let sha_256 = element(0x06, &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01]);
    let imprint = element(0x30, &[element(0x30, &sha_256), element(0x04, &Sha256::digest(bytes))].concat());
    let (number, time) = (element(0x02, &[1]), element(0x18, b"20260102030405Z"));
    let info = element(0x30, &[number.clone(), element(0x06, &[42]), imprint, number, time].concat());
    let kind = element(0x06, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04]);
    let token = element(0x30, &[kind, element(0xa0, &element(0x04, &info))].concat());
    element(0x30, &[element(0x30, &element(0x02, &[0])), token].concat())
}

fn checkpoint(size: u64, root: Hash) -> Vec<u8> {
    sign("requests", &Checkpoint { origin: "logs.example.com/test/requests".to_owned(), size, root }.text())
        .into_bytes()
}

/// Returns the files of a packet, with what an authority and a bucket hold.
fn with_outside(held: &[HeldOutside]) -> Files {
    let mut lines = log(SIZE);
    let root = range_hash(&mut lines, 0, HELD).unwrap();
    let mut files = files(&mut lines, &WHOLE);
    for one in held {
        let note = checkpoint(HELD, root);
        files.insert(outside_token("requests", &one.anchor), reply(&note));
        files.insert(outside_checkpoint("requests", &one.anchor), note);
    }
    files.remove(&outside_token("requests", "archive"));
    files.insert(OUTSIDE.to_owned(), serde_json::to_vec(held).unwrap());
    let mut manifest: Manifest = serde_json::from_slice(&files[MANIFEST]).unwrap();
    manifest.anchors = held.iter().map(|one| one.anchor.clone()).collect();
    files.insert(MANIFEST.to_owned(), serde_json::to_vec(&manifest).unwrap());
    files
}

fn held(anchor: &str, object: Option<OutsideObject>) -> HeldOutside {
    HeldOutside {
        anchor: anchor.to_owned(),
        kind: if object.is_some() { OutsideKind::ObjectLock } else { OutsideKind::Rfc3161 },
        log: "requests".to_owned(),
        size: HELD,
        held_at: "2026-01-02T03:04:05Z".to_owned(),
        proof: consistency_proof(&mut log(SIZE), HELD, SIZE).unwrap().iter().map(|hash| encode_base64(hash)).collect(),
        object,
    }
}

fn both() -> [HeldOutside; 2] {
    let address = "https://s3.example.com/logs/1".to_owned();
    [held("archive", Some(OutsideObject { address, ..OutsideObject::default() })), held("clock", None)]
}

#[test]
fn what_is_held_outside_is_checked_and_the_rest_is_said() {
    let verdict = judged(&archive(&with_outside(&both())));
    assert_eq!(verdict.judgement(), Judgement::Holds, "{verdict:#?}");
    let said = |of: &str| &verdict.checks.iter().find(|check| check.of.contains(of)).unwrap().text;
    assert!(said("requests.archive").contains("get https://s3.example.com/logs/1"), "{verdict:#?}");
    let command =
        "openssl ts -verify -in proofs/outside/requests.clock.tsr -data proofs/outside/requests.clock.checkpoint";
    assert!(said("requests.clock").contains(command) && said("requests.clock").contains("20260102030405Z"));
    assert!(!said("key").contains("only"), "{verdict:#?}");
}

#[test]
fn an_object_that_was_not_found_again_cannot_be_judged() {
    let mut held = both();
    held[0].object.as_mut().unwrap().finding = Some("missing".to_owned());
    let verdict = judged(&archive(&with_outside(&held)));
    assert_eq!(verdict.judgement(), Judgement::Unknown, "{verdict:#?}");
    assert!(verdict.checks.iter().any(|check| check.text.contains("not as it was put: missing")), "{verdict:#?}");
}

/// Changes what is held outside and signs the sums again, as a person with the log's key could.
#[test]
fn what_the_log_does_not_continue_is_contradicted() {
    fn list(files: &mut Files, change: fn(&mut Vec<HeldOutside>)) {
        let mut held = serde_json::from_slice(&files[OUTSIDE]).unwrap();
        change(&mut held);
        files.insert(OUTSIDE.to_owned(), serde_json::to_vec(&held).unwrap());
    }
    let tampers: [(&str, Tamper); 9] = [
        ("another tree", |files| {
            _ = files.insert(outside_checkpoint("requests", "archive"), checkpoint(HELD, [7; 32]))
        }),
        ("a token over other bytes", |files| _ = files.insert(outside_token("requests", "clock"), reply(b"other"))),
        ("a checkpoint that is another than was stamped", |files| {
            let note = files.get_mut(&outside_checkpoint("requests", "clock")).unwrap();
            note.extend("— other.example.com AAAAAAAA\n".bytes());
        }),
        ("another size", |files| list(files, |held| held[0].size = 21)),
        ("no proof", |files| list(files, |held| held[0].proof.clear())),
        ("another hash", |files| list(files, |held| held[0].proof.swap(0, 1))),
        ("another log", |files| list(files, |held| held[0].log = "audit".to_owned())),
        ("one that the manifest does not have", |files| list(files, |held| held[0].anchor = "other".to_owned())),
        ("one less than the manifest has", |files| list(files, |held| drop(held.pop()))),
    ];
    for (name, tamper) in tampers {
        let mut files = with_outside(&both());
        tamper(&mut files);
        let verdict = judged(&archive(&files));
        assert_eq!(verdict.judgement(), Judgement::Contradicted, "{name}: {verdict:#?}");
    }
    let mut files = with_outside(&both());
    files.insert(outside_token("requests", "clock"), b"<html>".to_vec());
    assert_eq!(judged(&archive(&files)).judgement(), Judgement::Unknown, "no token");
}
