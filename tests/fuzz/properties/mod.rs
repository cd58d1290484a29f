//! What must hold for any bytes whatever, checked against plain references: serde_json for JSON, a literal reading of
//! the grammar for event streams.
//!
//! The fuzz targets call these, and so does `cargo test`, on the seeds and on generated input: a property that only a
//! fuzzer runs is one that nobody runs.

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
