//! The text under the scanner: a piece of a stream, or the whole of it.
//!
//! A verdict must not depend on where a stream was cut. So every look ahead goes through [`Text`], which notes when
//! somebody looked beyond what has arrived; such a verdict is thrown away and made again when there is more. A detector
//! written as if it had the whole text is thereby exact on a stream.

use std::cell::Cell;

/// Classes of bytes, to be combined.
pub(crate) mod class {
    /// `a-z`
    pub(crate) const LOWER: u32 = 1;
    /// `A-Z`
    pub(crate) const UPPER: u32 = 1 << 1;
    /// `0-9`
    pub(crate) const DIGIT: u32 = 1 << 2;
    /// `0-9a-f`
    pub(crate) const HEX: u32 = 1 << 3;
    /// `0-9A-F`
    pub(crate) const HEX_UPPER: u32 = 1 << 4;
    /// `-`
    pub(crate) const DASH: u32 = 1 << 5;
    /// `_`
    pub(crate) const UNDERSCORE: u32 = 1 << 6;
    /// `+` and `/`
    pub(crate) const BASE64: u32 = 1 << 7;
    /// `.`
    pub(crate) const DOT: u32 = 1 << 8;
    /// What else the part before the `@` of an address is made of.
    pub(crate) const LOCAL: u32 = 1 << 9;
    /// ASCII white space.
    pub(crate) const SPACE: u32 = 1 << 10;
    /// Not ASCII.
    pub(crate) const WIDE: u32 = 1 << 11;
    /// Punctuation at which something can begin or be decided.
    pub(crate) const MARK: u32 = 1 << 12;
    /// `=`
    pub(crate) const EQUALS: u32 = 1 << 13;
    /// Digits of Bech32: no `1`, `b`, `i`, `o`; lower case.
    pub(crate) const BECH32: u32 = 1 << 14;
    /// Digits of Base58: no `0`, `I`, `O`, `l`.
    pub(crate) const BASE58: u32 = 1 << 15;

    /// What a URL is made of.
    pub(crate) const URL: u32 = 1 << 16;
    /// What its part before path, query and fragment is made of.
    pub(crate) const AUTHORITY: u32 = 1 << 17;
    /// What stands in the body of a private key, and in its last line.
    pub(crate) const KEY_BODY: u32 = 1 << 18;
    /// What a value without quotes is made of.
    pub(crate) const BARE_VALUE: u32 = 1 << 19;
    /// What a signature in a URL is made of.
    pub(crate) const ESCAPED64: u32 = 1 << 20;

    pub(crate) const LETTER: u32 = LOWER | UPPER;
    pub(crate) const WORD: u32 = LETTER | DIGIT;
    /// Base64 for URLs.
    pub(crate) const URL64: u32 = WORD | DASH | UNDERSCORE;
}

static CLASSES: [u32; 256] = classes();

const fn classes() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
        {
            table[byte] = classify(byte as u8);
        }
        byte += 1;
    }
    table
}

const fn classify(byte: u8) -> u32 {
    punctuation(byte) | of_runs(byte)
}

const fn punctuation(byte: u8) -> u32 {
    use class::{
        BASE58, BASE64, BECH32, DASH, DIGIT, DOT, EQUALS, HEX, HEX_UPPER, LOCAL, LOWER, MARK, SPACE, UNDERSCORE, UPPER,
        WIDE,
    };
    match byte {
        b'0'..=b'9' => DIGIT | HEX | HEX_UPPER | bit(byte != b'0', BASE58) | bit(byte != b'1', BECH32),
        b'a'..=b'z' => {
            let bech32 = !matches!(byte, b'b' | b'i' | b'o');
            LOWER | bit(byte <= b'f', HEX) | bit(byte != b'l', BASE58) | bit(bech32, BECH32)
        }
        b'A'..=b'Z' => UPPER | bit(byte <= b'F', HEX_UPPER) | bit(!matches!(byte, b'I' | b'O'), BASE58),
        b'-' => DASH | LOCAL | MARK,
        b'_' => UNDERSCORE | LOCAL,
        b'+' => BASE64 | LOCAL | MARK,
        b'/' => BASE64,
        b'.' => DOT | LOCAL,
        b'=' => EQUALS | MARK,
        b'@' | b'(' | b':' | b'<' | b'[' | b'#' => MARK,
        b'~' => LOCAL | MARK,
        b'%' | b'\'' => LOCAL,
        b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C => SPACE,
        0x80.. => WIDE,
        _ => 0,
    }
}

