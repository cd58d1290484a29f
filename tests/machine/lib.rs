//! Runs case files on the pure machines: no proxy, no network, no clock.
//!
//! A case has a client's request, the behaviour of each provider, and the expected outcome. `drive` plays the proxy between
//! Gate and Attempt in the way Envoy does, so the same files also run through a real Envoy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "this crate is a test"
)]

mod bless;
mod case;
mod compare;
mod drive;
mod facts;
mod memory;

pub use bless::bless;
pub use case::{Case, CheckAct, Expect, ExpectOnApisix, ExpectUpstream, Failure, ProviderAct, load_all};
pub use compare::{Difference, Step, compare};
pub use drive::{Outcome, Upstream, drive, drive_stages, policy, record_of};
pub use memory::Memory;
