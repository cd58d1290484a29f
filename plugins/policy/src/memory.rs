//! How many bytes the requests of one VM hold, and whether there is room for more.
//!
//! A VM ends near 1 GiB, and an allocation that fails there is a trap that takes every request of its worker down. So
//! memory that requests keep for longer than one callback is counted against a bound, and before a large step the allocator
//! is asked for the memory of the step. A [`Hold`] gives its bytes back when it is dropped, so a request gives them back exactly
//! once, however it ends.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes that are held in one VM. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    held: AtomicU64,
    outbox: AtomicU64,
}

impl Memory {
    /// Returns the bytes that requests hold.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.0.held.load(Relaxed)
    }

    /// Notes how many bytes of records wait to be delivered; they count towards the bound too.
    pub fn note_outbox(&self, bytes: u64) {
        self.0.outbox.store(bytes, Relaxed);
    }

    /// Begins to count for one request.
    pub(crate) fn hold(&self) -> Hold {
        Hold { memory: Some(self.clone()), bytes: 0 }
    }

    fn fits(&self, more: u64, limit: u64) -> bool {
        self.held().saturating_add(self.0.outbox.load(Relaxed)).saturating_add(more) <= limit
    }
}

/// Bytes that one request holds; given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    /// None if nobody else counts.
    memory: Option<Memory>,
    bytes: u64,
}

impl Hold {
    /// Counts so many bytes from now on; `false`, and nothing changes, if that is more than `limit` lets all hold.
    pub(crate) fn set(&mut self, bytes: u64, limit: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        if more > 0 && !self.fits(more, limit) {
            return false;
        }
        self.count(bytes);
        true
    }

    /// Whether [`Hold::set`] would count so many bytes.
    pub(crate) fn could_hold(&self, bytes: u64, limit: u64) -> bool {
        self.fits(bytes.saturating_sub(self.bytes), limit)
    }

    fn fits(&self, more: u64, limit: u64) -> bool {
        match &self.memory {
            Some(memory) => memory.fits(more, limit),
            None => self.bytes.saturating_add(more) <= limit,
        }
    }
}

impl Hold {
    /// The sum is exact, since each hold takes away what it has added.
    fn count(&mut self, bytes: u64) {
        if let Some(memory) = &self.memory {
            memory.0.held.fetch_add(bytes.wrapping_sub(self.bytes), Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.count(0);
    }
}

/// Whether the allocator can give so many bytes in one piece. Asked just before they are needed, by the one thread of
/// a VM, this holds for the allocation that follows.
#[must_use]
pub fn can_allocate(bytes: u64) -> bool {
    let Ok(bytes) = usize::try_from(bytes) else { return false };
    let mut probe: Vec<u8> = Vec::new();
    let given = probe.try_reserve_exact(bytes).is_ok();
    // Without this the compiler leaves out an allocation that nobody uses, and assumes that it succeeds.
    black_box(&mut probe);
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_of_all_requests_count_together() {
        let memory = Memory::default();
        let (mut one, mut two) = (memory.hold(), memory.hold());
        assert!(one.set(60, 100) && !two.set(41, 100) && two.set(40, 100));
        assert_eq!(memory.held(), 100);
        assert!(one.set(10, 100) && two.set(90, 100));
        assert_eq!(memory.held(), 100);
    }

    #[test]
    fn a_dropped_hold_gives_back_once() {
        let memory = Memory::default();
        let mut one = memory.hold();
        assert!(one.set(60, 100) && one.set(70, 100));
        drop(one);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn shrinking_works_beyond_the_bound() {
        let memory = Memory::default();
        let mut one = memory.hold();
        assert!(one.set(60, 100) && one.set(50, 10) && !one.could_hold(51, 10));
        assert_eq!(memory.held(), 50);
    }

    #[test]
    fn waiting_records_take_from_the_bound() {
        let memory = Memory::default();
        memory.note_outbox(80);
        let mut one = memory.hold();
        assert!(!one.set(21, 100) && one.set(20, 100));
    }

    #[test]
    fn impossible_lengths_are_no_trap() {
        assert!(!can_allocate(u64::MAX) && !can_allocate(isize::MAX as u64));
        assert!(can_allocate(1 << 20));
    }
}
