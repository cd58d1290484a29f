//! Senders of every kind, each like its original: it repeats unacknowledged data, and then goes on behind it.

use crate::any_store::fleet::{Proxy, listed, row};
use crate::client::Client;
use crate::process::{Collector, INGEST};
use crate::records::{batch_of, id};
use headgate_limits::SYNC_PATH;
use headgate_record::{HEARTBEAT_PATH, Heartbeat, INGEST_PATH};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const BATCH: u64 = 50;

/// A sender that knows its acknowledged data.
pub(super) trait Sender: Send {
    /// Sends one more item; returns whether it was acknowledged.
    fn send(&mut self, client: &mut Client) -> bool;

    /// Returns the number of acknowledged items or records.
    fn answered(&self) -> u64;

    /// Repeats an unanswered delivery, where only that shows whether it was stored.
    fn settle(&mut self, _collector: &Collector) {}

    /// Fails if acknowledged data is missing or duplicated.
    fn check(&mut self, collector: &Collector);

    /// Sends until the connection breaks.
    fn send_until_killed(&mut self, address: SocketAddr) {
        let Ok(mut client) = Client::connect(address, INGEST) else { return };
        while self.send(&mut client) {}
    }
}

fn accepted(client: &mut Client, path: &str, body: &[u8]) -> bool {
    client.post(path, body).is_ok_and(|reply| matches!(reply.status, 200 | 204))
}

/// Batches of records.
pub(super) struct Recorder {
    node: String,
    boot: String,
    acknowledged: u64,
}

impl Recorder {
    pub(super) fn new(number: u64) -> Self {
        Self { node: format!("n{number}"), boot: format!("b{number}"), acknowledged: 0 }
    }
}

impl Sender for Recorder {
    fn send(&mut self, client: &mut Client) -> bool {
        let first = self.acknowledged + 1;
        let sent = accepted(client, INGEST_PATH, &batch_of(&self.node, &self.boot, first..first + BATCH));
        self.acknowledged += if sent { BATCH } else { 0 };
        sent
    }

    fn answered(&self) -> u64 {
        self.acknowledged
    }

    fn check(&mut self, collector: &Collector) {
        let found = records(collector);
        let seqs = &found[&self.node];
        let missing = (1..=self.acknowledged).find(|seq| !seqs.contains(seq));
        assert_eq!(missing, None, "acknowledged, but not there");
        let one = collector.owner().get(&format!("/v1/requests/{}", id(&self.boot, self.acknowledged)));
        assert_eq!(one.unwrap().status, 200);
    }
}

/// Returns the stored numbers by node; fails if one occurs twice.
pub(super) fn records(collector: &Collector) -> BTreeMap<String, BTreeSet<u64>> {
    let mut owner = collector.owner();
    let mut found = BTreeMap::<String, BTreeSet<u64>>::new();
    let all = owner.get("/v1/requests.ndjson?order=asc").unwrap();
    for line in all.text().lines() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let node = record["node"].as_str().unwrap().to_owned();
        let new = found.entry(node).or_default().insert(record["seq"].as_u64().unwrap());
        assert!(new, "a record is there twice");
    }
    found
}

/// Audit entries, sent one by one like another system does.
#[derive(Default)]
pub(super) struct Auditor {
    acknowledged: u64,
}

impl Sender for Auditor {
    fn send(&mut self, client: &mut Client) -> bool {
        let body = serde_json::json!({"entries": [crate::any_store::audit::entry(self.acknowledged + 1)]}).to_string();
        let sent = accepted(client, "/v1/audit", body.as_bytes());
        self.acknowledged += u64::from(sent);
        sent
    }

    fn answered(&self) -> u64 {
        self.acknowledged
    }

    fn check(&mut self, collector: &Collector) {
        let entries = crate::any_store::audit::everything(collector);
        let (found, sent) = (entries.len() as u64, self.acknowledged);
        // The last one may be stored although its acknowledgement was lost.
        assert!(found == sent || found == sent + 1, "{found} {sent}");
        assert_eq!(entries, (1..=found).collect::<Vec<_>>(), "each once, in order");
    }
}

/// Heartbeats, each with a higher number.
#[derive(Default)]
pub(super) struct Heart {
    acknowledged: u64,
}

impl Sender for Heart {
    fn send(&mut self, client: &mut Client) -> bool {
        let beat = Heartbeat {
            node: "heart".to_owned(),
            boot: "h".to_owned(),
            version: "0.1.0".to_owned(),
            config_revision: "rev-7".to_owned(),
            uptime_s: 1,
            queued: 0,
            dropped: 0,
            last_seq: self.acknowledged + 1,
            ..Heartbeat::default()
        };
        let sent = accepted(client, HEARTBEAT_PATH, &serde_json::to_vec(&beat).unwrap());
        self.acknowledged += u64::from(sent);
        sent
    }

    fn answered(&self) -> u64 {
        self.acknowledged
    }

    fn check(&mut self, collector: &Collector) {
        let planes = listed(collector, "/v1/dataplanes");
        let workers: Vec<_> = planes.iter().filter(|plane| plane["node"] == "heart").collect();
        let last = workers[0]["workers"][0]["last_seq"].as_u64().unwrap();
        assert!(last == self.acknowledged || last == self.acknowledged + 1, "{last} {}", self.acknowledged);
        assert_eq!(workers[0]["workers"].as_array().unwrap().len(), 1);
    }
}

/// Reports of limits on two subjects: the use of all proxies, and the use of this one.
pub(super) struct Reporter {
    boot: String,
    answered: u64,
    /// Sum of all acknowledged reports.
    sum: u64,
    /// Sums of all reporters.
    of_all: Arc<AtomicU64>,
}

impl Reporter {
    pub(super) fn new(number: u64, of_all: &Arc<AtomicU64>) -> Self {
        Self { boot: format!("p{number}"), answered: 0, sum: 0, of_all: Arc::clone(of_all) }
    }

    fn body(&self) -> Vec<u8> {
        let rows = vec![row("all", "", self.used()), row("each", &self.boot, self.used())];
        Proxy { seq: self.answered + 1, ..Proxy::new(&self.boot) }.body(rows)
    }

    fn used(&self) -> u64 {
        1 + (self.answered + 1) % 7
    }
}

impl Sender for Reporter {
    fn send(&mut self, client: &mut Client) -> bool {
        let sent = accepted(client, SYNC_PATH, &self.body());
        if sent {
            self.sum += self.used();
            self.of_all.fetch_add(self.used(), Ordering::Relaxed);
            self.answered += 1;
        }
        sent
    }

    fn answered(&self) -> u64 {
        self.answered
    }

    fn settle(&mut self, collector: &Collector) {
        assert!(self.send(&mut collector.ingest()));
    }

    fn check(&mut self, collector: &Collector) {
        let mut proxy = Proxy { seq: self.answered, ..Proxy::new(&self.boot) };
        let total = proxy.report(collector, vec![row("each", &self.boot, 0)]).rows[0].total;
        assert_eq!(total, self.sum, "{} reports of {}", self.answered, self.boot);
        let all = listed(collector, "/v1/budgets?id=all");
        assert_eq!(all[0]["used"], self.of_all.load(Ordering::Relaxed));
    }
}
