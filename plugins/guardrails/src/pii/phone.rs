//! Phone numbers: E.164 with its country codes and lengths; national forms that nothing else has; others beside a word.

use super::number::{Form, Number, Preceding, form};
use crate::context::{ScanContext, Token};
use crate::kinds::Kind;
use crate::text::Text;
use crate::text::class::{DIGIT, WORD};
use crate::words::topic::bit as topic;

const REACH: usize = 48;
const MOST_DIGITS: usize = 15;
/// Digits of the shortest number that no word has to tell of.
const SHORTEST_OWN: usize = 10;

/// Examines `+`.
pub(crate) fn plus(context: &mut ScanContext<'_, '_>, at: usize) {
    let text = context.text;
    let joined = text.before(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+)]}_.=*/%".contains(&byte));
    let bound = joined && text.before(at) != Some(b'=');
    if !context.wants(Kind::Phone) || bound || !text.get(at + 1).is_some_and(|byte| matches!(byte, b'1'..=b'9' | b'('))
    {
        return;
    }
    if is_position(text, at + 1) {
        return;
    }
    let dialled = Dialled::read(text, at + 1);
    if is_international(dialled.digits()) && !dialled.goes_on {
        context.report(Kind::Phone, at, extension(text, dialled.end));
    }
}

/// `+3843-00908`: degrees and minutes (ISO 6709).
fn is_position(text: &Text<'_>, start: usize) -> bool {
    let latitude = text.run(start, DIGIT, 7);
    let longitude = text.run(latitude + 1, DIGIT, 8);
    let signed = matches!(text.get(latitude), Some(b'-' | b'+')) && matches!(text.get(latitude + 1), Some(b'0' | b'1'));
    signed && matches!((latitude - start, longitude - latitude - 1), (4, 5) | (6, 7))
}

/// Examines `(`: `(415) 555-2671`, `(030) 901820`.
pub(crate) fn bracket(context: &mut ScanContext<'_, '_>, at: usize) {
    let text = context.text;
    if !context.wants(Kind::Phone)
        || text.before(at).is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_)]+".contains(&byte))
    {
        return;
    }
    let close = text.run(at + 1, DIGIT, 6);
    let area = text.slice(at + 1, close);
    if !(2..=5).contains(&area.len()) || !text.is(close, b')') {
        return;
    }
    let start = close + 1 + usize::from(matches!(text.get(close + 1), Some(b' ' | b'-')));
    if text.class(start) & DIGIT == 0 {
        return;
    }
    let rest = Number::read(text, context.last_number, start, Preceding::Nothing);
    let told = context.near(topic::PHONE | topic::CONTACT, at, REACH);
    if let Some(groups) = groups_after(area, &rest, told) {
        context.report(Kind::Phone, at, extension(text, rest.end(groups)));
    }
    rest.keep(text, context.last_number);
}

/// Returns how many groups of the number behind an area code in brackets belong to the phone number.
fn groups_after(area: &[u8], rest: &Number, told: bool) -> Option<usize> {
    let mut sizes = [0; 3];
    sizes.iter_mut().zip(rest.groups()).for_each(|(size, group)| *size = group.size);
    let groups = local_groups(area, sizes.get(..rest.count().min(3)).unwrap_or_default(), told)?;
    let valid = area.len() != 3
        || area.starts_with(b"0")
        || told
        || is_nanp_part(area) && is_nanp_part(rest.digits(1).get(..3).unwrap_or_default());
    (valid && rest.ends_after(groups)).then_some(groups)
}

/// Returns how many groups after an area code in brackets are the number.
fn local_groups(area: &[u8], sizes: &[u8], told: bool) -> Option<usize> {
    let trunk = area.first() == Some(&b'0');
    match (area.len(), sizes) {
        (3, [3, 4, ..]) => Some(2),
        (3, [7, ..]) if !trunk => Some(1),
        (2, [4 | 5, 4, ..]) => Some(2),
        (_, [3 | 4, 3 | 4, ..]) if trunk => Some(2),
        (_, [6..=8, ..]) if trunk => Some(1),
        (_, [2..=4, 2..=4, 2..=4, ..]) if told => Some(3),
        (_, [2..=4, 2..=5, ..]) if told => Some(2),
        (_, [6..=9, ..]) if told => Some(1),
        _ => None,
    }
}

