//! Dates of birth: a date in any common order or language, beside a word that says what it is.

use super::checks::is_day;
use super::number::Number;
use crate::kinds::Kind;
use crate::look::{Look, Token};
use crate::text::Text;
use crate::text::class::{DIGIT, LETTER, WORD};
use crate::words::fold::{Folded, fold};
use crate::words::topic::bit as topic;

const REACH: usize = 48;
const LONGEST_NAME: usize = 28;

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

/// Looks at a number: a date in digits, or a day before the name of a month.
pub(crate) fn number(look: &mut Look<'_, '_>, number: &Number) {
    if !look.wants(Kind::BirthDate) || !look.near(topic::BIRTH, number.start, REACH) {
        return;
    }
    let end = in_digits(number).or_else(|| east_asian(look.text, number)).or_else(|| day_first(look.text, number));
    if let Some(end) = end {
        look.report_told(Kind::BirthDate, number.start, end, topic::BIRTH, REACH);
    }
}

/// Looks at a word: `March 12, 1980`.
pub(crate) fn month_first(look: &mut Look<'_, '_>, token: Token) {
    if token.any & DIGIT != 0 || !look.wants(Kind::BirthDate) || !look.near(topic::BIRTH, token.start, REACH) {
        return;
    }
    let text = look.text;
    let Some((month, after)) = month(text, token.start) else { return };
    let day = text.run(gap(text, after), DIGIT, 3);
    let value = decimal(text.slice(gap(text, after), day));
    let after_day = ordinal(text, day);
    let year = gap(text, after_day);
    if is_day(value, month)
        && let Some(end) = year_at(text, year)
    {
        look.report(Kind::BirthDate, token.start, end);
    }
}

fn in_digits(number: &Number) -> Option<usize> {
    let groups = number.groups();
    let (mut sizes, mut signs) = ([0_u8; 3], [0_u8; 3]);
    for ((size, sign), group) in sizes.iter_mut().zip(&mut signs).zip(groups) {
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
    if groups.len() < 3 {
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

/// The month whose name begins here, and where its name ends.
fn month(text: &Text<'_>, at: usize) -> Option<(u32, usize)> {
    let (mut name, mut length, mut end) = ([0_u8; LONGEST_NAME], 0, at);
    while length < LONGEST_NAME - 4 {
        let Some(c) = text.get(end).and_then(|_| text.char(end)).filter(|c| c.is_alphabetic()) else { break };
        if let (Folded::Letter(folded), Some(room)) = (fold(c), name.get_mut(length..length + 4)) {
            length += folded.encode_utf8(room).len();
        }
        end += c.len_utf8();
    }
    let name = name.get(..length)?;
    let row = MONTHS.iter().find(|(_, names)| names.iter().any(|known| name.starts_with(known.as_bytes())))?;
    Some((row.0, end))
}

/// Behind `st`, `nd`, `rd`, `th`, `er`, `º` of a day.
fn ordinal(text: &Text<'_>, at: usize) -> usize {
    let endings: [&[u8]; 6] = [b"st", b"nd", b"rd", b"th", b"er", "º".as_bytes()];
    let ending = endings.iter().find(|ending| text.starts_folded(at, ending));
    ending.filter(|ending| text.class(at + ending.len()) & LETTER == 0).map_or(at, |ending| at + ending.len())
}

/// Behind "of" and "de".
fn of(text: &Text<'_>, at: usize) -> usize {
    let names: [&[u8]; 3] = [b"of ", b"de ", b"del "];
    names.iter().find(|name| text.starts_folded(at, name)).map_or(at, |name| at + name.len())
}

/// Behind up to two signs between the parts of a date.
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

/// Years in which somebody could be born who is spoken of as a person with data.
fn is_year(year: u32) -> bool {
    (1880..=2035).contains(&year)
}
