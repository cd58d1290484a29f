//! The stops of a block of text: masks tell where words, marks and other characters begin, and which of them may be more than that.

use crate::block::{BLOCK, Classes, Window, classes, deep, lowest};
use crate::text::class::{WORD, class_of};
use crate::words::word_starts::WordStarts;

/// Words that are looked at without a question in between.
const AT_ONCE: usize = 4;

/// A block of text and its stops.
pub(super) struct Stops<'b> {
    pub(super) window: &'b Window,
    /// Its position in the text.
    pub(super) begin: usize,
    /// Bytes of the window that are text.
    pub(super) arrived: usize,
    pub(super) classes: Classes,
    /// The two bytes before it; 0 if there are none.
    pub(super) before: [u8; 2],
    /// Bytes that stops are looked for in: a word that goes on behind the block belongs to the next one.
    pub(super) end: usize,
    /// Beginnings of words.
    pub(super) starts: u64,
    /// Those of words that may be of the vocabulary, if they are letters alone.
    entries: u64,
    /// All places where something may begin.
    pub(super) candidates: u64,
    /// Bytes of characters beyond ASCII that may begin something within a run of them.
    pub(super) deep: u64,
}

impl<'b> Stops<'b> {
    pub(super) fn new(
        window: &'b Window,
        begin: usize,
        arrived: usize,
        before: [u8; 2],
        vocabulary: &WordStarts,
    ) -> Self {
        let mut classes = classes(window);
        let words = classes.words;
        let tail = words.leading_ones() as usize;
        let end = match tail {
            _ if arrived < BLOCK => arrived,
            0 | BLOCK => BLOCK,
            _ => BLOCK - tail,
        };
        if arrived < BLOCK {
            // What follows the last word is not known.
            classes.loud |= 1 << arrived;
        }
        if arrived <= BLOCK {
            // Nor is what follows the last mark.
            classes.live |= classes.marks & !lowest(arrived - 1);
        }
        let [_, last] = before;
        let inside = words << 1 | u64::from(class_of(last) & WORD != 0);
        let mut stops = Self {
            window,
            begin,
            arrived,
            before,
            end,
            starts: words & !inside & lowest(end),
            entries: 0,
            candidates: 0,
            deep: if classes.wide == 0 { 0 } else { deep(window) },
            classes,
        };
        // The ends of its words; a word that begins before the block is none of them.
        let ends = !words & inside;
        let ends = if inside & 1 == 1 { ends & ends.wrapping_sub(1) } else { ends };
        let odd = stops.odd_words(inside, ends);
        stops.entries = stops.entries(ends, vocabulary);
        let wide = stops.classes.wide & !(stops.classes.wide << 1);
        stops.candidates = (stops.entries | odd | stops.classes.live | wide) & lowest(end);
        stops
    }

    /// Returns places, one in each, of the words that may be more than a word: they are not letters alone, have capitals behind the
    /// first letter, are long or of the length of a format, stand behind a sign that may begin an escape, or before one that a format
    /// may go on with.
    fn odd_words(&self, inside: u64, ends: u64) -> u64 {
        let Classes { words, digits, upper, hex, loud, wide, escapes, .. } = self.classes;
        let special = digits | upper & inside;
        // A sum carries from the beginning of a word to its end, unless something special stops it.
        let plain = (words & !special).wrapping_add(self.starts) & ends & !(loud | wide);
        let escaped = escapes << 1 | u64::from(matches!(self.before, [_, b'\\' | b'%']));
        let [two, four, eight] = runs(words);
        let long = eight & eight >> 8 | eight & four >> 8 & two >> 12 & ends >> 14;
        let [hex_two, hex_four, _] = runs(hex);
        let groups = hex_two & ends >> 2 | hex_four & ends >> 4;
        self.starts & (escaped | long | groups) | (ends & !plain) >> 1
    }

    /// Returns the beginnings of words that may be of the vocabulary, or begin a credential.
    fn entries(&self, mut ends: u64, vocabulary: &WordStarts) -> u64 {
        let (mut entries, mut starts) = (0, self.starts);
        while starts != 0 {
            // Nothing in it depends on the text, so that a processor need not guess.
            for _ in 0..AT_ONCE {
                let place = starts.trailing_zeros();
                let length = ends.trailing_zeros().wrapping_sub(place);
                let start = starts & starts.wrapping_neg();
                let is_entry = vocabulary.has(self.first_eight(place as usize), length as usize);
                entries |= start & u64::from(is_entry).wrapping_neg();
                (starts, ends) = (starts ^ start, ends & ends.wrapping_sub(1));
            }
        }
        entries
    }

    /// Returns the eight bytes from a place of the block on.
    #[inline]
    pub(super) fn first_eight(&self, place: usize) -> [u8; 8] {
        self.window.get(place..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default()
    }

    /// Returns one of the two bytes before a place; 0 if there is none.
    #[inline]
    pub(super) fn byte_before(&self, place: usize, back: usize) -> u8 {
        let byte = match place.checked_sub(back) {
            Some(place) => self.window.get(place),
            None => self.before.get((place + 2).wrapping_sub(back)),
        };
        byte.copied().unwrap_or(0)
    }

    /// Returns where the word at a place begins.
    #[inline]
    pub(super) fn beginning(&self, place: usize) -> usize {
        63 - (self.starts & lowest(place + 1)).leading_zeros() as usize
    }

    #[inline]
    pub(super) fn end_of_word(&self, place: usize) -> usize {
        place + (!self.classes.words >> place).trailing_zeros() as usize
    }
}

/// Returns the places at which two, four and eight bytes of a mask begin.
fn runs(mask: u64) -> [u64; 3] {
    let two = mask & mask >> 1;
    let four = two & two >> 2;
    [two, four, four & four >> 4]
}