/// Examines a number.
pub(crate) fn number(context: &mut ScanContext<'_, '_>, number: &Number) {
    if !context.wants(Kind::Phone)
        || matches!(number.before, Preceding::Digits(sign) if sign != b' ')
        || context.text.before(number.start) == Some(b'+')
    {
        return;
    }
    let end = match own_form(number).or_else(|| told_form(context, number)) {
        Some(groups) => number.end(groups),
        None => return,
    };
    let end = extension(context.text, end);
    context.report_told(Kind::Phone, number.start, end, topic::PHONE, REACH);
    if context.near(topic::PHONE, number.start, REACH) {
        context.goes_on(topic::PHONE, end, REACH);
    }
}

/// Examines digits with an extension that nothing separates: `4155552671x12`.
pub(crate) fn with_extension(context: &mut ScanContext<'_, '_>, token: Token) {
    let text = context.text;
    let digits = text.run(token.start, DIGIT, 16);
    let length = digits - token.start;
    if context.wants(Kind::Phone) && (10..=15).contains(&length) && matches!(text.get(digits), Some(b'x' | b'X')) {
        let end = extension(text, digits);
        let valid =
            length == 10 && is_nanp(text.slice(token.start, digits)) || context.near(topic::PHONE, token.start, REACH);
        if end > digits && valid {
            context.report(Kind::Phone, token.start, end);
        }
    }
}

/// Returns how many groups are a phone number by their form alone.
fn own_form(number: &Number) -> Option<usize> {
    if number.count() < 2 || number.total() < SHORTEST_OWN {
        return None;
    }
    let digits = |groups: usize| number.digits(groups);
    let free = |form: Form| {
        number.before == Preceding::Nothing || number.before == Preceding::Digits(b' ') && !form.has_sign(b' ')
    };
    let has = |form: Form| number.has_form(form) && free(form);
    let north_american = |groups: usize, skip: usize| is_nanp(digits(groups).get(skip..).unwrap_or_default());
    match number.first() {
        1 => {
            let long_distance = has(const { form(&[1, 3, 3, 4], b"---") })
                || has(const { form(&[1, 3, 3, 4], b"...") })
                || has(const { form(&[1, 3, 3, 4], b" --") });
            (long_distance && number.digits(1) == b"1" && north_american(4, 1)).then_some(4)
        }
        2 => {
            let pairs =
                || has(const { form(&[2, 2, 2, 2, 2], b"    ") }) || has(const { form(&[2, 2, 2, 2, 2], b"....") });
            match digits(1) {
                [b'0', ..] if has(const { form(&[2, 4, 4], b"--") }) => Some(3),
                [b'0', b'6' | b'7'] if pairs() => Some(5),
                _ => None,
            }
        }
        3 => {
            let national = has(const { form(&[3, 3, 4], b"--") }) || has(const { form(&[3, 3, 4], b"..") });
            // Mobile and area codes of East Asia.
            let asian = || has(const { form(&[3, 4, 4], b"--") });
            let is_asian = || digits(3).starts_with(b"0") || matches!(digits(3), [b'1', b'3'..=b'9', ..]);
            (national && north_american(3, 0) || asian() && is_asian()).then_some(3)
        }
        4 => (has(const { form(&[4, 3, 3], b"--") }) && digits(1).starts_with(b"0")).then_some(3),
        5 if digits(1).starts_with(b"07") => {
            let mobile = has(const { form(&[5, 6], b" ") });
            (mobile || has(const { form(&[5, 3, 3], b"  ") })).then_some(if mobile { 2 } else { 3 })
        }
        _ => None,
    }
}

