//! A stand-in for the Proxy-Wasm host of Apache APISIX (wasm-nginx-module 0.7.0), and for the parts of nginx and APISIX around it.
//!
//! It behaves as that host does, down to its statuses, so that `headgate.wasm` and the rendered configuration can be tested without
//! APISIX. Where the real host would crash, a test fails. It is no proof that the real host works.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "this crate is a test"
)]

mod abi;
mod ai_proxy;
mod buffers;
mod case_file;
mod client;
mod headers;
mod life;
mod logger;
mod memory;
mod network;
mod nginx;
mod properties;
mod shared;
mod vm;
mod wasi;
mod world;

pub use abi::IMPORTS;
pub use case_file::{expected, play, play_split};
pub use client::{Answer, Client, ClientRequest};
pub use network::{Begun, Chunks, Network, Outgoing, Received};
pub use nginx::Nginx;
pub use shared::Shared;
pub use vm::{Loaded, Vm};
pub use world::{Fields, Force, World};
