//! In registers of eight bytes.

use crate::json::stops::block::BLOCK;

#[inline(always)]
pub(crate) fn marks(block: &[u8; BLOCK]) -> (u64, bool) {
    const ONES: u64 = u64::MAX / 0xFF;
    const HIGH: u64 = ONES * 0x80;
    // Has the high bit of each byte that is zero, and no other.
    let zeros = |word: u64| !(((word & !HIGH) + !HIGH) | word | !HIGH);
    let (parts, _) = block.as_chunks::<8>();
    let (mut bits, mut all) = (0, 0);
    for (index, part) in parts.iter().enumerate() {
        let word = u64::from_le_bytes(*part);
        let quote = zeros(word ^ (ONES * u64::from(b'"')));
        let backslash = zeros(word ^ (ONES * u64::from(b'\\')));
        let control = zeros(word & (ONES * 0xE0));
        // Moves the eight bits together.
        let eight = ((quote | backslash | control) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= eight << (index * 8);
        all |= word;
    }
    (bits, all & HIGH != 0)
}
