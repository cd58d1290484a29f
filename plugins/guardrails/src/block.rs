//! Text in blocks of 64 bytes, and masks of them: one bit for each byte, the first one lowest.
//!
//! Sixteen bytes are compared at once on targets with `simd128`, AVX2 or NEON; elsewhere tables do the same. A block of the end of a text is
//! filled up with zeros.

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod engine;
mod kinds;
#[cfg(not(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128"))))]
mod portable;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod simd;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))]
mod vectors;

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
use portable as engine;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use simd as engine;

pub(crate) use kinds::{BLOCK, ByteSet, Classes, is_live};

/// Bytes behind it that are there as well.
const BEHIND: usize = 16;

/// A block and the bytes behind it.
pub(crate) type Window = [u8; BLOCK + BEHIND];

/// Nothing; the room in which a window is filled up.
pub(crate) const EMPTY: Window = [0; BLOCK + BEHIND];

/// Returns the window at the beginning of `rest`, filled up in `room` if there are fewer bytes.
#[inline]
pub(crate) fn window<'t>(rest: &'t [u8], room: &'t mut Window) -> &'t Window {
    match rest.first_chunk() {
        Some(window) => window,
        None => {
            *room = EMPTY;
            if let Some(room) = room.get_mut(..rest.len()) {
                room.copy_from_slice(rest);
            }
            room
        }
    }
}

/// Returns the block of a window, and the block that begins one byte later.
#[inline]
fn blocks(window: &Window) -> Option<(&[u8; BLOCK], &[u8; BLOCK])> {
    Some((window.first_chunk()?, window.get(1..)?.first_chunk()?))
}

/// Bytes that something can begin with, and bytes that can follow them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beginnings {
    pub(crate) first: ByteSet,
    pub(crate) second: ByteSet,
}

impl Beginnings {
    /// Returns the mask of the places in a window at which it can begin, of which `arrived` bytes are text. The byte behind the
    /// last one can be any.
    #[inline]
    pub(crate) fn mask(&self, window: &Window, arrived: usize) -> u64 {
        let Some((block, next)) = blocks(window) else { return 0 };
        let first = engine::members(block, &self.first) & lowest(arrived);
        if first == 0 {
            return 0;
        }
        let last = if arrived <= BLOCK { 1_u64.checked_shl(arrived as u32 - 1).unwrap_or(0) } else { 0 };
        first & (engine::members(next, &self.second) | last)
    }

    /// Returns how many bytes can be skipped, because it begins at none of them.
    #[inline]
    pub(crate) fn skip(&self, rest: &[u8]) -> usize {
        let (mut room, mut skipped) = (EMPTY, 0);
        while let Some(left) = rest.get(skipped..).filter(|left| !left.is_empty()) {
            crate::steps::count(1);
            let mask = self.mask(window(left, &mut room), left.len());
            if mask != 0 {
                return skipped + mask.trailing_zeros() as usize;
            }
            skipped += BLOCK.min(left.len());
        }
        skipped
    }
}

/// Returns the masks of the block of a window.
#[inline]
pub(crate) fn classes(window: &Window) -> Classes {
    let [block, next] = blocks(window).map_or([&[0; BLOCK]; 2], |(block, next)| [block, next]);
    engine::classes(block, next)
}

/// Returns the mask of bytes that begin characters of three and four bytes, or one of two bytes that may be invisible.
#[inline]
pub(crate) fn deep(window: &Window) -> u64 {
    window.first_chunk().map_or(0, engine::deep)
}

/// Returns the mask of letters and digits of a window.
#[inline]
pub(crate) fn words(window: &Window) -> u64 {
    window.first_chunk().map_or(0, engine::words)
}

