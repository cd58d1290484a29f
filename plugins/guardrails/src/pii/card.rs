//! Payment cards: an issuer's range, one of its lengths, Luhn; bare, or in the groups that are printed on the card.

use super::checks;
use super::number::{Form, Number, Preceding, form, is_table};
use crate::context::ScanContext;
use crate::kinds::Kind;
use crate::words::topic::bit as topic;

const REACH: usize = 96;
/// Fewer digits are a card only in a known issuer's range.
const SHORTEST: usize = 13;

/// First and last value of the first four digits, shortest and longest number, and whether only a word tells them from
/// other numbers: those that are old, or long like an id, or shared by too much else.
#[rustfmt::skip]
static RANGES: &[(u32, u32, usize, usize, bool)] = &[
    (4000, 4999, 16, 16, false),
    (4000, 4999, 13, 13, true),
    (4000, 4999, 19, 19, true),
    (5100, 5599, 16, 16, false),
    (2221, 2720, 16, 16, false),
    (3400, 3499, 15, 15, false),
    (3700, 3799, 15, 15, false),
    (6011, 6011, 16, 16, false),
    (6440, 6599, 16, 16, false),
    (3000, 3059, 14, 14, true),
    (3095, 3095, 14, 14, true),
    (3600, 3699, 14, 14, true),
    (3800, 3999, 14, 14, true),
    (3528, 3589, 16, 16, false),
    (6200, 6299, 16, 16, false),
    (6200, 6299, 17, 19, true),
    (8100, 8171, 16, 16, true),
    (2200, 2204, 16, 16, false),
    (5000, 5099, 12, 19, true),
    (5600, 5899, 12, 19, true),
    (6000, 6999, 12, 19, true),
    (9792, 9792, 16, 16, true),
];

/// Groups as they are printed, with the three signs that stand between them; dots only beside a word.
static PRINTED: [[Form; 3]; 7] = [
    printed(&[4, 4, 4, 4]),
    printed(&[4, 6, 5]),
    printed(&[4, 6, 4]),
    printed(&[4, 4, 4, 4, 3]),
    printed(&[4, 4, 4, 1]),
    printed(&[8, 8]),
    printed(&[6, 10]),
];

const fn printed(sizes: &[u8]) -> [Form; 3] {
    [form(sizes, b"    "), form(sizes, b"----"), form(sizes, b"....")]
}

pub(crate) fn number(context: &mut ScanContext<'_, '_>, number: &Number) {
    if !context.wants(Kind::Card) || number.first() < 4 {
        return;
    }
    let told = context.near(topic::CARD, number.start, REACH);
    let Some(groups) = groups(number, told) else { return };
    let digits = number.digits(groups);
    // Printed groups are a sign of their own.
    let sure = told || groups > 1 && groups != 2;
    let table = groups > 1 && !told && is_table(digits);
    // Beside a word the check digit is enough: new ranges are issued all the time.
    let known = issued(digits, sure) || told && (SHORTEST..=19).contains(&digits.len());
    if known && checks::luhn(digits) && !checks::all_same(digits) && !table {
        let end = number.end(groups);
        context.report_told(Kind::Card, number.start, end, topic::CARD, REACH);
        if told {
            context.goes_on(topic::CARD, end, REACH);
        }
    }
}

fn groups(number: &Number, told: bool) -> Option<usize> {
    let bare = (12..=19).contains(&number.first()) && number.is_bare() && (told || number.before != Preceding::Joined);
    if bare {
        return Some(1);
    }
    let stands = |forms: &&[Form; 3]| {
        let [spaced, dashed, dotted] = **forms;
        number.has_sizes(spaced)
            && (number.has_form(spaced) || number.has_form(dashed) || told && number.has_form(dotted))
    };
    PRINTED.iter().find(stands).and_then(|forms| forms.first()).map(|form| form.groups())
}

fn issued(digits: &[u8], sure: bool) -> bool {
    let first = checks::two(digits, 0) * 100 + checks::two(digits, 2);
    let within = |&(from, to, least, most, needs_word): &(u32, u32, usize, usize, bool)| {
        (from..=to).contains(&first) && (least..=most).contains(&digits.len()) && (sure || !needs_word)
    };
    RANGES.iter().any(within)
}
