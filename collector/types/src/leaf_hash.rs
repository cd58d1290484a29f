//! The leaf hash of an entry. It is stored with the entry, so that damaged bytes are never served.
//!
//! SQLite checks its own structure, not the stored values: it does not notice a flipped bit inside a record. The hash is the
//! one of a leaf in a hash tree over the log (RFC 6962, 2.1): SHA-256 of a zero byte and the entry's bytes.

use sha2::{Digest, Sha256};

/// SHA-256(0x00 ‖ bytes).
pub type LeafHash = [u8; 32];

/// Returns the leaf hash of an entry.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> LeafHash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::leaf_hash;

    #[test]
    fn leaf_hashes_follow_rfc_6962() {
        let hex = |bytes: &[u8]| leaf_hash(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        // The first two leaves of the test vectors of certificate transparency.
        assert_eq!(hex(b""), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(hex(b"\0"), "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7");
    }
}
