//! Masks with vectors of sixteen bytes: those of `simd128`, AVX2 or NEON, by the same names.

#![cfg_attr(
    target_arch = "wasm32",
    allow(clippy::redundant_closure, reason = "elsewhere a function for vectors is no closure by itself")
)]

use super::kinds::{BLOCK, ByteSet, Classes};
use super::vectors::{
    i8x16_swizzle, u8x16, u8x16_bitmask, u8x16_eq, u8x16_le, u8x16_shr, u8x16_splat, u8x16_sub, u64x2, v128, v128_and,
    v128_any_true, v128_or,
};

#[cfg_attr(target_arch = "wasm32", inline(always))]
#[cfg_attr(not(target_arch = "wasm32"), inline)]
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
fn load(bytes: &[u8; 16]) -> v128 {
    // Two halves of one number become one vector load.
    let bytes = u128::from_le_bytes(*bytes);
    u64x2(bytes as u64, (bytes >> 64) as u64)
}

/// Puts the masks of four quarters together.
#[cfg_attr(target_arch = "wasm32", inline(always))]
#[cfg_attr(not(target_arch = "wasm32"), inline)]
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
fn mask(block: &[u8; BLOCK], holds: impl Fn(v128) -> v128) -> u64 {
    let (quarters, _) = block.as_chunks::<16>();
    quarters
        .iter()
        .enumerate()
        .fold(0, |mask, (index, quarter)| mask | u64::from(u8x16_bitmask(holds(load(quarter)))) << (index * 16))
}

// Engines have an instruction for "at most", and none for "less" or "not equal".
#[cfg_attr(target_arch = "wasm32", inline(always))]
#[cfg_attr(not(target_arch = "wasm32"), inline)]
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
fn within(bytes: v128, first: u8, last: u8) -> v128 {
    u8x16_le(u8x16_sub(bytes, u8x16_splat(first)), u8x16_splat(last - first))
}

/// Returns the bytes in which none of some bits is set.
#[cfg_attr(target_arch = "wasm32", inline(always))]
#[cfg_attr(not(target_arch = "wasm32"), inline)]
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
fn lacks(bytes: v128, bits: v128) -> v128 {
    u8x16_eq(v128_and(bytes, bits), u8x16_splat(0))
}

#[cfg_attr(target_arch = "wasm32", inline(always))]
#[cfg_attr(not(target_arch = "wasm32"), inline)]
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
pub(super) fn words(block: &[u8; BLOCK]) -> u64 {
    mask(block, |bytes| {
        let letter = within(v128_or(bytes, u8x16_splat(0x20)), b'a', b'z');
        v128_or(letter, within(bytes, b'0', b'9'))
    })
}

#[cfg_attr(target_arch = "wasm32", inline(always))]
#[cfg_attr(not(target_arch = "wasm32"), inline)]
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
pub(super) fn deep(block: &[u8; BLOCK]) -> u64 {
    mask(block, |bytes| {
        let is = |byte: u8| u8x16_eq(bytes, u8x16_splat(byte));
        v128_or(v128_or(within(bytes, 0xE0, 0xFF), is(0xC2)), v128_or(is(0xCD), is(0xD8)))
    })
}

/// The low half of a byte chooses bits, the high half one of them. A choice with the highest bit set is zero, which tells the
/// halves of the table apart.
#[cfg_attr(target_arch = "wasm32", inline(always))]
#[cfg_attr(not(target_arch = "wasm32"), inline)]
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
pub(super) fn members(block: &[u8; BLOCK], set: &ByteSet) -> u64 {
    let [low, high] = set.nibbles.each_ref().map(|nibbles| load(nibbles));
    let bit = u8x16(1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128);
    !mask(block, |bytes| {
        let choice = v128_and(bytes, u8x16_splat(0x8F));
        let other = v128_and(u8x16_sub(bytes, u8x16_splat(0x80)), u8x16_splat(0x8F));
        let bits = v128_or(i8x16_swizzle(low, choice), i8x16_swizzle(high, other));
        let chosen = i8x16_swizzle(bit, u8x16_shr(bytes, 4));
        lacks(bits, chosen)
    })
}

