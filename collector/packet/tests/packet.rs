//! A packet that is written and checked in memory: it holds, and nothing of it can be changed without being found.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use headgate_collector_packet::check::check;
use headgate_collector_packet::{
    AUDIT_CSV, Completeness, CompletenessVerdict, ControlTotals, FORMAT, Kind, LogPart, MANIFEST, Manifest, Node,
    Outside, PAGE, PacketFile, PacketWriter, REQUESTS, REQUESTS_CHECKPOINT, REQUESTS_CSV, REQUESTS_NODES,
    Reconciliation, SAMPLE_PROOF, Scope, cover, sums_text,
};
use headgate_collector_tree::{
    Checkpoint, Hash, Judgement, NodeSource, SigningKey, TlogProof, Verdict, inclusion_proof, leaf_hash, node_hash,
    note_with_signatures, range_hash,
};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::{Cursor, Read, Write};

/// The log of a test: its lines.
struct Lines(Vec<String>);

impl NodeSource for Lines {
    type Error = Infallible;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Infallible> {
        if level == 0 {
            return Ok(leaf_hash(self.0[usize::try_from(index).unwrap()].as_bytes()));
        }
        let (left, right) = (self.node(level - 1, index * 2)?, self.node(level - 1, index * 2 + 1)?);
        Ok(node_hash(&left, &right))
    }
}

fn log(size: u64) -> Lines {
    let line = |number: u64| {
        format!(
            "{{\"id\":\"r{number}\",\"started_at\":{number},\"status\":200,\"usage\":{{\"input_tokens\":3,\"output_tokens\":2}},\"cost\":{{\"nano_usd\":{number}}}}}"
        )
    };
    Lines((0..size).map(line).collect())
}

fn key() -> SigningKey {
    SigningKey::new("logs.example.com/test", &[7; 32]).unwrap()
}

fn sign(name: &str, text: &str) -> String {
    let key = key();
    let public = key.public().renamed(&format!("{}/{name}", key.public().name())).unwrap();
    note_with_signatures(text, &[(&public, key.sign(text.as_bytes()))])
}

/// The choices of a packet.
#[derive(Clone)]
struct Choice {
    kind: Kind,
    first: u64,
    end: u64,
    step: usize,
}

/// Changes the files before the sums are made: names and contents.
type Tamper = fn(&mut BTreeMap<String, Vec<u8>>);

fn files(log: &mut Lines, choice: &Choice) -> BTreeMap<String, Vec<u8>> {
    let size = log.0.len() as u64;
    let own: Vec<u64> = (choice.first..choice.end).step_by(choice.step).collect();
    let (first, end) = (own[0], own[own.len() - 1] + 1);
    let (mut nodes, mut next) = (Vec::new(), 0);
    for stop in own.iter().copied().chain([size]) {
        for (index, level) in cover(next, stop) {
            let hash = log.node(level, index >> level).unwrap();
            nodes.extend(Node { index, level, hash }.to_bytes());
        }
        next = stop + 1;
    }
    let (mut totals, mut lines, period) = (ControlTotals::default(), Vec::new(), (0, i64::MAX));
    for index in &own {
        let line = &log.0[usize::try_from(*index).unwrap()];
        assert_eq!(totals.add_line(line.as_bytes(), period), Some(true));
        lines.extend(line.bytes().chain([b'\n']));
    }
    let root = range_hash(log, 0, size).unwrap();
    let checkpoint =
        sign("requests", &Checkpoint { origin: "logs.example.com/test/requests".to_owned(), size, root }.text());
    let proof =
        TlogProof { index: first, path: inclusion_proof(log, first, size).unwrap(), checkpoint: checkpoint.clone() };
    let outside = Outside { not_matched: end - first - own.len() as u64, ..Outside::default() };
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        kind: choice.kind,
        name: "logs.example.com/test".to_owned(),
        key: Some(key().public().to_string()),
        witnesses: Vec::new(),
        made_by: "test".to_owned(),
        scope: Scope { from: period.0, to: period.1, ..Scope::default() },
        requested_by: serde_json::json!({}),
        as_of: None,
        requests: LogPart {
            size,
            first,
            end,
            lines: own.len() as u64,
            in_period: own.len() as u64,
            outside,
            ..LogPart::default()
        },
        audit: None,
        totals,
        reconciliation: Reconciliation::default(),
        completeness: Completeness { verdict: CompletenessVerdict::Complete, reasons: vec![], basis: vec![] },
        files: vec![PacketFile { name: REQUESTS.to_owned(), rows: Some(own.len() as u64) }],
    };
    let csv = "id\r\n".to_owned() + &"x\r\n".repeat(own.len());
    [
        (REQUESTS, lines),
        (REQUESTS_CSV, csv.into_bytes()),
        (REQUESTS_NODES, nodes),
        (REQUESTS_CHECKPOINT, checkpoint.into_bytes()),
        (SAMPLE_PROOF, proof.text().into_bytes()),
        (MANIFEST, serde_json::to_vec_pretty(&manifest).unwrap()),
        (PAGE, b"<p>page".to_vec()),
    ]
    .map(|(name, bytes)| (name.to_owned(), bytes))
    .into()
}

fn archive(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut packet = PacketWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        packet.put(name, bytes).unwrap();
    }
    let note = |sums: &[u8]| Ok(sign("packet", &sums_text("logs.example.com/test", sums)));
    packet.finish(note).unwrap().into_inner()
}

fn judged(packet: &Vec<u8>) -> Verdict {
    check(&packet.as_slice(), &[key().public().clone()], None)
}