/// Returns how many groups are one beside a word that says so.
fn told_form(context: &ScanContext<'_, '_>, number: &Number) -> Option<usize> {
    let phone = context.near(topic::PHONE, number.start, REACH);
    let contact = context.near(topic::CONTACT, number.start, REACH / 2);
    // So a social security number is written, and no phone number.
    let is_social = || number.has_form(const { form(&[3, 2, 4], b"--") });
    if !phone && !contact || is_social() || is_date(number) || number.before == Preceding::Joined {
        return None;
    }
    let (mut total, mut last) = (0, 0);
    for (groups, group) in (1..).zip(number.groups()) {
        total += usize::from(group.size);
        let fits = (7..=MOST_DIGITS).contains(&total) && (phone || (9..=13).contains(&total));
        if fits && (groups > 1 || number.is_bare()) {
            last = groups;
        }
        // Another sign than before, or another number of a list.
        let next = number.group(groups).map_or(0, |next| next.size);
        if total + usize::from(next) > MOST_DIGITS || group.sign == b'.' && next == 1 {
            break;
        }
    }
    let plain = last == 1;
    let known = || {
        is_nanp(number.digits(1))
            || number.digits(1).starts_with(b"0")
            || matches!(number.digits(1), [b'1', b'3'..=b'9', ..] if number.first() == 11)
    };
    (last > 0 && (phone || !plain || known())).then_some(last)
}

fn is_date(number: &Number) -> bool {
    let mut sizes = [0_u8; 3];
    sizes.iter_mut().zip(number.groups()).for_each(|(size, group)| *size = group.size);
    let sizes = sizes.get(..number.count().min(3)).unwrap_or_default();
    let year = |from: usize| matches!(number.digits(3).get(from..from + 2), Some(b"19" | b"20"));
    let sign = number.group(0).map_or(0, |group| group.sign);
    match sizes {
        [4, 2, 2] | [4, 1, _] => year(0),
        [2, 2, 4] => year(4) && sign != b' ',
        [1 | 2, 1 | 2, 4] => sign != b' ',
        [2, 2, 2] => sign == b'/',
        // A span of years.
        [4, 4, ..] => year(0) && year(4),
        _ => false,
    }
}

/// Area and exchange begin with 2 to 9, and no area code ends in 11 (NANPA).
fn is_nanp(digits: &[u8]) -> bool {
    digits.len() == 10
        && digits.get(..3).is_some_and(is_nanp_part)
        && digits.get(3..6).is_some_and(is_nanp_part)
        && digits.get(1..3) != Some(b"11")
}

fn is_nanp_part(part: &[u8]) -> bool {
    part.len() >= 3 && matches!(part.first(), Some(b'2'..=b'9'))
}