/// Sets of bits for the low halves of bytes, and for their high halves: those that both have are the byte's.
struct Halves {
    low: v128,
    high: v128,
}

impl Halves {
    #[cfg_attr(target_arch = "wasm32", inline(always))]
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
    #[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
    fn of(&self, bytes: v128) -> v128 {
        let low = i8x16_swizzle(self.low, v128_and(bytes, u8x16_splat(15)));
        v128_and(low, i8x16_swizzle(self.high, u8x16_shr(bytes, 4)))
    }
}

/// Builds a table for low halves and one for high halves from bits with the high halves and the low halves that have them.
const fn halves<const N: usize>(rows: [(u8, u16, u16); N]) -> [u128; 2] {
    let (mut low, mut high, mut row) = (0, 0, 0);
    while row < N {
        #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
        let (bit, highs, lows) = rows[row];
        let mut half = 0;
        while half < 16 {
            low |= ((lows >> half & 1) as u128 * bit as u128) << (half * 8);
            high |= ((highs >> half & 1) as u128 * bit as u128) << (half * 8);
            half += 1;
        }
        row += 1;
    }
    [low, high]
}

#[cfg_attr(target_arch = "wasm32", inline(always))]
#[cfg_attr(not(target_arch = "wasm32"), inline)]
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
fn table([low, high]: [u128; 2]) -> Halves {
    Halves { low: load(&low.to_le_bytes()), high: load(&high.to_le_bytes()) }
}

/// Marks alone, signs alone, and what is both, by their high halves: `( -`, `% /`, `# +`, `<`, `: =`, `[`, `\`, `@ ~`. The halves
/// of the last ones make letters too, which are taken out.
const MARKS_2: (u8, u16, u16) = (1, 1 << 2, 1 << 8 | 1 << 0xD);
const SIGNS_2: (u8, u16, u16) = (2, 1 << 2, 1 << 5 | 1 << 0xF);
const BOTH_2: (u8, u16, u16) = (4, 1 << 2, 1 << 3 | 1 << 0xB);
const MARKS_3: (u8, u16, u16) = (8, 1 << 3, 1 << 0xC);
const BOTH_3: (u8, u16, u16) = (16, 1 << 3, 1 << 0xA | 1 << 0xD);
const MARKS_5: (u8, u16, u16) = (32, 1 << 5, 1 << 0xB);
const SIGNS_5: (u8, u16, u16) = (64, 1 << 5, 1 << 0xC);
const BOTH_4: (u8, u16, u16) = (128, 1 << 4 | 1 << 7, 1 | 1 << 0xE);
const PUNCTUATION: [u128; 2] = halves([MARKS_2, SIGNS_2, BOTH_2, MARKS_3, BOTH_3, MARKS_5, SIGNS_5, BOTH_4]);
const MARK_BITS: u8 = MARKS_2.0 | BOTH_2.0 | MARKS_3.0 | BOTH_3.0 | MARKS_5.0 | BOTH_4.0;
const SIGN_BITS: u8 = SIGNS_2.0 | BOTH_2.0 | BOTH_3.0 | SIGNS_5.0 | BOTH_4.0;

/// See [`Classes::live`].
const FEW: u32 = 2;

