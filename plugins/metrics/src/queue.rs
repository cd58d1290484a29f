//! The records that wait in all workers of a proxy.
//!
//! A gauge of the host is one for all workers, and a worker whose VM died cannot take its part back. So each worker keeps
//! its part in a list that all share, and shows the sum. A part that nobody renews is left out.

/// Bytes of an entry: worker, records, time.
const ENTRY: usize = 24;
/// Largest number of workers.
const MAX_WORKERS: usize = 1_024;
/// Age at which an entry is dropped, ms: some ten renewals.
const OLD_MS: u64 = 10_000;

/// The shared list, as bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queues(Vec<(u64, u64, u64)>);

impl Queues {
    /// Reads the list. What is no entry is left out.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let number = |entry: &[u8], at: usize| {
            entry.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word))
        };
        let entries = bytes.chunks_exact(ENTRY).take(MAX_WORKERS);
        Self(entries.map(|entry| (number(entry, 0), number(entry, 8), number(entry, 16))).collect())
    }

    /// Writes the list.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0
            .iter()
            .flat_map(|(worker, records, at)| [worker, records, at].map(|number| number.to_le_bytes()))
            .flatten()
            .collect()
    }

    /// Sets a worker's part, and returns the sum of all.
    pub fn set(&mut self, worker: u64, records: u64, now_ms: u64) -> u64 {
        self.0.retain(|(one, _, at)| *one != worker && now_ms.abs_diff(*at) < OLD_MS);
        if self.0.len() < MAX_WORKERS {
            self.0.push((worker, records, now_ms));
        }
        self.0.iter().fold(0, |sum, (_, records, _)| sum.saturating_add(*records))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_of_workers_that_live() {
        let mut queues = Queues::default();
        assert_eq!(queues.set(1, 5, 1_000), 5);
        let mut queues = Queues::from_bytes(&queues.to_bytes());
        assert_eq!(queues.set(2, 7, 2_000), 12);
        assert_eq!(queues.set(1, 0, 3_000), 7);
        assert_eq!(queues.set(1, 1, 2_000 + OLD_MS), 1, "the second is dead");
        assert_eq!(Queues::from_bytes(&[7; ENTRY * 2 + 1]).0.len(), 2);
    }

    #[test]
    fn the_list_is_bounded() {
        let mut queues = Queues::default();
        for worker in 0..5_000 {
            queues.set(worker, u64::MAX, 1);
        }
        assert_eq!(queues.set(9_999, 1, 1), u64::MAX);
        assert_eq!(queues.to_bytes().len(), ENTRY * MAX_WORKERS);
    }
}
