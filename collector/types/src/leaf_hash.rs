//! The leaf hash of an entry. It is stored with the entry, so that damaged bytes are never served.
//!
//! SQLite checks its own structure, not the stored values: it does not notice a flipped bit inside a record. The hash is the
//! one of a leaf in the hash tree over the log (RFC 6962, 2.1): SHA-256 of a zero byte and the entry's bytes.

pub use headgate_collector_tree::leaf_hash;

/// SHA-256(0x00 ‖ bytes).
pub type LeafHash = headgate_collector_tree::Hash;
