//! Dates of birth: a date in any common order or language, beside a word for birth.

use super::checks::is_day;
use super::number::Number;
use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::text::class::{DIGIT, LETTER, WIDE, WORD};
use crate::text::{SearchMemory, Text};
use crate::words::fold::{Folded, fold};
use crate::words::topic::{Topics, bit as topic};

const REACH: usize = 48;
/// Longest name of a month, bytes.
const LONGEST_NAME: usize = 28;
/// Letters of the longest entry of [`MONTHS`].
const LETTERS: usize = 6;

/// The first letters of the months in the languages of the words of context, folded; three are enough, four where two
/// share three.
#[rustfmt::skip]
static MONTHS: &[(u32, &[&str])] = &[
    (1, &["jan", "ene", "gen", "sty", "ocak", "янв", "januar"]), (2, &["feb", "fev", "lut", "sub", "фев"]),
    (3, &["mar", "maa", "mrt", "mars", "мар"]), (4, &["apr", "avr", "abr", "kwi", "nis", "апр"]),
    (5, &["may", "mai", "mag", "mei", "maj", "мая", "май"]), (6, &["jun", "juin", "giu", "cze", "haz", "июн"]),
    (7, &["jul", "juil", "lug", "lip", "tem", "июл"]), (8, &["aug", "aou", "ago", "sie", "agu", "авг"]),
    (9, &["sep", "set", "wrz", "eyl", "сен"]), (10, &["oct", "okt", "ott", "out", "paz", "eki", "окт"]),
    (11, &["nov", "lis", "kas", "ноя"]), (12, &["dec", "dez", "dic", "gru", "ara", "дек"]),
];

/// Examines a number: a date in digits, or a day before the name of a month.
pub(crate) fn number(context: &mut ScanContext<'_, '_>, number: &Number) {
    if !is_told(context, number.start) {
        return;
    }
    // Where more digits follow, no name of a month does.
    let in_words = || {
        let alone = number.group(0).is_none_or(|group| group.sign == 0);
        alone.then(|| east_asian(context.text, number).or_else(|| day_first(context.text, number))).flatten()
    };
    let end = in_digits(number).or_else(in_words);
    if let Some(end) = end {
        context.report_told(Kind::BirthDate, number.start, end, topic::BIRTH, REACH);
    }
}

/// Returns whether a date here would be one of birth.
pub(crate) fn is_told(context: &ScanContext<'_, '_>, at: usize) -> bool {
    context.wants(Kind::BirthDate) && context.near(topic::BIRTH, at, REACH)
}

/// Returns whether a word for birth stands near.
pub(crate) fn may_be_told(topics: &Topics, at: usize) -> bool {
    topics.near(topic::BIRTH, at, REACH)
}

/// Returns whether a date can begin with these digits: one or two are a day or a month, or a year before a sign that says so.
pub(crate) fn may_begin_date(text: &Text<'_>, start: usize, end: usize) -> bool {
    end - start > 2 || (1..=31).contains(&decimal(text.slice(start, end))) || text.class(end) & WIDE != 0
}

/// Examines a word: `March 12, 1980`.
pub(crate) fn month_first(context: &mut ScanContext<'_, '_>, token: Token) {
    if token.any & DIGIT != 0 || !is_told(context, token.start) {
        return;
    }
    let text = context.text;
    let Some((month, after)) = month(text, token.start) else { return };
    let day = text.run(gap(text, after), DIGIT, 3);
    let value = decimal(text.slice(gap(text, after), day));
    let after_day = ordinal(text, day);
    let year = gap(text, after_day);
    if is_day(value, month)
        && let Some(end) = year_at(text, year)
    {
        context.report(Kind::BirthDate, token.start, end);
    }
}

fn in_digits(number: &Number) -> Option<usize> {
    let (mut sizes, mut signs) = ([0_u8; 3], [0_u8; 3]);
    for ((size, sign), group) in sizes.iter_mut().zip(&mut signs).zip(number.groups()) {
        (*size, *sign) = (group.size, group.sign);
    }
    if let [8, ..] = sizes
        && number.is_bare()
    {
        let digits = number.digits(1);
        let date = |year: usize, month: usize, day: usize| {
            is_year(part(digits, year, 4)) && is_day(part(digits, day, 2), part(digits, month, 2))
        };
        return (date(0, 4, 6) || date(4, 2, 0) || date(4, 0, 2)).then(|| number.end(1));
    }
    let ([a, b, c], [first, second, _]) = (sizes, signs);
    if number.count() < 3 {
        return None;
    }
    let digits = number.digits(3);
    let (a, b, c) = (usize::from(a), usize::from(b), usize::from(c));
    let value = |from: usize, size: usize| part(digits, from, size);
    let (x, y, z) = (value(0, a), value(a, b), value(a + b, c));
    let either = is_day(x, y) || is_day(y, x);
    let date = match (a, b, c) {
        (4, 1 | 2, 1 | 2) => is_year(x) && is_day(z, y),
        (1 | 2, 1 | 2, 4) => is_year(z) && either,
        (1 | 2, 1 | 2, 2) => either,
        (2, 2, _) => false,
        _ => false,
    };
    (first == second && date && first != 0).then(|| number.end(3))
}

