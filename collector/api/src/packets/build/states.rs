//! The states of the logs that a packet shows.

use headgate_collector_db::{Db, StoreError};
use headgate_collector_store::tree::StoredTree;
use headgate_collector_store::{self as store, SignedCheckpoint, newest_checkpoint};
use headgate_collector_tree::{Checkpoint, Hash, note_with_signatures};
use headgate_collector_types::Log;

/// The state of a log.
#[derive(Debug, Clone)]
pub(super) struct LogState {
    pub(super) size: u64,
    pub(super) root: Hash,
    pub(super) note: String,
    /// When it was signed, µs; `None` if it is not signed.
    pub(super) signed_at: Option<i64>,
}

/// The states of both logs.
#[derive(Debug)]
pub(super) struct Pins {
    /// The name of the logs.
    pub(super) name: String,
    /// Their public key.
    pub(super) key: Option<String>,
    pub(super) requests: LogState,
    pub(super) audit: LogState,
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

impl LogState {
    /// Returns the newest checkpoint; without one, the present state, which nobody has signed.
    pub(super) fn newest(db: &Db, log: Log) -> Result<Self, StoreError> {
        if let Some(SignedCheckpoint { size, root, signed_at, note }) = newest_checkpoint(db, log)? {
            return Ok(Self { size, root, note, signed_at: Some(signed_at) });
        }
        let tree = StoredTree::open(db, log)?.ok_or(StoreError::Damaged)?;
        let (size, root) = (tree.size(), tree.root());
        let text = Checkpoint { origin: store::origin(db, log)?, size, root }.text();
        Ok(Self { size, root, note: note_with_signatures(&text, &[]), signed_at: None })
    }

    pub(super) fn signed_at_text(&self) -> Option<String> {
        self.signed_at.and_then(|us| u64::try_from(us).ok()).map(crate::csv::time)
    }
}
