//! Which worker speaks for its proxy, and what it has heard from the collector: a few numbers that all workers share.

use crate::counter::Standing;

/// A worker that has not been heard of for this long, ms, has lost the seat.
const SEAT_MS: u64 = 2_000;
/// How long a proxy that has just started waits for its first answer before it counts for itself, ms.
pub(crate) const STARTING_MS: u64 = 5_000;

/// See the module's text. Times are milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seat {
    owner: u64,
    until: u64,
    first: u64,
    answered: u64,
    stale_after: u64,
    proxies: u64,
}

impl Seat {
    /// Reads what the workers share; nothing, or nonsense, is an empty seat.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut fields = bytes.chunks_exact(8).map(|field| field.try_into().map_or(0, u64::from_le_bytes));
        let mut next = || fields.next().unwrap_or(0);
        Self { owner: next(), until: next(), first: next(), answered: next(), stale_after: next(), proxies: next() }
    }

    /// For [`Seat::from_bytes`].
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let fields = [self.owner, self.until, self.first, self.answered, self.stale_after, self.proxies];
        fields.iter().flat_map(|field| field.to_le_bytes()).collect()
    }

    /// Whether the worker that had it has not been heard of for too long.
    #[must_use]
    pub fn is_left(&self, now_ms: u64) -> bool {
        now_ms >= self.until || self.until > now_ms.saturating_add(10 * SEAT_MS)
    }

    /// Whether another worker has it, or had it last.
    #[must_use]
    pub fn is_of_another(&self, worker: u64) -> bool {
        self.until > 0 && self.owner != worker
    }

    /// The seat with `worker` on it, if it is free or its own already.
    #[must_use]
    pub fn claimed(self, worker: u64, now_ms: u64) -> Option<Self> {
        let free = self.owner == worker || self.is_left(now_ms);
        let first = if self.first == 0 { now_ms } else { self.first };
        free.then_some(Self { owner: worker, until: now_ms.saturating_add(SEAT_MS), first, ..self })
    }

    /// With what the collector has answered last.
    #[must_use]
    pub fn heard(self, answered_ms: u64, stale_after_ms: u64, proxies: u64) -> Self {
        let (answered, proxies) = if answered_ms > 0 { (answered_ms, proxies) } else { (self.answered, self.proxies) };
        Self { answered, proxies, stale_after: stale_after_ms, ..self }
    }

    /// How the proxy stands to the fleet.
    #[must_use]
    pub fn standing(&self, now_ms: u64) -> Standing {
        // Either way: a clock that was set back makes nothing that is old new again.
        let waits = self.first == 0 || now_ms.abs_diff(self.first) < STARTING_MS;
        Standing {
            shared: true,
            reachable: self.answered > 0 && now_ms.abs_diff(self.answered) < self.stale_after,
            proxies: self.proxies,
            starting: self.answered == 0 && waits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_has_the_seat_until_it_is_silent() {
        let seat = Seat::default().claimed(1, 1_000).unwrap();
        let seat = Seat::from_bytes(&seat.to_bytes());
        assert_eq!(seat.claimed(2, 1_500), None);
        assert!(seat.claimed(1, 1_500).is_some());
        assert!(seat.claimed(2, 3_000).is_some());
        assert!(Seat { until: u64::MAX, ..seat }.claimed(2, 3_000).is_some(), "no nonsense holds it for ever");
    }

    #[test]
    fn what_was_heard_outlives_a_change_of_worker() {
        let seat = Seat::default().claimed(1, 1_000).unwrap();
        assert!(seat.standing(1_000).starting && !seat.standing(1_000).reachable);
        let seat = seat.heard(1_200, 10_000, 3);
        let seat = seat.claimed(2, 9_000).unwrap().heard(0, 10_000, 0);
        assert_eq!(seat.standing(9_000), Standing { shared: true, reachable: true, proxies: 3, starting: false });
        assert!(!seat.standing(11_200).reachable);
        let ahead = seat.heard(3_600_000, 10_000, 3);
        assert!(!ahead.standing(9_000).reachable, "an answer of a clock that was an hour ahead is none of now");
    }
}
