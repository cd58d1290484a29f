//! Invisible characters, which can hide instructions from a human reader.
//!
//! Many of them have legitimate uses, which are no findings: joiners between emoji and in the scripts that need them,
//! variation selectors behind a base, marks of direction in text that runs from right to left, flags of regions in tag
//! characters, a byte order mark at the beginning, soft hyphens within words.

use crate::context::ScanContext;
use crate::kinds::Kind;
use crate::text::{SearchMemory, Text};
use std::cell::Cell;
use std::ops::Range;

/// Longest run that is one finding, characters of up to four bytes.
const LONGEST_RUN: usize = 12;
/// Distances before and behind a mark of direction within which text from right to left is looked for, bytes.
const BEHIND: usize = 64;
const AHEAD: Range<usize> = 3..24;

/// Examines a character of which [`may_be`] holds.
pub(crate) fn character(context: &mut ScanContext<'_, '_>, at: usize) {
    if !context.wants(Kind::InvisibleText) {
        return;
    }
    let text = context.text;
    // The rest of a run is reported with its beginning, or with the stretch of it that ended here.
    let inside = at < text.memories().invisible.get() && text.char_before(at).is_some_and(is_invisible);
    if inside && !starts_run(text, at) {
        return;
    }
    let mut end = at;
    for _ in 0..LONGEST_RUN {
        let Some(c) = text.char(end) else { break };
        if c.is_ascii() || !is_invisible(c) || is_honest(text, end, c) {
            break;
        }
        end += c.len_utf8();
    }
    if !text.is_short() {
        text.memories().invisible.set(end);
    }
    context.report(Kind::InvisibleText, at, end);
}

/// Returns whether one of them could begin here, judged by the first three bytes.
#[inline]
pub(crate) fn may_be(rest: &[u8]) -> bool {
    match *rest {
        [0xC2, 0xAD, ..] | [0xCD, 0x8F, ..] | [0xD8, 0x9C, ..] | [0xF0, 0x9D, ..] | [0xF3, ..] => true,
        [0xE1, 0x85, third, ..] => matches!(third, 0x9F | 0xA0),
        [0xE1, 0x9E, third, ..] => matches!(third, 0xB4 | 0xB5),
        [0xE1, 0xA0, third, ..] => matches!(third, 0x8B..=0x8F),
        // Nearly all dashes and quotation marks have these two bytes.
        [0xE2, 0x80, third, ..] => matches!(third, 0x8B..=0x8F | 0xAA..=0xAE),
        [0xE2, 0x81, third, ..] => matches!(third, 0xA0..=0xAF),
        [0xE3, 0x85, third, ..] => third == 0xA4,
        [0xEF, 0xB8, third, ..] => matches!(third, 0x80..=0x8F),
        [0xEF, 0xBB, third, ..] => third == 0xBF,
        [0xEF, 0xBE, third, ..] => third == 0xA0,
        [0xEF, 0xBF, third, ..] => matches!(third, 0xB9..=0xBB),
        // The rest may still come.
        [0xE1 | 0xE2 | 0xE3 | 0xEF, _] => true,
        _ => false,
    }
}

