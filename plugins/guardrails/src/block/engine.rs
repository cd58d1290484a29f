//! The masks by the vectors of the machine: all ways give the same bits.

#![allow(
    unsafe_code,
    reason = "code for vectors may be called only where the machine has them; nothing else here is unsafe"
)]

use super::kinds::{BLOCK, ByteSet, Classes};
#[cfg(target_arch = "x86_64")]
use super::portable;
use super::simd;

macro_rules! engine {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $result:ty;)*) => {$(
        #[inline]
        pub(super) fn $name($($arg: $kind),*) -> $result {
            #[cfg(target_arch = "x86_64")]
            if !std::is_x86_feature_detected!("avx2") {
                return portable::$name($($arg),*);
            }
            // SAFETY: the machine has AVX2, or is a 64-bit ARM, which always has NEON.
            unsafe { simd::$name($($arg),*) }
        }
    )*};
}

engine! {
    words(block: &[u8; BLOCK]) -> u64;
    deep(block: &[u8; BLOCK]) -> u64;
    members(block: &[u8; BLOCK], set: &ByteSet) -> u64;
    classes(block: &[u8; BLOCK], next: &[u8; BLOCK]) -> Classes;
}
