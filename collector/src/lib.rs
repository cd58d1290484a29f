//! The collector: keeps the request log as evidence and answers questions about it.
//!
//! A proxy's access log is lost with the proxy, and a log that is read back by guesswork proves nothing. The collector takes
//! batches of records, answers only once they are on disk, folds what comes twice, refuses what does not fit the schema,
//! and gives each record back in the one form that it was stored in. The binary is a thin shell over this library.

pub mod args;
pub mod audit;
pub mod clock;
pub mod completeness;
pub mod http;
pub mod journal;
pub mod limits;
pub mod policy;
pub mod retention;
pub mod service;
pub mod settings;
pub mod store;
pub mod validate;