const WHOLE: Choice = Choice { kind: Kind::Whole, first: 3, end: 21, step: 1 };
const FILTERED: Choice = Choice { kind: Kind::Filtered, first: 3, end: 40, step: 7 };

#[test]
fn whole_and_filtered_packets_hold() {
    for size in [41, 64, 300] {
        for choice in [WHOLE, FILTERED, Choice { first: 0, end: 41, ..WHOLE }, Choice { first: 40, end: 41, ..WHOLE }] {
            let verdict = judged(&archive(&files(&mut log(size), &choice)));
            assert_eq!(verdict.judgement(), Judgement::Holds, "{verdict:#?}");
            assert!(verdict.checks.len() >= 9, "{verdict:#?}");
        }
    }
    let packet = archive(&files(&mut log(41), &WHOLE));
    assert_eq!(packet, archive(&files(&mut log(41), &WHOLE)), "the same bytes");
    let unknown = check(&packet.as_slice(), &[], None);
    assert_eq!(unknown.judgement(), Judgement::Unknown, "without a key from elsewhere: {unknown:#?}");
    let other = SigningKey::new("logs.example.com/test", &[8; 32]).unwrap();
    assert_eq!(check(&packet.as_slice(), &[other.public().clone()], None).judgement(), Judgement::Contradicted);
}

#[test]
fn each_flipped_byte_is_found_or_changes_no_content() {
    let packet = archive(&files(&mut log(41), &WHOLE));
    let contents = |packet: &Vec<u8>| -> Option<Vec<(String, Vec<u8>)>> {
        let mut archive = zip::ZipArchive::new(Cursor::new(packet.clone())).ok()?;
        let one = |place| {
            let mut file = archive.by_index(place).ok()?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).ok()?;
            Some((file.name().ok()?.into_owned(), bytes))
        };
        (0..packet.len()).map_while(one).collect::<Vec<_>>().into()
    };
    let true_contents = contents(&packet).unwrap();
    let mut irrelevant = 0;
    for place in 0..packet.len() {
        for bit in [1, 0x80] {
            let mut altered = packet.clone();
            altered[place] ^= bit;
            if judged(&altered).judgement() != Judgement::Contradicted {
                assert_eq!(contents(&altered).unwrap(), true_contents, "byte {place}");
                irrelevant += 1;
            }
        }
    }
    assert!(irrelevant * 4 < packet.len() * 2, "{irrelevant} of {}", packet.len() * 2);
}

/// Changes content and signs the sums again: what a person with the log's key, but without the log, could try.
#[test]
fn what_is_signed_again_is_still_held_against_the_tree() {
    fn lines(files: &mut BTreeMap<String, Vec<u8>>, change: fn(&mut Vec<String>)) {
        let text = String::from_utf8(files[REQUESTS].clone()).unwrap();
        let mut all: Vec<String> = text.lines().map(str::to_owned).collect();
        change(&mut all);
        files.insert(REQUESTS.to_owned(), (all.join("\n") + "\n").into_bytes());
    }
    let tampers: [(&str, Tamper); 9] = [
        ("a row changed", |files| lines(files, |all| all[4] = all[4].replace("200", "500"))),
        ("a row removed", |files| lines(files, |all| drop(all.remove(4)))),
        ("the first row removed", |files| lines(files, |all| drop(all.remove(0)))),
        ("a row added", |files| lines(files, |all| all.insert(4, all[4].clone()))),
        ("two rows swapped", |files| lines(files, |all| all.swap(4, 5))),
        ("a row of the sheet removed", |files| {
            let csv = files.get_mut(REQUESTS_CSV).unwrap();
            csv.truncate(csv.len() - 3);
        }),
        ("a subtree changed", |files| files.get_mut(REQUESTS_NODES).unwrap()[20] ^= 1),
        ("a subtree removed", |files| files.get_mut(REQUESTS_NODES).unwrap().truncate(41)),
        ("totals changed", |files| {
            let text = String::from_utf8(files[MANIFEST].clone()).unwrap();
            let text = text.replace("\"input_tokens\": 54", "\"input_tokens\": 53");
            files.insert(MANIFEST.to_owned(), text.into_bytes());
        }),
    ];
    for (name, tamper) in tampers {
        let mut files = files(&mut log(41), &WHOLE);
        let before = files.clone();
        tamper(&mut files);
        assert_ne!(files, before, "{name}");
        let verdict = judged(&archive(&files));
        assert_eq!(verdict.judgement(), Judgement::Contradicted, "{name}: {verdict:#?}");
    }
    let left_out = files(&mut log(41), &Choice { kind: Kind::Whole, ..FILTERED });
    assert_eq!(judged(&archive(&left_out)).judgement(), Judgement::Contradicted, "filtered, called whole");
}

#[test]
fn an_archive_with_hidden_files_is_contradicted() {
    let files = files(&mut log(41), &WHOLE);
    let packet = archive(&files);
    for altered in
        [[&packet[..], b"more"].concat(), [b"more", &packet[..]].concat(), packet[..packet.len() - 1].to_vec()]
    {
        assert_eq!(judged(&altered).judgement(), Judgement::Contradicted);
    }
    let mut added = files.clone();
    added.insert(AUDIT_CSV.to_owned(), Vec::new());
    let good = archive(&files);
    // The file is in the archive and in no sum.
    let mut sneaky = zip::ZipWriter::new_append(Cursor::new(good)).unwrap();
    sneaky.start_file("data/extra.csv", zip::write::SimpleFileOptions::default()).unwrap();
    sneaky.write_all(b"x").unwrap();
    let sneaky = sneaky.finish().unwrap().into_inner();
    let verdict = judged(&sneaky);
    assert_eq!(verdict.judgement(), Judgement::Contradicted, "{verdict:#?}");
}
