//! The database file in its folder, and the check that it is still the opened file.
//!
//! A process can keep writing to a deleted file without any error, and would lose every record acknowledged from then on.
//! So the writer compares the file's identity before each commit.

use super::high_water_mark::{HighWaterMark, Progress};
use headgate_collector_db::StoreError;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Returns the path of the database in a data folder.
pub fn database(data: &Path) -> PathBuf {
    data.join("headgate.db")
}

/// Returns the path of the file that marks damage found while the database was in use.
pub fn damage_mark(data: &Path) -> PathBuf {
    data.join("headgate.db.is-damaged")
}

/// Creates the folder with access for its owner alone.
pub(super) fn create_folder(data: &Path) -> Result<(), StoreError> {
    Ok(DirBuilder::new().recursive(true).mode(0o700).create(data)?)
}

/// Locks the database's files for direct access; `None` while another service uses them.
pub(super) fn lock(data: &Path) -> Result<Option<File>, StoreError> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(data.join("headgate.lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// Creates folder and file with access for their owner alone. SQLite gives its other files the permissions of this one.
pub(super) fn create(data: &Path) -> Result<PathBuf, StoreError> {
    create_folder(data)?;
    // Only before the process opens the database: closing any descriptor of a file releases all locks of the process on
    // it (fcntl(2)), SQLite's too.
    let path = database(data);
    create_empty(&path)?;
    Ok(path)
}

/// Creates an empty file that only its owner may read, if there is none.
pub fn create_empty(path: &Path) -> Result<(), StoreError> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    Ok(())
}

/// The opened database file.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    data: PathBuf,
    device: u64,
    inode: u64,
    high_water_mark: HighWaterMark,
    /// The lock, held while the service runs; `None` if another process holds it.
    _lock: Option<File>,
}

impl DatabaseFile {
    pub(super) fn open(data: &Path, lock: Option<File>) -> Result<Self, StoreError> {
        let meta = std::fs::metadata(database(data))?;
        let high_water_mark = HighWaterMark::open(data)?;
        Ok(Self { data: data.to_owned(), device: meta.dev(), inode: meta.ino(), high_water_mark, _lock: lock })
    }

    /// Fails if the path no longer leads to the opened file.
    pub(super) fn check_in_place(&self) -> Result<(), StoreError> {
        let meta = std::fs::metadata(database(&self.data))?;
        if (meta.dev(), meta.ino()) == (self.device, self.inode) { Ok(()) } else { Err(StoreError::Moved) }
    }

    /// Writes the high-water mark once the progress is on disk.
    pub(super) fn write_high_water_mark(&self, progress: Progress) {
        self.high_water_mark.write(progress);
    }

    /// Marks the database as damaged, so that the next start repairs it.
    pub(super) fn mark_damaged(&self) {
        // If the disk fails even here, other errors already inform the operator.
        let _ = File::create(damage_mark(&self.data));
    }
}
