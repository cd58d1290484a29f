//! The pages of the collector: HTML from what was read, and the state of a page in its URL.
//!
//! Nothing here reads a store, knows a session or a clock: a page is a function of its view. Every page works without
//! JavaScript; scripts only make it quicker.

pub mod assets;
pub mod audit;
pub mod counts;
mod delta;
pub mod evidence;
pub mod fleet;
pub mod forwarders;
pub mod frame;
pub mod guardrails;
pub mod help;
pub mod keys;
pub mod login;
pub mod logs;
mod menu;
pub mod models;
pub mod notice;
pub mod overview;
mod parts;
pub mod playground;
pub mod policy;
mod range_choice;
pub mod retention;
pub mod search;
pub mod text;
pub mod tokens;
pub mod try_out;
pub mod usage;
