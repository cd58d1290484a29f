//! The words that entries begin with, to compare with a whole word of a text: hardly any word passes, where the first
//! three letters of one in six do.

use super::fold::is_gap;
use std::collections::BTreeSet;

const WORDS: usize = 1 << 16;
/// Words of more letters are not looked up.
pub(crate) const LONGEST_WORD: usize = 15;

/// Words of letters alone, as sets of their hashes.
#[derive(Debug)]
pub(crate) struct WordStarts {
    /// Those with which an entry can be at its end or at a gap.
    all: Box<[u64; WORDS / 64]>,
    /// Those that are an entry.
    whole: Box<[u64; WORDS / 64]>,
    /// Those that are not, with the letter that follows the gap.
    followed: Box<[u64; WORDS / 64]>,
}

impl Default for WordStarts {
    fn default() -> Self {
        let empty = || Box::new([0; WORDS / 64]);
        Self { all: empty(), whole: empty(), followed: empty() }
    }
}

/// Masks of the first bytes of eight, for each length of a word.
static FIRST: [u64; 16] = {
    const ALL: u64 = 0x1F1F_1F1F_1F1F_1F1F;
    const fn first(bytes: u32) -> u64 {
        ALL >> (64 - bytes * 8)
    }
    [0, first(1), first(2), first(3), first(4), first(5), first(6), first(7), ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL]
};

impl WordStarts {
    /// Adds all entries, as the trie has them.
    pub(super) fn add_all(&mut self, keys: &[String]) {
        let before_gaps: BTreeSet<Vec<u8>> = keys.iter().flat_map(|key| self.add(key.as_bytes())).collect();
        self.add_followers(keys, &before_gaps);
    }

    /// Adds the words that the text of an entry can begin with, gaps or none between them, up to each gap and to its end. Returns
    /// those before its gaps.
    fn add(&mut self, key: &[u8]) -> Vec<Vec<u8>> {
        let (mut letters, mut before_gaps) = (Vec::new(), Vec::new());
        for byte in key {
            match byte {
                b' ' => {
                    self.note(&letters);
                    before_gaps.push(letters.clone());
                }
                byte if byte.is_ascii_alphabetic() => letters.push(*byte),
                _ => return before_gaps,
            }
        }
        for word in [letters.clone(), [letters.as_slice(), b"s"].concat()] {
            self.note(&word);
            set(&mut *self.whole, hash_of(&word));
        }
        before_gaps
    }

    /// Adds a word that is none of an entry but is to be looked at all the same: it may be the beginning of a credential.
    pub(crate) fn note(&mut self, word: &[u8]) {
        set(&mut *self.all, hash_of(word));
    }

    /// Returns whether a word of letters alone, without humps, that an ASCII byte follows, may be one of them. A false answer is certain.
    /// It takes eight bytes from its beginning on, and its length.
    #[inline]
    pub(crate) fn has(&self, first: [u8; 8], length: usize) -> bool {
        let hash = hash(first, length);
        self.all.get(hash / 64).copied().unwrap_or(0) >> (hash % 64) & 1 == 1
    }

    /// Adds which letters can follow a gap. Where one entry has a gap, others with the same letters before may be written with one too:
    /// "t el", because of "t c".
    fn add_followers(&mut self, keys: &[String], before_gaps: &BTreeSet<Vec<u8>>) {
        for key in keys {
            let text: Vec<u8> = key.bytes().filter(|byte| *byte != b' ').collect();
            for (end, next) in text.iter().enumerate() {
                // No letter beyond ASCII is written in it.
                if let Some(letters) = text.get(..end).filter(|letters| before_gaps.contains(*letters)) {
                    set(&mut *self.followed, followed_by(hash_of(letters), *next));
                }
            }
        }
    }

    /// Returns whether an entry can begin with such a word, judged by the two bytes behind it too.
    #[inline]
    pub(crate) fn begin(&self, first: [u8; 8], length: usize, next: u8, after: Option<u8>) -> bool {
        let hash = hash(first, length);
        if !is_set(&*self.all, hash) || is_set(&*self.whole, hash) {
            return is_set(&*self.all, hash);
        }
        is_gap(next)
            && match after {
                Some(letter) if letter.is_ascii_alphanumeric() => is_set(&*self.followed, followed_by(hash, letter)),
                // A wider gap, or letters beyond ASCII.
                Some(other) => is_gap(other) || !other.is_ascii(),
                None => true,
            }
    }
}

fn hash_of(word: &[u8]) -> usize {
    let mut first = [0; 8];
    first.iter_mut().zip(word).for_each(|(place, byte)| *place = *byte);
    hash(first, word.len())
}

/// Returns a hash of a word: of its first eight letters, in either case, and of its length.
#[inline]
fn hash(first: [u8; 8], length: usize) -> usize {
    let letters = u64::from_le_bytes(first) & FIRST.get(length % 16).copied().unwrap_or(0);
    ((letters ^ (length as u64) << 59).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48) as usize
}

#[inline]
fn followed_by(hash: usize, letter: u8) -> usize {
    (hash ^ usize::from(letter & 0x1F) << 9 ^ usize::from(letter & 0x1F)) % WORDS
}

/// Returns whether a bit of a set is there.
#[inline]
pub(super) fn is_set(bits: &[u64], bit: usize) -> bool {
    bits.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

/// Adds a bit to a set.
pub(super) fn set(bits: &mut [u64], bit: usize) {
    if let Some(word) = bits.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}
