//! The place of the store: a folder of this machine, or a server that several collectors share.

use super::file::{self, DatabaseFile};
use super::{RecoverFn, schema, tree, trusted_time};
use headgate_collector_db::{Db, Server, StoreError};
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The place of a store.
#[derive(Debug, Clone)]
pub enum Location {
    /// A database of SQLite in its own folder.
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
    /// Returns whether a store may exist here. For a server, only a connection can tell.
    #[must_use]
    pub fn exists(&self) -> bool {
        match self {
            Self::Folder(folder) => file::database(folder).is_file(),
            Self::Server(_) => true,
        }
    }

    /// Returns a connection that may write, after creating or upgrading the tables.
    pub(super) fn writer(&self) -> Result<Db, StoreError> {
        let mut db = match self {
            Self::Folder(folder) => Db::sqlite_writer(&file::create(folder)?)?,
            Self::Server(server) => Db::postgres_writer(server)?,
        };
        schema::upgrade(&mut db)?;
        tree::align(&mut db)?;
        trusted_time(&db)?.apply_to_clock();
        Ok(db)
    }

    /// Returns a reading connection to an existing store.
    pub(super) fn reader(&self) -> Result<Db, StoreError> {
        match self {
            Self::Folder(folder) => Ok(Db::sqlite_reader(&file::database(folder))?),
            Self::Server(server) => Ok(Db::postgres_reader(server)?),
        }
    }

    /// Repairs a damaged file before it is opened. Returns the lock on the file if no other process holds it.
    pub(super) fn recover(&self, recovery: RecoverFn) -> Result<Option<File>, StoreError> {
        let Self::Folder(folder) = self else { return Ok(None) };
        file::create_folder(folder)?;
        let lock = file::lock(folder)?;
        if lock.is_some() {
            recovery(folder)?;
        }
        Ok(lock)
    }

    /// Returns the file of a store in a folder.
    pub(super) fn file(&self, lock: Option<File>) -> Result<Option<DatabaseFile>, StoreError> {
        match self {
            Self::Folder(folder) => DatabaseFile::open(folder, lock).map(Some),
            Self::Server(_) => Ok(None),
        }
    }
}
