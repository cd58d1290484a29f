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
    b"xxxx",
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
    let folded: Vec<u8> = value.iter().map(u8::to_ascii_lowercase).collect();
    TELLING.iter().any(|word| folded.windows(word.len()).any(|window| window == *word))
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
