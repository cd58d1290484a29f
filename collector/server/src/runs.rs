//! This run of the collector in the audit log: its start, its settings, its end.

use headgate_collector_store::{CollectorRun, Location, WriteHandle, begin_run, continue_run, end_run, new_id};
use headgate_collector_types::clock;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// The time between two signs of life.
const INTERVAL: Duration = Duration::from_secs(60);
/// The pause before a start that could not be stored is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest wait for the entry of the end.
const END_TIME: Duration = Duration::from_secs(5);

/// This run; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Runs {
    run: CollectorRun,
    writes: WriteHandle,
}

impl Runs {
    /// Returns the run of a collector.
    #[must_use]
    pub(crate) fn new(
        location: &Location,
        listen: SocketAddr,
        settings: BTreeMap<String, String>,
        writes: WriteHandle,
    ) -> Self {
        // Without randomness two runs of one name would not be told apart, which matters to nobody but a reader.
        let id = new_id(clock::now_us()).unwrap_or_default();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let place = match location {
            Location::Folder(data) => data.display().to_string(),
            // Several of them may have any free port.
            Location::Server(_) if listen.port() == 0 => id.clone(),
            Location::Server(_) => listen.to_string(),
        };
        let name = format!("{} {place}", host.trim()).trim().to_owned();
        Self { run: CollectorRun { name, id, version: env!("CARGO_PKG_VERSION"), settings }, writes }
    }

    /// Notes the start. Returns whether that was possible; if not, [`Runs::run`] does it later.
    pub(crate) async fn begin(&self) -> bool {
        let run = self.run.clone();
        let begun = self.writes.transact(move |tx| begin_run(tx, &run, clock::now_us())).await;
        if let Err(error) = &begun {
            tracing::warn!("the audit log has no entry of this start yet: {error}; it is tried again");
        }
        begun.is_ok()
    }

    /// Notes signs of life for as long as it is polled.
    pub(crate) async fn run(self, mut is_begun: bool) {
        while !is_begun {
            tokio::time::sleep(PAUSE).await;
            is_begun = self.begin().await;
        }
        loop {
            tokio::time::sleep(INTERVAL).await;
            let run = self.run.clone();
            // A sign that is missing is followed by the next.
            let _ = self.writes.transact(move |tx| continue_run(tx, &run, clock::now_us())).await;
        }
    }

    /// Notes the end.
    pub(crate) async fn end(self) {
        let run = self.run;
        let end = self.writes.transact(move |tx| end_run(tx, &run, clock::now_us()));
        if !matches!(tokio::time::timeout(END_TIME, end).await, Ok(Ok(()))) {
            tracing::warn!("the audit log has no entry of this end; the next start notes it");
        }
    }
}
