//! The one file an operator writes, and what becomes of it.
//!
//! `gateway.yaml` is read into a tree that knows where everything stands, held against a declaration of its keys,
//! compiled to the policy document that the filter reads, and rendered for a proxy. Every step reports problems instead
//! of stopping at one, so that `headgate check` can show them all.

pub mod catalogue;
mod compile;
pub mod credential;
pub mod deploy;
pub mod diagnostic;
pub mod http;
pub mod include;
pub mod litellm;
mod names;
mod nearest;
pub mod render;
pub mod resources;
pub mod scalar;
pub mod settings;
pub mod shape;
mod tree;
mod view;
pub mod virtual_key;

pub use compile::{Compiled, compile};
