//! Addresses of crypto currencies. Each carries a checksum, which must hold.

use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::secrets::checksums::{self, Bech32};
use crate::text::class::{BASE58, BECH32, LOWER, UPPER, WORD};
use crate::words::topic::bit as topic;
use sha2::{Digest, Sha256};
use sha3::Keccak256;

/// First digit, version bytes, and kind. Versions as the chains' parameters have them.
static VERSIONS: &[(u8, &[u8], Kind)] = &[
    (b'1', &[0], Kind::BitcoinAddress),
    (b'3', &[5], Kind::BitcoinAddress),
    (b'L', &[48], Kind::LitecoinAddress),
    (b'M', &[50], Kind::LitecoinAddress),
    (b'D', &[30], Kind::DogecoinAddress),
    (b'A', &[22], Kind::DogecoinAddress),
    (b'9', &[22], Kind::DogecoinAddress),
    (b'X', &[76], Kind::DashAddress),
    (b'7', &[16], Kind::DashAddress),
    (b'T', &[65], Kind::TronAddress),
    (b't', &[0x1C, 0xB8], Kind::ZcashAddress),
    (b't', &[0x1C, 0xBD], Kind::ZcashAddress),
    (b'r', &[0], Kind::RippleAddress),
];

/// Prefixes of Bech32 addresses.
static HUMAN_READABLE: &[(&[u8], Kind)] = &[
    (b"bc1", Kind::BitcoinAddress),
    (b"ltc1", Kind::LitecoinAddress),
    (b"addr1", Kind::CardanoAddress),
    (b"zs1", Kind::ZcashAddress),
];

/// Examines a word with letters and digits.
pub(crate) fn word(context: &mut ScanContext<'_, '_>, token: Token) {
    match token.len() {
        25..=36 => base58(context, token),
        42 => ethereum(context, token),
        _ => {}
    }
    if token.len() >= 39 {
        bech32(context, token);
    }
    if token.len() == 42 || token.len() == 11 {
        cash(context, token);
    }
}

fn base58(context: &mut ScanContext<'_, '_>, token: Token) {
    let word = context.text.slice(token.start, token.end);
    let Some(&first) = word.first() else { return };
    let plain = token.any & LOWER == 0 || token.any & UPPER == 0;
    let fits = |row: &&(u8, &[u8], Kind)| row.0 == first && context.wants(row.2);
    if plain
        || !VERSIONS.iter().any(|row| fits(&row))
        || !word.iter().all(|&byte| crate::text::class_of(byte) & BASE58 != 0)
    {
        return;
    }
    let alphabet = if first == b'r' { RIPPLE } else { BITCOIN };
    let Some(bytes) = base58_check(word, alphabet) else { return };
    let row = VERSIONS.iter().filter(fits).find(|row| bytes.len() == row.1.len() + 20 && bytes.starts_with(row.1));
    if let Some((.., kind)) = row {
        context.report(*kind, token.start, token.end);
    }
}

const BITCOIN: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RIPPLE: &[u8; 58] = b"rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz";

/// Version and payload, if the four bytes after them are those of their double SHA-256.
fn base58_check(word: &[u8], alphabet: &[u8; 58]) -> Option<Vec<u8>> {
    // 36 digits of Base58 are less than 2^211.
    let mut value = [0_u32; 7];
    for byte in word {
        let mut carry = u64::try_from(alphabet.iter().position(|digit| digit == byte)?).ok()?;
        for limb in &mut value {
            carry += u64::from(*limb) * 58;
            *limb = (carry & 0xFFFF_FFFF) as u32;
            carry >>= 32;
        }
        if carry != 0 {
            return None;
        }
    }
    let bytes: Vec<u8> = value.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect();
    let zeros = word.iter().take_while(|byte| alphabet.first() == Some(byte)).count();
    let used = bytes.len() - bytes.iter().take_while(|byte| **byte == 0).count();
    let decoded = bytes.get(bytes.len().checked_sub(used + zeros)?..)?;
    let (payload, sum) = decoded.split_at_checked(decoded.len().checked_sub(4)?)?;
    let digest = Sha256::digest(Sha256::digest(payload));
    (digest.get(..4)? == sum).then(|| payload.to_vec())
}

