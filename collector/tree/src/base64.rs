//! Standard base64 with padding, as all texts of C2SP use it.

use crate::{Error, Hash, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Returns the base64 text of bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Returns the bytes of a base64 text.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>> {
    STANDARD.decode(text).map_err(|_| Error::Malformed("a text that must be base64 is not"))
}

/// Returns the hash in a base64 text.
///
/// # Errors
/// The text is not 32 bytes in base64.
pub fn decode_hash(text: &str) -> Result<Hash> {
    decode(text)?.try_into().map_err(|_| Error::Malformed("a hash does not have 32 bytes"))
}
