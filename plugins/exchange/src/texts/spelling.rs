//! What a JSON string spells, and the way back from each byte of it to the bytes that spell it.
//!
//! A detector must see `\u0041KIA…` as the model does, and what it finds must be cut out of the body as it was
//! written. So unescaping notes every escape it undoes; between two of them text and writing run in step. The same
//! function follows a text in pieces, where an escape may be cut in two, and reads JSON that stands inside a string.

use std::ops::Range;

/// Bytes of `\ud83d\ude00`, the longest escape.
const LONGEST_ESCAPE: usize = 12;

/// One escape that was undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Escape {
    text: usize,
    text_len: usize,
    written: usize,
    written_len: usize,
}

/// How a text is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spelling {
    /// Where the text's first byte is written.
    start: usize,
    /// In order.
    escapes: Vec<Escape>,
}

impl Spelling {
    /// A text whose first byte stands at `start`.
    pub(crate) fn at(start: usize) -> Self {
        Self { start, escapes: Vec::new() }
    }

    /// The written bytes of a range of the text; escapes that it touches are covered whole.
    #[must_use]
    pub fn written(&self, text: Range<usize>) -> Range<usize> {
        let start = self.written_start(text.start);
        start..self.written_end(text.end).max(start)
    }

    /// Where the byte at this offset begins to be written.
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
            Some(escape) if end <= escape.text_end() => escape.written.saturating_add(escape.written_len),
            Some(escape) => escape.after(end),
        }
    }

    fn before(&self, index: usize) -> Option<&Escape> {
        self.escapes.get(index.checked_sub(1)?)
    }

    /// Nothing before this offset of the text will be asked for any more.
    pub(crate) fn forget_before(&mut self, text: usize) {
        let gone = self.escapes.partition_point(|escape| escape.text_end() <= text);
        // The last one tells where the writing goes on.
        self.escapes.drain(..gone.saturating_sub(1));
    }
}

impl Escape {
    fn text_end(&self) -> usize {
        self.text.saturating_add(self.text_len)
    }

    /// Where an offset behind this escape is written.
    fn after(&self, at: usize) -> usize {
        self.written.saturating_add(self.written_len).saturating_add(at.saturating_sub(self.text_end()))
    }
}

/// Undoes the escapes of `written`, whose first byte stands at offset `at`, appending to `text`, which begins at offset
/// `text_at` of the whole text. What is no escape stays as it is; a lone surrogate becomes U+FFFD. Returns how many
/// bytes were used: all, unless more is to come and the last ones may be the beginning of an escape.
pub(crate) fn unescape(
    written: &str,
    at: usize,
    last: bool,
    text: &mut String,
    text_at: usize,
    spelling: &mut Spelling,
) -> usize {
    let base = text.len();
    let mut used = 0;
    while let Some(rest) = written.get(used..) {
        let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        text.push_str(rest.get(..plain).unwrap_or_default());
        used += plain;
        let rest = rest.get(plain..).unwrap_or_default();
        if rest.is_empty() || (!last && is_cut(rest)) {
            break;
        }
        let (spelled, len) = one(rest);
        let before = text.len();
        text.push(spelled);
        spelling.escapes.push(Escape {
            text: text_at + (before - base),
            text_len: text.len() - before,
            written: at + used,
            written_len: len,
        });
        used += len;
    }
    used
}

/// Whether these bytes, which begin with a backslash, may be an escape, or half a pair, that goes on.
fn is_cut(rest: &str) -> bool {
    let bytes = rest.as_bytes();
    match bytes.get(1) {
        None => true,
        Some(b'u') => {
            let open = |from: usize| bytes.get(from..).unwrap_or_default().iter().take(4).all(u8::is_ascii_hexdigit);
            let first = bytes.len() < 6 && open(2);
            let high = hex4(rest.get(2..6)).is_some_and(|code| (0xD800..0xDC00).contains(&code));
            let tail = bytes.get(6..).unwrap_or_default();
            let second = bytes.len() < LONGEST_ESCAPE && b"\\u".starts_with(tail.get(..2).unwrap_or(tail)) && open(8);
            first || (high && second)
        }
        Some(_) => false,
    }
}

/// The character that the escape at the front spells, and its length. A backslash that begins none spells itself.
fn one(rest: &str) -> (char, usize) {
    let spelled = match rest.as_bytes().get(1) {
        Some(b'u') => return unicode(rest),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(itself @ (b'"' | b'\\' | b'/')) => char::from(*itself),
        _ => return ('\\', 1),
    };
    (spelled, 2)
}

fn unicode(rest: &str) -> (char, usize) {
    let Some(first) = hex4(rest.get(2..6)) else { return ('\\', 1) };
    let low = rest.get(6..8).filter(|start| *start == "\\u").and_then(|_| hex4(rest.get(8..12)));
    match low.filter(|low| (0xD800..0xDC00).contains(&first) && (0xDC00..0xE000).contains(low)) {
        Some(low) => {
            let code = 0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), LONGEST_ESCAPE)
        }
        None => (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
    }
}

fn hex4(digits: Option<&str>) -> Option<u32> {
    digits?.bytes().try_fold(0, |code, digit| Some(code << 4 | char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(written: &str) -> (String, Spelling) {
        let (mut text, mut spelling) = (String::new(), Spelling::at(100));
        assert_eq!(unescape(written, 100, true, &mut text, 0, &mut spelling), written.len());
        (text, spelling)
    }

    #[test]
    fn a_range_that_touches_an_escape_covers_it_whole() {
        let (text, spelling) = whole(r"ab\u0041\n\ud83d\ude00c");
        assert_eq!(text, "abA\n😀c");
        assert_eq!(spelling.written(0..2), 100..102);
        assert_eq!(spelling.written(2..3), 102..108);
        assert_eq!(spelling.written(1..4), 101..110);
        assert_eq!(spelling.written(5..6), 110..122);
        assert_eq!(spelling.written(8..9), 122..123);
    }

    #[test]
    fn what_is_no_escape_stays_and_half_a_pair_is_replaced() {
        assert_eq!(whole(r"\q \u12 \").0, r"\q \u12 \");
        assert_eq!(whole(r"\ud83dx\ude00").0, "\u{FFFD}x\u{FFFD}");
    }

    fn writing() -> impl Strategy<Value = String> {
        proptest::string::string_regex(r#"([a-z"é😀]|\\[nrtbf"/\\q]|\\u00[0-7][0-9a-f]|\\ud83d|\\ude0[0-9]|\\u){0,16}"#)
            .unwrap()
    }

    proptest! {
        #[test]
        fn a_text_in_pieces_is_the_text_in_one(written in writing(), cuts in proptest::collection::vec(0_usize..80, 0..6)) {
            let (text, spelling) = whole(&written);
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| written.is_char_boundary(*cut)).collect();
            cuts.push(written.len());
            cuts.sort_unstable();
            let (mut pieces, mut back, mut open, mut from, mut at) = (String::new(), Spelling::at(100), String::new(), 0, 100);
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
            prop_assert_eq!(back, spelling);
        }

        #[test]
        fn what_is_forgotten_does_not_move_the_rest(written in writing(), from in 0_usize..40) {
            let (text, spelling) = whole(&written);
            let mut later = spelling.clone();
            later.forget_before(from);
            for at in from..text.len() {
                prop_assert_eq!(later.written(at..at + 1), spelling.written(at..at + 1));
            }
        }
    }
}
