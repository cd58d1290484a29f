//! The same masks with tables, for other targets.

use super::kinds::{BLOCK, ByteSet, Classes, is_live};
use crate::text::class::{DIGIT, MARK, UPPER, WIDE, WORD, class_of};

fn mask(block: &[u8; BLOCK], holds: impl Fn(u8) -> bool) -> u64 {
    block.iter().rev().fold(0, |mask, byte| mask << 1 | u64::from(holds(*byte)))
}

pub(super) fn words(block: &[u8; BLOCK]) -> u64 {
    mask(block, |byte| class_of(byte) & WORD != 0)
}

pub(super) fn deep(block: &[u8; BLOCK]) -> u64 {
    mask(block, |byte| matches!(byte, 0xC2 | 0xCD | 0xD8 | 0xE0..))
}

pub(super) fn members(block: &[u8; BLOCK], set: &ByteSet) -> u64 {
    mask(block, |byte| set.contains(byte))
}

/// For each byte bits of its classes, of signs and of spaces.
static BITS: [u8; 256] = bits();

const fn bits() -> [u8; 256] {
    let (mut table, mut byte) = ([0; 256], 0);
    while byte < 256 {
        #[allow(clippy::indexing_slicing, reason = "evaluated when this is compiled")]
        {
            table[byte] = bits_of(byte as u8);
        }
        byte += 1;
    }
    table
}

const fn bits_of(byte: u8) -> u8 {
    let class = crate::text::class::classify(byte);
    let sign = matches!(byte, b':' | b'/' | b'+' | b'=' | b'~' | b'%' | b'@' | b'\\' | b'#');
    (class & WORD != 0) as u8
        | ((class & DIGIT != 0) as u8) << 1
        | ((class & UPPER != 0) as u8) << 2
        | (byte.is_ascii_hexdigit() as u8) << 3
        | ((class & MARK != 0) as u8) << 4
        | (sign as u8) << 5
        | (matches!(byte, b' ' | b'\n') as u8) << 6
        | ((class & WIDE != 0) as u8) << 7
}

pub(super) fn classes(block: &[u8; BLOCK], next: &[u8; BLOCK]) -> Classes {
    let [words, digits, upper, hex, marks, signs, _, wide] = masks(block);
    let [.., spaces, _] = masks(next);
    let escapes = if signs == 0 { 0 } else { mask(block, |byte| matches!(byte, b'\\' | b'%')) };
    let live = if marks == 0 { 0 } else { live(block, next) };
    Classes { words, digits, upper, hex, marks, live, loud: signs & !spaces, escapes, wide }
}

fn live(block: &[u8; BLOCK], next: &[u8; BLOCK]) -> u64 {
    let pairs = block.iter().zip(next).rev();
    pairs.fold(0, |mask, (byte, next)| mask << 1 | u64::from(is_live(*byte, *next)))
}

fn masks(block: &[u8; BLOCK]) -> [u64; 8] {
    let (eights, _) = block.as_chunks::<8>();
    let mut masks = [0_u64; 8];
    for (index, eight) in eights.iter().enumerate() {
        let bits = eight.map(|byte| BITS.get(usize::from(byte)).copied().unwrap_or(0));
        let rows = transposed(u64::from_le_bytes(bits)).to_le_bytes();
        masks.iter_mut().zip(rows).for_each(|(mask, row)| *mask |= u64::from(row) << (index * 8));
    }
    masks
}

/// Transposes a matrix of eight rows of eight bits.
fn transposed(mut rows: u64) -> u64 {
    for (shift, places) in [(7, 0x00AA_00AA_00AA_00AA), (14, 0x0000_CCCC_0000_CCCC), (28, 0x0000_0000_F0F0_F0F0)] {
        let moved = (rows ^ rows >> shift) & places;
        rows ^= moved ^ moved << shift;
    }
    rows
}
