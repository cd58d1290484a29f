//! National numbers with letters in them: the letters are a check, a form of its own, or both.

use super::checks::{is_day, modulo, two, weighted};
use super::number::{Number, Preceding};
use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::text::class::{DASH, DIGIT, DOT, LOWER, UNDERSCORE, UPPER, WORD};
use crate::words::topic::bit::{self as topic, PERSON, TAX};

const REACH: usize = 96;
const FISCAL_CODE: &[u8] = b"AAAAAA**A**A***A";

/// A shape (`A` a letter, `9` a digit, `*` either), a check, and the words it needs, if any.
struct Shape {
    kind: Kind,
    shape: &'static [u8],
    check: fn(&[u8]) -> bool,
    topics: u64,
}

const fn shape(kind: Kind, shape: &'static str, check: fn(&[u8]) -> bool, topics: u64) -> Shape {
    Shape { kind, shape: shape.as_bytes(), check, topics }
}

#[rustfmt::skip]
static SHAPES: &[Shape] = &[
    shape(Kind::EsDni, "99999999A", es_dni, 0),
    shape(Kind::EsDni, "A9999999A", es_nie, 0),
    shape(Kind::GbNino, "AA999999A", gb_nino, 0),
    shape(Kind::GbNino, "AA999999", gb_nino, topic::GB_NINO),
    shape(Kind::SgNric, "A9999999A", sg_nric, 0),
    shape(Kind::IePps, "9999999A", ie_pps, topic::IE_PPS),
    shape(Kind::IePps, "9999999AA", ie_pps, topic::IE_PPS),
    shape(Kind::InPan, "AAAAA9999A", in_pan, 0),
    shape(Kind::TwId, "A999999999", tw_id, topic::TW_ID | PERSON),
    shape(Kind::HkId, "A9999999", hk_id, topic::HK_ID | PERSON),
    shape(Kind::HkId, "A999999A", hk_id, topic::HK_ID | PERSON),
    shape(Kind::FiHetu, "999999A999*", fi_hetu, 0),
    shape(Kind::DePensionNumber, "99999999A999", de_pension, 0),
    shape(Kind::BrCnpj, "************99", super::checks::br_cnpj, topic::BR_CNPJ),
    Shape { kind: Kind::ItFiscalCode, shape: FISCAL_CODE, check: it_fiscal_code, topics: 0 },
    shape(Kind::MxCurp, "AAAA999999AAAAAA*9", mx_curp, 0),
    shape(Kind::CnResidentId, "99999999999999999A", super::checks::cn_resident, 0),
];

/// Examines a word with letters and digits.
pub(crate) fn word(context: &mut ScanContext<'_, '_>, token: Token) {
    if !(7..=18).contains(&token.len()) || is_joined(context, token) {
        return;
    }
    let one_case = token.any & LOWER == 0 || token.any & UPPER == 0;
    let mut room = [0; 18];
    let Some(word) = room.get_mut(..token.len()) else { return };
    word.copy_from_slice(context.text.slice(token.start, token.end));
    word.make_ascii_uppercase();
    let word = &*word;
    let kinds = context.kinds;
    for shape in SHAPES.iter().filter(|shape| shape.shape.len() == word.len() && one_case && kinds.contains(shape.kind))
    {
        // In small letters anything can be a word.
        let small = token.any & LOWER != 0;
        let topics = if small && shape.topics == 0 { topics_of(shape.kind) } else { shape.topics };
        let told = topics == 0 || context.near(topics, token.start, REACH);
        if told && has_shape(word, shape.shape) && (shape.check)(word) {
            let own = topics_of(shape.kind) & !(PERSON | TAX);
            context.report_told(shape.kind, token.start, token.end, own, REACH);
        }
    }
    hong_kong(context, token, word);
}