/// Returns whether an invisible character here begins a finding although one stands before it, because that one is used as intended.
fn starts_run(text: &Text<'_>, at: usize) -> bool {
    let Some(before) = text.char_before(at) else { return true };
    is_honest(text, at - before.len_utf8(), before)
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Returns whether the character is used as intended.
fn is_honest(text: &Text<'_>, at: usize, c: char) -> bool {
    let before = text.char_before(at);
    let after = || text.char(at + c.len_utf8());
    match c {
        // One soft hyphen; word joiners and spaces of no width in scripts without spaces.
        '\u{AD}' => before.is_none_or(|c| !is_invisible(c)),
        '\u{200B}' | '\u{2060}' => before.is_some_and(breaks_anywhere) || after().is_some_and(breaks_anywhere),
        '\u{34F}' => before.is_some_and(|c| !c.is_ascii()),
        '\u{200C}' => before.is_some_and(joins),
        '\u{200D}' => before.is_some_and(|c| joins(c) || is_emoji(c)),
        // One selector behind a base; a row of them carries something else.
        '\u{FE00}'..='\u{FE0F}' => {
            before.is_some_and(|c| !c.is_ascii_alphabetic() && !is_invisible(c) && !c.is_whitespace())
        }
        '\u{E0100}'..='\u{E01EF}' => {
            before.is_some_and(|c| matches!(c as u32, 0x2E80..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF))
        }
        '\u{180B}'..='\u{180F}' => before.is_some_and(|c| matches!(c, '\u{1800}'..='\u{18AF}')),
        '\u{17B4}' | '\u{17B5}' | '\u{115F}' | '\u{1160}' => {
            before.is_some_and(|c| matches!(c, '\u{1100}'..='\u{17FF}'))
        }
        '\u{200E}' | '\u{200F}' | '\u{61C}' => right_to_left_near(text, at),
        '\u{202A}' | '\u{202B}' | '\u{202C}' | '\u{2066}'..='\u{2069}' => right_to_left_near(text, at),
        '\u{FEFF}' => at == 0,
        // The flags of England, Scotland and Wales.
        '\u{E0020}'..='\u{E007F}' => in_flag(text, at),
        _ => false,
    }
}

/// Scripts with letters that these characters join or separate.
fn joins(c: char) -> bool {
    matches!(c as u32, 0x590..=0x8FF | 0x900..=0xDFF | 0xF00..=0x109F | 0x1780..=0x18AF | 0xFB50..=0xFEFC | 0x1_1000..=0x1_1FFF)
}

fn breaks_anywhere(c: char) -> bool {
    matches!(c as u32, 0xE00..=0xEFF | 0xF00..=0x109F | 0x1780..=0x17FF | 0x2E80..=0x9FFF | 0xAC00..=0xD7A3)
}

fn is_emoji(c: char) -> bool {
    matches!(c as u32, 0x1_F000..=0x1_FAFF | 0x2190..=0x2BFF | 0xFE0F)
}

/// Hebrew, Arabic and their relatives within a few words before or behind.
fn right_to_left_near(text: &Text<'_>, at: usize) -> bool {
    let [behind, ahead] = &text.memories().right_to_left;
    last_right_to_left(text, behind, at, BEHIND).is_some() || {
        // Later bytes may still bring one.
        text.get(at + AHEAD.end - 1);
        last_right_to_left(text, ahead, at + AHEAD.end, AHEAD.len()).is_some()
    }
}

/// Returns the last byte of such a script among the `most` before `upto`. Where the search was before, it goes on.
fn last_right_to_left(text: &Text<'_>, memory: &Cell<SearchMemory>, upto: usize, most: usize) -> Option<usize> {
    // Presentation forms of Arabic begin with EF AC to EF BB.
    let begins = |at: usize| match (text.arrived(at), text.arrived(at + 1)) {
        (Some(0xD6..=0xDF), _) => true,
        (Some(0xEF), Some(0xAC..=0xBB)) => at + 1 < upto,
        _ => false,
    };
    let (from, mut mark) = (upto.saturating_sub(most), memory.get());
    // The last byte that a search looked at may lie behind this one.
    let beyond = mark.found.is_some_and(|found| found >= upto);
    if upto < mark.upto || mark.upto < from || beyond {
        mark = SearchMemory { from, upto: from, found: None };
    }
    let arrived = upto.min(text.end());
    crate::steps::count(arrived.saturating_sub(mark.upto));
    mark.found = (mark.upto..arrived).rev().find(|at| begins(*at)).or(mark.found);
    // The second byte of a form may come with the next search.
    mark.upto = arrived.saturating_sub(1).max(mark.upto);
    memory.set(mark);
    mark.found.filter(|found| *found >= from)
}

/// A black flag, letters in tag characters, the end of the tag.
fn in_flag(text: &Text<'_>, at: usize) -> bool {
    let behind = text.behind(at, 32);
    let flag = "\u{1F3F4}".as_bytes();
    let Some(start) = behind.windows(4).rposition(|window| window == flag) else { return false };
    let tags = behind.get(start + 4..).unwrap_or_default();
    tags.chunks(4).all(|tag| tag.starts_with(&[0xF3, 0xA0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invisible_character_may_be_one_by_its_first_bytes() {
        for c in '\u{80}'..=char::MAX {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).as_bytes();
            let plane = matches!(bytes, [0xF0, 0x9D, ..] | [0xF3, ..]);
            assert_eq!(may_be(bytes), is_invisible(c) || plane, "{c:?}");
        }
    }
}
