//! Time stamps (RFC 3161), as far as they can be read without a certificate: which bytes were stamped, and when.
//!
//! The signature of the authority is for tools that know its certificate, such as `openssl ts -verify`.

use crate::Hash;
use sha2::{Digest as _, Sha256};

/// The statuses of a token that was granted, or granted with changes.
const GRANTED: [u8; 2] = [0, 1];
/// The type of the content that is signed: `id-ct-TSTInfo`.
const TST_INFO: [u8; 13] = [0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
/// SHA-256, as an imprint names it.
const SHA_256: [u8; 11] = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OBJECT_ID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const EXPLICIT: u8 = 0xa0;
const TIME: u8 = 0x18;

/// The statement of a time-stamping authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    /// SHA-256 of the stamped bytes.
    pub imprint: Hash,
    /// The time, as the authority writes it: `20261130171500Z`.
    pub time: String,
}

impl Timestamp {
    /// Reads the reply of an authority; `None` if it grants no token, or has another form.
    #[must_use]
    pub fn parse(reply: &[u8]) -> Option<Self> {
        let (status, token) = reply_parts(reply)?;
        if !matches!(der_element(status, INTEGER)?.0, [status] if GRANTED.contains(status)) {
            return None;
        }
        // The type stands before its content, and nothing of the signature before it.
        let place = token.windows(TST_INFO.len()).position(|window| window == TST_INFO)?;
        let (_, content) = token.split_at_checked(place.checked_add(TST_INFO.len())?)?;
        let info = der_element(content, EXPLICIT).and_then(|(octets, _)| der_element(octets, OCTETS))?.0;
        let (_, rest) = der_element(der_element(info, SEQUENCE)?.0, INTEGER)?;
        let (_, rest) = der_element(rest, OBJECT_ID)?;
        let (imprint, rest) = der_element(rest, SEQUENCE)?;
        let (algorithm, digest) = der_element(imprint, SEQUENCE)?;
        let digest = der_element(digest, OCTETS)?.0;
        let (_, rest) = der_element(rest, INTEGER)?;
        let time = std::str::from_utf8(der_element(rest, TIME)?.0).ok()?;
        let is_time = time.bytes().all(|byte| byte.is_ascii_digit() || b".Z".contains(&byte));
        let is_known = algorithm.starts_with(&SHA_256) && is_time && time.len() <= 32;
        let imprint = digest.try_into().ok().filter(|_| is_known)?;
        Some(Self { imprint, time: time.to_owned() })
    }

    /// Returns whether these bytes were stamped.
    #[must_use]
    pub fn is_over(&self, bytes: &[u8]) -> bool {
        Hash::from(Sha256::digest(bytes)) == self.imprint
    }
}

/// Returns the status of a reply, and its token.
#[must_use]
pub fn reply_parts(reply: &[u8]) -> Option<(&[u8], &[u8])> {
    der_element(reply, SEQUENCE).and_then(|(reply, _)| der_element(reply, SEQUENCE))
}

/// Returns the contents of the element with this tag at the beginning (DER), and what follows it.
#[must_use]
pub fn der_element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = bytes.split_first_chunk::<2>()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0_usize, |length, digit| (length << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
        [&head[..], content].concat()
    }

    fn reply(status: u8, algorithm: &[u8], bytes: &[u8]) -> Vec<u8> {
        let digest = element(OCTETS, &Sha256::digest(bytes));
        let imprint = element(SEQUENCE, &[element(SEQUENCE, algorithm), digest].concat());
        let number = element(INTEGER, &[1]);
        let info =
            [number.clone(), element(OBJECT_ID, &[42]), imprint, number.clone(), element(TIME, b"20260102030405Z")];
        let content = element(EXPLICIT, &element(OCTETS, &element(SEQUENCE, &info.concat())));
        let token = element(SEQUENCE, &[&number[..], &TST_INFO, &content].concat());
        element(SEQUENCE, &[element(SEQUENCE, &element(INTEGER, &[status])), token].concat())
    }

    #[test]
    fn a_token_says_what_was_stamped_and_when() {
        let token = Timestamp::parse(&reply(0, &SHA_256, b"checkpoint")).unwrap();
        assert!(token.is_over(b"checkpoint") && !token.is_over(b"another"));
        assert_eq!(token.time, "20260102030405Z");
    }

    #[test]
    fn other_replies_are_refused() {
        assert_eq!(Timestamp::parse(&reply(2, &SHA_256, b"")), None, "rejected");
        let sha_512 = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
        assert_eq!(Timestamp::parse(&reply(0, &sha_512, b"")), None, "another digest");
        let whole = reply(1, &SHA_256, b"checkpoint");
        assert!(Timestamp::parse(&whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(Timestamp::parse(&whole[..end]), None, "{end}");
        }
        for place in 0..whole.len() {
            let mut altered = whole.clone();
            altered[place] ^= 0x80;
            // No byte makes it panic.
            let _ = Timestamp::parse(&altered);
        }
    }
}
