//! A copy of a damaged database that SQLite can read: the pages from its write-ahead log are in their places, and the header
//! has the values that all databases of the collector have.

use super::page::PAGE_U64;
use super::wal::Wal;
use headgate_collector_db::StoreError;
use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Offsets in the header (<https://www.sqlite.org/fileformat2.html#the_database_header>) and their fixed values: page size, a
/// rollback journal (so that SQLite looks for no log), no reserved bytes, the fixed fractions.
const FIXED: [(u64, &[u8]); 6] = [
    (0, b"SQLite format 3\0\x10\x00\x01\x01\x00\x40\x20\x20"),
    // No free pages: unreachable pages are not needed.
    (32, &[0; 8]),
    // Format 4; no automatic vacuum; UTF-8.
    (44, &[0, 0, 0, 4]),
    (52, &[0, 0, 0, 0, 0, 0, 0, 1]),
    (64, &[0; 4]),
    (72, &[0; 20]),
];

/// Writes the copy to `to`.
pub(super) fn make(database: &Path, log: &Path, to: &Path) -> Result<(), StoreError> {
    if database.exists() {
        std::fs::copy(database, to)?;
    }
    let file = File::options().create(true).truncate(false).read(true).write(true).mode(0o600).open(to)?;
    Wal::each(log, Wal::committed(log)?, |frame| {
        if frame.valid {
            file.write_all_at(
                frame.bytes.as_slice(),
                u64::from(frame.page.saturating_sub(1)).saturating_mul(PAGE_U64),
            )?;
        }
        Ok(())
    })?;
    repair_header(&file)
}

fn repair_header(file: &File) -> Result<(), StoreError> {
    let pages = u32::try_from(file.metadata()?.len() / PAGE_U64).unwrap_or(u32::MAX);
    for (at, bytes) in FIXED {
        file.write_all_at(bytes, at)?;
    }
    file.write_all_at(&pages.to_be_bytes(), 28)?;
    // The number of pages is valid only if the last change wrote it: 24 and 92 have to agree.
    let mut change = [0_u8; 4];
    if file.read_exact_at(&mut change, 24).is_ok() {
        file.write_all_at(&change, 92)?;
    }
    Ok(())
}
