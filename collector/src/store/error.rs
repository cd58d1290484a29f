//! Why the store could not do it, in words that quote neither data nor paths.

use std::fmt;

/// What kept the store from answering. All of them may pass, except [`StoreError::Newer`] and
/// [`StoreError::TooMuch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreError {
    /// The writer's queue is full.
    Queue,
    /// The disk is full, or a limit on file size is met.
    Full,
    /// The disk answers with errors.
    Disk,
    /// The file or folder may not be written.
    ReadOnly,
    /// Another process holds the database.
    Locked,
    /// The file was moved or deleted under the running service.
    Moved,
    /// The file is damaged or no database.
    Damaged,
    /// The query took longer than it may.
    Slow,
    /// The answer would be larger than it may.
    TooMuch,
    /// The database was written by a newer version of this program.
    Newer,
    /// The database was written by an older version, and this work does not bring it forward.
    Older,
    /// The database's server cannot be reached, or does not answer.
    Unreachable,
    /// The database's server lets this user in not at all, or not do that.
    Refused,
    /// PostgreSQL has another reason: its SQLSTATE.
    Postgres([u8; 5]),
    /// Anything else.
    Other,
}

impl StoreError {
    const fn text(self) -> &'static str {
        match self {
            Self::Queue => "too many batches are waiting",
            Self::Full => "the disk is full",
            Self::Disk => "the disk answers with errors",
            Self::ReadOnly => "the database may not be written",
            Self::Locked => "another process holds the database",
            Self::Moved => "the database file was moved or deleted",
            Self::Damaged => "the database is damaged",
            Self::Slow => "the query took too long",
            Self::TooMuch => "the answer would be too large",
            Self::Older => "the database was written by an older version; `serve` brings it forward",
            Self::Newer => {
                "the database was written by a newer version of headgate-collector; start that version, or restore a backup"
            }
            Self::Unreachable => "the database's server cannot be reached, or not as `sslmode` asks",
            Self::Refused => "the database's server refuses this user, its password or what it may do",
            Self::Postgres(_) | Self::Other => "the database answers with errors",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postgres(state) => write!(f, "PostgreSQL answers with error {}", state.escape_ascii()),
            other => f.write_str(other.text()),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<std::io::Error> for StoreError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            std::io::ErrorKind::StorageFull => Self::Full,
            std::io::ErrorKind::NotFound => Self::Moved,
            _ => Self::Disk,
        }
    }
}
