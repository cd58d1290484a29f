//! Runs case files on the pure machines: no proxy, no network, no clock.
//!
//! A case has a client's request, the behaviour of each provider, and the expected outcome. `drive` plays them with
//! [`headgate_simulation`], and the same files also run through a real Envoy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "this crate is a test"
)]

mod bless;
mod drive;
mod facts;
mod generate;

pub use bless::bless;
pub use drive::{drive, drive_stages, load_all, policy, record_in, record_of};
pub use generate::Generator;
pub use headgate_simulation::{
    Case, CheckAct, Difference, Expect, ExpectOnApisix, ExpectUpstream, Failure, Memory, Outcome, PathStep,
    ProviderAct, Upstream, compare,
};
