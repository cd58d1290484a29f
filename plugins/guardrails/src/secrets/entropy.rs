//! Tells random values from names and words.
//!
//! Variety alone takes long identifiers for keys. The difference is how often letters, digits and cases alternate:
//! `getUserByIdAndTenant` does so at its humps, a key does everywhere.

/// Most bytes that variety is measured on.
const MOST: usize = 255;

/// The bytes of a value, counted in one pass: hostile text has a value every few bytes.
#[derive(Debug)]
pub(crate) struct Composition<'v> {
    value: &'v [u8],
    length: usize,
    letters: usize,
    digits: usize,
    upper: usize,
    /// Punctuation that names and paths do not have.
    signs: usize,
    /// Bits of [`TRAITS`] that any of the bytes has.
    traits: u64,
    changes: usize,
    /// Bits of the bytes that there are.
    seen: [u64; 4],
}

/// Some ASCII bytes, one bit each.
#[derive(Clone, Copy)]
pub(crate) struct Signs([u64; 2]);

/// Returns these ASCII bytes.
pub(crate) const fn signs(bytes: &[u8]) -> Signs {
    let (mut low, mut high, mut rest) = (0, 0, bytes);
    while let [byte, others @ ..] = rest {
        match *byte {
            byte @ ..64 => low |= 1 << byte,
            byte => high |= 1 << (byte % 64),
        }
        rest = others;
    }
    Signs([low, high])
}

/// For each byte its addition to the counts of letters, digits, capitals and signs, twelve bits each, and its traits.
static TRAITS: [u64; 256] = traits();
const FIELD: u64 = (1 << 12) - 1;
/// It is no digit of hexadecimal.
const NOT_HEX: u64 = 1 << 48;
/// It is neither a letter, a digit nor a sign of Base64.
const ODD: u64 = 1 << 49;
/// The sort of a byte: digit, small letter, capital, other.
const SORT: u32 = 50;

const fn traits() -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
        {
            table[byte] = traits_of(byte as u8);
        }
        byte += 1;
    }
    table
}

const fn traits_of(byte: u8) -> u64 {
    let is_sign = byte.is_ascii_punctuation() && !matches!(byte, b'_' | b'-' | b'.' | b'/');
    let odd = !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-');
    let sort = match byte {
        b'0'..=b'9' => 1,
        b'a'..=b'z' => 2,
        b'A'..=b'Z' => 3,
        _ => 0,
    };
    byte.is_ascii_alphabetic() as u64
        | (byte.is_ascii_digit() as u64) << 12
        | (byte.is_ascii_uppercase() as u64) << 24
        | (is_sign as u64) << 36
        | if byte.is_ascii_hexdigit() { 0 } else { NOT_HEX }
        | if odd { ODD } else { 0 }
        | sort << SORT
}

impl<'v> Composition<'v> {
    /// Counts the bytes of a value.
    pub(crate) fn of(value: &'v [u8]) -> Self {
        let (mut sums, mut any, mut changes, mut before) = (0_u64, 0_u64, 0, 0);
        let mut seen = [0_u64; 4];
        for &byte in value {
            let traits = TRAITS.get(usize::from(byte)).copied().unwrap_or(0);
            sums += traits & (NOT_HEX - 1);
            any |= traits;
            let sort = traits >> SORT;
            changes += usize::from(is_change(before, sort));
            before = sort;
            if let Some(word) = seen.get_mut(usize::from(byte) / 64) {
                *word |= 1 << (byte % 64);
            }
        }
        crate::steps::count(value.len());
        let field = |place: u32| (sums >> (place * 12) & FIELD) as usize;
        Self {
            value,
            length: value.len(),
            letters: field(0),
            digits: field(1),
            upper: field(2),
            signs: field(3),
            traits: any,
            changes,
            seen,
        }
    }

    /// Returns how many different bytes there are.
    pub(crate) fn distinct(&self) -> usize {
        self.seen.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns whether any of these bytes is there.
    #[inline]
    pub(crate) fn has(&self, Signs(signs): Signs) -> bool {
        self.seen.iter().zip(signs).any(|(seen, signs)| seen & signs != 0)
    }

    /// Returns how many different bytes the value is as good as: its length squared over the sum of the squares of the
    /// counts. It corresponds to entropy, in whole numbers. Few values need it, so it has a pass of its own.
    fn variety(&self) -> usize {
        let length = self.length.min(MOST);
        crate::steps::count(length);
        let (mut counts, mut squares) = ([0_u8; 256], 0);
        for &byte in self.value.iter().take(MOST) {
            if let Some(count) = counts.get_mut(usize::from(byte)) {
                // The next square is so much larger.
                squares += 2 * usize::from(*count) + 1;
                *count += 1;
            }
        }
        length * length / squares.max(1)
    }

    /// Returns whether a value of at least `least` bytes looks random.
    pub(crate) fn looks_random(&self, least: usize) -> bool {
        let Self { length, letters, digits, changes, .. } = *self;
        if length < least || letters == 0 {
            return false;
        }
        if self.traits & NOT_HEX == 0 {
            return digits >= 2 && letters >= 2 && changes * 5 >= length && self.variety() >= 5;
        }
        let wanted = if length >= 24 { 10 } else { 7 };
        let mixed = digits > 0 || self.traits & ODD == 0 && length >= 24 && changes * 3 >= length;
        mixed && changes * 5 >= length && self.variety() >= wanted
    }

    /// Returns whether a value could be a chosen password: letters with digits or signs in it.
    pub(crate) fn looks_chosen(&self, quoted: bool) -> bool {
        let Self { length, letters, digits, upper, signs, .. } = *self;
        let sorts =
            usize::from(upper > 0) + usize::from(letters > upper) + usize::from(digits > 0) + usize::from(signs > 0);
        let least = if quoted { 6 } else { 8 };
        length >= least
            && self.distinct() >= 5
            && (sorts >= 3 || sorts == 2 && digits > 0 && letters > 0 && length >= 8)
            && (digits > 0 || signs > 0)
    }

    /// Returns how many times neighbours are of different sorts: upper case, lower case, digit. A capital before small
    /// letters, as at the beginning of a word, does not count.
    pub(crate) fn changes(&self) -> usize {
        self.changes
    }
}

/// Returns whether two neighbours of these sorts are a change: a capital before a small letter is none.
fn is_change(before: u64, sort: u64) -> bool {
    before != 0 && sort != 0 && before != sort && (before, sort) != (3, 2)
}

/// Returns whether a value of at least `least` bytes looks random.
pub(crate) fn looks_random(value: &[u8], least: usize) -> bool {
    value.len() >= least && Composition::of(value).looks_random(least)
}
