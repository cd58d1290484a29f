//! The identity provider, as the routes use it: its calls block, so they are made beside, a few at a time.

use super::tries::Tries;
use headgate_collector_oidc::{Callback, Fault, Identity, PendingSignIn, Provider, Settings};
use headgate_collector_pages::login::ProviderChoice;
use headgate_collector_types::clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The most concurrent calls.
const MAX_CALLS: usize = 8;
/// The pause between two tries to reach a provider that is away.
const PAUSE: Duration = Duration::from_secs(15);

/// The provider; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct IdentityProvider {
    provider: Arc<Provider>,
    calls: Arc<Semaphore>,
    /// Refused callbacks. They do not count as refused tokens: persons with tokens go on if the provider does not work.
    pub(crate) tries: Tries,
}

/// Returns the time in seconds.
pub(crate) fn now_s() -> i64 {
    clock::now_us() / 1_000_000
}

impl IdentityProvider {
    pub(crate) fn new(provider: Provider) -> Self {
        Self { provider: Arc::new(provider), calls: Arc::new(Semaphore::new(MAX_CALLS)), tries: Tries::default() }
    }

    pub(crate) fn settings(&self) -> &Settings {
        self.provider.settings()
    }

    /// Returns the part of the page to sign in on.
    pub(crate) fn choice(&self) -> ProviderChoice {
        let name = self.settings().name.clone();
        let away = self.provider.away().map(|fault| format!("{name} {}. {}", fault.cause(), fault.remedy()));
        ProviderChoice { name, away }
    }

    /// Learns the provider's addresses, however long it is away.
    pub(crate) async fn discover(self) {
        while self.call(|provider| provider.discover(now_s())).await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Returns the address at which the browser begins.
    pub(crate) async fn authorization_url(&self, pending: &PendingSignIn) -> Result<String, Fault> {
        let pending = pending.clone();
        self.call(move |provider| provider.authorization_url(&pending, now_s())).await
    }

    /// Finishes a sign-in.
    pub(crate) async fn finish(&self, pending: PendingSignIn, callback: Callback) -> Result<Identity, Fault> {
        self.call(move |provider| provider.finish(&pending, &callback, now_s())).await
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Provider) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let place = Arc::clone(&self.calls).try_acquire_owned().map_err(|_| Fault::Busy)?;
        let provider = Arc::clone(&self.provider);
        let called = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&provider)
        });
        called.await.unwrap_or(Err(Fault::Busy))
    }
}
