//! Every kind of write and read of the collector.

use crate::any_store::fleet::{Proxy, row};
use crate::client::{Client, Reply};
use crate::process::{Collector, INGEST, OWNER};
use crate::records::batch_of;
use headgate_limits::SYNC_PATH;
use headgate_record::{HEARTBEAT_PATH, INGEST_PATH};
use serde_json::json;

fn client(collector: &Collector, token: &str) -> Client {
    Client::connect(collector.address, token).unwrap()
}

struct Write {
    token: &'static str,
    method: &'static str,
    path: String,
    body: Vec<u8>,
}

/// Returns one of each kind; `name` makes those of two calls differ.
fn writes(name: &str) -> Vec<Write> {
    let deliver = |path: &str, body| Write { token: INGEST, method: "POST", path: path.to_owned(), body };
    let beat = json!({"node": name, "boot": "b", "version": "0.1.0", "config_revision": "r", "uptime_s": 1, "queued": 0,
        "dropped": 0, "last_seq": 1});
    let mut entry = crate::any_store::audit::entry(1);
    entry["id"] = json!("");
    let report = Proxy { seq: 1, ..Proxy::new(name) }.body(vec![row("team", name, 3)]);
    let token = json!({"role": "viewer", "name": name}).to_string().into_bytes();
    let as_owner = |method, path: &str, body| Write { token: OWNER, method, path: path.to_owned(), body };
    vec![
        deliver(INGEST_PATH, batch_of("n", name, 1..=5)),
        deliver("/v1/audit", json!({"entries": [entry]}).to_string().into_bytes()),
        deliver(SYNC_PATH, report),
        deliver(HEARTBEAT_PATH, beat.to_string().into_bytes()),
        as_owner("POST", "/v1/tokens", token),
        as_owner("GET", "/readyz", Vec::new()),
    ]
}

pub(crate) fn assert_try_again(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(reply.json()["error"]["code"], "store_unavailable");
}

/// Checks that each kind of write is answered with a retryable error. If the failure is not detected within the time limit for
/// a commit, the code would be `store_slow`.
pub(crate) fn nothing_is_written(collector: &Collector, name: &str) {
    for write in writes(name) {
        let reply = client(collector, write.token).send(write.method, &write.path, &write.body);
        assert_try_again(&reply.unwrap_or_else(|error| panic!("{} {}: {error}", write.method, write.path)));
    }
    assert_eq!(client(collector, "").get("/healthz").unwrap().status, 200);
}

/// Checks that each kind of write is answered, if late, as not confirmed.
pub(crate) fn nothing_is_confirmed(collector: &Collector, name: &str) {
    std::thread::scope(|scope| {
        for write in writes(name) {
            scope.spawn(move || {
                let mut client = Client::connect(collector.address, write.token).unwrap();
                let reply = client.send(write.method, &write.path, &write.body).unwrap();
                assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{}", write.path);
                assert_eq!(reply.json()["error"]["code"], "store_slow", "{}", write.path);
            });
        }
    });
}

/// Checks that each kind of write succeeds, and that earlier refused writes are stored once.
pub(crate) fn everything_is_written(collector: &Collector, name: &str) {
    for write in writes(name) {
        let reply = client(collector, write.token).send(write.method, &write.path, &write.body).unwrap();
        assert!(matches!(reply.status, 200 | 201 | 204), "{} {}: {}", write.method, write.path, reply.text());
        if write.path == INGEST_PATH {
            assert_eq!(reply.json()["stored"], 5, "nothing of a refused batch is there");
        }
        if write.path == SYNC_PATH {
            assert_eq!(reply.json()["rows"][0]["total"], 3, "no refused report was counted");
        }
    }
}

/// Checks that each kind of read is answered. It needs earlier writes.
pub(crate) fn everything_is_read(collector: &Collector) {
    let mut owner = client(collector, OWNER);
    let page = owner.get("/v1/requests?limit=1").unwrap().json();
    let id = page["data"][0]["id"].as_str().unwrap().to_owned();
    let paths = [
        "/v1/requests.json",
        "/v1/requests.ndjson",
        "/v1/requests.csv",
        "/v1/requests/facets",
        "/v1/gaps",
        "/v1/audit",
        "/v1/limits",
        "/v1/budgets",
        "/v1/dataplanes",
        "/v1/tokens",
        "/metrics",
    ];
    for path in paths.map(str::to_owned).into_iter().chain([format!("/v1/requests/{id}")]) {
        let reply = owner.get(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        assert!(!reply.body.is_empty(), "{path}");
    }
}
