//! Reads the pages of a database file one by one.

use headgate_collector_db::StoreError;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes of a page: SQLite's default, which the collector does not change.
pub(super) const PAGE: usize = 4096;
pub(super) const PAGE_U64: u64 = 4096;

/// Calls `visit` with the number, from 1, and the bytes of each page of a file. The last page may be shorter in the file.
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

/// Returns one page, filled up with zeros if the file ends within it; `None` if the disk cannot read it.
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
