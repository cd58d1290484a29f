//! Tests of the collector from outside: the real binary over real HTTP.
//!
//! The tested properties (a commit that survives a kill, a full disk, a slow client) exist only between processes, so no
//! test uses the library, except for the table of routes, from which the tests of access rights are derived.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests: to panic is how they fail, they measure the real time, and say which seed they ran with"
)]

mod any_store;
mod client;
mod host_clock;
mod patience;
mod postgres;
mod process;
mod random;
mod records;
#[path = "../../../oidc/tests/scripted/mod.rs"]
#[allow(dead_code, reason = "shared with the tests of its own crate, which use all of it")]
mod scripted;
mod sqlite;
mod store;
