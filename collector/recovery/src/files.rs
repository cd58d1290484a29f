//! The files of a recovery.

use headgate_collector_store::file;
use std::path::{Path, PathBuf};

/// The paths of the files in a data folder during a recovery.
pub(super) struct Files {
    pub(super) data: PathBuf,
    pub(super) database: PathBuf,
    pub(super) log: PathBuf,
    /// The copy that SQLite can read.
    pub(super) image: PathBuf,
    /// The new database while it is being built.
    pub(super) building: PathBuf,
    /// The new database when it is complete.
    pub(super) salvaged: PathBuf,
    /// The mark that damage was found during operation.
    pub(super) mark: PathBuf,
}

impl Files {
    pub(super) fn of(data: &Path) -> Self {
        let beside = |name: &str| data.join(name);
        Self {
            data: data.to_owned(),
            database: file::database(data),
            log: beside("headgate.db-wal"),
            image: beside("headgate.db.image"),
            building: beside("headgate.db.building"),
            salvaged: beside("headgate.db.salvaged"),
            mark: file::damage_mark(data),
        }
    }
}
