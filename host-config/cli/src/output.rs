//! Standard output for results, standard error for everything else.

use crate::exit::Failure;
use std::io::Write as _;

pub(crate) fn print(text: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}\n"))
}

/// Prints to standard error. If that is closed, there is nowhere to report it.
pub(crate) fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
