//! Runs case files on the pure machines: no proxy, no network, no clock.
//!
//! A case says what a client sends, what each provider does, and what must come of it. `drive` plays the proxy between
//! Gate and Attempt the way Envoy does, so that the very same files can be played through a real Envoy as well.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this crate is a test"
)]

mod case;
mod drive;
mod memory;

pub use case::{Case, Expect, Failure, ProviderAct, load_all};
pub use drive::{Outcome, Upstream, drive, policy};
pub use memory::Memory;