fn topics_of(kind: Kind) -> u64 {
    match kind {
        Kind::EsDni => topic::ES_DNI | PERSON | TAX,
        Kind::GbNino => topic::GB_NINO,
        Kind::SgNric => topic::SG_NRIC | PERSON,
        Kind::InPan => topic::IN_PAN | TAX,
        Kind::FiHetu => topic::FI_HETU | PERSON,
        Kind::DePensionNumber => topic::DE_PENSION,
        Kind::ItFiscalCode => topic::IT_CF | TAX,
        Kind::MxCurp => topic::MX_CURP | PERSON,
        Kind::IePps => topic::IE_PPS,
        Kind::TwId => topic::TW_ID,
        Kind::HkId => topic::HK_ID,
        Kind::BrCnpj => topic::BR_CNPJ,
        _ => topic::CN_ID | PERSON,
    }
}

/// Returns whether a dash, dot or underscore makes it a part of something longer.
fn is_joined(context: &ScanContext<'_, '_>, token: Token) -> bool {
    let before = context.text.behind(token.start, 2);
    let joined = matches!(before, [byte, b'-' | b'_' | b'.' | b'/'] if byte.is_ascii_alphanumeric());
    joined
        || context.text.class(token.end) & (DASH | UNDERSCORE | DOT) != 0
            && context.text.class(token.end + 1) & WORD != 0
}

fn has_shape(word: &[u8], shape: &[u8]) -> bool {
    word.iter().zip(shape).all(|(byte, shape)| match shape {
        b'A' => byte.is_ascii_alphabetic(),
        b'9' => byte.is_ascii_digit(),
        _ => true,
    })
}

/// `A123456(7)`
fn hong_kong(context: &mut ScanContext<'_, '_>, token: Token, word: &[u8]) {
    let text = context.text;
    if !matches!(token.len(), 7 | 8)
        || token.any & LOWER != 0
        || !text.is(token.end, b'(')
        || !text.is(token.end + 2, b')')
    {
        return;
    }
    let Some(check) = text.get(token.end + 1) else { return };
    let id = [word, &[check]].concat();
    if (has_shape(&id, b"A999999*") || has_shape(&id, b"AA999999*")) && hk_id(&id) {
        context.report(Kind::HkId, token.start, token.end + 3);
    }
}

/// Examines a word of letters: `AB 12 34 56 C`, and a fiscal code in groups.
pub(crate) fn letters(context: &mut ScanContext<'_, '_>, token: Token) {
    if token.any & LOWER != 0 || context.text.get(token.end) != Some(b' ') {
        return;
    }
    let (kind, sizes, shape): (Kind, &[usize], &[u8]) = match token.len() {
        2 => (Kind::GbNino, &[2, 2, 2, 2, 1], b"AA999999A"),
        3 if context.near(topic::IT_CF | TAX, token.start, REACH) => (Kind::ItFiscalCode, &[3, 3, 5, 5], FISCAL_CODE),
        6 if context.near(topic::IT_CF | TAX, token.start, REACH) => (Kind::ItFiscalCode, &[6, 5, 5], FISCAL_CODE),
        _ => return,
    };
    if let Some((word, end)) = in_groups(context, token.start, sizes, shape)
        && context.wants(kind)
    {
        let holds = match kind {
            Kind::GbNino => gb_nino(&word),
            _ => it_fiscal_code(&word),
        };
        if holds {
            context.report(kind, token.start, end);
        }
    }
}

/// Reads groups of these sizes with a space between them, together of this shape; returns them and where they end.
fn in_groups(context: &ScanContext<'_, '_>, start: usize, sizes: &[usize], shape: &[u8]) -> Option<(Id, usize)> {
    let mut id = Id::default();
    let mut at = start;
    for (index, size) in sizes.iter().enumerate() {
        let from = at + usize::from(index > 0);
        if index > 0 && !context.text.is(at, b' ') {
            return None;
        }
        at = context.text.run(from, WORD, size + 1);
        let group = context.text.slice(from, at);
        let plain = group.len() == *size && !group.iter().any(u8::is_ascii_lowercase);
        if !plain || !has_shape(group, shape.get(id.len..)?) {
            return None;
        }
        id.extend(group)?;
    }
    Some((id, at))
}

