//! Which of this worker's connections to providers have brought an answer before.
//!
//! A server that closes an idle connection may meet a request that is just being sent on it. To tell that from a server
//! that fails, one has to know whether the connection is an old one. The host does not say; but a connection is known by
//! its local address, which the operating system gives to no other while it is open.

use std::collections::HashMap;

/// Time after its last answer for which a connection can still be in use, µs. Idle ones are closed after 4 s; the rest is for
/// answers that take long.
const FORGOTTEN_US: u64 = 600_000_000;

/// Connections that are remembered; beyond them the oldest are forgotten.
const MAX_CONNECTIONS: usize = 8_192;

/// See the module's text.
#[derive(Default)]
pub(crate) struct Connections {
    /// When each last began an answer, µs since the Unix epoch, by a hash of its addresses.
    answered_us: HashMap<u64, u64>,
}

impl Connections {
    /// This connection begins an answer.
    pub(crate) fn note(&mut self, address: &[u8], now_us: u64) {
        if self.answered_us.len() >= MAX_CONNECTIONS {
            self.forget(now_us);
        }
        self.answered_us.insert(hash(address), now_us);
    }

    /// Whether it has begun one before.
    pub(crate) fn has_answered(&self, address: &[u8], now_us: u64) -> bool {
        let last = self.answered_us.get(&hash(address));
        last.is_some_and(|last_us| now_us.saturating_sub(*last_us) < FORGOTTEN_US)
    }

    /// Makes room: those that were not used for long, else all. A connection that is forgotten costs a retry at most.
    fn forget(&mut self, now_us: u64) {
        self.answered_us.retain(|_, last_us| now_us.saturating_sub(*last_us) < FORGOTTEN_US / 10);
        if self.answered_us.len() >= MAX_CONNECTIONS / 2 {
            self.answered_us.clear();
        }
    }
}

/// FNV-1a.
fn hash(address: &[u8]) -> u64 {
    address.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_after_its_first_answer() {
        let mut connections = Connections::default();
        assert!(!connections.has_answered(b"127.0.0.1:40000", 1));
        connections.note(b"127.0.0.1:40000", 1);
        assert!(connections.has_answered(b"127.0.0.1:40000", 2));
        assert!(!connections.has_answered(b"127.0.0.1:40001", 2));
        assert!(!connections.has_answered(b"127.0.0.1:40000", 1 + FORGOTTEN_US));
    }

    #[test]
    fn memory_is_bounded() {
        let mut connections = Connections::default();
        for number in 0..100_000_u64 {
            connections.note(&number.to_le_bytes(), number);
        }
        assert!(connections.answered_us.len() <= MAX_CONNECTIONS);
        assert!(connections.has_answered(&99_999_u64.to_le_bytes(), 100_000));
    }
}
