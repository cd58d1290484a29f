//! Keyed fingerprints: proof that a transcript is the one, without keeping a byte of it.
//!
//! A plain hash of a short prompt could be guessed; HMAC-SHA-256 under a key that only the operator has cannot.

use crate::id::push_hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Runs along a body and ends as 64 hex digits.
#[derive(Clone)]
pub(crate) struct Fingerprint(Hmac<Sha256>);

impl Fingerprint {
    /// Under this key; HMAC takes keys of any length.
    pub(crate) fn keyed(key: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(key).ok().map(Self)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.0.finalize().into_bytes() {
            push_hex(&mut text, byte);
        }
        text
    }
}

// The state is derived from a secret and from payload: it has nothing to show.
impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Fingerprint")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_hmac_sha_256_of_rfc_4231_case_2() {
        let mut fingerprint = Fingerprint::keyed(b"Jefe").unwrap();
        fingerprint.update(b"what do ya want ");
        fingerprint.update(b"for nothing?");
        assert_eq!(fingerprint.finish(), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
