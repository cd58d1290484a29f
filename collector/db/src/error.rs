//! Errors of statements.

use crate::store_error::StoreError;
use std::fmt;

/// An error of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The query has no row.
    NoRows,
    /// The database failed.
    Store(StoreError),
}

/// A result of the database.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRows => f.write_str("there is no such row"),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match error {
            Error::NoRows => Self::Other,
            Error::Store(error) => error,
        }
    }
}

/// Turns the lack of a row into `None`.
pub trait OptionalExtension<T> {
    /// Returns `None` if there is no row.
    ///
    /// # Errors
    /// All other errors.
    fn optional(self) -> Result<Option<T>>;
}

impl<T> OptionalExtension<T> for Result<T> {
    fn optional(self) -> Result<Option<T>> {
        match self {
            Err(Error::NoRows) => Ok(None),
            other => other.map(Some),
        }
    }
}
