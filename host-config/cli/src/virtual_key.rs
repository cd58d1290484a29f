//! New virtual keys: the key for its owner, the entry for gateway.yaml.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Returns the key of 32 random bytes: `hg-` and 43 characters of base64url (RFC 4648, section 5), without padding.
#[must_use]
pub(crate) fn key(random: &[u8; 32]) -> String {
    let mut key = "hg-".to_owned();
    for chunk in random.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digits = (0..=chunk.len()).map(|at| (bits >> (18 - 6 * at)) & 63);
        key.extend(digits.filter_map(|digit| ALPHABET.get(usize::try_from(digit).ok()?).copied().map(char::from)));
    }
    key
}

/// Returns the entry under `keys` that admits a key.
#[must_use]
pub(crate) fn entry(key: &str, id: &str, owner: Option<&str>, team: Option<&str>) -> String {
    let digest = Sha256::digest(key).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    let field =
        |name, value: Option<&str>| value.map(|value| format!(", {name}: {}", quoted(value))).unwrap_or_default();
    format!("- {{id: {}, sha256: \"{digest}\"{}{}}}", quoted(id), field("owner", owner), field("team", team))
}

/// Quotes a text as a JSON string, which is a YAML string too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