/// `1980年5月6日`, `1980년 5월 6일`
fn east_asian(text: &Text<'_>, number: &Number) -> Option<usize> {
    let mut at = number.start;
    for (units, size) in [(["年", "년"], 4), (["月", "월"], 2), (["日", "일"], 2)] {
        let digits = text.run(at, DIGIT, size + 1);
        let unit = units.iter().find(|unit| text.starts(digits, unit.as_bytes()))?;
        if !(1..=size).contains(&(digits - at)) {
            return None;
        }
        at = digits + unit.len();
        at += usize::from(text.is(at, b' ') && size != 2 || text.is(at, b' ') && text.class(at + 1) & DIGIT != 0);
    }
    Some(at)
}

/// `12 March 1980`, `12th of March, 1980`, `12. März 1980`, `12 de marzo de 1980`, `12-Mar-1980`
fn day_first(text: &Text<'_>, number: &Number) -> Option<usize> {
    let day_end = text.run(number.start, DIGIT, 3);
    let day = decimal(text.slice(number.start, day_end));
    let mut at = gap(text, ordinal(text, day_end));
    at = of(text, at);
    let (month, after) = month(text, at)?;
    let year = of(text, gap(text, after));
    if is_day(day, month) { year_at(text, year) } else { None }
}

fn year_at(text: &Text<'_>, at: usize) -> Option<usize> {
    let end = text.run(at, DIGIT, 5);
    (end - at == 4 && is_year(decimal(text.slice(at, end))) && text.class(end) & WORD == 0).then_some(end)
}

/// Returns the month that is named here, and where its name ends.
///
/// Hostile text begins a name in every few bytes, so few letters are folded, all names are compared at once, and the end
/// of a run of letters is remembered.
fn month(text: &Text<'_>, at: usize) -> Option<(u32, usize)> {
    // Nearly every word is none by its first two letters.
    if let [a @ ..0x80, b @ ..0x80, ..] = text.rest(at)
        && !may_begin(char::from(a.to_ascii_lowercase()), char::from(b.to_ascii_lowercase()))
    {
        return None;
    }
    let mut first = text.char(at).filter(|c| is_month_script(*c))?;
    let (mut name, mut length, mut end) = ([0_u8; LETTERS * 4], 0, at);
    for index in 0..LETTERS {
        let Some(c) = text.char(end).filter(|c| is_month_script(*c) && is_letter(*c)) else { break };
        let Folded::Letter(folded) = fold(c) else { break };
        match index {
            0 => first = folded,
            1 if !may_begin(first, folded) => return None,
            _ => {}
        }
        length += folded.encode_utf8(name.get_mut(length..length + 4)?).len();
        end += c.len_utf8();
    }
    let name = name.first_chunk().copied().map(u64::from_le_bytes)?;
    let known = NAMES.iter().find(|known| (name ^ known.name) & known.mask == 0)?;
    Some((known.month, name_end(text, end, at + LONGEST_NAME)?))
}

/// The first letters of a month's name as a number, with the bits that count.
#[derive(Clone, Copy)]
struct Name {
    name: u64,
    mask: u64,
    month: u32,
}

/// All names of [`MONTHS`].
static NAMES: [Name; 70] = names();

const fn names() -> [Name; 70] {
    let mut names = [Name { name: u64::MAX, mask: u64::MAX, month: 0 }; 70];
    let (mut months, mut count) = (MONTHS, 0);
    while let [(month, of_month), others @ ..] = months {
        let mut left: &[&str] = of_month;
        while let [name, others @ ..] = left {
            #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
            {
                names[count] = Name { name: packed(name.as_bytes()), mask: (1 << (name.len() * 8)) - 1, month: *month };
            }
            (left, count) = (others, count + 1);
        }
        months = others;
    }
    names
}

const fn packed(mut name: &[u8]) -> u64 {
    let mut packed = 0;
    while let [others @ .., last] = name {
        packed = packed << 8 | *last as u64;
        name = others;
    }
    packed
}

