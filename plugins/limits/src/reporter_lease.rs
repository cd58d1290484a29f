//! The lease of the worker that reports for its proxy, and the collector's last answer: a few numbers that all workers share.

use crate::counter::FleetStatus;

/// A worker that is silent for this long, ms, has lost the lease.
const LEASE_MS: u64 = 2_000;
/// Time for which a proxy that has just started waits for its first answer before it counts for itself, ms.
pub(crate) const STARTING_MS: u64 = 5_000;

/// See the module's text. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReporterLease {
    owner: u64,
    until: u64,
    first: u64,
    answered: u64,
    stale_after: u64,
    proxies: u64,
}

impl ReporterLease {
    /// Reads the shared bytes. Nothing, or nonsense, is a free lease.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut fields = bytes.chunks_exact(8).map(|field| field.try_into().map_or(0, u64::from_le_bytes));
        let mut next = || fields.next().unwrap_or(0);
        Self { owner: next(), until: next(), first: next(), answered: next(), stale_after: next(), proxies: next() }
    }

    /// For [`ReporterLease::from_bytes`].
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let fields = [self.owner, self.until, self.first, self.answered, self.stale_after, self.proxies];
        fields.iter().flat_map(|field| field.to_le_bytes()).collect()
    }

    /// Whether the worker that had it has not been heard of for too long.
    #[must_use]
    pub fn is_left(&self, now_ms: u64) -> bool {
        now_ms >= self.until || self.until > now_ms.saturating_add(10 * LEASE_MS)
    }

    /// Whether another worker has it, or had it last.
    #[must_use]
    pub fn is_of_another(&self, worker: u64) -> bool {
        self.until > 0 && self.owner != worker
    }

    /// Returns the lease for `worker`, if it is free or its own already.
    #[must_use]
    pub fn claimed(self, worker: u64, now_ms: u64) -> Option<Self> {
        let free = self.owner == worker || self.is_left(now_ms);
        let first = if self.first == 0 { now_ms } else { self.first };
        free.then_some(Self { owner: worker, until: now_ms.saturating_add(LEASE_MS), first, ..self })
    }

    /// Returns it with the collector's last answer.
    #[must_use]
    pub fn heard(self, answered_ms: u64, stale_after_ms: u64, proxies: u64) -> Self {
        let (answered, proxies) = if answered_ms > 0 { (answered_ms, proxies) } else { (self.answered, self.proxies) };
        Self { answered, proxies, stale_after: stale_after_ms, ..self }
    }

    /// The relation of the proxy to the fleet.
    #[must_use]
    pub fn fleet_status(&self, now_ms: u64) -> FleetStatus {
        // Either way: a clock that was set back makes nothing that is old new again.
        let waits = self.first == 0 || now_ms.abs_diff(self.first) < STARTING_MS;
        FleetStatus {
            shared: true,
            reachable: self.answered > 0 && now_ms.abs_diff(self.answered) < self.stale_after,
            proxies: self.proxies,
            starting: self.answered == 0 && waits,
            sync_s: 1,
            asks_first: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lease_lasts_until_its_worker_is_silent() {
        let lease = ReporterLease::default().claimed(1, 1_000).unwrap();
        let lease = ReporterLease::from_bytes(&lease.to_bytes());
        assert_eq!(lease.claimed(2, 1_500), None);
        assert!(lease.claimed(1, 1_500).is_some());
        assert!(lease.claimed(2, 3_000).is_some());
        assert!(
            ReporterLease { until: u64::MAX, ..lease }.claimed(2, 3_000).is_some(),
            "no nonsense holds it for ever"
        );
    }

    #[test]
    fn news_outlives_a_change_of_worker() {
        let lease = ReporterLease::default().claimed(1, 1_000).unwrap();
        assert!(lease.fleet_status(1_000).starting && !lease.fleet_status(1_000).reachable);
        let lease = lease.heard(1_200, 10_000, 3);
        let lease = lease.claimed(2, 9_000).unwrap().heard(0, 10_000, 0);
        assert_eq!(
            lease.fleet_status(9_000),
            FleetStatus { shared: true, reachable: true, proxies: 3, starting: false, sync_s: 1, asks_first: false }
        );
        assert!(!lease.fleet_status(11_200).reachable);
        let ahead = lease.heard(3_600_000, 10_000, 3);
        assert!(!ahead.fleet_status(9_000).reachable, "an answer of a clock that was an hour ahead is none of now");
    }
}
