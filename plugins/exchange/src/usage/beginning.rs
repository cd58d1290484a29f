//! The beginning that the events of a stream have in common: id, time and model, before the part that matters.
//!
//! It is most of an event. Once it has been read and has told nothing but names, the same bytes need not be read again.

use crate::surface::Dialect;
use memchr::memmem;

/// Longest beginning that is kept, bytes.
const LONGEST: usize = 512;

/// Number of beginnings that are looked at. A stream whose events all begin otherwise is not worth more.
const TRIALS: u8 = 8;

/// See the module's text.
#[derive(Debug, Clone, Default)]
pub(super) struct EventBeginning {
    bytes: Vec<u8>,
    trials: u8,
}

impl EventBeginning {
    /// Returns the rest of an event that begins like the one before.
    pub(super) fn strip<'a>(&self, event: &'a [u8]) -> Option<&'a [u8]> {
        event.strip_prefix(self.bytes.as_slice()).filter(|_| !self.bytes.is_empty())
    }

    /// Splits an event before the member that matters, if that is worth a trial.
    pub(super) fn split<'a>(&mut self, event: &'a [u8], dialect: Dialect) -> Option<(&'a [u8], &'a [u8])> {
        let mark: &[u8] = match dialect {
            Dialect::Openai => b"\"choices\":[",
            Dialect::Anthropic => b"\"delta\":{",
        };
        if self.trials >= TRIALS {
            return None;
        }
        self.trials = self.trials.saturating_add(1);
        let at = memmem::find(event.get(..LONGEST.min(event.len()))?, mark)?;
        event.split_at_checked(at)
    }

    /// Keeps a beginning that told nothing but names, or none.
    pub(super) fn keep(&mut self, beginning: Option<&[u8]>) {
        self.bytes.clear();
        self.bytes.extend_from_slice(beginning.unwrap_or_default());
    }
}
