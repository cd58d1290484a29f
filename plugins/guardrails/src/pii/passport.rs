//! Passport numbers: six to nine letters and digits (ICAO Doc 9303) right behind a word that says so.

use super::number::Number;
use crate::kinds::Kind;
use crate::look::{Look, Token};
use crate::text::class::{LOWER, WORD};
use crate::words::topic::bit as topic;

const REACH: usize = 40;

/// Looks at a word with letters and digits.
pub(crate) fn word(look: &mut Look<'_, '_>, token: Token) {
    if token.any & LOWER == 0 {
        looks_at(look, token.start, token.end);
    }
}

/// Looks at a number.
pub(crate) fn number(look: &mut Look<'_, '_>, number: &Number) {
    if number.is_bare() {
        looks_at(look, number.start, number.end(1));
    }
}

fn looks_at(look: &mut Look<'_, '_>, start: usize, end: usize) {
    if !look.wants(Kind::Passport) || !(6..=10).contains(&(end - start)) || !look.near(topic::PASSPORT, start, REACH) {
        return;
    }
    let bytes = look.text.slice(start, end);
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let joined = look.text.is(end, b'-') && look.text.class(end + 1) & WORD != 0;
    if digits >= 5 && bytes.len() - digits <= 3 && !joined {
        look.report_told(Kind::Passport, start, end, topic::PASSPORT, REACH);
        look.goes_on(topic::PASSPORT, end, REACH);
    }
}
