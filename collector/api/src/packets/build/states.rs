//! The states of the logs that a packet shows.

use headgate_collector_store::LogHead;

/// The states of both logs.
#[derive(Debug)]
pub(super) struct Pins {
    /// The name of the logs.
    pub(super) name: String,
    /// Their public key.
    pub(super) key: Option<String>,
    pub(super) requests: LogHead,
    pub(super) audit: LogHead,
}

impl Pins {
    pub(super) fn is_signed(&self) -> bool {
        self.requests.signed_at.is_some()
    }

    /// Returns the time of the state that the packet shows: nothing later is part of it.
    pub(super) fn as_of(&self) -> i64 {
        self.requests.signed_at.unwrap_or(i64::MAX)
    }
}

/// Returns the time at which a state was signed, as the packet shows it.
pub(super) fn signed_at_text(head: &LogHead) -> Option<String> {
    head.signed_at.and_then(|us| u64::try_from(us).ok()).map(crate::csv::time)
}