/// The letters and digits of a number, without separators.
#[derive(Default)]
struct Id {
    bytes: [u8; 18],
    len: usize,
}

impl Id {
    fn extend(&mut self, group: &[u8]) -> Option<()> {
        self.bytes.get_mut(self.len..self.len + group.len())?.copy_from_slice(group);
        self.len += group.len();
        Some(())
    }
}

impl std::ops::Deref for Id {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// Examines a number with a letter after a sign: `12345678-Z`, `131052-308T`, `12.345.678-K`.
pub(crate) fn digits(context: &mut ScanContext<'_, '_>, number: &Number) {
    if matches!(number.before, Preceding::Digits(_) | Preceding::Joined) {
        return;
    }
    chilean(context, number);
    let text = context.text;
    let end = number.end(1);
    match (number.first(), text.get(end)) {
        (8, Some(sign @ (b'-' | b' '))) if text.class(end + 1) & UPPER != 0 && text.class(end + 2) & WORD == 0 => {
            let id = [number.digits(1), text.slice(end + 1, end + 2)].concat();
            let told = sign == b'-' || context.near(topic::ES_DNI, number.start, REACH);
            if told && es_dni(&id) {
                context.report(Kind::EsDni, number.start, end + 2);
            }
        }
        (6, Some(b'-' | b'+')) => {
            let tail = text.run(end + 1, WORD, 5);
            let id = [number.digits(1), text.slice(end, tail)].concat().to_ascii_uppercase();
            if id.len() == 11 && fi_hetu(&id) {
                context.report(Kind::FiHetu, number.start, tail);
            }
        }
        (2, Some(b' ')) if number.group(1).is_some_and(|group| group.size == 6) => german(context, number.start),
        (2, Some(b'.')) => brazilian(context, number.start),
        _ => {}
    }
}

/// `15 070649 C 103`
fn german(context: &mut ScanContext<'_, '_>, start: usize) {
    if let Some((word, end)) = in_groups(context, start, &[2, 6, 1, 3], b"99999999A999")
        && de_pension(&word)
    {
        context.report(Kind::DePensionNumber, start, end);
    }
}

/// `12.ABC.345/01DE-35`, the form with letters.
fn brazilian(context: &mut ScanContext<'_, '_>, start: usize) {
    let text = context.text;
    let mut id = Id::default();
    let mut at = start;
    for (size, sign) in [(2, b'.'), (3, b'.'), (3, b'/'), (4, b'-'), (2, 0)] {
        let end = text.run(at, DIGIT | UPPER, size + 1);
        if end - at != size || sign != 0 && !text.is(end, sign) {
            return;
        }
        if id.extend(text.slice(at, end)).is_none() {
            return;
        }
        at = end + usize::from(sign != 0);
    }
    let lettered = id.iter().any(u8::is_ascii_alphabetic) && has_shape(&id, b"************99");
    if lettered && text.class(at) & WORD == 0 && super::checks::br_cnpj(&id) {
        context.report(Kind::BrCnpj, start, at);
    }
}

/// `12.345.678-5`; without dots beside a word, or with `K`.
fn chilean(context: &mut ScanContext<'_, '_>, number: &Number) {
    if !matches!(context.text.get(number.end(1)), Some(b'.' | b'-')) {
        return;
    }
    let dotted = match (number.group(0), number.group(1), number.group(2)) {
        (Some(a), Some(b), Some(c)) => {
            matches!(a.size, 1 | 2) && (b.size, c.size, a.sign, b.sign) == (3, 3, b'.', b'.')
        }
        _ => false,
    };
    let groups = if dotted { 3 } else { 1 };
    let end = number.end(groups);
    let text = context.text;
    let body = number.digits(groups);
    let sized = matches!(body.len(), 7 | 8) && (dotted || number.count() <= 2);
    if !context.wants(Kind::ClRut) || !sized || !text.is(end, b'-') || text.class(end + 2) & (WORD | DASH) != 0 {
        return;
    }
    let Some(check) = text.get(end + 1).filter(|byte| byte.is_ascii_digit() || matches!(byte, b'K' | b'k')) else {
        return;
    };
    let told = dotted || context.near(topic::CL_RUT | PERSON | TAX, number.start, REACH);
    if told && super::checks::cl_rut(body, check) {
        context.report(Kind::ClRut, number.start, end + 2);
    }
}

fn at(word: &[u8], index: usize) -> u8 {
    word.get(index).copied().unwrap_or(0)
}

fn es_dni(word: &[u8]) -> bool {
    let number = word.get(..8).unwrap_or_default();
    if number == b"00000000" {
        return false;
    }
    b"TRWAGMYFPDXBNJZSQVHLCKE".get(modulo(number, 23) as usize) == Some(&at(word, 8))
}

/// X, Y and Z stand for 0, 1 and 2.
fn es_nie(word: &[u8]) -> bool {
    let first = match at(word, 0) {
        b'X' => b'0',
        b'Y' => b'1',
        b'Z' => b'2',
        _ => return false,
    };
    es_dni(&[&[first], word.get(1..).unwrap_or_default()].concat())
}

/// NIM39110: letters that are not used, pairs that are not allocated, suffix A to D.
fn gb_nino(word: &[u8]) -> bool {
    let (first, second) = (at(word, 0), at(word, 1));
    let pair = word.get(..2).unwrap_or_default();
    let unused = b"DFIQUV".contains(&first) || b"DFIOQUV".contains(&second);
    let not_allocated: [&[u8]; 7] = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];
    !unused && !not_allocated.contains(&pair) && (word.len() == 8 || matches!(at(word, 8), b'A'..=b'D'))
}

