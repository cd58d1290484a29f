//! Asks witnesses to confirm checkpoints (C2SP's tlog-witness).
//!
//! A witness remembers the newest checkpoint that it has confirmed, and confirms another one only with the proof that the log has
//! just grown. Each has a task of its own for each log, so a slow one holds up nothing.

mod client;
mod settings;
mod worker;

pub use settings::WitnessSettings;

use client::WitnessClient;
use headgate_collector_store::{Store, WitnessHealth};
use headgate_collector_types::Log;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use worker::Worker;

/// The witnesses; clones share them.
#[derive(Debug, Clone)]
pub struct Witnesses {
    workers: Vec<Worker>,
    wake: Arc<Notify>,
}

impl Witnesses {
    /// Ties the witnesses of the settings to a store.
    ///
    /// # Errors
    /// A file of certificates cannot be used; the message names it.
    pub fn new(
        store: &Store,
        settings: Vec<WitnessSettings>,
        health: &WitnessHealth,
        interval: Duration,
    ) -> Result<Self, String> {
        let (wake, mut workers) = (Arc::new(Notify::new()), Vec::new());
        for one in settings {
            let client = WitnessClient::new(&one).map_err(|why| format!("witness `{}`: {why}", one.name))?;
            for log in Log::ALL {
                health.add(&one.name, one.key.to_string(), log);
                workers.push(Worker {
                    name: one.name.as_str().into(),
                    key: one.key.clone(),
                    client: client.clone(),
                    log,
                    writes: store.writes.clone(),
                    readers: store.readers.clone(),
                    health: health.clone(),
                    interval,
                    failures: 0,
                    seen: None,
                });
            }
        }
        Ok(Self { workers, wake })
    }

    /// Asks each witness once for the newest checkpoint, so that a database that went back is known before anything is signed.
    pub async fn probe(&self) {
        let mut tasks = JoinSet::new();
        for mut worker in self.workers.iter().cloned() {
            tasks.spawn(async move { worker.probe().await });
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Lets the witnesses be asked at once, since a checkpoint was signed.
    pub fn wake(&self) {
        self.wake.notify_waiters();
    }

    /// Asks for as long as it is polled.
    pub async fn run(self) {
        let mut tasks = JoinSet::new();
        for worker in self.workers {
            tasks.spawn(worker.run(Arc::clone(&self.wake)));
        }
        while tasks.join_next().await.is_some() {}
    }
}
