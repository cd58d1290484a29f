//! A string of a document, as written, and the writing of strings.

use super::code_unit::code_unit;
use memchr::memchr;

/// Room for the longest known field name.
const NAME_BYTES: usize = 32;

/// Bytes of `\u0041`, the longest escape of one byte of text.
const LONGEST_ESCAPE: usize = 6;

/// The bytes between two quotes, which are a valid JSON string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    /// As written.
    pub(crate) raw: &'a [u8],
    /// Offset of the first byte in the document.
    pub(crate) at: usize,
    /// Whether it contains a backslash.
    pub(crate) escaped: bool,
}

/// Room for the unescaped name of a field.
pub(crate) type NameBuffer = [u8; NAME_BYTES];

impl<'a> Text<'a> {
    /// Returns the unescaped name, for comparison with known ones. One that does not fit is returned as written: with its
    /// backslash it equals no known name.
    #[inline]
    pub(crate) fn name<'b>(&self, buffer: &'b mut NameBuffer) -> &'b [u8]
    where
        'a: 'b,
    {
        if !self.escaped {
            return self.raw;
        }
        match self.unescape_into(buffer) {
            Some(len) => buffer.get(..len).unwrap_or_default(),
            None => self.raw,
        }
    }

    #[cold]
    fn unescape_into(&self, buffer: &mut NameBuffer) -> Option<usize> {
        let name = self.unescaped(NAME_BYTES)?;
        buffer.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(name.len())
    }

    /// Returns the unescaped text, or `None` if it is longer than `limit` bytes. A lone surrogate becomes U+FFFD.
    pub(crate) fn unescaped(&self, limit: usize) -> Option<String> {
        if self.raw.len() > limit.saturating_mul(LONGEST_ESCAPE) {
            return None;
        }
        let mut text = String::new();
        for piece in self.segments() {
            piece.push_to(&mut text);
            if text.len() > limit {
                return None;
            }
        }
        Some(text)
    }

    fn segments(&self) -> Segments<'a> {
        Segments { rest: self.raw }
    }
}

enum Segment<'a> {
    Plain(&'a [u8]),
    Escape(char),
}

impl Segment<'_> {
    fn push_to(&self, text: &mut String) {
        match self {
            Self::Plain(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
            Self::Escape(char) => text.push(*char),
        }
    }
}

struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Segment<'a>> {
        let (&first, after) = self.rest.split_first()?;
        if first == b'\\' {
            self.rest = after;
            return Some(Segment::Escape(self.escape()));
        }
        let (plain, rest) = self.rest.split_at_checked(memchr(b'\\', self.rest).unwrap_or(self.rest.len()))?;
        self.rest = rest;
        Some(Segment::Plain(plain))
    }
}

impl Segments<'_> {
    fn escape(&mut self) -> char {
        let Some((&kind, rest)) = self.rest.split_first() else {
            return char::REPLACEMENT_CHARACTER;
        };
        self.rest = rest;
        match kind {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode(),
            itself => char::from(itself),
        }
    }

    fn unicode(&mut self) -> char {
        let Some(first) = self.hex4() else {
            return char::REPLACEMENT_CHARACTER;
        };
        let before = self.rest;
        let second = (0xD800..0xDC00).contains(&first).then(|| self.low_surrogate()).flatten();
        if second.is_none() {
            self.rest = before;
        }
        let code = match second {
            Some(second) => 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00),
            None => first,
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn low_surrogate(&mut self) -> Option<u32> {
        self.rest = self.rest.strip_prefix(b"\\u")?;
        self.hex4().filter(|code| (0xDC00..0xE000).contains(code))
    }

    fn hex4(&mut self) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        code_unit(digits).map(u32::from)
    }
}

/// Writes `text` as a JSON string with quotes.
pub(crate) fn push_quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text);
    out.push(b'"');
}

/// Writes `text` in the form that is valid between the quotes of a JSON string.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend([byte >> 4, byte & 15].iter().filter_map(|&nibble| HEX.get(usize::from(nibble))));
            }
            plain => out.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(raw: &str) -> Text<'_> {
        Text { raw: raw.as_bytes(), at: 0, escaped: raw.contains('\\') }
    }

    #[test]
    fn an_escaped_name_is_the_name_it_spells() {
        let mut buffer = NameBuffer::default();
        assert_eq!(text(r"mod\u0065l").name(&mut buffer), b"model");
        assert_eq!(text(r"\u006d\u006F\u0064\u0065\u006c").name(&mut buffer), b"model");
        assert_eq!(text("model").name(&mut buffer), b"model");
        assert_ne!(text(r"mod\\u0065l").name(&mut buffer), b"model");
    }

    #[test]
    fn a_too_long_name_stays_as_written() {
        let long = format!(r"\u0061{}", "b".repeat(60));
        assert_eq!(text(&long).name(&mut NameBuffer::default()), long.as_bytes());
    }

    #[test]
    fn a_lone_surrogate_is_replaced() {
        assert_eq!(text(r"a\ud800b").unescaped(64).unwrap(), "a\u{FFFD}b");
        assert_eq!(text(r"\ud800\u0041").unescaped(64).unwrap(), "\u{FFFD}A");
        assert_eq!(text(r"\udc00\ud83d\ude00").unescaped(64).unwrap(), "\u{FFFD}😀");
    }

    #[test]
    fn text_beyond_the_limit_is_not_returned() {
        assert_eq!(text("abcd").unescaped(4).unwrap(), "abcd");
        assert_eq!(text("abcde").unescaped(4), None);
        assert_eq!(text(r"\u00e9\u00e9\u00e9").unescaped(4), None);
    }

    proptest! {
        #[test]
        fn written_strings_are_read_back(string: String) {
            let mut quoted = Vec::new();
            push_quoted(&mut quoted, &string);
            prop_assert_eq!(&serde_json::from_slice::<String>(&quoted).unwrap(), &string);
            let raw = std::str::from_utf8(&quoted[1..quoted.len() - 1]).unwrap();
            prop_assert_eq!(text(raw).unescaped(usize::MAX).unwrap(), string);
        }

        #[test]
        fn unescaping_agrees_with_serde_json(string in r#"([a-zé]|\\[nrtbf"/\\]|\\u00[0-7][0-9a-fA-F]|\\ud83d\\ude0[0-9]){0,20}"#) {
            let reference: String = serde_json::from_str(&format!("\"{string}\"")).unwrap();
            prop_assert_eq!(text(&string).unescaped(usize::MAX).unwrap(), reference);
        }
    }
}
