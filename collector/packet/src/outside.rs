//! Checkpoints that outside parties hold, as a packet lists them.

use serde::{Deserialize, Serialize};

/// The kind of an outside party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutsideKind {
    /// A bucket in which nobody can change an object for a time.
    ObjectLock,
    /// A time-stamping authority (RFC 3161).
    Rfc3161,
}

/// An object in a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideObject {
    /// Its address.
    pub address: String,
    /// Its version, as the bucket names it; empty if it names none.
    pub version: String,
    /// Its entity tag.
    pub etag: String,
    /// When its lock ends, RFC 3339; absent if it has no lock of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<String>,
    /// `missing` or `differs`, if the collector did not find it as it was put when it read it back last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
}

/// A checkpoint that an outside party holds, and the proof that the log of the packet continues it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldOutside {
    /// The name of the party in the collector's settings.
    pub anchor: String,
    /// Its kind.
    pub kind: OutsideKind,
    /// `requests` or `audit`.
    pub log: String,
    /// The entries that the checkpoint covers.
    pub size: u64,
    /// When it was handed over, RFC 3339.
    pub held_at: String,
    /// The proof of consistency with the checkpoint of the packet, hashes in base64; none if both have the same size.
    pub proof: Vec<String>,
    /// The object in the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<OutsideObject>,
}
