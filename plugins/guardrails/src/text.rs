//! The text under the scanner: a piece of a stream, or the whole of it.
//!
//! A verdict must not depend on the cuts of a stream. So every look ahead goes through [`Text`], which notes each read beyond
//! the end of the arrived bytes; such a verdict is discarded and made again when there is more. A detector that is written as if
//! it had the whole text is thereby exact on a stream.

pub(crate) mod class;
mod runs;

pub(crate) use class::class_of;
pub(crate) use runs::{Nested, Runs, SearchMemories, SearchMemory};

use runs::Run;
use std::cell::Cell;

/// Bytes before a position that a stream keeps for detectors.
pub(crate) const LOOKBEHIND_BYTES: usize = 256;
/// Longest run of letters and digits that is one token; of a longer one only the beginning is.
pub(crate) const LONGEST_TOKEN: usize = 128;
/// Longest local part of an e-mail address, RFC 5321 section 4.5.3.1.1.
pub(crate) const LONGEST_LOCAL_PART: usize = 64;
/// Text that is held back and longer than this is scanned again only when it has grown by one part in [`RESCAN_GROWTH`], so
/// that a stream of single bytes is not read over and over.
const RESCAN_FROM: usize = 32;
/// Runs that may not be longer are not remembered, bytes.
const SHORT_RUN: usize = 9;
/// See [`RESCAN_FROM`].
pub(crate) const RESCAN_GROWTH: usize = 8;

