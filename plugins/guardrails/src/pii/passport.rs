//! Passport numbers: six to nine letters and digits (ICAO Doc 9303) right behind a word that says so.

use super::number::Number;
use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::text::class::{LOWER, WORD};
use crate::words::topic::bit as topic;

const REACH: usize = 40;

/// Examines a word with letters and digits.
pub(crate) fn word(context: &mut ScanContext<'_, '_>, token: Token) {
    if token.any & LOWER == 0 {
        looks_at(context, token.start, token.end);
    }
}

/// Examines a number.
pub(crate) fn number(context: &mut ScanContext<'_, '_>, number: &Number) {
    if number.is_bare() {
        looks_at(context, number.start, number.end(1));
    }
}

fn looks_at(context: &mut ScanContext<'_, '_>, start: usize, end: usize) {
    if !context.wants(Kind::Passport)
        || !(6..=10).contains(&(end - start))
        || !context.near(topic::PASSPORT, start, REACH)
    {
        return;
    }
    let bytes = context.text.slice(start, end);
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let joined = context.text.is(end, b'-') && context.text.class(end + 1) & WORD != 0;
    if digits >= 5 && bytes.len() - digits <= 3 && !joined {
        context.report_told(Kind::Passport, start, end, topic::PASSPORT, REACH);
        context.goes_on(topic::PASSPORT, end, REACH);
    }
}
