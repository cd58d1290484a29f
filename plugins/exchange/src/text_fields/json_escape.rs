//! Unescapes JSON strings, and maps each byte of the result back to the bytes that write it.
//!
//! A detector must see `\u0041KIA…` as the model does, and its findings must be replaced in the body as written. So
//! unescaping notes every escape; between two of them text and bytes run in step. The same function reads a text in
//! pieces, where an escape may be cut in two, and JSON inside a string.

use crate::json::code_unit;
use std::ops::Range;

/// Bytes of `\ud83d\ude00`, the longest escape.
const LONGEST_ESCAPE: usize = 12;

/// Bytes that are copied at once. Most runs between two escapes are shorter, and a copy of fixed length is one load and one
/// store.
const COPIED: usize = 16;

/// One escape that was undone. A body can have one every two bytes, so it is small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Escape {
    text: usize,
    written: usize,
    text_len: u8,
    written_len: u8,
}

/// The mapping from a text to the bytes that write it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EscapeMap {
    /// Offset of the text's first byte.
    start: usize,
    /// In order.
    escapes: Vec<Escape>,
}

impl EscapeMap {
    /// Returns the mapping of a text at offset `start`, without escapes so far.
    pub(crate) fn at(start: usize) -> Self {
        Self { start, escapes: Vec::new() }
    }

    /// Returns the bytes of a range of the text, with the whole of every escape that it touches.
    #[must_use]
    pub fn written(&self, text: Range<usize>) -> Range<usize> {
        let start = self.written_start(text.start);
        start..self.written_end(text.end).max(start)
    }

    /// Returns the offset at which the byte at this offset of the text is written.
    pub(crate) fn written_start(&self, at: usize) -> usize {
        match self.before(self.escapes.partition_point(|escape| escape.text <= at)) {
            None => self.start.saturating_add(at),
            Some(escape) if at < escape.text_end() => escape.written,
            Some(escape) => escape.after(at),
        }
    }

    fn written_end(&self, end: usize) -> usize {
        match self.before(self.escapes.partition_point(|escape| escape.text < end)) {
            None => self.start.saturating_add(end),
            Some(escape) if end <= escape.text_end() => escape.written_end(),
            Some(escape) => escape.after(end),
        }
    }

    fn before(&self, index: usize) -> Option<&Escape> {
        self.escapes.get(index.checked_sub(1)?)
    }

    /// Drops escapes before this offset of the text, which are no longer needed.
    pub(crate) fn forget_before(&mut self, text: usize) {
        let gone = self.escapes.partition_point(|escape| escape.text_end() <= text);
        // The last one is needed to map offsets after it.
        self.escapes.drain(..gone.saturating_sub(1));
    }
}

impl Escape {
    fn text_end(&self) -> usize {
        self.text.saturating_add(usize::from(self.text_len))
    }

    fn written_end(&self) -> usize {
        self.written.saturating_add(usize::from(self.written_len))
    }

    /// Returns the written offset of a text offset after this escape.
    fn after(&self, at: usize) -> usize {
        self.written_end().saturating_add(at.saturating_sub(self.text_end()))
    }
}

/// Unescapes `written`, whose first byte has offset `at`, and appends to `text`, which begins at offset `text_at` of the
/// whole text. Invalid escapes are kept; a lone surrogate becomes U+FFFD. Returns the number of used bytes: all, unless
/// more is to come and the last ones may be the beginning of an escape.
pub(crate) fn unescape(
    written: &str,
    at: usize,
    last: bool,
    text: &mut String,
    text_at: usize,
    escape_map: &mut EscapeMap,
) -> usize {
    let mut bytes = Vec::new();
    let used = unescape_bytes(written.as_bytes(), at, last, &mut bytes, text_at, escape_map);
    text.push_str(&String::from_utf8_lossy(&bytes));
    used
}

