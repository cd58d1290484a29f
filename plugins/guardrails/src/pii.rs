//! What tells of a person. Numbers are read once, in groups, and then held against every form that they could have.

mod birth;
mod card;
mod checks;
mod coins;
pub(crate) mod email;
mod iban;
mod lettered;
mod network;
mod number;
mod numbered;
mod passport;
mod phone;
mod ssn;

use crate::look::{Look, Token};
use crate::text::class::{DIGIT, LETTER};
use number::{Before, Number};

/// Fewer digits are no phone, no card and no number of a person.
const SHORTEST_NUMBER: usize = 7;

/// Looks at a word.
pub(crate) fn word(look: &mut Look<'_, '_>, token: Token) {
    let starts_with_digit = look.text.arrived(token.start).is_some_and(|byte| byte.is_ascii_digit());
    if starts_with_digit {
        network::word(look, token);
    }
    if token.any & LETTER == 0 {
        return digits(look, token);
    }
    birth::month_first(look, token);
    if look.text.is_short() {
        return;
    }
    if token.any & DIGIT != 0 {
        coins::word(look, token);
        lettered::word(look, token);
        iban::word(look, token);
        passport::word(look, token);
        phone::with_extension(look, token);
        if !starts_with_digit {
            network::word(look, token);
        }
    } else {
        lettered::letters(look, token);
        network::letters(look, token);
    }
}

fn digits(look: &mut Look<'_, '_>, token: Token) {
    if number::is_row(look.text, token) {
        return;
    }
    let number = Number::read(look.text, token.start);
    if look.text.is_short() {
        return;
    }
    birth::number(look, &number);
    // In the middle of a longer number nothing else can begin.
    if matches!(number.before, Before::Digits(sign) if sign != b' ') {
        return;
    }
    if number.digits(usize::MAX).len() >= SHORTEST_NUMBER {
        card::number(look, &number);
        phone::number(look, &number);
        ssn::number(look, &number);
        numbered::number(look, &number);
    }
    passport::number(look, &number);
    lettered::digits(look, &number);
}

/// Looks at a punctuation mark.
pub(crate) fn mark(look: &mut Look<'_, '_>, at: usize, byte: u8) {
    match byte {
        b'+' => phone::plus(look, at),
        b'(' => phone::bracket(look, at),
        b':' => network::colon(look, at),
        _ => {}
    }
}
