//! Errors of the store, with texts that quote neither data nor paths.

use std::fmt;

/// An error of the store. All of them may be temporary, except [`StoreError::Newer`] and [`StoreError::TooMuch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreError {
    /// The writer's queue is full.
    Queue,
    /// The disk is full, or a limit on file size is reached.
    Full,
    /// The disk answers with errors.
    Disk,
    /// The file or folder may not be written.
    ReadOnly,
    /// Another process holds the database.
    Locked,
    /// The file was moved or deleted while the service runs.
    Moved,
    /// The file is damaged, or not a database.
    Damaged,
    /// The file is damaged, and the settings forbid a recovery at the start.
    NotRecovered,
    /// The query took too long.
    Slow,
    /// The answer would be too large.
    TooMuch,
    /// The database was written by a newer version of this program.
    Newer,
    /// The database was written by an older version, and this operation does not upgrade it.
    Older,
    /// The database's server cannot be reached, or does not answer.
    Unreachable,
    /// The database's server refuses this user or this operation.
    Refused,
    /// The database's server has no room for another session.
    Crowded,
    /// A pooler in front of the database's server mixes up sessions.
    Pooled,
    /// The encrypted connection to the database's server fails, or the server requires one.
    Tls(TlsFault),
    /// Another error of PostgreSQL: its SQLSTATE.
    Postgres([u8; 5]),
    /// The delivery is for a boot of another sender.
    ForeignBoot,
    /// The sender has opened too many boots.
    TooManyBoots,
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
            Self::NotRecovered => "the database is damaged, and `recovery` is `refuse`",
            Self::Slow => "the query took too long",
            Self::TooMuch => "the answer would be too large",
            Self::Older => "the database was written by an older version; `serve` brings it forward",
            Self::Newer => {
                "the database was written by a newer version of headgate-collector; start that version, or restore a backup"
            }
            Self::Unreachable => "the database's server cannot be reached, or not as `sslmode` asks",
            Self::Refused => "the database's server refuses this user, its password or what it may do",
            Self::Crowded => "the database's server has no room for another session; raise its max_connections",
            Self::Pooled => {
                "a pooler mixes up the sessions of the database's server; have it pool sessions, not transactions, or connect past it"
            }
            Self::Tls(fault) => fault.text(),
            Self::ForeignBoot => "the boot belongs to another ingest token",
            Self::TooManyBoots => "this ingest token has opened too many boots in this hour",
            Self::Postgres(_) | Self::Other => "the database answers with errors",
        }
    }
}

impl StoreError {
    /// Returns the remedy for an operator who has just started the program, unless the text of the error has it already.
    #[must_use]
    pub const fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Full => Some("make room, then start again"),
            Self::Disk => Some("look at the disk and at the kernel's log, then start again"),
            Self::ReadOnly => {
                Some("let the user that runs this program write the folder and the files in it, then start again")
            }
            Self::Locked => Some("wait for the other process, or stop it, then start again"),
            Self::NotRecovered => {
                Some("run `headgate-collector recover --data DIR`, or restore a backup, then start again")
            }
            _ => None,
        }
    }
}

/// The reason why TLS to the database's server fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// TLS was not requested, and the server refuses connections without it.
    Off,
    /// The server has no TLS.
    Missing,
    /// The certificate comes from an authority that is not trusted.
    Issuer,
    /// The certificate is for another host.
    Name,
    /// The certificate is no longer valid, or not yet.
    Time,
    /// Anything else.
    Other,
}

impl TlsFault {
    const fn text(self) -> &'static str {
        match self {
            Self::Off => {
                "the database's server refuses this user or its password; if it is for want of TLS, say sslmode=verify-full"
            }
            Self::Missing => {
                "the database's server has no TLS; set it up there, or say sslmode=disable if the way to it is safe"
            }
            Self::Issuer => {
                "nobody whom this machine trusts has signed the certificate of the database's server; name the authority's file: sslrootcert=FILE"
            }
            Self::Name => {
                "the certificate of the database's server is for another host; use the name that stands in the certificate"
            }
            Self::Time => "the certificate of the database's server is out of date, or this machine's clock is",
            Self::Other => "TLS to the database's server fails",
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