/// A bit for each mark that needs one of some bytes behind it: `<`, `[`, `#`, `-`, `(`, `+`, `:`; the last one is for those that
/// need none, `= @ ~`.
const LIVE: [u128; 2] = halves([
    (1, 1 << 3, 1 << 0xC),
    (2, 1 << 5, 1 << 0xB),
    (4, 1 << 2, 1 << 3),
    (8, 1 << 2, 1 << 0xD),
    (16, 1 << 2, 1 << 8),
    (32, 1 << 2, 1 << 0xB),
    (64, 1 << 3, 1 << 0xA),
    (128, 1 << 3 | 1 << 4 | 1 << 7, 1 | 1 << 0xD | 1 << 0xE),
]);
/// The bytes that they need: `| < s /`, `I S s`, `#`, `-`, digits, digits and `(`, `:`. Some others have them too.
const BEHIND_LIVE: [u128; 2] = halves([
    (1, 1 << 7 | 1 << 3 | 1 << 2, 1 << 0xC | 1 << 3 | 1 << 0xF),
    (2, 1 << 4 | 1 << 5 | 1 << 7, 1 << 9 | 1 << 3),
    (4, 1 << 2, 1 << 3),
    (8, 1 << 2, 1 << 0xD),
    (16, 1 << 3, 0x3FF),
    (32, 1 << 3 | 1 << 2, 0x3FF),
    (64, 1 << 3, 1 << 0xA),
    (128, 0xFFFF, 0xFFFF),
]);

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
fn live(block: &[u8; BLOCK], next: &[u8; BLOCK]) -> u64 {
    let [live, behind] = [LIVE, BEHIND_LIVE].map(|halves| table(halves));
    let quarters = block.as_chunks::<16>().0.iter().zip(next.as_chunks::<16>().0);
    !quarters.enumerate().fold(0, |mask, (index, (quarter, next))| {
        let dead = lacks(live.of(load(quarter)), behind.of(load(next)));
        mask | u64::from(u8x16_bitmask(dead)) << (index * 16)
    })
}

#[cfg_attr(target_arch = "wasm32", inline(always))]
#[cfg_attr(not(target_arch = "wasm32"), inline)]
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
#[cfg_attr(target_arch = "aarch64", target_feature(enable = "neon"))]
pub(super) fn classes(block: &[u8; BLOCK], next: &[u8; BLOCK]) -> Classes {
    let punctuation = table(PUNCTUATION);
    let space = |bytes: v128| v128_or(u8x16_eq(bytes, u8x16_splat(b' ')), u8x16_eq(bytes, u8x16_splat(b'\n')));
    let escape = |bytes: v128| v128_or(u8x16_eq(bytes, u8x16_splat(b'\\')), u8x16_eq(bytes, u8x16_splat(b'%')));
    let (mut words, mut digits, mut upper, mut hex) = (0, 0, 0, 0);
    let (mut no_marks, mut quiet) = (0, 0);
    let (mut rare, mut any) = (u8x16_splat(0), u8x16_splat(0));
    let quarters = block.as_chunks::<16>().0.iter().zip(next.as_chunks::<16>().0);
    for (index, (quarter, next)) in quarters.enumerate() {
        let (bytes, next) = (load(quarter), load(next));
        let bits = |holds: v128| u64::from(u8x16_bitmask(holds)) << (index * 16);
        let small = v128_or(bytes, u8x16_splat(0x20));
        let digit = within(bytes, b'0', b'9');
        let kinds = punctuation.of(bytes);
        words |= bits(v128_or(within(small, b'a', b'z'), digit));
        digits |= bits(digit);
        upper |= bits(within(bytes, b'A', b'Z'));
        hex |= bits(v128_or(within(small, b'a', b'f'), digit));
        no_marks |= bits(lacks(kinds, u8x16_splat(MARK_BITS)));
        quiet |= bits(v128_or(lacks(kinds, u8x16_splat(SIGN_BITS)), space(next)));
        rare = v128_or(rare, escape(bytes));
        any = v128_or(any, bytes);
    }
    let marks = !(no_marks | words);
    Classes {
        words,
        digits,
        upper,
        hex,
        marks,
        // Prose has few marks, and to look at each then takes less time.
        live: if marks.count_ones() > FEW { marks & live(block, next) } else { marks },
        loud: !(quiet | words),
        // Most blocks have none of these.
        escapes: if v128_any_true(rare) { mask(block, escape) } else { 0 },
        wide: if u8x16_bitmask(any) != 0 { mask(block, |bytes| bytes) } else { 0 },
    }
}
