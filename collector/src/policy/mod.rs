//! What a policy is before it may come into force, and what it changes.
//!
//! The collector reads a gateway.yaml with the code of `headgate check` and never with another: what it takes is what a proxy
//! can be given. Changes are told by resource and path, as in the audit log, and no secret gets into them.

mod changes;
mod check;

pub use changes::{ResourceChange, changes, entries, masked};
pub use check::{BadPolicy, Checked, FILE, MAX_BYTES, check};
