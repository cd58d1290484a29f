//! `verify --packet --policy`: packets made from cosigned checkpoints, and the witnesses that a reader demands.

use super::packets::{command, part, verify};
use super::trees::{ingest, key, public};
use super::witnesses::{WitnessProcess, confirmed, start, witness_key};
use headgate_collector_tree::{CosigningKey, Note, SigningKey, WitnessKey};
use std::path::{Path, PathBuf};

/// A packet whose checkpoints a witness has confirmed.
fn cosigned_packet(root: &Path) -> PathBuf {
    let witness = WitnessProcess::start(root, "127.0.0.1:0");
    let collector = start(root, root, &[("audit", witness.address, witness_key().public())]);
    ingest(&collector, "b", 1..=300);
    confirmed(&collector, "requests", 300);
    confirmed(&collector, "audit", 1);
    let packet = root.join("cosigned.zip");
    let (done, text) = command(root, &packet);
    assert!(done, "{text}");
    packet
}

/// A witness that has confirmed nothing.
fn other_witness() -> WitnessKey {
    CosigningKey::new("other.example.com", &[78; 32]).unwrap().public().clone()
}

/// Verifies a packet with a policy of these lines.
fn judged(packet: &Path, lines: &[String]) -> (i32, String) {
    let file = packet.with_extension("policy");
    std::fs::write(&file, lines.join("\n")).unwrap();
    verify(packet, &["--policy", file.to_str().unwrap()])
}

#[test]
fn a_packet_is_held_against_the_policy_of_its_reader() {
    let root = tempfile::tempdir().unwrap();
    let packet = cosigned_packet(root.path());
    for log in ["requests", "audit"] {
        let note = Note::parse(&part(&packet, &format!("proofs/{log}.checkpoint"))).unwrap();
        witness_key().public().verify(&note.text, &note.signatures).unwrap();
    }
    let page = part(&packet, "index.html");
    assert!(page.contains("was confirmed by audit.example.com") && page.contains("<td>witness</td>"), "{page}");
    assert!(part(&packet, "data/sources.json").contains("\"kind\": \"witness\""));

    let log = format!("log {}", key().public());
    let witness = format!("witness audit {}", witness_key().public());
    let other = format!("witness other {}", other_witness());
    let of = |more: &[&str]| {
        let lines: Vec<_> = [&log, &witness, &other].into_iter().cloned().collect();
        lines.into_iter().chain(more.iter().map(|line| (*line).to_owned())).collect::<Vec<_>>()
    };
    for met in [
        &["quorum audit"][..],
        &["group g any audit other", "quorum g"],
        &["group g 1 audit other", "quorum g"],
        &["quorum none"],
    ] {
        let (code, text) = judged(&packet, &of(met));
        assert!(code == 0 && text.contains("everything holds"), "{met:?}: {text}");
    }
    let (_, text) = judged(&packet, &of(&["quorum audit"]));
    for log in ["requests", "audit"] {
        assert!(text.contains(&format!("ok           {log} witnesses: confirmed by audit at")), "{text}");
    }
    for unmet in
        [&["quorum other"][..], &["group g all audit other", "quorum g"], &["group g 2 audit other", "quorum g"]]
    {
        let (code, text) = judged(&packet, &of(unmet));
        assert!(code == 2 && text.contains("UNKNOWN      requests witnesses: confirmed by audit"), "{unmet:?}: {text}");
        assert!(text.contains("the policy demands more"), "{text}");
    }
}

#[test]
fn a_policy_of_another_log_or_witness_is_not_met() {
    let root = tempfile::tempdir().unwrap();
    let packet = cosigned_packet(root.path());
    let witness = format!("witness audit {}", witness_key().public());
    let another = SigningKey::new("logs.example.com/headgate", &[43; 32]).unwrap();
    let (code, text) =
        judged(&packet, &[format!("log {}", another.public()), witness.clone(), "quorum audit".to_owned()]);
    assert!(code == 1 && text.contains("CONTRADICTED key: the packet was signed with another key"), "{text}");
    let log = format!("log {}", key().public());
    let (code, text) = judged(&packet, &[log, format!("witness audit {}", other_witness()), "quorum audit".to_owned()]);
    assert!(code == 2 && text.contains("requests witnesses: confirmed by none of the policy's witnesses"), "{text}");
    // The key of one of the logs stands for that of the collector.
    let (code, text) = judged(&packet, &[format!("log {}", public("requests")), witness, "quorum audit".to_owned()]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_malformed_policy_names_its_line_and_the_remedy() {
    let root = tempfile::tempdir().unwrap();
    let packet = root.path().join("packet.zip");
    std::fs::write(&packet, b"").unwrap();
    let log = format!("log {}", key().public());
    let witness = format!("witness audit {}", witness_key().public());
    let twice = witness.replace("witness audit", "witness again");
    let (log, witness, twice) = (log.as_str(), witness.as_str(), twice.as_str());
    for (lines, place, remedy) in [
        (vec!["log nothing"], "line 1: ", "NAME+ID+KEY"),
        (vec![log, witness, "quorom audit"], "line 3: ", "it must be `log VKEY [URL]`"),
        (vec![log, witness, "quorum audit2"], "line 3: ", "define it in a line before with `witness` or `group`"),
        (vec![log, witness, twice, "quorum audit"], "line 3: ", "remove one of the two"),
        (vec![log, witness, "group g 2 audit", "quorum g"], "line 3: ", "a number from 1 to 1"),
        (vec![log, witness, "group audit any audit", "quorum audit"], "line 3: ", "choose another"),
        (vec![log, witness, "quorum audit", "quorum none"], "line 4: ", "remove one of the two"),
        (vec![log, witness], "there is no line `quorum NAME`", "`quorum none`"),
    ] {
        let lines: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
        let (code, text) = judged(&packet, &lines);
        assert!(code == 2 && text.contains(place) && text.contains(remedy), "{lines:?}: {text}");
    }
    let (code, text) = verify(&packet, &["--policy", root.path().join("none").to_str().unwrap()]);
    assert!(code == 2 && text.contains("cannot be used"), "{text}");
}
