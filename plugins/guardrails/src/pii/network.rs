//! Addresses of machines: IPv4, IPv6, MAC.
//!
//! Loopback, unspecified, netmasks and documentation ranges identify no machine and are no findings; nor is `1.2.3.4` where it
//! counts versions or chapters.

use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::text::Text;
use crate::text::class::{DASH, DIGIT, DOT, HEX, HEX_UPPER, UNDERSCORE, WORD};
use crate::words::topic::bit as topic;
use std::net::{Ipv4Addr, Ipv6Addr};

const ANY_HEX: u32 = HEX | HEX_UPPER;
const LONGEST_IPV6: usize = 45;

/// Examines a word that begins with a digit, or has one.
pub(crate) fn word(context: &mut ScanContext<'_, '_>, token: Token) {
    let is_hex = |at: usize| context.text.arrived(at).is_some_and(|byte| byte.is_ascii_hexdigit());
    if token.len() > 4 || !is_hex(token.start) || !is_hex(token.end - 1) {
        return;
    }
    match (token.len(), context.text.get(token.end)) {
        // Most decimals end after the second part.
        (1..=3, Some(b'.')) if context.text.is(context.text.run(token.end + 1, DIGIT, 4), b'.') => {
            ipv4(context, token.start);
        }
        (1..=3, Some(b'.')) => {}
        (2, Some(b':')) => {
            mac(context, token.start, b':', 2, 6);
            ipv6(context, token.start);
        }
        (2, Some(b'-')) => mac(context, token.start, b'-', 2, 6),
        (4, Some(b'.')) => mac(context, token.start, b'.', 4, 3),
        (1..=4, Some(b':')) => ipv6(context, token.start),
        _ => {}
    }
}

/// Examines a word of letters: those up to F can begin an address too.
pub(crate) fn letters(context: &mut ScanContext<'_, '_>, token: Token) {
    if matches!(token.len(), 1..=4) && matches!(context.text.get(token.end), Some(b':' | b'-' | b'.')) {
        word(context, token);
    }
}

/// Examines a colon: `::ffff:192.0.2.1`.
pub(crate) fn colon(context: &mut ScanContext<'_, '_>, at: usize) {
    let joined = context.text.before(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b':');
    if !joined && context.text.is(at + 1, b':') && context.text.class(at + 2) & ANY_HEX != 0 {
        ipv6(context, at);
    }
}

fn ipv4(context: &mut ScanContext<'_, '_>, start: usize) {
    let text = context.text;
    if !context.wants(Kind::IpAddress) || part_of_more(text, start) {
        return;
    }
    let end = text.run(start, DIGIT | DOT, 16);
    let mut bytes = text.slice(start, end);
    while let Some((b'.', rest)) = bytes.split_last() {
        bytes = rest;
    }
    let end = start + bytes.len();
    if bytes.iter().filter(|byte| **byte == b'.').count() != 3 {
        return;
    }
    let Some(address) = parse_ipv4(bytes) else { return };
    let goes_on = text.class(end) & (WORD | UNDERSCORE) != 0 || text.is(end, b'-') && text.class(end + 1) & WORD != 0;
    if goes_on || tells_nothing(address) || counts_versions(context, start, address) {
        return;
    }
    context.report(Kind::IpAddress, start, end);
}

/// Returns whether the text before makes it a part of a name or of a longer number.
fn part_of_more(text: &Text<'_>, start: usize) -> bool {
    match text.behind(start, 2) {
        [.., b'_' | b'$' | b'~' | b'^'] => true,
        [byte, b'.' | b'-' | b','] => byte.is_ascii_alphanumeric() || *byte == b'.',
        // A path or a product (`Chrome/1.2.3.4`), but not a URL.
        [byte, b'/'] => byte.is_ascii_alphanumeric(),
        [.., b'='] => {
            text.behind(start, 2) == b"==" || text.behind(start, 2).first().is_some_and(|byte| b"<>~!^".contains(byte))
        }
        [byte, b'@'] => {
            byte.is_ascii_alphanumeric()
                && text.behind(start, 24).contains(&b'/')
                && text.scheme_before(start, 48).is_none()
        }
        _ => false,
    }
}

fn tells_nothing(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    let bits = u32::from(address);
    let mask = first == 255 && bits.leading_ones() + bits.trailing_zeros() >= 32;
    matches!(first, 0 | 127) || mask || address.is_documentation() || address.is_broadcast()
}

/// Returns whether the number is a version: small parts, or a word for versions, and no word for addresses.
fn counts_versions(context: &ScanContext<'_, '_>, start: usize, address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    // `1.4.0.27`, and object identifiers of the directory.
    let few = address.octets().iter().all(|octet| *octet < 40);
    let small = few || a < 10 && b < 20 && (c < 20 || d < 20) || (a, b) == (2, 5);
    let version = context.near(topic::VERSION, start, 16) || matches!(context.text.before(start), Some(b'v' | b'V'));
    version || small && !context.near(topic::IP, start, 24)
}

