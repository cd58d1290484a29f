//! The errors of checks.

use std::fmt;

/// The result of a check.
pub type Result<T> = std::result::Result<T, Error>;

/// The reason why a check failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The text or the proof does not have its form, so nothing is shown by it.
    Malformed(&'static str),
    /// None of the signatures is by a key that the caller trusts.
    Unsigned,
    /// Hashes or signatures contradict each other.
    Contradicted(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) | Self::Contradicted(what) => f.write_str(what),
            Self::Unsigned => f.write_str("no signature is by a trusted key"),
        }
    }
}

impl std::error::Error for Error {}