fn sg_nric(word: &[u8]) -> bool {
    let (table, offset): (&[u8; 11], u32) = match at(word, 0) {
        b'S' => (b"JZIHGFEDCBA", 0),
        b'T' => (b"JZIHGFEDCBA", 4),
        b'F' => (b"XWUTRQPNMLK", 0),
        b'G' => (b"XWUTRQPNMLK", 4),
        b'M' => (b"XWUTRQPNJLK", 3),
        _ => return false,
    };
    let sum = weighted(word.get(1..8).unwrap_or_default(), &[2, 7, 6, 5, 4, 3, 2]) + offset;
    table.get(sum as usize % 11) == Some(&at(word, 8))
}

fn ie_pps(word: &[u8]) -> bool {
    let second = match at(word, 8) {
        letter @ b'A'..=b'V' => u32::from(letter - b'A') + 1,
        _ => 0,
    };
    let rest = (weighted(word, &[8, 7, 6, 5, 4, 3, 2]) + second * 9) % 23;
    let expected = if rest == 0 { b'W' } else { b'A' + rest as u8 - 1 };
    at(word, 7) == expected
}

fn in_pan(word: &[u8]) -> bool {
    b"ABCFGHLJPT".contains(&at(word, 3)) && word.get(5..9) != Some(b"0000")
}

