//! Vectors of sixteen bytes, by the names that `simd128` has for them.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "wasm32")]
pub(super) use core::arch::wasm32::{
    i8x16_swizzle, u8x16, u8x16_bitmask, u8x16_eq, u8x16_le, u8x16_shr, u8x16_splat, u8x16_sub, u64x2, v128, v128_and,
    v128_any_true, v128_or,
};
#[cfg(target_arch = "aarch64")]
pub(super) use neon::{
    i8x16_swizzle, u8x16, u8x16_bitmask, u8x16_eq, u8x16_le, u8x16_shr, u8x16_splat, u8x16_sub, u64x2, v128, v128_and,
    v128_any_true, v128_or,
};
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{
    i8x16_swizzle, u8x16, u8x16_bitmask, u8x16_eq, u8x16_le, u8x16_shr, u8x16_splat, u8x16_sub, u64x2, v128, v128_and,
    v128_any_true, v128_or,
};
