//! The state of the routes, in parts: each part belongs to one feature.

use super::access_audit::AccessAudit;
use super::auth::Auth;
use super::bodies::Bodies;
use super::export_stream::Exports;
use super::health::Health;
use super::kept_policy::KeptPolicy;
use super::metrics::Metrics;
use super::packets::PacketFolder;
use super::session::{IdentityProvider, Site, Tries};
use super::streams::Streams;
use axum::extract::FromRef;
use headgate_collector_forward::Forwarders;
use headgate_collector_oidc::{Provider, PublicUrl};
use headgate_collector_quota::Limits;
use headgate_collector_store::{DamageWatch, Readers, Scrub, Store, TokenHash, WriteHandle};
use headgate_collector_types::Role;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The parts; a handler takes one of them, or all.
#[derive(Debug, Clone)]
pub struct App {
    pub(super) writes: WriteHandle,
    pub(super) readers: Readers,
    pub(super) limits: Limits,
    pub(super) forwarders: Forwarders,
    pub(super) metrics: Metrics,
    pub(super) auth: Auth,
    pub(super) audit: AccessAudit,
    pub(super) bodies: Bodies,
    pub(super) exports: Exports,
    pub(super) streams: Streams,
    pub(super) packets: PacketFolder,
    pub(super) damage: DamageWatch,
    pub(super) scrub: Scrub,
    pub(super) health: Health,
    /// Refused tries to sign in with a token.
    pub(super) tries: Tries,
    /// The identity provider, if persons can sign in with one.
    pub(super) provider: Option<IdentityProvider>,
    /// Policies are checked one at a time, because each may take much memory.
    pub(super) checking: Arc<Mutex<()>>,
    /// Policies are read and compared one at a time. A reader does not delay a change.
    pub(super) comparing: Arc<Mutex<()>>,
    /// Address under which browsers reach the gateway.
    pub(super) gateway_url: Option<String>,
    /// The policy that pages have read last.
    pub(super) kept_policy: KeptPolicy,
}

impl App {
    /// Ties the parts together. `tokens` are valid beside those in the store.
    #[must_use]
    pub fn new(store: &Store, metrics: Metrics, tokens: &[(TokenHash, Role)]) -> Self {
        let (writes, readers) = (store.writes.clone(), store.readers.clone());
        let damage = DamageWatch::new(writes.clone());
        let audit = AccessAudit::new(writes.clone(), metrics.dropped_notes.clone());
        Self {
            limits: Limits::new(store),
            forwarders: Forwarders::none(store),
            metrics,
            auth: Auth::new(readers.clone(), writes.clone(), audit.clone(), tokens),
            audit,
            bodies: Bodies::default(),
            exports: Exports::default(),
            streams: Streams::default(),
            packets: PacketFolder::default(),
            scrub: Scrub::new(readers.clone(), writes.clone(), damage.clone()),
            damage,
            health: Health::new(writes.clone()),
            tries: Tries::default(),
            provider: None,
            gateway_url: None,
            checking: Arc::default(),
            comparing: Arc::default(),
            kept_policy: KeptPolicy::default(),
            writes,
            readers,
        }
    }

    /// Sets the largest body of a batch or of audit entries, and the memory for all bodies, both in MiB.
    #[must_use]
    pub fn with_body_limits(self, max_body_mib: u16, memory_mib: u16) -> Self {
        Self { bodies: Bodies::with_limits(max_body_mib, memory_mib), ..self }
    }

    /// Sets the folder of evidence packets.
    #[must_use]
    pub fn with_packets(self, folder: PathBuf) -> Self {
        Self { packets: PacketFolder::new(folder), ..self }
    }

    /// Sets the address under which browsers reach the pages.
    #[must_use]
    pub fn at(self, url: &PublicUrl) -> Self {
        Self { auth: self.auth.at(Site::at(url)), ..self }
    }

    /// Sets the address under which browsers reach the gateway.
    #[must_use]
    pub fn with_gateway(self, url: &PublicUrl) -> Self {
        Self { gateway_url: Some(url.origin()), ..self }
    }

    /// Lets persons sign in at an identity provider.
    #[must_use]
    pub fn with_provider(self, provider: Provider) -> Self {
        let auth = self.auth.with_persons(provider.settings().fingerprint());
        Self { auth, provider: Some(IdentityProvider::new(provider)), ..self }
    }

    /// Delivers the logs to receivers.
    #[must_use]
    pub fn with_forwarders(self, forwarders: Forwarders) -> Self {
        Self { forwarders, ..self }
    }

    /// Learns the addresses of the identity provider, if there is one.
    pub async fn discover_provider(self) {
        if let Some(provider) = self.provider {
            provider.discover().await;
        }
    }

    /// Returns the counts of the fleet.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the receivers of the logs.
    #[must_use]
    pub const fn forwarders(&self) -> &Forwarders {
        &self.forwarders
    }

    /// Returns the scrub.
    #[must_use]
    pub const fn scrub(&self) -> &Scrub {
        &self.scrub
    }

    /// Makes `/readyz` fail from now on, because the process is about to end.
    pub fn begin_shutdown(&self) {
        self.health.begin_shutdown();
    }
}

impl FromRef<App> for Readers {
    fn from_ref(app: &App) -> Self {
        app.readers.clone()
    }
}

impl FromRef<App> for Metrics {
    fn from_ref(app: &App) -> Self {
        app.metrics.clone()
    }
}

impl FromRef<App> for AccessAudit {
    fn from_ref(app: &App) -> Self {
        app.audit.clone()
    }
}

impl FromRef<App> for Health {
    fn from_ref(app: &App) -> Self {
        app.health.clone()
    }
}