fn ipv6(context: &mut ScanContext<'_, '_>, start: usize) {
    let text = context.text;
    let joined = text.before(start).is_some_and(|byte| byte.is_ascii_alphanumeric() || b":._-".contains(&byte));
    if !context.wants(Kind::IpAddress) || joined {
        return;
    }
    let mut end = start;
    while end - start < LONGEST_IPV6
        && text.get(end).is_some_and(|byte| byte.is_ascii_hexdigit() || byte == b':' || byte == b'.')
    {
        end += 1;
    }
    let mut bytes = text.slice(start, end);
    while let Some((b'.', rest)) = bytes.split_last() {
        bytes = rest;
    }
    if let Some((b':', rest)) = bytes.split_last()
        && rest.last() != Some(&b':')
    {
        bytes = rest;
    }
    if !may_be_reported(bytes) {
        return;
    }
    let end = start + bytes.len();
    let over = text.class(end) & (WORD | UNDERSCORE) == 0 && !(text.is(end, b':') && text.class(end + 1) & WORD != 0);
    if over && parse_ipv6(bytes).is_some_and(|address| is_ipv6_of_somebody(address, bytes)) {
        context.report(Kind::IpAddress, start, end);
    }
}

/// Returns whether [`is_ipv6_of_somebody`] can hold for what is written. Hostile text has two colons every few bytes, and a
/// parser takes longer than this.
fn may_be_reported(written: &[u8]) -> bool {
    let count = |is: fn(&u8) -> bool| written.iter().filter(|byte| is(byte)).count();
    written.len() >= 6 && count(|byte| *byte == b':') >= 2 && count(u8::is_ascii_digit) >= 2
}

/// Returns whether it is a full address, or a short one of an assigned range: `dead::beef` is a path in some language.
fn is_ipv6_of_somebody(address: Ipv6Addr, written: &[u8]) -> bool {
    let [first, second, ..] = address.segments();
    let documentation = first == 0x2001 && second == 0xDB8 || first & 0xFFF0 == 0x3FF0;
    let short = written.windows(2).any(|pair| pair == b"::");
    let digits = written.iter().filter(|byte| byte.is_ascii_digit()).count();
    let colons = written.iter().filter(|byte| **byte == b':').count();
    let range = matches!(first, 0x2000..=0x3FFF | 0xFC00..=0xFDFF | 0xFE80..=0xFEBF | 0xFF00..=0xFFFF);
    let mapped = address.to_ipv4_mapped().is_some_and(|address| written.contains(&b'.') && !tells_nothing(address))
        || first == 0x64 && second == 0xFF9B;
    let full = !short && digits >= 3 && address.segments().iter().any(|part| *part > 0xFF);
    !documentation && (full || short && (range && digits >= 2 && colons >= 2 && written.len() >= 6 || mapped))
}

/// Six pairs, or three groups of four, of hex digits.
fn mac(context: &mut ScanContext<'_, '_>, start: usize, sign: u8, size: usize, groups: usize) {
    let text = context.text;
    let joined = text.before(start).is_some_and(|byte| byte.is_ascii_alphanumeric() || b":-._".contains(&byte));
    if !context.wants(Kind::MacAddress) || joined {
        return;
    }
    let mut at = start;
    for group in 0..groups {
        let end = text.run(at, ANY_HEX, size + 1);
        if end - at != size || group + 1 < groups && !text.is(end, sign) {
            return;
        }
        at = end + usize::from(group + 1 < groups);
    }
    let bytes = text.slice(start, at);
    let over = text.class(at) & (WORD | UNDERSCORE) == 0
        && !(matches!(text.get(at), Some(b':' | b'-' | b'.')) && text.class(at + 1) & WORD != 0);
    let plain = bytes.iter().all(|byte| byte.is_ascii_digit() || *byte == sign);
    let told = context.near(topic::IP, start, 24);
    let distinct = crate::secrets::placeholder::distinct(bytes);
    // Dates and times are pairs of digits too.
    if over && distinct > 2 && (told || sign != b'.' && !plain || sign == b':' && !is_time(bytes)) {
        context.report(Kind::MacAddress, start, at);
    }
}

fn is_time(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b':').all(|pair| pair < b"60".as_slice())
}

/// Reads four decimal numbers without leading zeros. The library's parser takes several times as long.
fn parse_ipv4(bytes: &[u8]) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = bytes.split(|byte| *byte == b'.');
    for octet in &mut octets {
        *octet = decimal_octet(parts.next()?)?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

fn decimal_octet(part: &[u8]) -> Option<u8> {
    let digit = |byte: u8| u16::from(byte.wrapping_sub(b'0'));
    let value = match *part {
        [a @ b'0'..=b'9'] => digit(a),
        [a @ b'1'..=b'9', b @ b'0'..=b'9'] => digit(a) * 10 + digit(b),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9'] => digit(a) * 100 + digit(b) * 10 + digit(c),
        _ => return None,
    };
    u8::try_from(value).ok()
}

fn parse_ipv6(bytes: &[u8]) -> Option<Ipv6Addr> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

const _: u32 = DASH;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_parses_as_the_library_does() {
        let parts = (0..=1_000).map(|part| part.to_string()).chain(["", "00", "01", "001", "0256"].map(str::to_owned));
        for part in parts {
            for written in
                [format!("{part}.1.2.3"), format!("1.{part}.2.3"), format!("1.2.3.{part}"), format!("1.2.{part}")]
            {
                assert_eq!(parse_ipv4(written.as_bytes()), written.parse().ok(), "{written}");
            }
        }
    }
}