/// The arrived bytes, from some position before the first undecided byte.
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

    /// Returns how much text must have arrived before a scan from `at`, which reached the end, is worth another try.
    pub(crate) fn rescan_at(&self, at: usize) -> usize {
        let pending = self.end().saturating_sub(at);
        if pending > RESCAN_FROM { self.end() + pending / RESCAN_GROWTH } else { 0 }
    }

    /// Searches that go on where they stopped.
    pub(crate) fn memories(&self) -> &'a SearchMemories {
        &self.runs.memories
    }

    /// Returns the end of the arrived bytes.
    #[inline]
    pub(crate) fn end(&self) -> usize {
        self.base + self.bytes.len()
    }

    /// Returns whether nothing comes after it.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Returns the arrived bytes from here on.
    #[inline]
    pub(crate) fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at.wrapping_sub(self.base)..).unwrap_or_default()
    }

    /// Forgets reads beyond the end.
    #[inline]
    pub(crate) fn begin(&self) {
        self.short.set(false);
    }

    /// Returns whether a byte beyond the end of the arrived text was asked for.
    #[inline]
    pub(crate) fn is_short(&self) -> bool {
        self.short.get()
    }

    /// Returns the byte, without a note that it was asked for.
    #[inline]
    pub(crate) fn arrived(&self, at: usize) -> Option<u8> {
        self.bytes.get(at.wrapping_sub(self.base)).copied()
    }

    /// Returns the byte; none at the end of the text.
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

    /// Returns the byte before; none at the beginning.
    #[inline]
    pub(crate) fn before(&self, at: usize) -> Option<u8> {
        self.bytes.get(at.checked_sub(1)?.wrapping_sub(self.base)).copied()
    }

    /// Up to `most` bytes that stand before `at`. At most [`LOOKBEHIND_BYTES`] of them are kept on a stream.
    pub(crate) fn behind(&self, at: usize, most: usize) -> &'a [u8] {
        self.slice(at.saturating_sub(most.min(LOOKBEHIND_BYTES)).max(self.base), at)
    }

    /// Returns whether `://` stands somewhere in the `most` bytes before `at`, and where it begins.
    pub(crate) fn scheme_before(&self, at: usize, most: usize) -> Option<usize> {
        let ends = |at: usize| self.arrived(at) == Some(b'/') && self.behind_is(at, b":/");
        let end = self.last_before(&self.runs.memories.scheme, at, 80, ends)?;
        end.checked_sub(2).filter(|begin| begin + most >= at)
    }

    /// Returns whether these bytes stand right before `at`.
    #[inline]
    pub(crate) fn behind_is(&self, at: usize, literal: &[u8]) -> bool {
        at.checked_sub(literal.len()).is_some_and(|from| self.seen(from, at) == literal)
    }

    /// Returns the last position before `upto`, at most `most` bytes before it, at which `begins` holds. The search goes on
    /// where the last one with the same memory stopped. Whether it holds must not depend on bytes from `upto` on.
    pub(crate) fn last_before(
        &self,
        memory: &Cell<SearchMemory>,
        upto: usize,
        most: usize,
        begins: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let from = upto.saturating_sub(most);
        let known = Some(memory.get()).filter(|known| known.from <= from && (from..=upto).contains(&known.upto));
        let mut mark = known.unwrap_or(SearchMemory { from, upto: from, found: None });
        crate::steps::count(upto - mark.upto);
        mark.found = (mark.upto..upto).rev().find(|at| begins(*at)).or(mark.found);
        mark.upto = upto;
        memory.set(mark);
        mark.found.filter(|found| *found >= from)
    }

    /// The same as [`Self::slice`] without counting steps: for callers that read only a bounded part of it.
    #[inline]
    pub(crate) fn seen(&self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from.wrapping_sub(self.base)..to.wrapping_sub(self.base)).unwrap_or_default()
    }

    /// Bytes that were looked at before; empty if they are not there.
    #[inline]
    pub(crate) fn slice(&self, from: usize, to: usize) -> &'a [u8] {
        crate::steps::count(to.saturating_sub(from));
        self.bytes.get(from.wrapping_sub(self.base)..to.wrapping_sub(self.base)).unwrap_or_default()
    }

    /// Returns where the run of a class that begins at `from` ends, at most `most` bytes on.
    #[inline]
    pub(crate) fn run(&self, from: usize, class: u32, most: usize) -> usize {
        let limit = from.saturating_add(most);
        // To look up a short run takes longer than to follow it again.
        let slot = if most > SHORT_RUN { self.runs.slot(class) } else { None };
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

    /// Returns whether these bytes stand here.
    pub(crate) fn starts(&self, at: usize, literal: &[u8]) -> bool {
        let rest = self.rest(at);
        let known = rest.len().min(literal.len());
        let agrees = rest.get(..known) == literal.get(..known);
        if agrees && known < literal.len() {
            self.short.set(self.short.get() || !self.whole);
        }
        agrees && known == literal.len()
    }

    /// The same without regard to the case of ASCII letters; `literal` is lower case.
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

    /// Returns the character that begins here; none for a broken one, and none beyond the end.
    #[inline]
    pub(crate) fn char(&self, at: usize) -> Option<char> {
        match self.get(at)? {
            byte @ ..0x80 => Some(char::from(byte)),
            _ => {
                let length = self.char_len(at);
                decode(self.rest(at).get(..length)?)
            }
        }
    }

    /// Returns the character that ends right before `at`; none for a broken one, and none at the beginning.
    pub(crate) fn char_before(&self, at: usize) -> Option<char> {
        let byte = self.before(at)?;
        if byte.is_ascii() {
            return Some(char::from(byte));
        }
        let is_lead =
            |back: &usize| self.before((at + 1).saturating_sub(*back)).is_some_and(|byte| byte & 0xC0 != 0x80);
        let length = (1..=4.min(at)).find(is_lead)?;
        crate::steps::count(length);
        decode(self.rest(at - length).get(..length)?)
    }

    /// Returns where the last character begins if it has not arrived whole, else the end of the arrived bytes.
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

/// Decodes the bytes of one character. `std::str::from_utf8` takes several times as long, and hostile texts are full of
/// characters beyond ASCII.
#[inline]
fn decode(bytes: &[u8]) -> Option<char> {
    let low = |byte: u8| u32::from(byte & 0x3F);
    let continues = |byte: u8| byte & 0xC0 == 0x80;
    let (code, least) = match *bytes {
        [a @ 0..0x80] => (u32::from(a), 0),
        [a @ 0xC2..=0xDF, b] if continues(b) => (u32::from(a & 0x1F) << 6 | low(b), 0x80),
        [a @ 0xE0..=0xEF, b, c] if continues(b) && continues(c) => {
            (u32::from(a & 0xF) << 12 | low(b) << 6 | low(c), 0x800)
        }
        [a @ 0xF0..=0xF4, b, c, d] if continues(b) && continues(c) && continues(d) => {
            (u32::from(a & 7) << 18 | low(b) << 12 | low(c) << 6 | low(d), 0x1_0000)
        }
        _ => return None,
    };
    char::from_u32(code).filter(|_| code >= least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_decode_as_the_library_does() {
        let library = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|text| text.chars().next());
        for code in (0..=0x11_0000).filter_map(char::from_u32) {
            let mut bytes = [0; 4];
            let bytes = code.encode_utf8(&mut bytes).as_bytes();
            assert_eq!(decode(bytes), Some(code));
        }
        for first in 0x80..=u8::MAX {
            for second in [0, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0] {
                for broken in [&[first][..], &[first, second], &[first, second, 0x80], &[first, second, 0x80, 0x80]] {
                    assert_eq!(decode(broken), library(broken), "{broken:x?}");
                }
            }
        }
    }
}
