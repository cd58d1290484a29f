//! Where the records are kept: in a folder of this machine, or on a server that several collectors share.

use super::db::{Db, Server};
use super::file::{self, DatabaseFile};
use super::{StoreError, known_time, salvage, schema};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A place for a store.
#[derive(Debug, Clone)]
pub enum Location {
    /// SQLite, in a folder of its own.
    Folder(PathBuf),
    /// A database of PostgreSQL.
    Server(Server),
}

impl From<&Path> for Location {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_owned())
    }
}

impl From<&Self> for Location {
    fn from(location: &Self) -> Self {
        location.clone()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Server(server) => server.fmt(f),
        }
    }
}

impl Location {
    /// Whether a store may be there; of a server, only asking it tells.
    #[must_use]
    pub fn exists(&self) -> bool {
        match self {
            Self::Folder(folder) => file::database(folder).is_file(),
            Self::Server(_) => true,
        }
    }

    /// A connection that may write; the tables are made or brought to this version.
    pub(super) fn writer(&self) -> Result<Db, StoreError> {
        let mut db = match self {
            Self::Folder(folder) => Db::sqlite_writer(&file::make(folder)?)?,
            Self::Server(server) => Db::postgres_writer(server)?,
        };
        schema::upgrade(&mut db)?;
        known_time(&db)?.bound_the_clock();
        Ok(db)
    }

    /// A connection to a store that exists, for reading.
    pub(super) fn reader(&self) -> Result<Db, StoreError> {
        match self {
            Self::Folder(folder) => Ok(Db::sqlite_reader(&file::database(folder))?),
            Self::Server(server) => Ok(Db::postgres_reader(server)?),
        }
    }

    /// Makes sure of a file's soundness before it is opened; gives the right to look at it, if nobody else has it.
    pub(super) fn make_whole(&self) -> Result<Option<File>, StoreError> {
        let Self::Folder(folder) = self else { return Ok(None) };
        file::make_folder(folder)?;
        let lock = file::lock(folder)?;
        if lock.is_some() {
            salvage::make_whole(folder)?;
        }
        Ok(lock)
    }

    /// The file, if it is one.
    pub(super) fn file(&self, lock: Option<File>) -> Result<Option<DatabaseFile>, StoreError> {
        match self {
            Self::Folder(folder) => DatabaseFile::of(folder, lock).map(Some),
            Self::Server(_) => Ok(None),
        }
    }
}
