//! Addresses of machines: IPv4, IPv6, MAC.
//!
//! Loopback, unspecified, netmasks and the ranges that are set aside for documentation tell of nobody and are no findings;
//! nor is `1.2.3.4` where it counts versions or chapters.

use crate::kinds::Kind;
use crate::look::{Look, Token};
use crate::text::Text;
use crate::text::class::{DASH, DIGIT, DOT, HEX, HEX_UPPER, UNDERSCORE, WORD};
use crate::words::topic::bit as topic;
use std::net::{Ipv4Addr, Ipv6Addr};

const ANY_HEX: u32 = HEX | HEX_UPPER;
const LONGEST_IPV6: usize = 45;

/// Looks at a word that begins with a digit, or has one.
pub(crate) fn word(look: &mut Look<'_, '_>, token: Token) {
    match (token.len(), look.text.get(token.end)) {
        (1..=3, Some(b'.')) => ipv4(look, token.start),
        (2, Some(b':')) => {
            mac(look, token.start, b':', 2, 6);
            ipv6(look, token.start);
        }
        (2, Some(b'-')) => mac(look, token.start, b'-', 2, 6),
        (4, Some(b'.')) => mac(look, token.start, b'.', 4, 3),
        (1..=4, Some(b':')) => ipv6(look, token.start),
        _ => {}
    }
}

/// Looks at a word of letters: those up to F can begin an address too.
pub(crate) fn letters(look: &mut Look<'_, '_>, token: Token) {
    if matches!(token.len(), 1..=4) && matches!(look.text.get(token.end), Some(b':' | b'-' | b'.')) {
        word(look, token);
    }
}

/// Looks at a colon: `::ffff:192.0.2.1`.
pub(crate) fn colon(look: &mut Look<'_, '_>, at: usize) {
    let joined = look.text.before(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b':');
    if !joined && look.text.is(at + 1, b':') && look.text.class(at + 2) & ANY_HEX != 0 {
        ipv6(look, at);
    }
}

fn ipv4(look: &mut Look<'_, '_>, start: usize) {
    let text = look.text;
    if !look.wants(Kind::IpAddress) || part_of_more(text, start) {
        return;
    }
    let end = text.run(start, DIGIT | DOT, 16);
    let mut bytes = text.slice(start, end);
    while let Some((b'.', rest)) = bytes.split_last() {
        bytes = rest;
    }
    let end = start + bytes.len();
    let Some(address) = parse::<Ipv4Addr>(bytes) else { return };
    let goes_on = text.class(end) & (WORD | UNDERSCORE) != 0 || text.is(end, b'-') && text.class(end + 1) & WORD != 0;
    if goes_on || tells_nothing(address) || counts_versions(look, start, address) {
        return;
    }
    look.report(Kind::IpAddress, start, end);
}

/// What stands before makes it a part of a name or of a longer number.
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
                && !text.behind(start, 48).windows(3).any(|w| w == b"://")
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

/// Small numbers, or a word that speaks of versions, and none that speaks of addresses.
fn counts_versions(look: &Look<'_, '_>, start: usize, address: Ipv4Addr) -> bool {
    let [a, b, c, d] = address.octets();
    // `1.4.0.27`, and object identifiers of the directory.
    let few = address.octets().iter().all(|octet| *octet < 40);
    let small = few || a < 10 && b < 20 && (c < 20 || d < 20) || (a, b) == (2, 5);
    let version = look.near(topic::VERSION, start, 16) || matches!(look.text.before(start), Some(b'v' | b'V'));
    version || small && !look.near(topic::IP, start, 24)
}

fn ipv6(look: &mut Look<'_, '_>, start: usize) {
    let text = look.text;
    let joined = text.before(start).is_some_and(|byte| byte.is_ascii_alphanumeric() || b":._-".contains(&byte));
    if !look.wants(Kind::IpAddress) || joined {
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
    let end = start + bytes.len();
    let over = text.class(end) & (WORD | UNDERSCORE) == 0 && !(text.is(end, b':') && text.class(end + 1) & WORD != 0);
    if over && parse::<Ipv6Addr>(bytes).is_some_and(|address| is_ipv6_of_somebody(address, bytes)) {
        look.report(Kind::IpAddress, start, end);
    }
}

/// A full address, or a short one of a range that is handed out: `dead::beef` is a path in some language.
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
fn mac(look: &mut Look<'_, '_>, start: usize, sign: u8, size: usize, groups: usize) {
    let text = look.text;
    let joined = text.before(start).is_some_and(|byte| byte.is_ascii_alphanumeric() || b":-._".contains(&byte));
    if !look.wants(Kind::MacAddress) || joined {
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
    let told = look.near(topic::IP, start, 24);
    let distinct = crate::secrets::placeholder::distinct(bytes);
    // Dates and times are pairs of digits too.
    if over && distinct > 2 && (told || sign != b'.' && !plain || sign == b':' && !is_time(bytes)) {
        look.report(Kind::MacAddress, start, at);
    }
}

fn is_time(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b':').all(|pair| pair < b"60".as_slice())
}

fn parse<A: std::str::FromStr>(bytes: &[u8]) -> Option<A> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

const _: u32 = DASH;
