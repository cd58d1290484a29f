//! Checks of a policy before it is put in force, and its changes.
//!
//! The collector parses a gateway.yaml only with the code of `headgate check`, so it accepts exactly the policies that proxies
//! can run. Changes are listed by resource and path, as in the audit log, and contain no secrets.

mod changes;
mod check;

pub(crate) use changes::{ResourceChange, changes, entries, masked};
pub(crate) use check::{BadPolicy, CheckedPolicy, MAX_BYTES, check};