/// Does the same with bytes, which are UTF-8; `text` is empty.
pub(crate) fn unescape_bytes(
    written: &[u8],
    at: usize,
    last: bool,
    text: &mut Vec<u8>,
    text_at: usize,
    escape_map: &mut EscapeMap,
) -> usize {
    text.reserve(written.len().saturating_add(COPIED));
    let mut used = 0;
    loop {
        let rest = written.get(used..).unwrap_or_default();
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        push_run(text, rest, plain);
        used += plain;
        let rest = rest.get(plain..).unwrap_or_default();
        if rest.is_empty() || (!last && is_cut(rest)) {
            return used;
        }
        let (before, written_len) = (text.len(), push_escape(text, rest));
        escape_map.escapes.push(Escape {
            text: text_at + before,
            written: at + used,
            text_len: (text.len() - before) as u8,
            written_len,
        });
        used += usize::from(written_len);
    }
}

/// Appends the first `len` bytes of `rest`.
#[inline]
fn push_run(text: &mut Vec<u8>, rest: &[u8], len: usize) {
    match rest.first_chunk::<COPIED>() {
        Some(chunk) if len <= COPIED => {
            let end = text.len() + len;
            text.extend_from_slice(chunk);
            text.truncate(end);
        }
        _ => text.extend_from_slice(rest.get(..len).unwrap_or_default()),
    }
}

/// Appends the character of the escape at the front, and returns the escape's length.
#[inline]
fn push_escape(text: &mut Vec<u8>, rest: &[u8]) -> u8 {
    let spelled = match rest.get(1) {
        Some(b'u') => return push_unicode(text, rest),
        Some(b'n') => b'\n',
        Some(itself @ (b'"' | b'\\' | b'/')) => *itself,
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 0x8,
        Some(b'f') => 0xC,
        // A backslash without an escape stands for itself.
        _ => {
            text.push(b'\\');
            return 1;
        }
    };
    text.push(spelled);
    2
}

fn push_unicode(text: &mut Vec<u8>, rest: &[u8]) -> u8 {
    let (spelled, len) = unicode(rest);
    text.extend_from_slice(spelled.encode_utf8(&mut [0; 4]).as_bytes());
    len
}

/// Returns whether these bytes, which begin with a backslash, may be an incomplete escape or half a pair.
fn is_cut(bytes: &[u8]) -> bool {
    match bytes.get(1) {
        None => true,
        Some(b'u') => {
            let open = |from: usize| bytes.get(from..).unwrap_or_default().iter().take(4).all(u8::is_ascii_hexdigit);
            let first = bytes.len() < 6 && open(2);
            let high = code_unit_at(bytes, 2).is_some_and(|code| (0xD800..0xDC00).contains(&code));
            let tail = bytes.get(6..).unwrap_or_default();
            let second = bytes.len() < LONGEST_ESCAPE && b"\\u".starts_with(tail.get(..2).unwrap_or(tail)) && open(8);
            first || (high && second)
        }
        Some(_) => false,
    }
}

/// Returns the character of an escape with `u`, and its length.
fn unicode(rest: &[u8]) -> (char, u8) {
    let Some(first) = code_unit_at(rest, 2) else { return ('\\', 1) };
    let low = rest.get(6..8).filter(|start| *start == b"\\u").and_then(|_| code_unit_at(rest, 8));
    match low.filter(|low| (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(low)) {
        Some(low) => {
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), LONGEST_ESCAPE as u8)
        }
        None => (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
    }
}

