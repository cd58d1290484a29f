//! Shutdown: open requests finish, the rest is cut off in time, and load balancers are informed first.

use crate::patience::eventually;
use crate::process::Collector;
use crate::records::batch_of;
use headgate_record::INGEST_PATH;
use std::thread::sleep;
use std::time::Duration;

const SOON: Duration = Duration::from_millis(100);

/// Starts a collector with so many records that an export exceeds the buffers between it and a reader that waits.
pub(crate) fn full(root: &std::path::Path, variables: &[(&str, &str)]) -> Collector {
    let collector = Collector::start_with_environment(root, variables);
    let mut ingest = collector.ingest();
    for first in (1..20_000).step_by(2_000) {
        assert_eq!(ingest.post(INGEST_PATH, &batch_of("n", "b", first..first + 2_000)).unwrap().status, 200);
    }
    collector
}

pub(crate) fn begin_export(collector: &Collector) -> crate::client::Client {
    let mut client = collector.owner();
    let token = crate::process::OWNER;
    let head = format!("GET /v1/requests.ndjson HTTP/1.1\r\nhost: c\r\nauthorization: Bearer {token}\r\n\r\n");
    client.raw(head.as_bytes()).unwrap();
    client.is_answered().unwrap();
    client
}

#[test]
fn an_export_that_has_begun_is_finished() {
    let root = tempfile::tempdir().unwrap();
    let mut collector = full(root.path(), &[("HEADGATE_COLLECTOR_SHUTDOWN_TIME", "600")]);
    let mut client = begin_export(&collector);
    collector.signal("TERM");
    sleep(SOON);
    let export = client.reply().unwrap();
    assert_eq!(export.text().lines().count(), 20_000);
    assert!(collector.ended().success());
}

#[test]
fn a_client_that_reads_nothing_is_cut_in_time() {
    let root = tempfile::tempdir().unwrap();
    let mut collector = full(root.path(), &[("HEADGATE_COLLECTOR_SHUTDOWN_TIME", "1")]);
    let mut client = begin_export(&collector);
    collector.signal("TERM");
    assert!(collector.ended().success());
    assert!(collector.logs().contains("some requests were cut"), "{}", collector.logs());
    assert!(client.reply().is_err(), "nobody takes a part for the whole");
}

#[test]
fn readiness_ends_before_service_does() {
    let root = tempfile::tempdir().unwrap();
    let mut collector = Collector::start_with_environment(root.path(), &[("HEADGATE_COLLECTOR_SHUTDOWN_DELAY", "15")]);
    let mut probe = collector.with_token("");
    assert_eq!(probe.get("/readyz").unwrap().status, 200);
    collector.signal("TERM");
    let reply =
        eventually("it is ready no longer", || Some(probe.get("/readyz").unwrap()).filter(|reply| reply.status != 200));
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (503, &"shutting_down".into()));
    let late = collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=5)).unwrap();
    assert_eq!(late.json()["stored"], 5, "who has not left yet is served");
    assert_eq!(probe.get("/healthz").unwrap().status, 200);
    assert!(collector.ended().success());
}

#[test]
fn a_second_signal_ends_at_once_without_loss() {
    let root = tempfile::tempdir().unwrap();
    let mut collector = full(root.path(), &[("HEADGATE_COLLECTOR_SHUTDOWN_TIME", "600")]);
    let client = begin_export(&collector);
    collector.signal("TERM");
    sleep(SOON);
    collector.signal("INT");
    assert!(!collector.ended().success(), "the export was waited for");
    drop((client, collector));
    let collector = Collector::start(root.path());
    let total = collector.owner().get("/v1/requests?limit=1&total=true").unwrap().json();
    assert_eq!(total["total"], 20_000);
}
