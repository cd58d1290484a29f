#![no_main]

#[path = "../properties/candidates.rs"]
mod candidates;

libfuzzer_sys::fuzz_target!(|data: &[u8]| candidates::candidates(data));
