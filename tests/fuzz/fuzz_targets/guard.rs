#![no_main]

#[path = "../properties/guard.rs"]
mod guard;

libfuzzer_sys::fuzz_target!(|data: &[u8]| guard::guard(data));
