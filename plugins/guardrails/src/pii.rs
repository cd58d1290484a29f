//! Personal data. Numbers are read once, in groups, and compared with every form that they could have.

mod alphanumeric_ids;
mod birth;
mod card;
mod checks;
mod crypto_addresses;
pub(crate) mod email;
mod iban;
mod network;
pub(crate) mod number;
mod numeric_ids;
mod passport;
mod phone;
mod ssn;

pub(crate) use birth::may_be_told;

use crate::context::{ScanContext, Token};
use crate::text::Text;
use crate::text::class::{DIGIT, LETTER};
use crate::words::topic::Topics;
use number::Number;

/// Fewer digits are no phone, no card and no number of a person.
const SHORTEST_NUMBER: usize = 7;
/// Fewer digits are nothing unless other digits follow them.
const SHORTEST_ALONE: usize = 6;
/// No word tells of a number that is further behind, bytes.
const FURTHEST_WORD: usize = 96;

/// Examines a word; `nothing` is [`is_nothing`] of its digits.
pub(crate) fn word(context: &mut ScanContext<'_, '_>, token: Token, nothing: bool) {
    let starts_with_digit = context.text.arrived(token.start).is_some_and(|byte| byte.is_ascii_digit());
    if starts_with_digit {
        network::word(context, token);
    }
    if token.any & LETTER == 0 {
        return digits(context, token, nothing);
    }
    birth::month_first(context, token);
    if context.text.is_short() {
        return;
    }
    if token.any & DIGIT != 0 {
        crypto_addresses::word(context, token);
        alphanumeric_ids::word(context, token);
        iban::word(context, token);
        passport::word(context, token);
        phone::with_extension(context, token);
        if !starts_with_digit {
            network::word(context, token);
        }
    } else {
        alphanumeric_ids::letters(context, token);
        network::letters(context, token);
    }
}

fn digits(context: &mut ScanContext<'_, '_>, token: Token, nothing: bool) {
    if number::is_row(context.text, token.start, token.end) {
        return;
    }
    let dated = || birth::may_begin_date(context.text, token.start, token.end);
    if nothing && !(birth::is_told(context, token.start) && dated()) {
        return;
    }
    let before = number::before(context.text, token.start);
    let number = Number::read(context.text, context.last_number, token.start, before);
    if !context.text.is_short() {
        birth::number(context, &number);
        if !nothing {
            of_a_person(context, &number);
        }
    }
    number.keep(context.text, context.last_number);
}

fn of_a_person(context: &mut ScanContext<'_, '_>, number: &Number) {
    if number.total() >= SHORTEST_NUMBER {
        card::number(context, number);
        phone::number(context, number);
        ssn::number(context, number);
        numeric_ids::number(context, number);
    }
    passport::number(context, number);
    alphanumeric_ids::digits(context, number);
}

/// Returns whether no number of a person begins with these digits: they are inside a longer one, or stand alone, or no form
/// begins so and no word near tells of one. A date may begin all the same.
pub(crate) fn is_nothing(text: &Text<'_>, topics: &Topics, token: Token) -> bool {
    if number::is_inside(text, token.start) {
        return true;
    }
    if token.len() >= SHORTEST_ALONE {
        return false;
    }
    match number::sign(text, token.end) {
        Some(sign) => {
            !topics.tell_of_number(token.start, FURTHEST_WORD)
                && !number::may_have_form(text, token.start, token.end, sign)
        }
        None => !number::is_lettered(text, token.start, token.end),
    }
}

/// Returns whether a few digits that are nothing begin no date and no address either. Most numbers of a text are so.
pub(crate) fn is_plain_number(text: &Text<'_>, topics: &Topics, token: Token) -> bool {
    if token.len() > 3 || birth::may_be_told(topics, token.start) {
        return false;
    }
    let addressless = match text.get(token.end) {
        Some(b':') => false,
        Some(b'-') => token.len() != 2,
        // An IPv4 address has two dots, and begins at the first number.
        Some(b'.') => {
            number::is_inside(text, token.start) && text.before(token.start) != Some(b':')
                || !text.is(text.run(token.end + 1, DIGIT, 4), b'.')
        }
        _ => true,
    };
    addressless && !text.is_short()
}

/// Examines a punctuation mark.
pub(crate) fn mark(context: &mut ScanContext<'_, '_>, at: usize, byte: u8) {
    match byte {
        b'+' => phone::plus(context, at),
        b'(' => phone::bracket(context, at),
        b':' => network::colon(context, at),
        _ => {}
    }
}
