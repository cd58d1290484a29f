//! A copy of a damaged database in which SQLite finds its way: the pages that its log holds put in their places, and a header
//! that says what the header of this program's databases always says.

use super::wal::Wal;
use crate::store::StoreError;
use std::fs::File;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes of a page: SQLite's default, which this program does not change.
pub(super) const PAGE: usize = 4096;
const PAGE_U64: u64 = 4096;

/// Where things stand in the header (<https://www.sqlite.org/fileformat2.html#the_database_header>), and what must: page
/// size, a rollback journal (so that no log is looked for), no reserved bytes, the fixed fractions.
const FIXED: [(u64, &[u8]); 6] = [
    (0, b"SQLite format 3\0\x10\x00\x01\x01\x00\x40\x20\x20"),
    // No free pages: what is not reachable is not needed.
    (32, &[0; 8]),
    // Format 4; no automatic vacuum; UTF-8.
    (44, &[0, 0, 0, 4]),
    (52, &[0, 0, 0, 0, 0, 0, 0, 1]),
    (64, &[0; 4]),
    (72, &[0; 20]),
];

/// Makes the copy at `to`.
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
    // The number of pages counts only if it was written by the last change: 24 and 92 have to agree.
    let mut change = [0_u8; 4];
    if file.read_exact_at(&mut change, 24).is_ok() {
        file.write_all_at(&change, 92)?;
    }
    Ok(())
}

/// Calls `visit` with each page of a file and its number, from 1; the last one may be shorter in the file.
pub(super) fn each_page(
    file: &File,
    mut visit: impl FnMut(u32, &[u8; PAGE]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let pages = u32::try_from(file.metadata()?.len().div_ceil(PAGE_U64)).unwrap_or(u32::MAX);
    for number in 1..=pages {
        if let Some(bytes) = page(file, number) {
            visit(number, &bytes)?;
        }
    }
    Ok(())
}

/// One page; zeros stand for what the file lacks of it. None if the disk does not give it.
pub(super) fn page(file: &File, number: u32) -> Option<Box<[u8; PAGE]>> {
    let mut bytes = Box::new([0_u8; PAGE]);
    let mut at = u64::from(number.checked_sub(1)?).checked_mul(PAGE_U64)?;
    let mut rest = bytes.as_mut_slice();
    while !rest.is_empty() {
        let read = file.read_at(rest, at).ok()?;
        if read == 0 {
            break;
        }
        at = at.checked_add(u64::try_from(read).ok()?)?;
        rest = rest.get_mut(read..)?;
    }
    Some(bytes)
}
