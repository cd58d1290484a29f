//! A witness for the logs of others (C2SP's tlog-witness): it remembers the newest checkpoint of each log, and confirms another one
//! only if a proof shows that the log has just grown.
//!
//! A department that does not run the collector runs it, on a machine of its own. It shares nothing with the logs but the crate that
//! checks notes and proofs.

mod evidence;
mod judge;
mod memory;
mod serve;

pub use judge::{Reply, Witness};
pub use memory::{Memory, Seen};
pub use serve::serve;
