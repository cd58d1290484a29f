//! The ABI's form of headers.

/// Reads the ABI's pairs: a count, the lengths of each name and value, then the bytes, each ended by a zero. All numbers
/// are 32-bit little-endian. A pair that does not fit is left out.
pub(crate) fn decode_pairs(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let number = |at: usize| {
        let word = bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(word.try_into().ok()?) as usize)
    };
    let count = number(0).unwrap_or(0).min(bytes.len() / 8);
    let mut pairs = Vec::new();
    if pairs.try_reserve_exact(count).is_err() {
        return pairs;
    }
    let mut at = 4 + count * 8;
    for index in 0..count {
        let Some((name_len, value_len)) = number(4 + index * 8).zip(number(8 + index * 8)) else { break };
        let value_at = at.saturating_add(name_len).saturating_add(1);
        let end = value_at.saturating_add(value_len);
        let Some(pair) = bytes.get(at..value_at.saturating_sub(1)).zip(bytes.get(value_at..end)) else { break };
        pairs.push(pair);
        at = end.saturating_add(1);
    }
    pairs
}

/// Writes pairs.
pub(crate) fn encode_pairs(pairs: &[(&str, &str)]) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).unwrap_or(0).to_le_bytes();
    let mut bytes = number(pairs.len()).to_vec();
    for (name, value) in pairs {
        bytes.extend_from_slice(&number(name.len()));
        bytes.extend_from_slice(&number(value.len()));
    }
    for (name, value) in pairs {
        for text in [name, value] {
            bytes.extend_from_slice(text.as_bytes());
            bytes.push(0);
        }
    }
    bytes
}
