//! A packet that is written and checked in memory: it holds, and nothing of it can be changed without being found.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod made;
mod outside;

use headgate_collector_packet::check::check;
use headgate_collector_packet::{AUDIT_CSV, Kind, MANIFEST, REQUESTS, REQUESTS_CSV, REQUESTS_NODES};
use headgate_collector_tree::{Judgement, SigningKey};
use made::{Choice, FILTERED, Files, Tamper, WHOLE, archive, files, judged, log};
use std::io::{Cursor, Read, Write};

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
    fn lines(files: &mut Files, change: fn(&mut Vec<String>)) {
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