/// Returns the mask of the lowest bits.
#[inline]
pub(crate) fn lowest(bits: usize) -> u64 {
    if bits >= BLOCK { u64::MAX } else { (1 << bits) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::class::{DIGIT, MARK, UPPER, WIDE, WORD, class_of};
    use proptest::prelude::*;

    fn mask(block: &[u8; BLOCK], holds: impl Fn(u8) -> bool) -> u64 {
        (0..).zip(block).filter(|(_, byte)| holds(**byte)).fold(0, |mask, (place, _)| mask | 1 << place)
    }

    fn literal(window: &Window) -> Classes {
        let block = window.first_chunk().unwrap();
        let of = |class: u32| mask(block, |byte| class_of(byte) & class != 0);
        let next = |holds: fn(u8) -> bool| mask(window[1..].first_chunk().unwrap(), holds);
        let is = |sign: u8| mask(block, |byte| byte == sign);
        Classes {
            words: of(WORD),
            digits: of(DIGIT),
            upper: of(UPPER),
            hex: mask(block, |byte| byte.is_ascii_hexdigit()),
            marks: of(MARK),
            live: is(b'<') & next(|byte| b"|<s/".contains(&byte))
                | is(b'[') & next(|byte| b"ISs".contains(&byte))
                | is(b'#') & next(|byte| byte == b'#')
                | is(b'-') & next(|byte| byte == b'-')
                | is(b'(') & next(|byte| byte.is_ascii_digit())
                | is(b'+') & next(|byte| matches!(byte, b'1'..=b'9' | b'('))
                | is(b':') & next(|byte| byte == b':')
                | is(b'@')
                | is(b'~')
                | is(b'='),
            loud: mask(block, |byte| b":/+=~%@\\#".contains(&byte)) & !next(|byte| matches!(byte, b' ' | b'\n')),
            escapes: mask(block, |byte| matches!(byte, b'\\' | b'%')),
            wide: of(WIDE),
        }
    }

    /// Some marks are live before other bytes too: the halves of both cannot tell all of them apart.
    fn assert_agrees(window: &Window) {
        let (found, expected) = (classes(window), literal(window));
        assert_eq!(Classes { live: expected.live, ..found }, expected, "{window:?}");
        assert_eq!(found.live & expected.live, expected.live, "{window:?}");
        assert_eq!(found.live & !expected.marks, 0, "{window:?}");
    }

    #[test]
    fn every_byte_has_its_classes_at_every_place() {
        for place in 0..BLOCK {
            for byte in 0..=u8::MAX {
                let mut window = EMPTY;
                window[place] = byte;
                assert_agrees(&window);
                assert_eq!(words(&window), literal(&window).words, "{byte:x} at {place}");
                let is_deep = byte >= 0xE0 || matches!(byte, 0xC2 | 0xCD | 0xD8);
                assert_eq!(deep(&window), u64::from(is_deep) << place, "{byte:x} at {place}");
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    proptest! {
        #[test]
        fn tables_and_vectors_agree(
            bytes in prop::collection::vec(any::<u8>(), BLOCK + BEHIND),
            members in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let window: &Window = bytes.first_chunk().unwrap();
            let (block, next) = blocks(window).unwrap();
            let set: ByteSet = members.iter().copied().collect();
            prop_assert_eq!(engine::members(block, &set), portable::members(block, &set));
            prop_assert_eq!((engine::words(block), engine::deep(block)), (portable::words(block), portable::deep(block)));
            let (found, tables) = (engine::classes(block, next), portable::classes(block, next));
            prop_assert_eq!(Classes { live: 0, ..found }, Classes { live: 0, ..tables });
        }
    }

    #[test]
    fn marks_are_live_before_the_bytes_that_they_need() {
        for mark in *b"-+@(:<[#~=" {
            for next in 0..=u8::MAX {
                let mut window = EMPTY;
                (window[62], window[63], window[64]) = (mark, mark, next);
                assert_agrees(&window);
            }
        }
    }

    proptest! {
        #[test]
        fn random_blocks_have_their_masks(
            bytes in prop::collection::vec(any::<u8>(), BLOCK + BEHIND),
            members in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let window: &Window = bytes.first_chunk().unwrap();
            let block = window.first_chunk().unwrap();
            assert_agrees(window);
            let set: ByteSet = members.iter().copied().collect();
            prop_assert_eq!(engine::members(block, &set), mask(block, |byte| members.contains(&byte)));
        }

        #[test]
        fn skipping_goes_to_the_first_place(
            bytes in prop::collection::vec(prop::sample::select(b"abcd".to_vec()), 0..200),
        ) {
            let beginnings = Beginnings { first: [b'a'].into_iter().collect(), second: [b'b'].into_iter().collect() };
            let begins = |place: &usize| bytes[*place] == b'a' && bytes.get(place + 1).is_none_or(|next| *next == b'b');
            let first = (0..bytes.len()).find(begins).unwrap_or(bytes.len());
            prop_assert_eq!(beginnings.skip(&bytes), first);
        }
    }
}
