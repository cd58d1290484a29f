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
    clippy::print_stderr,
    reason = "tests: to panic is how they fail, they measure the real time, and say which seed they ran with"
)]

mod access;
mod audit;
mod audit_export;
mod backup;
mod client;
mod clock_leaps;
mod corrections;
mod damage;
mod dataplanes;
mod documented;
mod evidence;
mod exports;
mod faults;
mod findable;
mod fleet;
mod gaps;
mod holds;
mod host_clock;
mod hostile;
mod ingest;
mod kill;
mod limits;
mod list;
mod noted;
mod openapi;
mod patience;
mod policy;
mod postgres;
mod process;
mod random;
mod records;
mod retention;
mod scrub;
mod segments;
mod settings;
mod stopping;
mod store;
mod surgery;
mod thresholds;
mod tokens;
mod upgrade;
mod usage;
mod webhook;
