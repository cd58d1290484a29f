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
        String::from_utf8(self.digits().to_vec()).unwrap_or_default()
    }

    /// The same as ASCII.
    pub(crate) fn digits(self) -> [u8; 36] {
        let (mut text, mut bytes) = ([b'-'; 36], self.0.into_iter());
        // Places and lengths of the groups.
        for (at, count) in [(0, 4), (9, 2), (14, 2), (19, 2), (24, 6)] {
            let pairs = text.get_mut(at..).unwrap_or_default().chunks_exact_mut(2);
            pairs.take(count).zip(bytes.by_ref()).for_each(|(pair, byte)| pair.copy_from_slice(&hex(byte)));
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
    text.extend(hex(byte).map(char::from));
}

fn hex(byte: u8) -> [u8; 2] {
    let digit = |nibble: u8| nibble.wrapping_add(if nibble < 10 { b'0' } else { b'a' - 10 });
    [digit(byte >> 4), digit(byte & 0xf)]
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