/// Returns where the run of letters ends that goes on at `from`; none if it goes beyond `limit`.
fn name_end(text: &Text<'_>, from: usize, limit: usize) -> Option<usize> {
    let memory = &text.memories().letters;
    let known = Some(memory.get()).filter(|known| (known.from..=known.upto).contains(&from));
    let mut run = known.unwrap_or(SearchMemory { from, upto: from, found: None });
    while run.upto <= limit
        && let Some(c) = text.char(run.upto).filter(|c| is_letter(*c))
    {
        run.upto += c.len_utf8();
    }
    memory.set(run);
    (run.upto <= limit).then_some(run.upto)
}

/// Returns whether a name of [`MONTHS`] begins with these two letters.
fn may_begin(first: char, second: char) -> bool {
    static PAIRS: [u64; 64] = pairs();
    let row = letter(first).and_then(|first| PAIRS.get(first)).copied().unwrap_or(0);
    letter(second).is_some_and(|second| row >> second & 1 == 1)
}

/// For each first letter, the bits of the second letters of names.
const fn pairs() -> [u64; 64] {
    let mut pairs = [0; 64];
    let mut months = MONTHS;
    while let [(_, names), others @ ..] = months {
        let mut names: &[&str] = names;
        while let [name, others @ ..] = names {
            let (first, rest) = const_letter(name.as_bytes());
            let (second, _) = const_letter(rest);
            #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
            {
                pairs[first] |= 1 << second;
            }
            names = others;
        }
        months = others;
    }
    pairs
}

/// Returns the place of a small letter among the Latin and Cyrillic ones.
const fn letter(c: char) -> Option<usize> {
    match c {
        'a'..='z' => Some(c as usize - 'a' as usize),
        'а'..='я' => Some(c as usize - 'а' as usize + 32),
        _ => None,
    }
}

/// Returns the place of the first letter of a name, and the rest of the name.
const fn const_letter(name: &[u8]) -> (usize, &[u8]) {
    match name {
        [a, rest @ ..] if *a < 0x80 => (*a as usize - 'a' as usize, rest),
        [a, b, rest @ ..] => (((*a as usize & 0x1F) << 6 | *b as usize & 0x3F) - 'а' as usize + 32, rest),
        _ => (63, &[]),
    }
}

/// Returns whether a letter of [`MONTHS`] can be written so, judged by its script.
fn is_month_script(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{17F}' | '\u{400}'..='\u{4FF}' | '\u{212A}' | '\u{FF01}'..='\u{FF5E}')
}

/// Returns whether the character continues a word. Beyond Latin and Cyrillic everything but punctuation does: Unicode's
/// table of letters takes longer than all other detectors together.
fn is_letter(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{17F}' => true,
        '\0'..='\u{BF}' | '\u{D7}' | '\u{F7}' => matches!(c, '\u{AA}' | '\u{B5}' | '\u{BA}'),
        '\u{300}'..='\u{344}' | '\u{346}'..='\u{36F}' => false,
        '\u{2000}'..='\u{2070}' | '\u{2190}'..='\u{2BFF}' | '\u{3000}'..='\u{3004}' | '\u{3008}'..='\u{3020}' => false,
        '\u{FE00}'..='\u{FE6F}' | '\u{FF00}'..='\u{FF20}' | '\u{FFE0}'.. => false,
        _ => true,
    }
}

/// Returns the position behind `st`, `nd`, `rd`, `th`, `er`, `º` of a day.
fn ordinal(text: &Text<'_>, at: usize) -> usize {
    let endings: [&[u8]; 6] = [b"st", b"nd", b"rd", b"th", b"er", "º".as_bytes()];
    let ending = endings.iter().find(|ending| text.starts_folded(at, ending));
    ending.filter(|ending| text.class(at + ending.len()) & LETTER == 0).map_or(at, |ending| at + ending.len())
}

/// Returns the position behind "of" and "de".
fn of(text: &Text<'_>, at: usize) -> usize {
    let names: [&[u8]; 3] = [b"of ", b"de ", b"del "];
    names.iter().find(|name| text.starts_folded(at, name)).map_or(at, |name| at + name.len())
}

/// Returns the position behind up to two signs between the parts of a date.
fn gap(text: &Text<'_>, at: usize) -> usize {
    let sign = |at: usize| matches!(text.get(at), Some(b' ' | b'-' | b'.' | b',' | b'/'));
    match (sign(at), sign(at + 1)) {
        (true, true) => at + 2,
        (true, false) => at + 1,
        _ => at,
    }
}

fn part(digits: &[u8], from: usize, size: usize) -> u32 {
    decimal(digits.get(from..from + size).unwrap_or_default())
}

fn decimal(digits: &[u8]) -> u32 {
    digits.iter().take(8).fold(0, |value, digit| value * 10 + u32::from(digit.wrapping_sub(b'0')))
}

/// Years of birth of persons that are likely to be mentioned.
fn is_year(year: u32) -> bool {
    (1880..=2035).contains(&year)
}
