//! The hashes of RFC 6962, section 2.1.

use sha2::{Digest, Sha256};

/// A hash of a leaf or of a node.
pub type Hash = [u8; 32];

/// Returns the hash of a leaf: SHA-256 of a zero byte and the bytes.
#[must_use]
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(bytes).finalize().into()
}

/// Returns the hash of a node: SHA-256 of a byte 1 and the hashes of its children.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1_u8; 65];
    let [_, children @ ..] = &mut bytes;
    let (first, second) = children.split_at_mut(left.len());
    first.copy_from_slice(left);
    second.copy_from_slice(right);
    Sha256::digest(bytes).into()
}

/// Returns the root of the tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// Returns the SHA-256 of bytes.
pub(crate) fn sha256(parts: &[&[u8]]) -> Hash {
    parts.iter().fold(Sha256::new(), |sum, part| sum.chain_update(part)).finalize().into()
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
