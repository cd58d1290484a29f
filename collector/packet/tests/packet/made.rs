//! A packet in memory: its log, its files, its archive.

use headgate_collector_packet::check::check;
use headgate_collector_packet::{
    Completeness, CompletenessVerdict, ControlTotals, FORMAT, Kind, LogPart, MANIFEST, Manifest, Node, Outside, PAGE,
    PacketFile, PacketWriter, REQUESTS, REQUESTS_CHECKPOINT, REQUESTS_CSV, REQUESTS_NODES, Reconciliation,
    SAMPLE_PROOF, Scope, cover, sums_text,
};
use headgate_collector_tree::{
    Checkpoint, Hash, NodeSource, SigningKey, TlogProof, Verdict, inclusion_proof, leaf_hash, node_hash,
    note_with_signatures, range_hash,
};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Cursor;

/// The files of a packet by their names.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Changes the files before the sums are made: names and contents.
pub(super) type Tamper = fn(&mut Files);

/// The log of a test: its lines.
pub(super) struct Lines(pub(super) Vec<String>);

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

pub(super) fn log(size: u64) -> Lines {
    let line = |number: u64| {
        format!(
            "{{\"id\":\"r{number}\",\"started_at\":{number},\"status\":200,\"usage\":{{\"input_tokens\":3,\"output_tokens\":2}},\"cost\":{{\"nano_usd\":{number}}}}}"
        )
    };
    Lines((0..size).map(line).collect())
}

pub(super) fn key() -> SigningKey {
    SigningKey::new("logs.example.com/test", &[7; 32]).unwrap()
}

pub(super) fn sign(name: &str, text: &str) -> String {
    let key = key();
    let public = key.public().renamed(&format!("{}/{name}", key.public().name())).unwrap();
    note_with_signatures(text, &[(&public, key.sign(text.as_bytes()))])
}

/// The choices of a packet.
#[derive(Clone)]
pub(super) struct Choice {
    pub(super) kind: Kind,
    pub(super) first: u64,
    pub(super) end: u64,
    pub(super) step: usize,
}

pub(super) fn files(log: &mut Lines, choice: &Choice) -> Files {
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
        anchors: Vec::new(),
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

pub(super) fn archive(files: &Files) -> Vec<u8> {
    let mut packet = PacketWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        packet.put(name, bytes).unwrap();
    }
    let note = |sums: &[u8]| Ok(sign("packet", &sums_text("logs.example.com/test", sums)));
    packet.finish(note).unwrap().into_inner()
}

pub(super) fn judged(packet: &Vec<u8>) -> Verdict {
    check(&packet.as_slice(), &[key().public().clone()], None)
}

pub(super) const WHOLE: Choice = Choice { kind: Kind::Whole, first: 3, end: 21, step: 1 };
pub(super) const FILTERED: Choice = Choice { kind: Kind::Filtered, first: 3, end: 40, step: 7 };
