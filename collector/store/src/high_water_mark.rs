//! The high-water mark of both logs, kept beside the database.
//!
//! SQLite drops an unreadable end of its write-ahead log and continues with an older state. That state is consistent, but
//! acknowledged records are missing, and their positions would be given to others. So after each commit, and before it is
//! confirmed to anyone, the writer writes the high-water mark to this file. It does not wait for the disk, so the file is
//! a lower bound, also after a power failure. A start that finds less in the database knows that entries are lost.

use headgate_collector_db::{Db, StoreError};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The next position of each log and the number of commits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The next position of the request log.
    pub requests: i64,
    /// The next position of the audit log.
    pub audit: i64,
    /// The number of commits.
    pub commits: i64,
}

impl Progress {
    /// Returns whether any value is less than the other's.
    #[must_use]
    pub const fn is_behind(self, other: Self) -> bool {
        self.requests < other.requests || self.audit < other.audit || self.commits < other.commits
    }

    /// Returns the greater of each pair of values.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            requests: self.requests.max(other.requests),
            audit: self.audit.max(other.audit),
            commits: self.commits.max(other.commits),
        }
    }

    /// Counts one more commit, within its transaction.
    pub(crate) fn advance(tx: &Db) -> Result<Self, StoreError> {
        tx.prepare_cached("UPDATE commits SET count = count + 1 WHERE id = 1")?.execute([])?;
        Self::of(tx)
    }

    /// Returns the progress of the database.
    pub fn of(db: &Db) -> Result<Self, StoreError> {
        let sql = "SELECT r.next_position, a.next_position, c.count FROM log_heads r, log_heads a, commits c
            WHERE r.log = 'requests' AND a.log = 'audit' AND c.id = 1";
        let read = |row: &headgate_collector_db::Row<'_>| {
            Ok(Self { requests: row.get(0_usize)?, audit: row.get(1_usize)?, commits: row.get(2_usize)? })
        };
        Ok(db.prepare_cached(sql)?.query_row([], read)?)
    }

    fn line(self) -> String {
        let numbers = format!("{} {} {}", self.requests, self.audit, self.commits);
        let check: String = Sha256::digest(&numbers).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        // Padded to the greatest length, so that no part of an earlier line remains behind it.
        format!("{:<90}\n", format!("headgate-witness 1 {numbers} {check}"))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace().skip(2);
        let mut number = || words.next()?.parse::<i64>().ok();
        let read = Self { requests: number()?, audit: number()?, commits: number()? };
        (read.line() == text).then_some(read)
    }
}

fn path(data: &Path) -> PathBuf {
    data.join("headgate.witness")
}

/// The file of the high-water mark, open for writing.
#[derive(Debug)]
pub struct HighWaterMark(File);

impl HighWaterMark {
    /// Opens the file, and creates it if it is missing.
    pub(crate) fn open(data: &Path) -> Result<Self, StoreError> {
        Ok(Self(File::options().create(true).truncate(false).write(true).mode(0o600).open(path(data))?))
    }

    /// Returns the high-water mark of a folder; `None` if the file is missing or damaged.
    #[must_use]
    pub fn read(data: &Path) -> Option<Progress> {
        Progress::parse(&std::fs::read_to_string(path(data)).ok()?)
    }

    /// Writes the progress. If the disk fails here, nothing is lost, but a later loss is harder to notice.
    pub(crate) fn write(&self, progress: Progress) {
        let _ = self.0.write_all_at(progress.line().as_bytes(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::{HighWaterMark, Progress};

    #[test]
    fn the_mark_reads_back_and_a_changed_byte_shows() {
        let folder = tempfile::tempdir().unwrap();
        let high_water_mark = HighWaterMark::open(folder.path()).unwrap();
        let far = Progress { requests: i64::MAX, audit: 7, commits: 9 };
        for progress in [far, Progress { requests: 2, audit: 3, commits: 4 }] {
            high_water_mark.write(progress);
            assert_eq!(HighWaterMark::read(folder.path()), Some(progress));
        }
        let file = folder.path().join("headgate.witness");
        for place in 0..90 {
            let mut bytes = Progress::default().line().into_bytes();
            bytes[place] ^= 1;
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(HighWaterMark::read(folder.path()), None, "byte {place}");
        }
    }
}