fn tw_id(word: &[u8]) -> bool {
    const ORDER: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let Some(letter) = ORDER.iter().position(|letter| *letter == at(word, 0)) else { return false };
    let letter = letter as u32 + 10;
    let rest = weighted(word.get(1..).unwrap_or_default(), &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    matches!(at(word, 1), b'1' | b'2' | b'8' | b'9') && (letter / 10 + letter % 10 * 9 + rest).is_multiple_of(10)
}

/// One letter or two, six digits, a check digit; `A` stands for 10. A space before a single letter counts as 36.
fn hk_id(word: &[u8]) -> bool {
    let (Some((check, body)), blank) = (word.split_last(), if word.len() == 8 { 36 * 9 } else { 0 }) else {
        return false;
    };
    let weights: &[u32] = if word.len() == 8 { &[8, 7, 6, 5, 4, 3, 2] } else { &[9, 8, 7, 6, 5, 4, 3, 2] };
    let check = match check {
        b'0'..=b'9' => u32::from(check - b'0'),
        b'A' => 10,
        _ => return false,
    };
    (blank + weighted(body, weights) + check).is_multiple_of(11)
}

/// Day, month, year, century, individual number, check character.
fn fi_hetu(word: &[u8]) -> bool {
    let century = b"+-YXWVUABCDEF".contains(&at(word, 6));
    let digits = [word.get(..6).unwrap_or_default(), word.get(7..10).unwrap_or_default()].concat();
    let number = digits.iter().all(u8::is_ascii_digit) && digits.len() == 9;
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(modulo(&digits, 31) as usize);
    century && number && is_day(two(&digits, 0), two(&digits, 2)) && check == Some(&at(word, 10))
}

/// Area, day of birth, initial, serial, check digit; the letter counts as its two-digit place in the alphabet.
fn de_pension(word: &[u8]) -> bool {
    let letter = u32::from(at(word, 8).saturating_sub(b'A')) + 1;
    let head = word.get(..8).unwrap_or_default().iter().map(|digit| u32::from(digit.saturating_sub(b'0')));
    let tail = word.get(9..11).unwrap_or_default().iter().map(|digit| u32::from(digit.saturating_sub(b'0')));
    let digits = head.chain([letter / 10, letter % 10]).chain(tail);
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u32 =
        digits.zip(weights).map(|(digit, weight)| digit * weight).map(|product| product / 10 + product % 10).sum();
    let day = two(word, 2) % 50;
    (1..=31).contains(&day)
        && (1..=12).contains(&two(word, 4))
        && sum % 10 == u32::from(at(word, 11).saturating_sub(b'0'))
}

/// Name, year, month and day, municipality, check letter; digits may be letters where two people would share a code.
fn it_fiscal_code(word: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let place = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte.wrapping_sub(b'A') };
    let odd = |byte: u8| ODD.get(usize::from(place(byte))).copied().unwrap_or(0);
    let numeric = |index: usize| at(word, index).is_ascii_digit() || b"LMNPQRSTUV".contains(&at(word, index));
    let form = [6, 7, 9, 10, 12, 13, 14].into_iter().all(numeric) && b"ABCDEHLMPRST".contains(&at(word, 8));
    let sum: u32 = (0..15)
        .map(|index| if index % 2 == 0 { odd(at(word, index)) } else { u32::from(place(at(word, index))) })
        .sum();
    form && sum % 26 == u32::from(at(word, 15).wrapping_sub(b'A'))
}

fn mx_curp(word: &[u8]) -> bool {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        // Ñ has the place after N.
        b'A'..=b'N' => u32::from(byte - b'A') + 10,
        _ => u32::from(byte.saturating_sub(b'A')) + 11,
    };
    let sum: u32 = word.iter().take(17).zip((2..=18).rev()).map(|(byte, weight)| value(*byte) * weight).sum();
    let sex = matches!(at(word, 10), b'H' | b'M' | b'X');
    sex && is_day(two(word, 8), two(word, 6)) && (10 - sum % 10) % 10 == u32::from(at(word, 17).saturating_sub(b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_examples_hold() {
        assert!(es_dni(b"12345678Z") && es_nie(b"X1234567L"));
        assert!(sg_nric(b"S1234567D") && sg_nric(b"F1612345P") && !sg_nric(b"S1234567E"));
        assert!(ie_pps(b"1234567T") && ie_pps(b"1234567FA"));
        assert!(tw_id(b"A123456789") && !tw_id(b"A123456788"));
        assert!(hk_id(b"A1234563") && hk_id(b"AB9876543") && !hk_id(b"A1234564"));
        assert!(fi_hetu(b"131052-308T") && !fi_hetu(b"131052-308U"));
        assert!(de_pension(b"15070649C103") && !de_pension(b"15070649C104"));
        assert!(it_fiscal_code(b"RSSMRA85T10A562S") && !it_fiscal_code(b"RSSMRA85T10A562T"));
        assert!(mx_curp(b"HEGG560427MVZRRL04") && !mx_curp(b"HEGG560427MVZRRL05"));
    }
}