/// Country code and a length that the country has (ITU-T E.164, list of assigned codes).
fn is_international(digits: &[u8]) -> bool {
    let code = |length: usize| {
        digits.get(..length).map_or(0, |code| code.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0')))
    };
    let total = digits.len();
    let rest = |code: usize| total.saturating_sub(code);
    match (code(1), code(2), code(3)) {
        (1, ..) => digits
            .get(1..)
            .is_some_and(|rest| rest.len() == 10 && is_nanp_part(rest) && !matches!(rest.get(3), Some(b'0' | b'1'))),
        (7, ..) => rest(1) == 10,
        (_, 33 | 34 | 31 | 32 | 41 | 45 | 47 | 48 | 61 | 66, _) => (8..=10).contains(&rest(2)),
        (_, 44, _) => (9..=10).contains(&rest(2)),
        (_, 86, _) => (9..=11).contains(&rest(2)),
        (_, 91, _) => rest(2) == 10,
        (
            _,
            20 | 27 | 30 | 36 | 39 | 40 | 43 | 46 | 49 | 51..=58 | 60 | 62..=65 | 81 | 82 | 84 | 90 | 92..=95 | 98,
            _,
        ) => (7..=13).contains(&rest(2)),
        (
            _,
            _,
            211..=213
            | 216
            | 218
            | 220..=269
            | 290..=299
            | 350..=359
            | 370..=389
            | 420..=423
            | 500..=509
            | 590..=599
            | 670..=692
            | 800
            | 808
            | 850..=856
            | 870..=888
            | 960..=998,
        ) => (5..=12).contains(&rest(3)),
        _ => false,
    }
}

/// Digits with the signs that people put between them.
struct Dialled {
    digits: [u8; MOST_DIGITS],
    count: usize,
    end: usize,
    /// There are more digits than a number can have.
    goes_on: bool,
}

impl Dialled {
    fn read(text: &Text<'_>, start: usize) -> Self {
        let mut dialled = Self { digits: [0; MOST_DIGITS], count: 0, end: start, goes_on: false };
        let mut at = start;
        while let Some(byte) = text.get(at) {
            if byte.is_ascii_digit() {
                let Some(place) = dialled.digits.get_mut(dialled.count) else {
                    dialled.goes_on = true;
                    break;
                };
                *place = byte;
                dialled.count += 1;
                at += 1;
                dialled.end = at;
            } else if text.starts(at, b"(0)") {
                at += 3;
            } else if let Some(length) = between(text, at) {
                at += length;
            } else {
                break;
            }
        }
        dialled.goes_on |= text.class(dialled.end) & WORD != 0 && !matches!(text.get(dialled.end), Some(b'x' | b'e'));
        dialled.trim(text, start);
        dialled
    }

    fn digits(&self) -> &[u8] {
        self.digits.get(..self.count).unwrap_or_default()
    }

    /// A new number after a space is not the rest of this one.
    fn trim(&mut self, text: &Text<'_>, start: usize) {
        while self.goes_on || !is_international(self.digits()) {
            let written = text.slice(start, self.end);
            let Some(space) = written.iter().rposition(|byte| *byte == b' ').filter(|space| *space > 3) else { return };
            self.end = start + written.get(..space).map_or(0, |kept| kept.trim_ascii_end().len());
            self.count = text.slice(start, self.end).iter().filter(|byte| byte.is_ascii_digit()).count();
            self.goes_on = false;
        }
    }
}

/// Returns the length of the separator between two digits.
fn between(text: &Text<'_>, at: usize) -> Option<usize> {
    let digit = |at: usize| text.get(at).is_some_and(|byte| byte.is_ascii_digit());
    let sign = |at: usize| matches!(text.get(at), Some(b' ' | b'-' | b'.' | b'/' | b'(' | b')'));
    if text.is(at, 0xC2) && text.is(at + 1, 0xA0) && digit(at + 2) {
        return Some(2);
    }
    match (sign(at), sign(at + 1)) {
        (true, true) if text.starts(at, b" - ") && digit(at + 3) => Some(3),
        (true, true) if text.starts(at + 1, b"(0)") => Some(1),
        (true, false) if digit(at + 1) => Some(1),
        (true, true) if digit(at + 2) => Some(2),
        _ => None,
    }
}

/// `x123`, ` ext. 123`: where it ends.
fn extension(text: &Text<'_>, end: usize) -> usize {
    let start = end + usize::from(text.is(end, b' ') && matches!(text.get(end + 1), Some(b'x' | b'X' | b'e' | b'E')));
    if !matches!(text.get(start), Some(b'x' | b'X' | b'e' | b'E')) {
        return end;
    }
    let names: [&[u8]; 5] = [b"extension ", b"ext. ", b"ext.", b"ext ", b"ext"];
    let named = names.iter().find(|name| text.starts_folded(start, name)).map(|name| name.len());
    let mark = named.or_else(|| matches!(text.get(start), Some(b'x' | b'X')).then_some(1));
    let Some(mark) = mark else { return end };
    let digits = text.run(start + mark, DIGIT, 7);
    let length = digits - start - mark;
    if (1..=6).contains(&length) && text.class(digits) & WORD == 0 { digits } else { end }
}
