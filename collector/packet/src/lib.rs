//! Evidence packets: one ZIP archive with the records of a period, and with all that is needed to check it without the collector.
//!
//! This crate has the layout of a packet, the writer of its parts, its page, and the check. It opens no files and has no clock,
//! network or randomness, and it compiles for `wasm32-unknown-unknown`, so that the page of a packet can check the packet itself.

pub mod check;
mod control_totals;
mod layout;
mod manifest;
mod node;
mod outside;
pub mod page;
mod sums;
mod undelivered;
mod writer;

pub use control_totals::ControlTotals;
pub use layout::*;
pub use manifest::{
    Completeness, CompletenessVerdict, Kind, LogPart, Manifest, Outside, PacketFile, Reconciliation, Scope,
};
pub use node::{NODE_BYTES, Node, cover};
pub use outside::{HeldOutside, OutsideKind, OutsideObject};
pub use sums::{SUMS_KEY, file_sums, sums_key, sums_text};
pub use undelivered::Undelivered;
pub use writer::{FileSum, PacketWriter};
