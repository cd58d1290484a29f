//! `SHA256SUMS` and the note over it.

use headgate_collector_tree::VerifyingKey;
use sha2::{Digest, Sha256};

/// The last part of the name of the key that signs packets. Another name than those of the logs makes another key id, so no note over a
/// packet is ever a checkpoint.
pub const SUMS_KEY: &str = "packet";

/// Returns the key of packets: the logs' key under the name of packets.
#[must_use]
pub fn sums_key(key: &VerifyingKey) -> Option<VerifyingKey> {
    key.renamed(&format!("{}/{SUMS_KEY}", key.name())).ok()
}

/// Returns the text that is signed.
#[must_use]
pub fn sums_text(name: &str, sums: &[u8]) -> String {
    format!("{name}/{SUMS_KEY}\n{} {}\n", crate::SUMS, hex(&Sha256::digest(sums)))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the files in `SHA256SUMS`, each with its digest in hex; `None` if a line has another form.
#[must_use]
pub fn file_sums(text: &str) -> Option<Vec<(&str, &str)>> {
    let lines = text.strip_suffix('\n')?.split('\n');
    lines.map(|line| line.split_once("  ").filter(|(sum, name)| sum.len() == 64 && !name.is_empty())).collect()
}
