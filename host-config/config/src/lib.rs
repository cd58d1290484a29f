//! Reads a `gateway.yaml`: diagnostics, the policy document, and the configuration of the proxy.
//!
//! The file is parsed into a tree with positions, checked against one declaration of its keys, compiled to the policy
//! document that the filter loads, and rendered for a proxy. Every step collects problems instead of stopping at the
//! first, so that `headgate check` shows all of them at once.
//!
//! This crate reads no files, no environment and no clock. It builds for `wasm32-unknown-unknown`, and the collector uses it to
//! check the policies that it receives.

mod compile;
pub mod credential;
pub mod diagnostic;
pub mod existing;
pub mod include;
mod names;
pub mod native;
mod nearest;
pub mod prices;
pub mod proxy_settings;
pub mod render;
pub mod resources;
pub mod scalar;
pub mod schema;
mod tree;
mod typed_view;
mod validate;

pub use compile::{Compiled, compile};
