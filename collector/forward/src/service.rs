//! All forwarders of the settings.

use crate::cursor;
use crate::event::Event;
use crate::metrics::ForwardMetrics;
use crate::settings::Settings;
use crate::transport::Transport;
use crate::verdict::Verdict;
use crate::wire;
use crate::worker::Worker;
use headgate_collector_db::StoreError;
use headgate_collector_store::{Readers, Store, WriteHandle};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use uuid::Builder;

/// The pause before the store is tried again at the start.
const PAUSE: Duration = Duration::from_secs(1);

/// The forwarders; clones share them.
#[derive(Debug, Clone)]
pub struct Forwarders {
    all: Arc<[Forwarder]>,
    writes: WriteHandle,
    readers: Readers,
    metrics: ForwardMetrics,
    holder: Arc<str>,
}

#[derive(Debug, Clone)]
struct Forwarder {
    settings: Arc<Settings>,
    transport: Transport,
    wake: Arc<Notify>,
}

impl Forwarders {
    /// Returns no forwarders.
    #[must_use]
    pub fn none(store: &Store) -> Self {
        Self::of(store, Vec::new(), ForwardMetrics::default())
    }

    fn of(store: &Store, all: Vec<Forwarder>, metrics: ForwardMetrics) -> Self {
        let (writes, readers) = (store.writes.clone(), store.readers.clone());
        Self { all: all.into(), writes, readers, metrics, holder: random_uuid().into() }
    }

    /// Ties the forwarders of the settings to a store.
    ///
    /// # Errors
    /// A file of certificates cannot be used; the message names it.
    pub fn new(store: &Store, settings: Vec<Settings>, metrics: ForwardMetrics) -> Result<Self, String> {
        let one = |settings: Settings| {
            let settings = Arc::new(settings);
            let transport = Transport::new(Arc::clone(&settings));
            let transport = transport.map_err(|why| format!("forwarder `{}`: {why}", settings.id))?;
            Ok(Forwarder { settings, transport, wake: Arc::default() })
        };
        let all: Vec<_> = settings.into_iter().map(one).collect::<Result<_, String>>()?;
        Ok(Self::of(store, all, metrics))
    }

    /// Delivers for as long as it is polled.
    pub async fn run(self) {
        let mut workers = JoinSet::new();
        for forwarder in self.all.iter() {
            while self.register(&forwarder.settings).await.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            workers.spawn(self.worker(forwarder).run());
        }
        let known: Vec<_> = self.settings().map(|one| one.id.clone()).collect();
        // If this fails, the next start does it.
        let _ = self.writes.transact(move |tx| cursor::release_holds(tx, &known)).await;
        while workers.join_next().await.is_some() {}
    }

    async fn register(&self, settings: &Arc<Settings>) -> Result<(), StoreError> {
        let (settings, channel) = (Arc::clone(settings), random_uuid());
        self.writes.transact(move |tx| cursor::register(tx, &settings, &channel)).await
    }

    fn worker(&self, forwarder: &Forwarder) -> Worker {
        Worker {
            settings: Arc::clone(&forwarder.settings),
            transport: forwarder.transport.clone(),
            writes: self.writes.clone(),
            readers: self.readers.clone(),
            metrics: self.metrics.clone(),
            holder: Arc::clone(&self.holder),
            wake: Arc::clone(&forwarder.wake),
            most: wire::bounds(forwarder.settings.kind).events,
            failures: 0,
            waiting: None,
        }
    }

    pub(crate) const fn readers(&self) -> &Readers {
        &self.readers
    }

    pub(crate) const fn writes(&self) -> &WriteHandle {
        &self.writes
    }

    /// Returns the settings of all forwarders.
    pub fn settings(&self) -> impl Iterator<Item = &Arc<Settings>> {
        self.all.iter().map(|forwarder| &forwarder.settings)
    }

    fn forwarder(&self, id: &str) -> Option<&Forwarder> {
        self.all.iter().find(|forwarder| forwarder.settings.id == id)
    }

    /// Returns the settings of one forwarder.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Arc<Settings>> {
        self.forwarder(id).map(|forwarder| &forwarder.settings)
    }

    /// Ends the pause of a forwarder.
    pub fn wake(&self, id: &str) {
        if let Some(forwarder) = self.forwarder(id) {
            forwarder.wake.notify_one();
        }
    }

    /// Delivers one event at once, past the cursor. Returns the verdict; `None` if there is no such forwarder.
    pub async fn deliver_one(&self, id: &str, channel: String, event: Event) -> Option<Verdict> {
        let transport = &self.forwarder(id)?.transport;
        let verdict = match transport.render(channel, vec![event]).await {
            Ok(parcel) => transport.deliver(parcel).await,
            Err(fault) => Verdict::Retry { fault, after: None },
        };
        // For one event it is enough that the receiver took it.
        Some(if matches!(verdict, Verdict::Awaiting { .. }) { Verdict::DELIVERED } else { verdict })
    }
}

/// Returns a random UUID.
fn random_uuid() -> String {
    let mut bytes = [0; 16];
    // Without randomness all processes would be one holder, and would deliver twice rather than not at all.
    let _ = getrandom::fill(&mut bytes);
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}
