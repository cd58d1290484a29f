//! A request whose tries the filter makes itself, by calls of its own: the host has no filter in the clusters of providers.
//!
//! Each try is an [`crate::Attempt`], as in a cluster. Here is only what a cluster would know: the address, and how often a route
//! may be retried.

use super::state::{Gate, Phase};
use crate::document::retries;
use headgate_exchange::Surface;

impl Gate {
    /// Whether the filter makes all tries of this request itself. A call of the host gives no part of an answer before the whole, so
    /// streams are left to the host; but for those of an API that it does not know, which come whole and late.
    #[must_use]
    pub fn may_ask_directly(&self) -> bool {
        let call = &self.call;
        let has_origin = |provider: usize| call.policy.providers.get(provider).is_some_and(|one| one.origin.is_some());
        let streams = call.stream() && call.surface != Some(Surface::Completions);
        self.routes() && !streams && call.candidates().all(|upstream| has_origin(upstream.provider))
    }

    /// Whether the request was let go, to a provider.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.phase == Phase::Sent
    }

    /// Returns the address of a provider, by its name.
    #[must_use]
    pub fn origin_of(&self, provider: &str) -> Option<&str> {
        self.call.policy.providers.iter().find(|one| &*one.name == provider)?.origin.as_deref()
    }

    /// Number of tries that may follow the first.
    #[must_use]
    pub fn retries_left(&self) -> u32 {
        retries(self.call.route_plan.tries_left())
    }

    /// Milliseconds within which a try has to begin its answer.
    #[must_use]
    pub fn first_byte_timeout_ms(&self) -> u64 {
        self.call.alias().map_or(0, |alias| alias.failover.first_byte_timeout_ms)
    }

    /// Whether the policy treats a try that found no connection like one whose connection broke. A host may not tell them apart; where
    /// the policy does, the more careful reading counts: the provider may have read the request.
    #[must_use]
    pub fn treats_connect_like_reset(&self) -> bool {
        self.call.alias().is_none_or(|alias| alias.failover.on_connect == alias.failover.on_reset)
    }
}
