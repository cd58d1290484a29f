//! Time-stamp queries and replies (RFC 3161), as far as a client needs them: the query has a fixed form, and of a reply only the
//! status is read. Readers verify the token with tools of theirs, such as `openssl ts`.

use headgate_collector_tree::{der_element, reply_parts};
use sha2::{Digest as _, Sha256};

/// `TimeStampReq`: version 1; a message imprint by SHA-256 (2.16.840.1.101.3.4.2.1).
const HEAD: [u8; 24] = [
    0x30, 0x43, 0x02, 0x01, 0x01, 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
    0x01, 0x05, 0x00, 0x04, 0x20,
];
/// Statuses of a token that was granted, or granted with changes.
const GRANTED: [u8; 2] = [0, 1];

/// Returns the query for the time stamp of these bytes.
pub(super) fn query(bytes: &[u8], nonce: [u8; 8]) -> Vec<u8> {
    let mut query = HEAD.to_vec();
    query.extend_from_slice(&Sha256::digest(bytes));
    query.extend_from_slice(&[0x02, 0x08]);
    query.extend_from_slice(&positive(nonce));
    // `certReq`: a reader needs the certificate of the authority.
    query.extend_from_slice(&[0x01, 0x01, 0xff]);
    query
}

/// Returns the nonce as a positive number of eight bytes, none of which may be left out.
const fn positive(nonce: [u8; 8]) -> [u8; 8] {
    let [first, b, c, d, e, f, g, h] = nonce;
    [(first & 0x3f) | 0x40, b, c, d, e, f, g, h]
}

/// Checks that a reply grants a token over these bytes for this query.
///
/// # Errors
/// It does not; the message tells why.
pub(super) fn check(reply: &[u8], bytes: &[u8], nonce: [u8; 8]) -> Result<(), String> {
    let malformed = || "the answer is no time-stamp reply; check the address".to_owned();
    let (status, token) = reply_parts(reply).ok_or_else(malformed)?;
    match der_element(status, 0x02).ok_or_else(malformed)?.0 {
        [status] if GRANTED.contains(status) => {}
        [status, ..] => return Err(format!("the authority refuses with status {status}")),
        [] => return Err(malformed()),
    }
    let holds = |part: &[u8]| token.windows(part.len()).any(|window| window == part);
    if holds(&Sha256::digest(bytes)) && holds(&positive(nonce)) {
        return Ok(());
    }
    Err("the token is of another checkpoint, or an answer from before".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{check, query};

    #[test]
    fn hostile_replies_are_refused() {
        let reply = |status: u8| {
            let token = query(b"checkpoint", [9; 8]);
            let mut reply = vec![0x30, 5 + token.len() as u8, 0x30, 3, 0x02, 1, status];
            reply.extend(token);
            reply
        };
        assert_eq!(check(&reply(0), b"checkpoint", [9; 8]), Ok(()));
        assert!(check(&reply(2), b"checkpoint", [9; 8]).is_err(), "rejected");
        assert!(check(&reply(0), b"another", [9; 8]).is_err(), "of another checkpoint");
        assert!(check(&reply(0), b"checkpoint", [8; 8]).is_err(), "of another query");
        let whole = reply(0);
        for end in 0..whole.len() {
            assert!(check(&whole[..end], b"checkpoint", [9; 8]).is_err(), "{end}");
        }
        for bad in
            [&b"\x30\x84\xff\xff\xff\xff"[..], b"\x30\x80\x00", b"\x30\x81", b"<html>", b"\x30\x05\x30\x03\x02\x01\x00"]
        {
            assert!(check(bad, b"checkpoint", [9; 8]).is_err(), "{bad:?}");
        }
    }
}
