//! Bank account numbers: a country and its length (SWIFT IBAN registry), mod 97 (ISO 13616); in one piece or in fours.

use crate::kinds::Kind;
use crate::look::{Look, Token};
use crate::text::Text;
use crate::text::class::WORD;

/// Countries and how long their numbers are.
static LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

pub(crate) fn word(look: &mut Look<'_, '_>, token: Token) {
    let text = look.text;
    let head = text.slice(token.start, (token.start + 4).min(token.end));
    let [a, b, c, d] = *head else { return };
    let begins = a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit();
    if !begins || !look.wants(Kind::Iban) {
        return;
    }
    let country = [a.to_ascii_uppercase(), b.to_ascii_uppercase()];
    let Some((_, length)) = LENGTHS.iter().find(|(code, _)| **code == country) else { return };
    if let Some(end) = number(text, token.start, *length) {
        look.report(Kind::Iban, token.start, end);
    }
}

/// Where the number of this length ends, if it holds.
fn number(text: &Text<'_>, start: usize, length: usize) -> Option<usize> {
    let (mut at, mut count, mut rest, mut head) = (start, 0, 0_u32, 0_u32);
    let mut sign = 0;
    while count < length {
        let byte = text.get(at)?;
        if !byte.is_ascii_alphanumeric() {
            // The same sign throughout, after every fourth.
            let fits =
                matches!(byte, b' ' | b'-') && count > 0 && count % 4 == 0 && (sign == 0 && count == 4 || sign == byte);
            if !fits || !text.get(at + 1)?.is_ascii_alphanumeric() {
                return None;
            }
            sign = byte;
            at += 1;
            continue;
        }
        // The first four go to the end.
        let sum = if count < 4 { &mut head } else { &mut rest };
        *sum = add(*sum, byte);
        (at, count) = (at + 1, count + 1);
    }
    let shift = text
        .slice(start, start + 4)
        .iter()
        .fold(1, |shift, byte| shift * if byte.is_ascii_digit() { 10 } else { 100 } % 97);
    let over = text.class(at) & WORD == 0;
    (over && (rest * shift + head) % 97 == 1).then_some(at)
}

/// One more character, modulo 97.
fn add(sum: u32, byte: u8) -> u32 {
    match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        _ => (sum * 100 + u32::from(byte.to_ascii_uppercase().saturating_sub(b'A')) + 10) % 97,
    }
}
