//! The database file in its folder, and whether it is still the one that was opened.
//!
//! A process keeps writing to a deleted file without any error, and every record acknowledged from then on is lost with
//! it. So the writer compares the file's identity before each commit.

use super::StoreError;
use std::fs::{DirBuilder, OpenOptions};
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

/// Makes folder and file, readable by their owner alone; SQLite gives its other files the rights of this one.
pub(super) fn make(data: &Path) -> Result<PathBuf, StoreError> {
    make_folder(data)?;
    let path = database(data);
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).open(&path)?;
    Ok(path)
}

/// The opened file.
#[derive(Debug)]
pub(super) struct DatabaseFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl DatabaseFile {
    pub(super) fn of(data: &Path) -> Result<Self, StoreError> {
        let path = database(data);
        let meta = std::fs::metadata(&path)?;
        Ok(Self { path, device: meta.dev(), inode: meta.ino() })
    }

    /// Fails if the path no longer leads to the opened file.
    pub(super) fn check_in_place(&self) -> Result<(), StoreError> {
        let meta = std::fs::metadata(&self.path)?;
        if (meta.dev(), meta.ino()) == (self.device, self.inode) { Ok(()) } else { Err(StoreError::Moved) }
    }
}
