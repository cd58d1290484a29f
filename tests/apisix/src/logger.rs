//! `http-logger`: an entry for every request, sent in batches by timers.

use crate::network::{Network, Outgoing, Received};
use crate::world::Fields;
use serde_json::{Value, json};

const SECOND_US: u64 = 1_000_000;

/// A batch on its way.
pub(crate) struct Batch {
    request: Outgoing,
    entries: usize,
    tries: u64,
    due_us: u64,
}

/// See the module's text.
pub(crate) struct Logger {
    conf: Value,
    authorization: Option<String>,
    entries: Vec<String>,
    first_us: u64,
    last_us: u64,
    batches: Vec<Batch>,
}

impl Logger {
    /// The plugin with this configuration, if there is one.
    pub(crate) fn start(conf: &Value, environment: &[(String, String)]) -> Option<Self> {
        conf.as_object()?;
        assert_eq!(conf["concat_method"], "new_line");
        let authorization = conf["auth_header"].as_str().map(|value| {
            let name = value.strip_prefix("$env://").expect("a secret in the file");
            environment.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone()).unwrap_or_default()
        });
        let (entries, batches) = (Vec::new(), Vec::new());
        Some(Self { conf: conf.clone(), authorization, entries, first_us: 0, last_us: 0, batches })
    }

    fn number(&self, name: &str) -> u64 {
        self.conf[name].as_u64().unwrap()
    }

    /// The log phase of a request. A variable that was not set is an empty text.
    pub(crate) fn log(&mut self, record: &[u8], now_us: u64) {
        assert_eq!(self.conf["log_format"], json!({"record": "$headgate_record"}));
        let record = String::from_utf8_lossy(record);
        self.entries.push(json!({"record": record, "route_id": "headgate-rest"}).to_string());
        if self.entries.len() == 1 {
            self.first_us = now_us;
        }
        self.last_us = now_us;
        if self.entries.len() as u64 >= self.number("batch_max_size") {
            self.close_batch(now_us);
        }
    }

    fn close_batch(&mut self, now_us: u64) {
        let entries = std::mem::take(&mut self.entries);
        if !entries.is_empty() {
            let request = self.request(&entries);
            self.batches.push(Batch { request, entries: entries.len(), tries: 0, due_us: now_us });
        }
    }

    /// Takes out the batches that are to be sent now.
    pub(crate) fn due(&mut self, now_us: u64) -> Vec<Batch> {
        let idle = now_us >= self.last_us + self.number("inactive_timeout") * SECOND_US;
        if idle || now_us >= self.first_us + self.number("buffer_duration") * SECOND_US {
            self.close_batch(now_us);
        }
        let (due, waiting) = std::mem::take(&mut self.batches).into_iter().partition(|batch| batch.due_us <= now_us);
        self.batches = waiting;
        due
    }

    /// Takes back a batch that was not accepted, unless it was sent too often.
    pub(crate) fn take_back(&mut self, mut batch: Batch, now_us: u64) {
        if batch.tries < self.number("max_retry_count") {
            batch.tries += 1;
            batch.due_us = now_us + self.number("retry_delay") * SECOND_US;
            self.batches.push(batch);
        }
    }

    /// Takes out everything: the worker ends in order, and timers run before they are due, once.
    pub(crate) fn rest(&mut self) -> Vec<Batch> {
        self.close_batch(0);
        std::mem::take(&mut self.batches)
    }

    fn request(&self, entries: &[String]) -> Outgoing {
        let uri = self.conf["uri"].as_str().unwrap();
        let (_, rest) = uri.split_once("://").unwrap();
        let (to, path) = rest.split_once('/').unwrap();
        let mut headers: Fields = vec![
            (":method".to_owned(), "POST".to_owned()),
            (":path".to_owned(), format!("/{path}")),
            (":authority".to_owned(), to.to_owned()),
            ("content-type".to_owned(), "text/plain".to_owned()),
        ];
        headers.extend(self.authorization.clone().map(|value| ("authorization".to_owned(), value)));
        Outgoing { to: to.to_owned(), headers, body: entries.join("\n").into_bytes(), timeout_ms: 3_000 }
    }

    /// Returns the number of entries that it holds.
    pub(crate) fn held(&self) -> usize {
        self.entries.len() + self.batches.iter().map(|batch| batch.entries).sum::<usize>()
    }
}

impl Batch {
    /// Sends it. Returns whether it was accepted.
    pub(crate) fn is_accepted(&self, network: &mut dyn Network) -> bool {
        matches!(network.answer(&self.request), Received::Answer { status, .. } if status < 400)
    }
}
