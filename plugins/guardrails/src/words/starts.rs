//! The first letters of all entries: they tell whether a walk through the trie can succeed, so that most words of a text cost one
//! lookup in a small table.

use super::fold::{ascii_base, is_gap, plain_length};
use super::word_starts::{WordStarts, is_set, set};

const STARTS: usize = 1 << 15;
const PAIRS: usize = 1 << 10;
const WIDE: usize = 1 << 12;
const WIDE_PAIRS: usize = 1 << 15;

/// The first letters of all entries.
#[derive(Debug)]
pub(crate) struct Starts {
    /// Bits of the hashes of the first three letters of words.
    starts: Vec<u64>,
    /// Bits of the hashes of the first two letters.
    pairs: Vec<u64>,
    /// Bits of the first letters that a gap may follow.
    gaps: u32,
    /// Bits of the letters that are an entry by themselves.
    singles: u32,
    /// Bits of the two letters that are.
    doubles: Vec<u64>,
    words: WordStarts,
    /// Bits of the first characters of words that are not ASCII.
    wide: Vec<u64>,
    /// Bits of the hashes of those and the second characters.
    wide_pairs: Vec<u64>,
    /// Bits of the first characters that are a word by themselves, or of a phrase.
    wide_words: Vec<u64>,
}

impl Default for Starts {
    fn default() -> Self {
        Self {
            starts: vec![0; STARTS / 64],
            pairs: vec![0; PAIRS / 64],
            gaps: 0,
            singles: 0,
            doubles: vec![0; PAIRS / 64],
            words: WordStarts::default(),
            wide: vec![0; WIDE / 64],
            wide_pairs: vec![0; WIDE_PAIRS / 64],
            wide_words: vec![0; WIDE / 64],
        }
    }
}

