//! Check sums that credentials and addresses carry.

/// Returns whether the last six of these are the CRC-32 (ISO-HDLC) of the others in base 62, digits before upper before lower case
/// (github.blog, "Behind GitHub's new authentication token formats"). An issuer's sum is over the part after the prefix.
pub(crate) fn crc32_base62(body: &[u8]) -> bool {
    let Some((random, sum)) = body.split_at_checked(body.len().saturating_sub(6)) else { return false };
    let value = sum.iter().try_fold(0_u64, |value, &byte| Some(value * 62 + base62(byte)?));
    value == Some(u64::from(crc32(random)))
}

fn base62(byte: u8) -> Option<u64> {
    let digit = match byte {
        b'0'..=b'9' => byte - b'0',
        b'A'..=b'Z' => byte - b'A' + 10,
        b'a'..=b'z' => byte - b'a' + 36,
        _ => return None,
    };
    Some(u64::from(digit))
}

pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ if sum & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

/// Which checksum a Bech32 string has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bech32 {
    /// BIP 173.
    One,
    /// BIP 350.
    M,
}

/// Returns the variant of a Bech32 string (`hrp1data`), if its checksum holds. All of one case.
pub(crate) fn bech32(text: &[u8]) -> Option<Bech32> {
    let separator = text.iter().rposition(|&byte| byte == b'1')?;
    let (hrp, data) = text.split_at_checked(separator)?;
    let data = data.get(1..)?;
    if hrp.is_empty() || data.len() < 6 {
        return None;
    }
    let folded = |byte: &u8| byte.to_ascii_lowercase();
    let high = hrp.iter().map(|byte| folded(byte) >> 5);
    let low = hrp.iter().map(|byte| folded(byte) & 31);
    let data: Option<Vec<u8>> = data.iter().map(|byte| digit32(folded(byte))).collect();
    let sum = high.chain([0]).chain(low).chain(data?).fold(1, bech32_step);
    match sum {
        1 => Some(Bech32::One),
        0x2bc8_30a3 => Some(Bech32::M),
        _ => None,
    }
}

fn bech32_step(sum: u32, value: u8) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let top = sum >> 25;
    let next = (sum & 0x1ff_ffff) << 5 ^ u32::from(value);
    GENERATOR.iter().zip(0..).filter(|(_, bit)| top >> bit & 1 == 1).fold(next, |next, (generator, _)| next ^ generator)
}

/// Returns the value of a digit of Bech32 and CashAddr.
pub(crate) fn digit32(byte: u8) -> Option<u8> {
    let digit = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".iter().position(|&other| other == byte)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32_of_the_standard_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn bech32_accepts_published_strings_only() {
        assert_eq!(bech32(b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"), Some(Bech32::One));
        assert_eq!(bech32(b"A1LQFN3A"), Some(Bech32::M));
        assert_eq!(bech32(b"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5"), None);
    }
}
