//! Cosignatures, requests to witnesses, and policies.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test may panic"
)]

use headgate_collector_tree::{
    AddCheckpoint, Checkpoint, CosigningKey, Error, Note, NoteSignature, SigningKey, TlogPolicy, WitnessKey,
    note_with_signatures,
};

fn witness(seed: u8) -> CosigningKey {
    CosigningKey::new(&format!("witness.example/{seed}"), &[seed; 32]).unwrap()
}

fn log() -> SigningKey {
    SigningKey::new("logs.example.com/headgate", &[9; 32]).unwrap()
}

/// Returns a checkpoint that the log and these witnesses have signed.
fn note(size: u64, witnesses: &[u8]) -> String {
    let text = Checkpoint { origin: log().public().name().to_owned(), size, root: [3; 32] }.text();
    let mut note = note_with_signatures(&text, &[(log().public(), log().sign(text.as_bytes()))]);
    for seed in witnesses {
        note.push_str(&witness(*seed).cosign(&text, 1_700_000_000 + u64::from(*seed)).line.line());
    }
    note
}

#[test]
fn a_cosignature_is_that_of_its_checkpoint_its_time_and_its_witness() {
    let signed = Note::parse(&note(7, &[1])).unwrap();
    let found = witness(1).public().verify(&signed.text, &signed.signatures).unwrap();
    assert_eq!(found.time, 1_700_000_001);
    assert_eq!(witness(2).public().verify(&signed.text, &signed.signatures), Err(Error::Unsigned));
    let other = Note::parse(&note(8, &[])).unwrap();
    assert!(matches!(witness(1).public().verify(&other.text, &signed.signatures), Err(Error::Contradicted(_))));
    for place in 0..72 {
        let mut lines = signed.signatures.clone();
        lines[1].bytes[place] ^= 1;
        assert!(witness(1).public().verify(&signed.text, &lines).is_err(), "{place}");
    }
    // The log's own line is left aside by the witness, and that of the witness by the log.
    assert_eq!(Checkpoint::open(&note(7, &[1]), &[log().public().clone()]).unwrap().size, 7);
}

#[test]
fn keys_of_logs_and_witnesses_are_not_confused() {
    let key = witness(1);
    assert_eq!(CosigningKey::parse(&key.secret()).unwrap().public(), key.public());
    assert_eq!(WitnessKey::parse(&key.public().to_string()).unwrap(), *key.public());
    assert!(WitnessKey::parse(&log().public().to_string()).unwrap_err().to_string().contains("of a log"));
    assert!(CosigningKey::parse(&log().secret()).is_err());
    assert!(SigningKey::parse(&key.secret()).is_err());
    assert!(!format!("{key:?}").contains("PRIVATE"));
}

#[test]
fn the_newest_of_several_cosignatures_counts() {
    let text = Note::parse(&note(7, &[])).unwrap().text;
    let lines: Vec<NoteSignature> = [5, 9, 6].map(|time| witness(1).cosign(&text, time).line).into();
    assert_eq!(witness(1).public().verify(&text, &lines).unwrap().time, 9);
    let sent: String = lines.iter().map(NoteSignature::line).collect();
    assert_eq!(NoteSignature::parse_lines(&sent).unwrap(), lines);
    assert!(NoteSignature::parse_lines(&sent.repeat(40)).is_err());
    assert!(NoteSignature::parse_lines("").is_err());
}

#[test]
fn a_request_to_a_witness_is_read_as_it_was_written() {
    for proof in [vec![], vec![[1; 32]], vec![[2; 32]; 63]] {
        let request = AddCheckpoint { old: 5, proof, checkpoint: note(7, &[1]) };
        assert_eq!(AddCheckpoint::parse(&request.text()), Ok(request));
    }
    let long = AddCheckpoint { old: 5, proof: vec![[2; 32]; 64], checkpoint: note(7, &[]) };
    for wrong in [long.text(), "old 05\n\nx".into(), "old\n\nx".into(), "old 5\nAA==\n\nx".into(), "old 5".into()] {
        assert!(AddCheckpoint::parse(&wrong).is_err(), "{wrong}");
    }
}

fn policy(rest: &str) -> String {
    let mut text = format!("# of a test\nlog {} https://logs.example.com\n", log().public());
    for seed in 1..=4 {
        text.push_str(&format!("\twitness w{seed}  {} \n", witness(seed).public()));
    }
    text + rest
}

#[test]
fn a_policy_counts_witnesses_as_its_groups_say() {
    let met = |rest: &str, witnesses: &[u8]| {
        let policy = TlogPolicy::parse(&policy(rest)).unwrap();
        policy.judge(&Note::parse(&note(7, witnesses)).unwrap()).unwrap()
    };
    assert!(met("quorum none", &[]).is_met);
    assert!(!met("quorum w1", &[2]).is_met);
    let found = met("quorum w2", &[2, 9]);
    assert_eq!((found.is_met, found.cosigned), (true, vec![("w2".to_owned(), 1_700_000_002)]));
    let two = "group x 2 w1 w2 w3\ngroup both all x w4\nquorum both\n";
    assert!(!met(two, &[1, 4]).is_met);
    assert!(!met(two, &[1, 2]).is_met);
    assert!(met(two, &[3, 1, 4]).is_met);
    assert!(met("group x any w1 w2\nquorum x\n", &[2]).is_met);
}

#[test]
fn a_wrong_cosignature_contradicts_the_policy() {
    let policy = TlogPolicy::parse(&policy("quorum w1")).unwrap();
    let wrong = witness(1).cosign("another text\n", 1).line.line();
    let note = Note::parse(&(note(7, &[]) + &wrong)).unwrap();
    assert!(matches!(policy.judge(&note), Err(Error::Contradicted(_))));
}

#[test]
fn a_wrong_policy_names_its_line() {
    let twice = format!("log {}", log().public());
    for (rest, line) in [
        ("", "quorum"),
        ("quorum w9", "line 7"),
        ("quorum none\nquorum none", "line 8"),
        ("group g 3 w1 w2\nquorum g", "line 7"),
        ("group g 0 w1\nquorum g", "line 7"),
        ("group g all w1 w1\nquorum g", "line 7"),
        ("group g all w1\ngroup h all w1\nquorum h", "line 8"),
        ("group w1 all w2\nquorum w1", "line 7"),
        ("group none all w2\nquorum none", "line 7"),
        ("group g all\nquorum g", "line 7"),
        ("witness w5 x\nquorum none", "line 7"),
        ("anchor x\nquorum none", "line 7"),
        ("quorum none\rx", "control"),
        (twice.as_str(), "line 7"),
    ] {
        let why = TlogPolicy::parse(&policy(rest)).unwrap_err();
        assert!(why.contains(line), "{rest}: {why}");
    }
}
