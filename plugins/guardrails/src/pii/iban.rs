//! Bank account numbers: a country and its length (SWIFT IBAN registry), mod 97 (ISO 13616); in one piece or in fours.

use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
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

/// From here on a sum is reduced, long before it has no room.
const LARGE: u64 = 1 << 50;

/// Lengths by country; 0 is none.
static BY_COUNTRY: [u8; 26 * 26] = by_country();

const fn by_country() -> [u8; 26 * 26] {
    let (mut table, mut rows) = ([0; 26 * 26], LENGTHS);
    while let [(country, length), others @ ..] = rows {
        #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
        {
            table[place(**country)] = *length as u8;
        }
        rows = others;
    }
    table
}

const fn place([a, b]: [u8; 2]) -> usize {
    (a & 31).wrapping_sub(1) as usize * 26 + (b & 31).wrapping_sub(1) as usize
}

pub(crate) fn word(context: &mut ScanContext<'_, '_>, token: Token) {
    let text = context.text;
    let head = text.slice(token.start, (token.start + 4).min(token.end));
    let [a, b, c, d] = *head else { return };
    let begins = a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit();
    if !begins || !context.wants(Kind::Iban) {
        return;
    }
    let length = BY_COUNTRY.get(place([a, b])).copied().map_or(0, usize::from);
    if length > 0
        && let Some(end) = number(text, token.start, length)
    {
        context.report(Kind::Iban, token.start, end);
    }
}

/// Returns where the number of this length ends, if it holds. Hostile text begins one every five bytes, so it is read only if it
/// ends where it should.
fn number(text: &Text<'_>, start: usize, length: usize) -> Option<usize> {
    let sign = text.get(start + 4).filter(|byte| matches!(byte, b' ' | b'-'));
    let end = end(text, start, length, sign)?;
    let (sum, count) = add((0, 0), text.slice(start + 4, end), sign)?;
    // The first four go to the end.
    let (sum, _) = add((sum, 0), text.slice(start, start + 4), None)?;
    (sum % 97 == 1 && count == length - 4).then_some(end)
}

/// Returns where so many letters and digits end. A blank may stand after every fourth of them, a hyphen must; of four only
/// the last is looked at.
fn end(text: &Text<'_>, start: usize, length: usize, sign: Option<u8>) -> Option<usize> {
    let (mut at, mut left) = (start, length);
    while left > 0 {
        let most = if sign.is_some() { left.min(4) } else { left };
        let whole = match sign {
            Some(_) => text.class(at + most - 1) & WORD != 0,
            None => text.run(at, WORD, most) - at == most,
        };
        if !whole {
            return None;
        }
        (at, left) = (at + most, left - most);
        if left > 0
            && let Some(sign) = sign
        {
            let stands = text.is(at, sign);
            // A hyphen stands after every fourth or not at all: "ba99-a4f8-486024495200" is the end of a UUID.
            if sign == b'-' && !stands {
                return None;
            }
            at += usize::from(stands);
        }
    }
    (text.class(at) & WORD == 0).then_some(at)
}

/// Appends letters and digits to a number of which only the remainder by 97 counts, and counts them; letters are two digits.
/// None for anything else but the sign.
fn add((mut sum, mut count): (u64, usize), characters: &[u8], sign: Option<u8>) -> Option<(u64, usize)> {
    for byte in characters {
        sum = match VALUES.get(usize::from(*byte)) {
            Some(digit @ ..10) => sum * 10 + u64::from(*digit),
            Some(letter @ 10..36) => sum * 100 + u64::from(*letter),
            _ if Some(*byte) == sign => continue,
            _ => return None,
        };
        count += 1;
        // A division is needed only once in several characters.
        sum = if sum < LARGE { sum } else { sum % 97 };
    }
    Some((sum, count))
}

/// The values of letters and digits, 36 for all other bytes.
static VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let (mut values, mut byte) = ([36; 256], 0);
    while byte < 256 {
        #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
        if let Some(value) = (byte as u8 as char).to_digit(36) {
            values[byte] = value as u8;
        }
        byte += 1;
    }
    values
}