/// Classes of which nothing but runs are asked for.
const fn of_runs(byte: u8) -> u32 {
    use class::{AUTHORITY, BARE_VALUE, ESCAPED64, KEY_BODY, URL};
    let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0B | 0x0C);
    let url = !(space
        || matches!(byte, b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b'|' | b'^')
        || byte < b' '
        || byte == 0x7F);
    let authority = url && !matches!(byte, b'/' | b'?' | b'#');
    let sign = matches!(byte, b'\\' | b':' | b',' | b'-' | b'.' | b'(' | b')' | b'"' | b'\'');
    let key = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') || space || sign;
    let ends = byte.is_ascii_whitespace()
        || matches!(byte, b'"' | b',' | b';' | b'\'' | b'`' | b'&' | b'|' | b'<' | b'>' | b')' | b']' | b'}' | b'\\');
    let escaped = byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'+' | b'/' | b'=');
    bit(url, URL) | bit(authority, AUTHORITY) | bit(key, KEY_BODY) | bit(!ends, BARE_VALUE) | bit(escaped, ESCAPED64)
}

const fn bit(set: bool, bit: u32) -> u32 {
    if set { bit } else { 0 }
}

/// Classes of a byte.
#[inline]
pub(crate) fn class_of(byte: u8) -> u32 {
    // The table has a place for every byte.
    CLASSES.get(byte as usize).copied().unwrap_or(0)
}

/// Runs of a class that were followed before: a detector that begins within one need not follow it again. Without this a
/// text that begins something every few bytes would be read as often as a run is long.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    slots: [Cell<Run>; 16],
    pub(crate) marks: Marks,
}

/// All bytes of `from..to` are of the class.
#[derive(Debug, Clone, Copy, Default)]
struct Run {
    class: u32,
    from: usize,
    to: usize,
}

/// Searches that go on where they stopped, each for a thing of its own.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// The last line of a private key.
    pub(crate) key_end: Cell<Mark>,
    /// The last byte of Base64 before an end.
    pub(crate) key_digit: Cell<Mark>,
    /// Text from right to left, behind and ahead.
    pub(crate) right_to_left: [Cell<Mark>; 2],
}

/// How far a search went, and what it found there or before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mark {
    pub(crate) from: usize,
    pub(crate) upto: usize,
    pub(crate) found: Option<usize>,
}

impl Runs {
    fn slot(&self, class: u32) -> Option<&Cell<Run>> {
        self.slots.get((class.wrapping_mul(0x9E37_79B1) >> 28) as usize)
    }
}

/// What has arrived, beginning somewhere before the first byte that is undecided.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    bytes: &'a [u8],
    /// Position of the first of these bytes; all positions count from the beginning of the stream.
    base: usize,
    /// Nothing comes after it.
    whole: bool,
    short: Cell<bool>,
    runs: &'a Runs,
}

impl<'a> Text<'a> {
    pub(crate) fn new(bytes: &'a [u8], base: usize, whole: bool, runs: &'a Runs) -> Self {
        Self { bytes, base, whole, short: Cell::new(false), runs }
    }

