//! The database file in its folder, and whether it is still the one that was opened.
//!
//! A process keeps writing to a deleted file without any error, and every record acknowledged from then on is lost with
//! it. So the writer compares the file's identity before each commit.

use super::witness::{Progress, Witness};
use super::{StoreError, salvage};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The database of a data folder.
pub(super) fn database(data: &Path) -> PathBuf {
    data.join("headgate.db")
}

/// Makes the folder, for its owner alone.
pub(super) fn make_folder(data: &Path) -> Result<(), StoreError> {
    Ok(DirBuilder::new().recursive(true).mode(0o700).create(data)?)
}

/// The right to look at the database's files by themselves; none while another service works on them.
pub(super) fn lock(data: &Path) -> Result<Option<File>, StoreError> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(data.join("headgate.lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Makes folder and file, readable by their owner alone; SQLite gives its other files the rights of this one.
pub(super) fn make(data: &Path) -> Result<PathBuf, StoreError> {
    make_folder(data)?;
    // Only before the process has the database open: to close any descriptor of a file gives up all locks that the process
    // has on it (fcntl(2)), SQLite's too.
    let path = database(data);
    make_empty(&path)?;
    Ok(path)
}

/// Makes a file that only its owner may read, if there is none.
pub(super) fn make_empty(path: &Path) -> Result<(), StoreError> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    Ok(())
}

/// The opened file.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    data: PathBuf,
    device: u64,
    inode: u64,
    witness: Witness,
    /// Held while the service runs; none if another process holds it.
    _lock: Option<File>,
}

impl DatabaseFile {
    pub(super) fn of(data: &Path, lock: Option<File>) -> Result<Self, StoreError> {
        let meta = std::fs::metadata(database(data))?;
        let witness = Witness::open(data)?;
        Ok(Self { data: data.to_owned(), device: meta.dev(), inode: meta.ino(), witness, _lock: lock })
    }

    /// Fails if the path no longer leads to the opened file.
    pub(super) fn check_in_place(&self) -> Result<(), StoreError> {
        let meta = std::fs::metadata(database(&self.data))?;
        if (meta.dev(), meta.ino()) == (self.device, self.inode) { Ok(()) } else { Err(StoreError::Moved) }
    }

    /// Tells how far the database is, once that is on disk.
    pub(super) fn tell(&self, progress: Progress) {
        self.witness.tell(progress);
    }

    /// Notes that the database is damaged: the next start makes a whole one of it.
    pub(super) fn mark_damaged(&self) {
        salvage::mark(&self.data);
    }
}
