//! How far the database had got, kept beside it.
//!
//! SQLite drops what it cannot read at the end of its write-ahead log and goes on with an older state: sound in itself, but
//! acknowledged records are gone, and their positions would be given to others. So after each commit, and before anyone
//! hears of it, the writer writes here how far it is. It does not wait for the disk: what is here is a lower bound, after a
//! loss of power too, and a start that finds less than that in the database knows that something is lost.

use super::StoreError;
use crate::store::db::Db;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where the next entry of each log goes, and the commits so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) requests: i64,
    pub(super) audit: i64,
    pub(super) commits: i64,
}

impl Progress {
    /// Whether any of it is less than there.
    pub(super) const fn is_behind(self, other: Self) -> bool {
        self.requests < other.requests || self.audit < other.audit || self.commits < other.commits
    }

    /// The greater of each.
    pub(super) fn or_further(self, other: Self) -> Self {
        Self {
            requests: self.requests.max(other.requests),
            audit: self.audit.max(other.audit),
            commits: self.commits.max(other.commits),
        }
    }

    /// Counts one commit more, within its transaction.
    pub(super) fn advance(tx: &Db) -> Result<Self, StoreError> {
        tx.prepare_cached("UPDATE commits SET count = count + 1 WHERE id = 1")?.execute([])?;
        Self::of(tx)
    }

    /// As the database has it.
    pub(super) fn of(db: &Db) -> Result<Self, StoreError> {
        let sql = "SELECT r.next_position, a.next_position, c.count FROM log_heads r, log_heads a, commits c
            WHERE r.log = 'requests' AND a.log = 'audit' AND c.id = 1";
        let read = |row: &crate::store::db::Row<'_>| {
            Ok(Self { requests: row.get(0_usize)?, audit: row.get(1_usize)?, commits: row.get(2_usize)? })
        };
        Ok(db.prepare_cached(sql)?.query_row([], read)?)
    }

    fn line(self) -> String {
        let numbers = format!("{} {} {}", self.requests, self.audit, self.commits);
        let check: String = Sha256::digest(&numbers).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        // As long as the longest, so that nothing of an earlier line is left behind it.
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

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct Witness(File);

impl Witness {
    /// Opens it; made if it is missing.
    pub(super) fn open(data: &Path) -> Result<Self, StoreError> {
        Ok(Self(File::options().create(true).truncate(false).write(true).mode(0o600).open(path(data))?))
    }

    /// What stands in the folder's file; none if there is no such file, or it is damaged itself.
    pub(super) fn read(data: &Path) -> Option<Progress> {
        Progress::parse(&std::fs::read_to_string(path(data)).ok()?)
    }

    /// Writes how far it is. A disk that does not take it makes a later loss harder to see, and is no loss itself.
    pub(super) fn tell(&self, progress: Progress) {
        let _ = self.0.write_all_at(progress.line().as_bytes(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, Witness};

    #[test]
    fn what_was_told_is_read_back_and_a_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let witness = Witness::open(folder.path()).unwrap();
        let far = Progress { requests: i64::MAX, audit: 7, commits: 9 };
        for progress in [far, Progress { requests: 2, audit: 3, commits: 4 }] {
            witness.tell(progress);
            assert_eq!(Witness::read(folder.path()), Some(progress));
        }
        let file = folder.path().join("headgate.witness");
        for place in 0..90 {
            let mut bytes = Progress::default().line().into_bytes();
            bytes[place] ^= 1;
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(Witness::read(folder.path()), None, "byte {place}");
        }
    }
}