fn code_unit_at(bytes: &[u8], at: usize) -> Option<u32> {
    code_unit(bytes.get(at..)?).map(u32::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "a test may panic")]

    use super::*;
    use proptest::prelude::*;

    fn whole(written: &str) -> (String, EscapeMap) {
        let (mut text, mut escape_map) = (String::new(), EscapeMap::at(100));
        assert_eq!(unescape(written, 100, true, &mut text, 0, &mut escape_map), written.len());
        (text, escape_map)
    }

    #[test]
    fn ranges_cover_whole_escapes() {
        let (text, escape_map) = whole(r"ab\u0041\n\ud83d\ude00c");
        assert_eq!(text, "abA\n😀c");
        assert_eq!(escape_map.written(0..2), 100..102);
        assert_eq!(escape_map.written(2..3), 102..108);
        assert_eq!(escape_map.written(1..4), 101..110);
        assert_eq!(escape_map.written(5..6), 110..122);
        assert_eq!(escape_map.written(8..9), 122..123);
    }

    #[test]
    fn invalid_escapes_stay() {
        assert_eq!(whole(r"\q \u12 \").0, r"\q \u12 \");
        assert_eq!(whole(r"\ud83dx\ude00").0, "\u{FFFD}x\u{FFFD}");
    }

    fn writing() -> impl Strategy<Value = String> {
        proptest::string::string_regex(r#"([a-z"é😀]|\\[nrtbf"/\\q]|\\u00[0-7][0-9a-f]|\\ud83d|\\ude0[0-9]|\\u){0,16}"#)
            .unwrap()
    }

    /// Unescapes one character after the other.
    fn literally(written: &str) -> (String, EscapeMap) {
        let (mut text, mut escape_map, mut used) = (String::new(), EscapeMap::at(100), 0);
        while let Some(char) = written[used..].chars().next() {
            let rest = &written[used..];
            let short = "\"\\/bfnrt".chars().zip("\"\\/\u{8}\u{c}\n\r\t".chars());
            let short = short.into_iter().find(|(name, _)| char == '\\' && rest[1..].starts_with(*name));
            let code = |at: usize| {
                let digits = rest.get(at..at + 6)?.strip_prefix("\\u")?;
                digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).unwrap())
            };
            let pair = |first| char::decode_utf16([first, code(6)?]).next()?.ok().filter(|char| *char > '\u{FFFF}');
            let (spelled, len) = match (short, code(0)) {
                (Some((_, spelled)), _) => (spelled, 2),
                (_, Some(first)) => match pair(first) {
                    Some(pair) => (pair, 12),
                    None => (char::from_u32(first.into()).unwrap_or('\u{FFFD}'), 6),
                },
                _ => (char, char.len_utf8()),
            };
            if char == '\\' {
                let (text_len, written_len) = (spelled.len_utf8() as u8, len as u8);
                escape_map.escapes.push(Escape { text: text.len(), written: 100 + used, text_len, written_len });
            }
            text.push(spelled);
            used += len;
        }
        (text, escape_map)
    }

    proptest! {
        #[test]
        fn runs_of_any_length_are_copied(
            written in r#"(([a-zé日😀]{0,40})(\\[nrtbf"/\\qu]|\\u[0-9a-fA-F]{4}|\\ud83d\\ude0[0-9]|\\ud8){0,3}){0,8}"#,
        ) {
            prop_assert_eq!(whole(&written), literally(&written));
        }

        #[test]
        fn a_text_in_pieces_is_the_text_in_one(written in writing(), cuts in proptest::collection::vec(0_usize..80, 0..6)) {
            let (text, escape_map) = whole(&written);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| written.is_char_boundary(*cut)).collect();
            cuts.push(written.len());
            cuts.sort_unstable();
            let (mut pieces, mut back, mut open, mut from, mut at) = (String::new(), EscapeMap::at(100), String::new(), 0, 100);
            for cut in cuts {
                open.push_str(written.get(from..cut).unwrap());
                from = cut;
                let text_at = pieces.len();
                let used = unescape(&open, at, cut == written.len(), &mut pieces, text_at, &mut back);
                prop_assert!(open.len() - used < LONGEST_ESCAPE);
                open.drain(..used);
                at += used;
            }
            prop_assert!(open.is_empty());
            prop_assert_eq!(&pieces, &text);
            prop_assert_eq!(back, escape_map);
        }

        #[test]
        fn forgetting_keeps_later_offsets(written in writing(), from in 0_usize..40) {
            let (text, escape_map) = whole(&written);
            let mut later = escape_map.clone();
            later.forget_before(from);
            for at in from..text.len() {
                prop_assert_eq!(later.written(at..at + 1), escape_map.written(at..at + 1));
            }
        }
    }
}
