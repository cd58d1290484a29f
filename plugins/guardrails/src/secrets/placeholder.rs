//! Values that stand for a secret without being one: published examples, rows of x, "your-key-here".
//!
//! `AKIAIOSFODNN7EXAMPLE` and everything else that calls itself an example is in documentation all over the world and
//! opens nothing, so it is no finding.

/// Words that nobody's secret is made of.
static TELLING: &[&[u8]] = &[
    b"example",
    b"placeholder",
    b"redacted",
    b"changeme",
    b"change_me",
    b"change-me",
    b"yourkey",
    b"your_",
    b"your-",
    b"yourtoken",
    b"yoursecret",
    b"yourapi",
    b"dummy",
    b"insert",
    b"xxxxxx",
    b"****",
    b"....",
    b"replace",
    b"sample",
    b"notreal",
    b"not_real",
    b"not-real",
    b"test_key",
    b"testkey",
    b"fake",
    b"foobar",
    b"todo",
    b"1234567890abcdef1234567890abcdef",
    b"abcdefghijklmnopqrstuvwxyz",
    b"0123456789abcdef0123456789abcdef",
];

/// Whether the body of a credential is no credential.
pub(crate) fn is_one(body: &[u8]) -> bool {
    distinct(body) < 5.min(body.len()) || says_so(body)
}

/// Whether a value calls itself a placeholder.
pub(crate) fn says_so(value: &[u8]) -> bool {
    // In a long random value any short word turns up some day.
    let folded = value.get(..value.len().min(96)).unwrap_or_default().to_ascii_lowercase();
    contains_any(&folded, TELLING, &STARTS)
}

/// Whether one of these words is in a text, by a look at each two bytes of it.
fn contains_any(text: &[u8], words: &[&[u8]], starts: &[u64; 16]) -> bool {
    let may_start = |rest: &[u8]| match *rest {
        [a, b, ..] => starts.get(pair(a, b) / 64).is_some_and(|word| word >> (pair(a, b) % 64) & 1 == 1),
        _ => false,
    };
    let rests = (0..text.len()).filter_map(|at| text.get(at..)).filter(|rest| may_start(rest));
    rests.into_iter().any(|rest| words.iter().any(|word| rest.starts_with(word)))
}

/// Bits of the first two bytes of [`TELLING`].
static STARTS: [u64; 16] = starts();

const fn starts() -> [u64; 16] {
    let mut bits = [0; 16];
    let mut index = 0;
    while index < TELLING.len() {
        #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
        {
            let bit = pair(TELLING[index][0], TELLING[index][1]);
            bits[bit / 64] |= 1 << (bit % 64);
        }
        index += 1;
    }
    bits
}

const fn pair(a: u8, b: u8) -> usize {
    (a as usize & 31) << 5 | b as usize & 31
}

/// How many different bytes there are.
pub(crate) fn distinct(value: &[u8]) -> usize {
    let mut seen = [0_u64; 4];
    for &byte in value {
        if let Some(word) = seen.get_mut(usize::from(byte) / 64) {
            *word |= 1 << (byte % 64);
        }
    }
    seen.iter().map(|word| word.count_ones() as usize).sum()
}