    /// Searches that go on where they stopped.
    pub(crate) fn marks(&self) -> &'a Marks {
        &self.runs.marks
    }

    /// Where what has arrived ends.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.base + self.bytes.len()
    }

    /// Whether nothing comes after it.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// What has arrived from here on.
    #[inline]
    pub(crate) fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at.wrapping_sub(self.base)..).unwrap_or_default()
    }

    /// Forgets that somebody looked too far.
    #[inline]
    pub(crate) fn begin(&self) {
        self.short.set(false);
    }

    /// Whether somebody looked beyond what has arrived.
    #[inline]
    pub(crate) fn is_short(&self) -> bool {
        self.short.get()
    }

    /// The byte, without a note that it was asked for.
    #[inline]
    pub(crate) fn arrived(&self, at: usize) -> Option<u8> {
        self.bytes.get(at.wrapping_sub(self.base)).copied()
    }

    /// The byte; none at the end of the text.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<u8> {
        crate::steps::count(1);
        let byte = self.bytes.get(at.wrapping_sub(self.base)).copied();
        if byte.is_none() && !self.whole {
            self.short.set(true);
        }
        byte
    }

    /// Classes of the byte; none at the end.
    #[inline]
    pub(crate) fn class(&self, at: usize) -> u32 {
        self.get(at).map_or(0, class_of)
    }

    #[inline]
    pub(crate) fn is(&self, at: usize, byte: u8) -> bool {
        self.get(at) == Some(byte)
    }

    /// The byte before; none at the beginning.
    #[inline]
    pub(crate) fn before(&self, at: usize) -> Option<u8> {
        self.bytes.get(at.checked_sub(1)?.wrapping_sub(self.base)).copied()
    }

    /// Up to `most` bytes that stand before `at`. At most [`crate::window::BEHIND`] of them are kept on a stream.
    pub(crate) fn behind(&self, at: usize, most: usize) -> &'a [u8] {
        self.slice(at.saturating_sub(most.min(crate::window::BEHIND)).max(self.base), at)
    }

    /// Bytes that were looked at before; empty if they are not there.
    #[inline]
    pub(crate) fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        crate::steps::count(to.saturating_sub(from));
        self.bytes.get(from.wrapping_sub(self.base)..to.wrapping_sub(self.base)).unwrap_or_default()
    }

    /// Where the run of a class that begins at `from` ends, at most `most` bytes on.
    #[inline]
    pub(crate) fn run(&self, from: usize, class: u32, most: usize) -> usize {
        let limit = from.saturating_add(most);
        let slot = self.runs.slot(class);
        let known = slot.map(Cell::get).filter(|known| known.class == class && known.from <= from && from <= known.to);
        let begin = known.map_or(from, |known| known.to);
        if begin >= limit {
            return limit;
        }
        let rest = self.rest(begin);
        let run = rest.iter().take(limit - begin).take_while(|&&byte| class_of(byte) & class != 0).count();
        crate::steps::count(run + 1);
        let end = begin + run;
        if let Some(slot) = slot {
            slot.set(Run { class, from: known.map_or(from, |known| known.from), to: end });
        }
        if run == rest.len() && end < limit && !self.whole {
            self.short.set(true);
        }
        end
    }

    /// Whether these bytes stand here.
    pub(crate) fn starts(&self, at: usize, literal: &[u8]) -> bool {
        let rest = self.rest(at);
        let known = rest.len().min(literal.len());
        let agrees = rest.get(..known) == literal.get(..known);
        if agrees && known < literal.len() {
            self.short.set(self.short.get() || !self.whole);
        }
        agrees && known == literal.len()
    }

    /// The same, whatever the case of ASCII letters; `literal` is lower case.
    pub(crate) fn starts_folded(&self, at: usize, literal: &[u8]) -> bool {
        let rest = self.rest(at);
        let known = rest.len().min(literal.len());
        let agrees = rest.iter().zip(literal).all(|(byte, folded)| byte.to_ascii_lowercase() == *folded);
        if agrees && known < literal.len() {
            self.short.set(self.short.get() || !self.whole);
        }
        agrees && known == literal.len()
    }

    /// Bytes of the character that begins here, going by its first byte; 1 for a byte that begins none.
    pub(crate) fn char_len(&self, at: usize) -> usize {
        let expected = match self.arrived(at) {
            Some(0xC2..=0xDF) => 2,
            Some(0xE0..=0xEF) => 3,
            Some(0xF0..=0xF4) => 4,
            _ => 1,
        };
        let continues = |offset: usize| matches!(self.get(at + offset), Some(0x80..=0xBF));
        (1..expected).find(|&offset| !continues(offset)).unwrap_or(expected)
    }

    /// The character that begins here; none for a broken one.
    pub(crate) fn char(&self, at: usize) -> Option<char> {
        let bytes = self.slice(at, at + self.char_len(at));
        std::str::from_utf8(bytes).ok()?.chars().next()
    }

    /// Where the last character begins if it has not arrived whole, else where what has arrived ends.
    pub(crate) fn last_char(&self) -> usize {
        let tail = |back: &usize| self.end().checked_sub(*back).and_then(|at| self.arrived(at));
        let lead = (1..=3).find(|back| !matches!(tail(back), Some(0x80..=0xBF)));
        let missing = lead.filter(|back| match tail(back) {
            Some(0xC2..=0xDF) => *back < 2,
            Some(0xE0..=0xEF) => *back < 3,
            Some(0xF0..=0xF4) => *back < 4,
            _ => false,
        });
        self.end() - missing.unwrap_or(0)
    }
}
