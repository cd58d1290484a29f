//! Limits and budgets from outside: the calendar, one proxy with many workers, and a fleet with a bad network.

mod admission;
mod bounds;
mod calendar;
mod fleet;
mod memory;
mod schedule;
