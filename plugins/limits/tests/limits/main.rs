//! Limits and budgets from outside: the calendar, one proxy with many workers, and a fleet with a bad network.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may panic, that is how it fails; the simulation prints what it measured"
)]

mod admission;
mod bounds;
mod calendar;
mod fleet;
mod memory;
mod neglect;
mod schedule;
mod workers;
