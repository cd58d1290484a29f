//! The collector as its users meet it: the real binary over real HTTP.
//!
//! What matters here (a commit that survives a kill, a full disk, a slow client) exists only between processes, so no
//! test reaches into the library, but for the table of routes that the tests of rights are made from.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "tests: to panic is how they fail, and they measure the real time"
)]

mod access;
mod audit;
mod client;
mod dataplanes;
mod faults;
mod fleet;
mod hostile;
mod ingest;
mod kill;
mod limits;
mod list;
mod policy;
mod process;
mod records;
mod segments;
mod thresholds;
mod tokens;
mod webhook;
