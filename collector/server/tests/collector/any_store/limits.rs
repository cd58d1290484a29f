//! Requests that are too large, too slow or too many: refused in the error's form, without harm to others.

use crate::patience::until;
use crate::process::{Collector, INGEST};
use crate::records::batch_of;
use headgate_record::INGEST_PATH;
use std::net::TcpStream;

fn head(length: &str) -> Vec<u8> {
    format!("POST {INGEST_PATH} HTTP/1.1\r\nhost: c\r\nauthorization: Bearer {INGEST}\r\n{length}\r\n\r\n").into_bytes()
}

#[test]
fn a_body_over_eight_mebibytes_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut announced = collector.ingest();
    announced.raw(&head("content-length: 8388609")).unwrap();
    let reply = announced.reply().unwrap();
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (413, &"request_too_large".into()));
    let mut chunked = collector.ingest();
    chunked.raw(&head("transfer-encoding: chunked")).unwrap();
    let mut chunk = b"100000\r\n".to_vec();
    chunk.extend(vec![b' '; 1 << 20]);
    chunk.extend(b"\r\n");
    for _ in 0..9 {
        // The service may close the connection as soon as it has read enough.
        let _ = chunked.raw(&chunk);
    }
    assert_eq!(chunked.reply().map(|reply| reply.status).unwrap_or(413), 413);
}

#[test]
fn a_compressed_body_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut client = collector.ingest();
    client.raw(&head("content-encoding: gzip\r\ncontent-length: 0")).unwrap();
    assert_eq!(client.reply().unwrap().status, 415);
}

#[test]
fn slow_bodies_time_out_in_bounded_memory() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut slow: Vec<_> = (0..15).map(|_| collector.ingest()).collect();
    for client in &mut slow {
        client.raw(&head("content-length: 8388608\r\nexpect: 100-continue")).unwrap();
        // The answer means that the request has its share of the memory.
        assert_eq!(client.reply().unwrap().status, 100);
        client.raw(b"{").unwrap();
    }
    let mut large = collector.ingest();
    large.raw(&head("content-length: 8388608")).unwrap();
    let reply = large.reply().unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    let small = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=5));
    assert_eq!(small.unwrap().json()["stored"], 5);
    let replies = slow.iter_mut().map(|client| client.reply().unwrap().status);
    assert!(replies.eq([408; 15]));
    let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=5));
    assert_eq!(reply.unwrap().json()["duplicates"], 5);
}

#[test]
fn silent_connections_do_not_stop_ingest() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut known = collector.ingest();
    assert_eq!(known.post(INGEST_PATH, &batch_of("n", "b", 1..=1)).unwrap().status, 200);
    let silent: Vec<_> = (0..600)
        .map(|_| {
            let mut stream = TcpStream::connect(collector.address).unwrap();
            // The service may have closed it already to make room.
            let _ = std::io::Write::write_all(&mut stream, b"POST /v1/ingest/requests HTTP/1.1\r\nhost: c\r\nx-slow: ");
            stream
        })
        .collect();
    let reply = known.post(INGEST_PATH, &batch_of("n", "b", 2..=2)).unwrap();
    assert_eq!(reply.json()["stored"], 1, "a connection that showed its token is kept");
    let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 3..=3)).unwrap();
    assert_eq!(reply.json()["stored"], 1, "a new connection finds room");
    drop(silent);
}

#[test]
fn requests_without_a_token_lock_nobody_out() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    for asked in [
        "GET /readyz HTTP/1.1\r\nhost: c\r\n\r\n",
        "GET /v1/requests HTTP/1.1\r\nhost: c\r\nauthorization: Bearer x\r\n\r\n",
    ] {
        let busy: Vec<_> = (0..600)
            .map(|_| {
                let mut stream = TcpStream::connect(collector.address).unwrap();
                // The service may have closed it already to make room.
                let _ = std::io::Write::write_all(&mut stream, asked.repeat(200).as_bytes());
                stream
            })
            .collect();
        for seq in 1..=20 {
            let reply = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", seq..=seq));
            assert_eq!(reply.unwrap().status, 200, "a new connection finds room");
        }
        drop(busy);
    }
}

#[test]
fn an_unread_export_ends_and_16_are_the_most() {
    let root = tempfile::tempdir().unwrap();
    let collector = crate::any_store::stopping::full(root.path(), &[]);
    let mut idle: Vec<_> = (0..16).map(|_| crate::any_store::stopping::begin_export(&collector)).collect();
    let reply = collector.owner().get("/v1/requests.csv").unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{}", reply.text());
    assert_eq!(collector.owner().get("/v1/requests").unwrap().status, 200, "pages are read meanwhile");
    until("those who take nothing lose their places", || {
        collector.owner().get("/v1/requests.csv?limit=1").unwrap().status == 200
    });
    assert!(idle.iter_mut().any(|client| client.reply().is_err()), "nobody takes a part for the whole");
}

#[test]
fn no_label_is_chosen_by_a_client() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    for path in ["/a", "/b", "/v1/requests/x", "/v1/requests/y"] {
        assert_eq!(owner.get(path).unwrap().status, 404);
    }
    let metrics = owner.get("/metrics").unwrap().text();
    let count = |route: &str| format!("http_requests_total{{route=\"{route}\",status=\"404\"}} 2\n");
    assert!(metrics.contains(&count("none")), "{metrics}");
    assert!(metrics.contains(&count("/v1/requests/{id}")), "{metrics}");
}
