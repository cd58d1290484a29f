//! `GET /v1/requests/stream`: records as they are stored.

use crate::client::PATIENCE;
use crate::process::{Collector, OWNER};
use crate::records::batch_of;
use headgate_record::INGEST_PATH;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// An open stream.
struct Live(BufReader<TcpStream>);

impl Live {
    /// Opens a stream; returns it with its status.
    fn open(collector: &Collector, query: &str, headers: &str) -> (Self, u16) {
        let stream = TcpStream::connect(collector.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "GET /v1/requests/stream{query} HTTP/1.1\r\nhost: c\r\nauthorization: Bearer {OWNER}\r\n{headers}\r\n"
        );
        (&stream).write_all(head.as_bytes()).unwrap();
        let mut one = Self(BufReader::new(stream));
        let status = one.line().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        (one, status)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.0.read_line(&mut line).ok()? > 0).then_some(line)
    }

    /// Returns the numbers of the next records, and the last id of an event.
    fn records(&mut self, count: usize) -> (Vec<u64>, String) {
        let (mut found, mut id) = (Vec::new(), String::new());
        while found.len() < count {
            let line = self.line().expect("the stream goes on");
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.trim().to_owned();
            }
            if let Some(text) = line.strip_prefix("data: ") {
                let record: serde_json::Value = serde_json::from_str(text).unwrap();
                found.push(record["seq"].as_u64().unwrap());
            }
        }
        (found, id)
    }
}

fn store(collector: &Collector, numbers: std::ops::RangeInclusive<u64>) {
    assert_eq!(collector.ingest().post(INGEST_PATH, &batch_of("n", "b", numbers)).unwrap().status, 200);
}

#[test]
fn records_arrive_as_they_are_stored() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    store(&collector, 1..=5);
    let (mut live, status) = Live::open(&collector, "", "");
    assert_eq!(status, 200);
    // The first piece of the body: where the stream begins is settled.
    while live.line().unwrap() != "retry: 1000\n" {}
    store(&collector, 6..=300);
    let (seen, _) = live.records(295);
    assert_eq!(seen, (6..=300).collect::<Vec<_>>());
    store(&collector, 301..=301);
    assert_eq!(live.records(1).0, [301]);
}

#[test]
fn a_stream_continues_behind_its_last_event() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    store(&collector, 1..=3);
    let (mut live, _) = Live::open(&collector, "?after=c1_0", "");
    let (seen, id) = live.records(3);
    assert_eq!(seen, [1, 2, 3]);
    drop(live);
    store(&collector, 4..=9);
    let header = format!("last-event-id: {id}\r\n");
    // The header has precedence, as browsers keep the address of the first request.
    let (mut live, _) = Live::open(&collector, "?after=c1_0&status=200", &header);
    assert_eq!(live.records(6).0, (4..=9).collect::<Vec<_>>());
    for (query, header) in [("?after=x", ""), ("?nope=1", ""), ("?status=abc", ""), ("", "last-event-id: \u{e9}\r\n")] {
        assert_eq!(Live::open(&collector, query, header).1, 400, "{query}{header}");
    }
}

#[test]
fn only_matching_records_arrive() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let (mut live, _) = Live::open(&collector, "?after=c1_0&node=other", "");
    store(&collector, 1..=250);
    assert_eq!(collector.ingest().post(INGEST_PATH, &batch_of("other", "o", 7..=7)).unwrap().status, 200);
    assert_eq!(live.records(1).0, [7]);
}

#[test]
fn streams_of_a_token_are_bounded() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut open: Vec<_> = (0..8).map(|_| Live::open(&collector, "", "")).collect();
    assert!(open.iter().all(|(_, status)| *status == 200));
    assert_eq!(Live::open(&collector, "", "").1, 429);
    open.pop();
    crate::patience::eventually("a place", || (Live::open(&collector, "", "").1 == 200).then_some(()));
}

#[test]
fn streams_end_with_the_collector() {
    let root = tempfile::tempdir().unwrap();
    let mut collector = Collector::start(root.path());
    let (mut live, _) = Live::open(&collector, "", "");
    while live.line().unwrap() != "retry: 1000\n" {}
    collector.signal("TERM");
    while live.line().is_some() {}
    assert!(collector.ended().success());
    assert!(!collector.logs().contains("some requests were cut"), "{}", collector.logs());
}
