//! The collector: keeps the request log as evidence and answers queries about it.
//!
//! A proxy's access log is lost with the proxy, and a log that is reconstructed by guesswork proves nothing. The collector takes
//! batches of records, acknowledges them only once they are on disk, drops duplicates, refuses records that violate the schema,
//! and returns each record in the one form in which it was stored. This crate starts the parts and stops them in order; the
//! binary is a thin wrapper around it.

mod anchors;
pub mod args;
pub mod checkpoints;
pub mod gap_monitor;
pub mod jobs;
pub mod log;
pub mod log_key;
pub mod packets;
pub mod retention;
mod runs;
pub mod service;
pub mod settings;
pub mod signers;
pub mod witness_key;
pub mod witnesses;