fn bech32(context: &mut ScanContext<'_, '_>, token: Token) {
    let word = context.text.slice(token.start, token.end);
    let one_case = token.any & LOWER == 0 || token.any & UPPER == 0;
    let fits = |row: &&(&[u8], Kind)| word.get(..row.0.len()).is_some_and(|prefix| prefix.eq_ignore_ascii_case(row.0));
    let Some((prefix, kind)) = HUMAN_READABLE.iter().find(fits) else { return };
    if !one_case || !context.wants(*kind) {
        return;
    }
    let data = word.get(prefix.len()..).unwrap_or_default();
    let digits = data.iter().all(|byte| crate::text::class_of(byte.to_ascii_lowercase()) & BECH32 != 0);
    if !digits || !(38..=110).contains(&data.len()) {
        return;
    }
    let version = data.first().map(u8::to_ascii_lowercase);
    let variant = match checksums::bech32(word) {
        // BIP 350: version 0 keeps the old sum, later ones have the new.
        Some(Bech32::One) => version == Some(b'q') || !matches!(kind, Kind::BitcoinAddress | Kind::LitecoinAddress),
        Some(Bech32::M) => version != Some(b'q'),
        None => false,
    };
    if variant {
        context.report(*kind, token.start, token.end);
    }
}

/// EIP-55: the case of each letter is a bit of the hash. Without mixed case there is no sum, so a word of context is needed.
fn ethereum(context: &mut ScanContext<'_, '_>, token: Token) {
    let word = context.text.slice(token.start, token.end);
    let Some(hex) = word.strip_prefix(b"0x") else { return };
    if !context.wants(Kind::EthereumAddress)
        || !hex.iter().all(u8::is_ascii_hexdigit)
        || crate::secrets::placeholder::distinct(hex) < 6
    {
        return;
    }
    let (lower, upper) = (hex.iter().any(u8::is_ascii_lowercase), hex.iter().any(u8::is_ascii_uppercase));
    let valid = if lower && upper { has_checksum(hex) } else { context.near(topic::CRYPTO, token.start, 64) };
    if valid {
        context.report(Kind::EthereumAddress, token.start, token.end);
    }
}

fn has_checksum(hex: &[u8]) -> bool {
    let digest = Keccak256::digest(hex.to_ascii_lowercase());
    let nibbles = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    hex.iter()
        .zip(nibbles)
        .all(|(digit, nibble)| !digit.is_ascii_alphabetic() || digit.is_ascii_uppercase() == (nibble >= 8))
}

/// `bitcoincash:` and 42 digits with a polynomial of zero.
fn cash(context: &mut ScanContext<'_, '_>, token: Token) {
    if token.len() != 42 || !context.wants(Kind::BitcoinCashAddress) {
        return;
    }
    let word = context.text.slice(token.start, token.end);
    let named = context.text.behind(token.start, 12) == b"bitcoincash:";
    if !matches!(word.first(), Some(b'q' | b'p')) || !word.iter().all(|&byte| crate::text::class_of(byte) & BECH32 != 0)
    {
        return;
    }
    let prefix = b"bitcoincash".iter().map(|byte| byte & 31);
    let data = word.iter().filter_map(|byte| checksums::digit32(*byte));
    if prefix.chain([0]).chain(data).fold(1, cash_step) ^ 1 == 0 {
        // The prefix has been decided upon already; the address follows it.
        let _ = named;
        context.report(Kind::BitcoinCashAddress, token.start, token.end);
    }
}

fn cash_step(sum: u64, value: u8) -> u64 {
    const GENERATOR: [u64; 5] = [0x98_f2bc_8e61, 0x79_b76d_99e2, 0xf3_3e5f_b3c4, 0xae_2eab_e2a8, 0x1e_4f43_e470];
    let top = sum >> 35;
    let next = (sum & 0x7_ffff_ffff) << 5 ^ u64::from(value);
    GENERATOR.iter().zip(0..).filter(|(_, bit)| top >> bit & 1 == 1).fold(next, |next, (generator, _)| next ^ generator)
}

const _: u32 = WORD;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_addresses_hold() {
        assert!(base58_check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", BITCOIN).is_some());
        assert!(base58_check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", BITCOIN).is_none());
        assert!(base58_check(b"rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", RIPPLE).is_some());
        assert!(has_checksum(b"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"));
        assert!(!has_checksum(b"5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"));
    }
}