impl Starts {
    /// Adds an entry, as it is listed and as the trie has it.
    pub(crate) fn add(&mut self, word: &str, key: &str) {
        let bytes = key.as_bytes();
        let letters: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b' ').take(3).collect();
        match *letters {
            [a, b, c] => set(&mut self.starts, hash([a, b, c])),
            [a, b] => {
                set(&mut self.doubles, hash([0, a, b]));
                // Any letter may follow after a gap.
                (0..32).for_each(|c| set(&mut self.starts, hash([a, b, c])));
            }
            [a] => self.singles |= 1 << (a & 31),
            _ => {}
        }
        if let [a, b, ..] = *letters {
            set(&mut self.pairs, hash([0, a, b]));
        }
        if let [a, b' ', ..] = *bytes {
            self.gaps |= 1 << (a & 31);
        }
        let first = word.chars().take(1).flat_map(|first| first.to_uppercase().chain(first.to_lowercase()));
        for first in first.filter(|first| !first.is_ascii()) {
            self.add_wide(first as usize, key);
        }
    }

    /// Adds what depends on all entries, as the trie has them.
    pub(super) fn complete(&mut self, keys: &[String]) {
        self.words.add_all(keys);
    }

    /// See [`super::lexicon::Lexicon::note`].
    pub(super) fn note(&mut self, word: &[u8]) {
        self.words.note(word);
    }

    /// Returns the words that entries begin with.
    #[inline]
    pub(crate) fn words(&self) -> &WordStarts {
        &self.words
    }

    /// Adds an entry whose first character, in one of its cases, is this one.
    fn add_wide(&mut self, first: usize, key: &str) {
        set(&mut self.wide, first % WIDE);
        if matches!(key.chars().nth(1), None | Some(' ')) {
            set(&mut self.wide_words, first % WIDE);
        }
        if let Some(second) = key.chars().filter(|c| *c != ' ').nth(1) {
            let second = code_of(second.encode_utf8(&mut [0; 4]).as_bytes());
            set(&mut self.wide_pairs, wide_pair(first, second));
        }
    }

    /// Returns whether an entry can begin here, judged by its first letters. A false answer is certain.
    #[inline]
    pub(crate) fn may_start(&self, rest: &[u8]) -> bool {
        match *rest {
            [a, b, c, ..] if b.is_ascii_alphanumeric() && c.is_ascii_alphanumeric() => self.has_start([a, b, c]),
            [a, b, gap, c, ..] if b.is_ascii_alphanumeric() && gap.is_ascii() && c.is_ascii_alphanumeric() => {
                if is_gap(gap) { self.has_start([a, b, c]) } else { self.is_double(a, b) }
            }
            [a, b, _, _, ..] if b.is_ascii() && !b.is_ascii_alphanumeric() && !is_bit(self.gaps, a) => {
                is_bit(self.singles, a)
            }
            _ => self.may_start_slowly(rest),
        }
    }

    /// The same where accents or gaps stand between the first letters.
    fn may_start_slowly(&self, rest: &[u8]) -> bool {
        let Some((&a, mut rest)) = rest.split_first() else { return true };
        let mut second = None;
        loop {
            let letter = match *rest {
                [byte, ..] if byte.is_ascii_alphanumeric() => (byte, 1),
                [lead @ 0xC3..=0xC5, low, ..] => match ascii_base(lead, low) {
                    Some(letter) => (letter, 2),
                    None => return true,
                },
                [0xCC, 0x80..=0xBF, ..] | [0xCD, 0x80..=0xAF, ..] => (0, 2),
                [byte, ..] if is_gap(byte) => (b' ', 1),
                [0xC2, 0xA0, ..] => (b' ', 2),
                [0xE2, 0x80, 0x99, ..] | [0xE3, 0x80, 0x80, ..] => (b' ', 3),
                // Width takes the long way. No entry goes from Latin letters on to another script.
                [0xC6..=0xC9, ..] | [0xEF, 0xBC | 0xBD, ..] | [0xE1, 0xB8..=0xBF, ..] => return true,
                [0..=0x7F, ..] => return second.map_or(is_bit(self.singles, a), |b| self.is_double(a, b)),
                // The missing bytes may still come.
                [] | [0xC2..=0xF4] | [0xE0..=0xF4, 0x80..=0xBF] => return second.is_none_or(|b| self.has_pair(a, b)),
                _ => return second.is_some_and(|b| self.is_double(a, b)),
            };
            match (letter, second) {
                ((0, _), _) => {}
                ((b' ', _), None) if !is_bit(self.gaps, a) => return is_bit(self.singles, a),
                ((b' ', _), _) => {}
                ((b, _), None) => second = Some(b),
                ((c, _), Some(b)) => return self.has_start([a, b, c]),
            }
            rest = rest.get(letter.1..).unwrap_or_default();
        }
    }

    fn has_start(&self, letters: [u8; 3]) -> bool {
        is_set(&self.starts, hash(letters))
    }

    fn is_double(&self, a: u8, b: u8) -> bool {
        is_set(&self.doubles, hash([0, a, b]))
    }

    fn has_pair(&self, a: u8, b: u8) -> bool {
        is_set(&self.pairs, hash([0, a, b]))
    }

    /// The same for a character that is not ASCII; broken ones begin nothing.
    #[inline]
    pub(crate) fn may_start_wide(&self, rest: &[u8]) -> bool {
        let low = |byte: u8| usize::from(byte & 0x3F);
        let code = match *rest {
            [a @ 0xC2..=0xDF, b, ..] => usize::from(a & 0x1F) << 6 | low(b),
            [a @ 0xE0..=0xEF, b, c, ..] => usize::from(a & 0xF) << 12 | low(b) << 6 | low(c),
            _ => return false,
        };
        match code {
            0xFF01..=0xFF5E => self.may_start_full_width(rest),
            // Accents are no part of a word.
            0xC0..=0x17F | 0xFF00.. => true,
            _ => is_set(&self.wide, code % WIDE) && self.may_go_on(code, rest.get(if code < 0x800 { 2 } else { 3 }..)),
        }
    }

    /// Returns the length of the characters of three bytes here that begin no entry and are visible, in scripts that need no look at
    /// what follows them: Han, Kana, Hangul, and those of India and Thailand.
    #[inline]
    pub(crate) fn skip_wide(&self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let [a @ (0xE0 | 0xE3..=0xED), b @ 0x80..=0xBF, c @ 0x80..=0xBF, others @ ..] = rest {
            let code = usize::from(a & 0xF) << 12 | usize::from(b & 0x3F) << 6 | usize::from(c & 0x3F);
            if (*a, *b) == (0xE3, 0x85) || is_set(&self.wide, code % WIDE) {
                break;
            }
            crate::steps::count(1);
            rest = others;
        }
        bytes.len() - rest.len()
    }

    /// Returns the length of the letters of two bytes here, of alphabets that set words apart, among which nothing is invisible.
    #[inline]
    pub(crate) fn skip_letters(bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let [0xC3..=0xCC | 0xCE..=0xD7 | 0xD9..=0xDF, 0x80..=0xBF, others @ ..] = rest {
            crate::steps::count(1);
            rest = others;
        }
        bytes.len() - rest.len()
    }

    /// Returns whether an entry whose first character is this one can go on with what follows it.
    fn may_go_on(&self, first: usize, rest: Option<&[u8]>) -> bool {
        let rest = rest.unwrap_or_default();
        let second = match (rest.first(), plain_length(rest)) {
            (Some(byte @ ..0x80), _) => usize::from(byte.to_ascii_lowercase()),
            // Accents and the like take the long way; missing bytes may still come.
            (_, 0) => return true,
            (_, length) if length > rest.len() => return true,
            (_, length) => code_of(rest.iter().take(length)),
        };
        is_set(&self.wide_pairs, wide_pair(first, second)) || is_set(&self.wide_words, first % WIDE)
    }

    /// The same for letters of full width, which stand for ASCII ones.
    fn may_start_full_width(&self, rest: &[u8]) -> bool {
        let mut narrow = rest.chunks(3).map(|bytes| match *bytes {
            [0xEF, 0xBC, low] => Some(low.wrapping_sub(0x60)),
            [0xEF, 0xBD, low] => Some(low.wrapping_sub(0x20)),
            _ => None,
        });
        match [narrow.next(), narrow.next(), narrow.next()] {
            [Some(Some(a)), Some(Some(b)), Some(Some(c))] => self.may_start(&[a, b, c]),
            _ => true,
        }
    }
}

/// Returns a number for a character.
fn code_of<'b>(bytes: impl IntoIterator<Item = &'b u8>) -> usize {
    bytes.into_iter().fold(0, |code, byte| code << 6 ^ usize::from(*byte))
}

/// Returns the place of two characters, the first of them as it is written.
fn wide_pair(first: usize, second: usize) -> usize {
    (first % WIDE).wrapping_mul(1_021).wrapping_add(second) % WIDE_PAIRS
}

fn is_bit(bits: u32, letter: u8) -> bool {
    bits >> (letter & 31) & 1 == 1
}

#[inline]
fn hash([a, b, c]: [u8; 3]) -> usize {
    let folded = |byte: u8| usize::from(byte & 31);
    folded(a) << 10 | folded(b) << 5 | folded(c)
}
