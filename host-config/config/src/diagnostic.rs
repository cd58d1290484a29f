//! Problems in gateway.yaml, and how they are shown.

mod problem;
mod report;
mod show;
mod snippet;

pub use problem::{Diagnostic, Severity};
pub(crate) use report::Report;
pub use show::{json, text};
pub use snippet::{is_hidden, plain};
