//! Properties that must hold for any bytes, checked against plain references: serde_json for JSON, a direct reading of the
//! grammar for event streams.
//!
//! Both the fuzz targets and `cargo test`, on the seeds and on generated input, call these, so that they also run without a
//! fuzzer.

mod noted;
mod request_scan;
mod sse;
mod texts;
mod tree;
mod usage_scan;

pub use request_scan::request_scan;
pub use sse::sse;
pub use texts::texts;
pub use usage_scan::usage_scan;

/// Cuts `data` into pieces of `size` bytes.
fn pieces(data: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
    data.chunks(size.max(1))
}
