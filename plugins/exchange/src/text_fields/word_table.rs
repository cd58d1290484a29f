//! A list of words and a table of their places, built at compile time.
//!
//! Each name and each short value of a body is looked up in several lists. A search by halves reads eight words for each; the
//! table leads to the one that it could be.

/// A list of at most 255 words.
pub(super) struct WordTable<const SLOTS: usize> {
    words: &'static [&'static str],
    /// For each slot the number of its word, from 1 on, or 0 if it is free.
    numbers: [u8; SLOTS],
}

/// Returns a number of slots of which at most half are taken.
pub(super) const fn slots(words: &[&str]) -> usize {
    (words.len() * 2).next_power_of_two()
}

impl<const SLOTS: usize> WordTable<SLOTS> {
    #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
    pub(super) const fn new(words: &'static [&'static str]) -> Self {
        assert!(words.len() <= u8::MAX as usize && words.len() < SLOTS, "the table has no room for the list");
        let (mut numbers, mut index) = ([0; SLOTS], 0);
        while index < words.len() {
            let mut slot = hash(words[index].as_bytes()) % SLOTS;
            while numbers[slot] != 0 {
                slot = (slot + 1) % SLOTS;
            }
            index += 1;
            numbers[slot] = index as u8;
        }
        Self { words, numbers }
    }

    /// Returns whether this is one of the words.
    #[inline]
    pub(super) fn has(&self, name: &[u8]) -> bool {
        let mut slot = hash(name) % SLOTS;
        while let Some(number) = self.numbers.get(slot).filter(|number| **number != 0) {
            let word = self.words.get(usize::from(*number).wrapping_sub(1));
            if word.is_some_and(|word| word.as_bytes() == name) {
                return true;
            }
            slot = (slot + 1) % SLOTS;
        }
        false
    }

    #[cfg(test)]
    pub(super) fn words(&self) -> &'static [&'static str] {
        self.words
    }
}

/// The factors keep the words of the lists apart: 1.2 words are compared on average.
const fn hash(word: &[u8]) -> usize {
    match word {
        [first, second, .., before, last] => {
            word.len() + 17 * *first as usize + 7 * (*second as usize + *before as usize) + 3 * *last as usize
        }
        [first, ..] => word.len() + 17 * *first as usize,
        [] => 0,
    }
}
