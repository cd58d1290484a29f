//! Digests of texts that are likely to be unique: trace ids, session ids, end users, ids of providers.
//!
//! In the dictionary there would be as many of them as records. A digest takes 8 bytes in a column and nothing elsewhere, and
//! is enough to find equal texts. It is 63 bits of SHA-256: among ten million texts the chance that any two share a digest is
//! 1 in 200,000, and it is not feasible to choose a text with the digest of a given other text.

use sha2::{Digest, Sha256};

/// Returns the digest of a text; never 0, which means no text.
pub(super) fn digest(text: &str) -> i64 {
    let hash = Sha256::digest(text.as_bytes());
    let first = hash.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    i64::try_from(first >> 1).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn digests_are_positive_and_stable() {
        // SHA-256 of `abc` begins with ba7816bf 8f01cfea.
        assert_eq!(digest("abc"), 0x5d3c_0b5f_c780_e7f5);
        assert!(["", "a", "\0", "\u{fc}"].iter().all(|text| digest(text) > 0));
    }
}
