//! UUIDv7 (RFC 9562): ids that sort by time.

/// Id of one request: 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub [u8; 16]);

impl RequestId {
    /// From the time in milliseconds since the Unix epoch and random bytes.
    #[must_use]
    pub fn new(now_ms: u64, random: [u8; 16]) -> Self {
        let random = u128::from_be_bytes(random);
        let time = u128::from(now_ms & 0xffff_ffff_ffff) << 80;
        let version = 0x7_u128 << 76;
        let rand_a = random & (0xfff_u128 << 64);
        let variant = 0b10_u128 << 62;
        let rand_b = random & ((1_u128 << 62) - 1);
        Self((time | version | rand_a | variant | rand_b).to_be_bytes())
    }

    /// Reads `8-4-4-4-12` hex digits.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let hyphens = text.bytes().enumerate().filter(|(_, byte)| *byte == b'-').map(|(at, _)| at);
        if text.len() != 36 || !hyphens.eq([8, 13, 18, 23]) {
            return None;
        }
        let mut digits = text.chars().filter(|one| *one != '-').map(|one| one.to_digit(16));
        let number = digits.try_fold(0_u128, |number, digit| Some((number << 4) | u128::from(digit?)));
        number.map(|number| Self(number.to_be_bytes()))
    }

    /// `8-4-4-4-12` lower-case hex.
    #[must_use]
    pub fn to_text(self) -> String {
        let mut text = String::with_capacity(36);
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            push_hex(&mut text, *byte);
        }
        text
    }
}

/// A UUIDv7 as text.
#[must_use]
pub fn uuid_v7(now_ms: u64, random: [u8; 16]) -> String {
    RequestId::new(now_ms, random).to_text()
}

/// Appends two lower-case hex digits.
pub(crate) fn push_hex(text: &mut String, byte: u8) {
    for nibble in [byte >> 4, byte & 0xf] {
        text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_as_in_rfc_9562() {
        // The time of the RFC's own example, appendix A.6.
        let text = uuid_v7(0x017f_22e2_79b0, [0xff; 16]);
        assert_eq!(text, "017f22e2-79b0-7fff-bfff-ffffffffffff");
        assert_eq!(uuid_v7(0x017f_22e2_79b0, [0; 16]), "017f22e2-79b0-7000-8000-000000000000");
    }

    #[test]
    fn ids_sort_by_time() {
        assert!(uuid_v7(1, [0xff; 16]) < uuid_v7(2, [0; 16]));
    }
}
