//! The text under the scanner: a piece of a stream, or the whole of it.
//!
//! A verdict must not depend on where a stream was cut. So every look ahead goes through [`Text`], which notes when
//! somebody looked beyond what has arrived; such a verdict is thrown away and made again when there is more. A detector
//! written as if it had the whole text is thereby exact on a stream.

use std::cell::Cell;

/// Classes of bytes, to be combined.
pub(crate) mod class {
    /// `a-z`
    pub(crate) const LOWER: u16 = 1;
    /// `A-Z`
    pub(crate) const UPPER: u16 = 1 << 1;
    /// `0-9`
    pub(crate) const DIGIT: u16 = 1 << 2;
    /// `0-9a-f`
    pub(crate) const HEX: u16 = 1 << 3;
    /// `0-9A-F`
    pub(crate) const HEX_UPPER: u16 = 1 << 4;
    /// `-`
    pub(crate) const DASH: u16 = 1 << 5;
    /// `_`
    pub(crate) const UNDERSCORE: u16 = 1 << 6;
    /// `+` and `/`
    pub(crate) const BASE64: u16 = 1 << 7;
    /// `.`
    pub(crate) const DOT: u16 = 1 << 8;
    /// What else the part before the `@` of an address is made of.
    pub(crate) const LOCAL: u16 = 1 << 9;
    /// ASCII white space.
    pub(crate) const SPACE: u16 = 1 << 10;
    /// Not ASCII.
    pub(crate) const WIDE: u16 = 1 << 11;
    /// Punctuation at which something can begin or be decided.
    pub(crate) const MARK: u16 = 1 << 12;
    /// `=`
    pub(crate) const EQUALS: u16 = 1 << 13;
    /// Digits of Bech32: no `1`, `b`, `i`, `o`; lower case.
    pub(crate) const BECH32: u16 = 1 << 14;
    /// Digits of Base58: no `0`, `I`, `O`, `l`.
    pub(crate) const BASE58: u16 = 1 << 15;

    pub(crate) const LETTER: u16 = LOWER | UPPER;
    pub(crate) const WORD: u16 = LETTER | DIGIT;
    /// Base64 for URLs.
    pub(crate) const URL64: u16 = WORD | DASH | UNDERSCORE;
}

static CLASSES: [u16; 256] = classes();

const fn classes() -> [u16; 256] {
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

const fn classify(byte: u8) -> u16 {
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

const fn bit(set: bool, bit: u16) -> u16 {
    if set { bit } else { 0 }
}

/// Classes of a byte.
#[inline]
pub(crate) fn class_of(byte: u8) -> u16 {
    // The table has a place for every byte.
    CLASSES.get(byte as usize).copied().unwrap_or(0)
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
}

impl<'a> Text<'a> {
    pub(crate) fn new(bytes: &'a [u8], base: usize, whole: bool) -> Self {
        Self { bytes, base, whole, short: Cell::new(false) }
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
        let byte = self.bytes.get(at.wrapping_sub(self.base)).copied();
        if byte.is_none() && !self.whole {
            self.short.set(true);
        }
        byte
    }

    /// Classes of the byte; none at the end.
    #[inline]
    pub(crate) fn class(&self, at: usize) -> u16 {
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
        self.bytes.get(from.wrapping_sub(self.base)..to.wrapping_sub(self.base)).unwrap_or_default()
    }

    /// Where the run of a class that begins at `from` ends, at most `most` bytes on.
    #[inline]
    pub(crate) fn run(&self, from: usize, class: u16, most: usize) -> usize {
        let rest = self.rest(from);
        let run = rest.iter().take(most).take_while(|&&byte| class_of(byte) & class != 0).count();
        if run == rest.len() && run < most && !self.whole {
            self.short.set(true);
        }
        from + run
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
