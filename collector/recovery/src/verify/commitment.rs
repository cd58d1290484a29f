//! States of the request tree that the audit log notes.

use headgate_collector_tree::{Hash, decode_hash};
use headgate_collector_types::audit::{Entry, SOURCE};

/// The kind of the entries, as it is in their bytes.
const KIND: &str = "tree.checkpointed";

/// A state of the request tree in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Commitment {
    pub(super) size: u64,
    pub(super) root: Hash,
}

impl Commitment {
    /// Returns the state that an audit entry notes, if it is one of the collector's notes.
    pub(super) fn of_entry(bytes: &[u8]) -> Option<Self> {
        bytes.windows(KIND.len()).find(|part| *part == KIND.as_bytes())?;
        let entry: Entry = serde_json::from_slice(bytes).ok()?;
        if entry.kind != KIND || entry.source != SOURCE {
            return None;
        }
        let after = |path: &str| entry.changes.iter().find(|change| change.path == path)?.after.clone();
        Some(Self { size: after("size")?.as_u64()?, root: decode_hash(after("root")?.as_str()?).ok()? })
    }
}
