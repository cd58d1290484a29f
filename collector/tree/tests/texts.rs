//! Keys, notes, checkpoints and proofs as texts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "a test may panic")]

use headgate_collector_tree::{
    Checkpoint, Error, Note, SigningKey, TlogProof, VerifyingKey, leaf_hash, note_with_signatures,
};

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::new(name, &[seed; 32]).unwrap()
}

fn signed(checkpoint: &Checkpoint, keys: &[&SigningKey]) -> String {
    let text = checkpoint.text();
    let signatures: Vec<_> = keys.iter().map(|key| (key.public(), key.sign(text.as_bytes()))).collect();
    note_with_signatures(&text, &signatures)
}

fn checkpoint(origin: &str) -> Checkpoint {
    Checkpoint { origin: origin.to_owned(), size: 1, root: leaf_hash(b"entry") }
}

/// A key that Go's `note.GenerateKey` made, and a note that it signed (golang.org/x/mod/sumdb/note, examples).
#[test]
fn a_key_and_a_note_of_go_are_read() {
    let secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    let public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let note = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\
        \n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let signing = SigningKey::parse(secret).unwrap();
    assert_eq!((signing.secret().as_str(), signing.public().to_string().as_str()), (secret, public));
    let read = Note::parse(note).unwrap();
    let keys = [VerifyingKey::parse(public).unwrap()];
    assert_eq!(read.verify(&keys).unwrap().name(), "PeterNeumann");
    assert_eq!(note_with_signatures(&read.text, &[(signing.public(), signing.sign(read.text.as_bytes()))]), note);
}

#[test]
fn a_checkpoint_is_opened_by_its_log_and_by_no_other() {
    let (own, other) = (key("example.com/requests", 1), key("example.com/audit", 1));
    let note = signed(&checkpoint("example.com/requests"), &[&other, &own]);
    assert_eq!(Checkpoint::open(&note, &[own.public().clone()]).unwrap(), checkpoint("example.com/requests"));
    let refused = Checkpoint::open(&note, &[other.public().clone()]);
    assert_eq!(refused, Err(Error::Contradicted("the checkpoint is of another log than its key")));
    assert_eq!(Checkpoint::open(&note, &[key("example.com/requests", 2).public().clone()]), Err(Error::Unsigned));
    assert_eq!(Checkpoint::open(&note, &[]), Err(Error::Unsigned));
}

#[test]
fn no_byte_of_a_checkpoint_can_change() {
    let own = key("example.com/requests", 1);
    let keys = [own.public().clone()];
    let note = signed(&checkpoint("example.com/requests"), &[&own]);
    for place in 0..note.len() {
        let mut bytes = note.clone().into_bytes();
        bytes[place] ^= 1;
        if let Ok(altered) = String::from_utf8(bytes) {
            assert!(Checkpoint::open(&altered, &keys).is_err(), "byte {place}: {altered}");
        }
    }
    for end in 0..note.len() {
        if let Some(cut) = note.get(..end) {
            assert!(Checkpoint::open(cut, &keys).is_err(), "cut at {end}");
        }
    }
}

#[test]
fn keys_of_other_forms_are_refused() {
    let own = key("example.com/log", 1);
    let text = own.public().to_string();
    assert_eq!(VerifyingKey::parse(&text).unwrap(), *own.public());
    let renamed = text.replace("/log", "/gol");
    for other in ["", "a", "a+b", "a+01234567+", &renamed, &text.replace("+A", "+a"), &text.to_uppercase()] {
        assert!(VerifyingKey::parse(other).is_err(), "{other}");
        assert!(SigningKey::parse(&format!("PRIVATE+KEY+{other}")).is_err(), "{other}");
    }
    assert!(SigningKey::parse(&text).is_err());
    for name in ["", "a b", "a+b", "a\nb", "a\u{a0}b"] {
        assert!(SigningKey::new(name, &[1; 32]).is_err(), "{name:?}");
    }
    assert!(!format!("{own:?}").contains(&own.secret()[40..]), "the secret is not in the debug text");
}

#[test]
fn checkpoints_of_other_forms_are_refused() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    assert!(Checkpoint::parse(&format!("o\n7\n{root}\n")).is_ok());
    assert!(Checkpoint::parse(&format!("o\n7\n{root}\nan extension\n")).is_ok());
    let others = [
        format!("o\n07\n{root}\n"),
        format!("o\n-7\n{root}\n"),
        format!("o\n+7\n{root}\n"),
        format!("\n7\n{root}\n"),
        format!("o\n7\n{root}"),
        format!("o\n7\n{root}\n\n"),
        format!("o\n7\n{}\n", &root[4..]),
        "o\n7\n".to_owned(),
        "o\n18446744073709551616\n".to_owned() + root + "\n",
    ];
    others.iter().for_each(|text| assert!(Checkpoint::parse(text).is_err(), "{text:?}"));
}

#[test]
fn a_proof_reads_back_and_shows_its_entry() {
    let own = key("example.com/requests", 1);
    let keys = [own.public().clone()];
    let checkpoint = checkpoint("example.com/requests");
    let proof = TlogProof { index: 0, path: Vec::new(), checkpoint: signed(&checkpoint, &[&own]) };
    assert_eq!(TlogProof::parse(&proof.text()).unwrap(), proof);
    assert_eq!(proof.verify(&leaf_hash(b"entry"), &keys).unwrap(), checkpoint);
    assert!(matches!(proof.verify(&leaf_hash(b"other"), &keys), Err(Error::Contradicted(_))));
    let longer = TlogProof { path: vec![leaf_hash(b"x"); 2], ..proof.clone() };
    assert_eq!(TlogProof::parse(&longer.text()).unwrap(), longer);
    assert!(longer.verify(&leaf_hash(b"entry"), &keys).is_err());
    let with_extra = proof.text().replacen("index", "extra YQ==\nindex", 1);
    assert_eq!(TlogProof::parse(&with_extra).unwrap(), proof);
    for other in ["", "c2sp.org/tlog-proof@v2\nindex 0\n\nx", "c2sp.org/tlog-proof@v1\nindex 00\n\nx"] {
        assert!(TlogProof::parse(other).is_err(), "{other:?}");
    }
    let unsigned = TlogProof { checkpoint: note_with_signatures(&checkpoint.text(), &[]), ..proof };
    assert!(unsigned.verify(&leaf_hash(b"entry"), &keys).is_err());
    assert_eq!(unsigned.verify_path(&leaf_hash(b"entry")).unwrap(), checkpoint);
}
