//! Finds entries of both logs on the pages of a database without its B-trees.
//!
//! A damaged page hides everything below it in its tree. But an entry can be recognised by itself: a row in the form of an
//! entry that fits its own leaf hash is one, on any page. So every page that may hold rows is searched, and only entries that
//! are themselves damaged are lost.

use super::page::{PAGE, page};
use headgate_collector_types::leaf_hash;
use std::fs::File;

/// First byte of a page that holds the rows of a table.
const LEAF_PAGE: u8 = 13;
/// Offset of the content of the first page.
const FILE_HEADER: usize = 100;
/// Most bytes of a row in its own page, and least bytes if it overflows; see "B-tree Pages" in SQLite's file format.
const MAX_LOCAL: usize = PAGE - 35;
const MIN_LOCAL: usize = (PAGE - 12) * 32 / 255 - 23;
/// Bytes of a row in a page of its overflow chain.
const OVERFLOW: usize = PAGE - 4;
/// Most bytes of an entry's row: a record, and room for the other columns.
const MAX_BYTES: usize = 128 << 10;

/// An entry that fits its leaf hash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) position: i64,
    pub(super) schema: i64,
    pub(super) received_at: i64,
    pub(super) bytes: Vec<u8>,
}

/// Returns the entries on a page. Overflow pages of long rows are read from `file`.
pub(super) fn entries(number: u32, bytes: &[u8; PAGE], file: &File) -> Vec<Entry> {
    let start = if number == 1 { FILE_HEADER } else { 0 };
    let Some([LEAF_PAGE, _, _, high, low, ..]) = bytes.get(start..) else {
        return Vec::new();
    };
    let cells = usize::from(u16::from_be_bytes([*high, *low]));
    let pointers = bytes.get(start + 8..).unwrap_or_default();
    let (pointers, _) = pointers.as_chunks::<2>();
    let rows =
        pointers.iter().take(cells).filter_map(|at| row(bytes.get(usize::from(u16::from_be_bytes(*at))..)?, file));
    rows.filter_map(|(position, row)| entry(position, &row)).collect()
}

/// Returns a row's number and its bytes.
fn row(cell: &[u8], file: &File) -> Option<(i64, Vec<u8>)> {
    let (size, cell) = varint(cell)?;
    let (position, cell) = varint(cell)?;
    let size = usize::try_from(size).ok().filter(|size| *size <= MAX_BYTES)?;
    if size <= MAX_LOCAL {
        return Some((position, cell.get(..size)?.to_vec()));
    }
    let least = MIN_LOCAL + (size - MIN_LOCAL) % OVERFLOW;
    let local = if least <= MAX_LOCAL { least } else { MIN_LOCAL };
    let (own, rest) = cell.split_at_checked(local)?;
    let mut row = own.to_vec();
    let mut next = u32::from_be_bytes(*rest.first_chunk()?);
    while row.len() < size {
        let page = page(file, next)?;
        let (link, content) = page.split_first_chunk::<4>()?;
        row.extend(content.iter().take(size - row.len()));
        next = u32::from_be_bytes(*link);
    }
    Some((position, row))
}

/// Returns the entry in a row of at least five columns: position (stored as the row's number), schema, time, bytes, hash.
fn entry(position: i64, row: &[u8]) -> Option<Entry> {
    let (length, _) = varint(row)?;
    let (header, mut body) = row.split_at_checked(usize::try_from(length).ok()?)?;
    let (_, mut kinds) = varint(header)?;
    let mut values = Vec::with_capacity(5);
    for _ in 0..5 {
        let (kind, rest) = varint(kinds)?;
        kinds = rest;
        let (value, rest) = body.split_at_checked(width(kind)?)?;
        body = rest;
        values.push((kind, value));
    }
    let [(0, _), schema, received_at, (_, bytes), (_, hash)] = values.as_slice() else {
        return None;
    };
    let is_intact = position > 0 && !bytes.is_empty() && leaf_hash(bytes) == *hash;
    is_intact.then_some(Entry {
        position,
        schema: integer(*schema),
        received_at: integer(*received_at),
        bytes: bytes.to_vec(),
    })
}

/// Returns the number of bytes of a value of this kind.
fn width(kind: i64) -> Option<usize> {
    match kind {
        0 | 8 | 9 => Some(0),
        1..=4 => usize::try_from(kind).ok(),
        5 => Some(6),
        6 | 7 => Some(8),
        12.. => usize::try_from((kind - 12) / 2).ok(),
        _ => None,
    }
}

fn integer((kind, value): (i64, &[u8])) -> i64 {
    match kind {
        9 => 1,
        1..=6 => {
            let sign = if value.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
            value.iter().fold(sign, |number, byte| (number << 8) | i64::from(*byte))
        }
        _ => 0,
    }
}

/// Reads one of SQLite's integers of 1 to 9 bytes; returns it and the bytes after it.
fn varint(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(9) {
        if place == 8 {
            value = (value << 8) | u64::from(*byte);
        } else {
            value = (value << 7) | u64::from(byte & 0x7f);
        }
        if byte & 0x80 == 0 || place == 8 {
            return Some((value.cast_signed(), bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{PAGE, entries, varint};
    use crate::page::each_page;
    use headgate_collector_types::leaf_hash;
    use proptest::prelude::*;
    use std::fs::File;

    #[test]
    fn entries_of_any_length_are_carved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let db = rusqlite::Connection::open(&path).unwrap();
        db.execute_batch(
            "CREATE TABLE e (position INTEGER PRIMARY KEY, schema INT, received_at INT, bytes BLOB, leaf BLOB)",
        )
        .unwrap();
        let sizes = [1, 3_900, 4_015, 4_016, 4_017, 4_100, 4_600, 8_500, 65_536, 70_000];
        for (place, size) in (1_i64..).zip(sizes.into_iter().cycle().take(200)) {
            let bytes: Vec<u8> =
                (0..size).map(|at| u8::try_from((at * 7 + usize::try_from(place).unwrap()) % 251).unwrap()).collect();
            let time = 1_767_225_600_000_000_i64 + place;
            db.execute(
                "INSERT INTO e VALUES (?1, 1, ?2, ?3, ?4)",
                rusqlite::params![place, time, bytes, leaf_hash(&bytes)],
            )
            .unwrap();
        }
        let file = File::open(&path).unwrap();
        let mut found = Vec::new();
        each_page(&file, |number, page| {
            found.extend(entries(number, page, &file));
            Ok(())
        })
        .unwrap();
        found.sort_by_key(|entry| entry.position);
        assert_eq!(found.len(), 200);
        for (place, entry) in (1_i64..).zip(&found) {
            assert_eq!((entry.position, entry.schema, entry.received_at), (place, 1, 1_767_225_600_000_000 + place));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]
        #[test]
        fn random_pages_yield_no_entries(mut bytes in prop::collection::vec(any::<u8>(), PAGE)) {
            bytes[0] = 13;
            let file = tempfile::tempfile().unwrap();
            let page: [u8; PAGE] = bytes.try_into().unwrap();
            prop_assert!(entries(2, &page, &file).is_empty());
            varint(&page);
        }
    }
}
