//! Marks of deleted records in sealed segments.

use super::position::{SEGMENT, segment_of};
use super::segment::PARTS;
use headgate_collector_db::{Db, OptionalExtension, StoreError, params};

/// Marks deleted records in their sealed segments, and deletes a segment without any record left. The open segment needs no
/// marks, because its rows are deleted.
///
/// # Errors
/// The store cannot be written.
pub fn mark_deleted(db: &Db, positions: &[i64]) -> Result<(), StoreError> {
    for same in positions.chunk_by(|a, b| segment_of(*a) == segment_of(*b)) {
        if let Some(first) = same.first() {
            mark(db, segment_of(*first), same)?;
        }
    }
    Ok(())
}

fn mark(db: &Db, segment: i64, positions: &[i64]) -> Result<(), StoreError> {
    let mut select = db.prepare_cached("SELECT gone FROM segments WHERE segment = ?1")?;
    let sealed: Option<Option<Vec<u8>>> = select.query_row([segment], |row| row.get(0)).optional()?;
    let Some(deleted) = sealed else {
        return Ok(());
    };
    let mut bits = deleted.unwrap_or_default();
    bits.resize(usize::try_from(SEGMENT / 8).unwrap_or(0), 0);
    for position in positions {
        let row = usize::try_from(position.saturating_sub(1).rem_euclid(SEGMENT)).unwrap_or(0);
        if let Some(byte) = bits.get_mut(row / 8) {
            *byte |= 1 << (row % 8);
        }
    }
    if bits.iter().all(|byte| *byte == u8::MAX) {
        return drop_segment(db, segment);
    }
    db.prepare_cached("UPDATE segments SET gone = ?2 WHERE segment = ?1")?.execute(params![segment, bits])?;
    Ok(())
}

fn drop_segment(db: &Db, segment: i64) -> Result<(), StoreError> {
    let first = segment.saturating_mul(PARTS);
    db.prepare_cached("DELETE FROM segment_columns WHERE part BETWEEN ?1 AND ?2")?
        .execute([first, first.saturating_add(PARTS - 1)])?;
    db.prepare_cached("DELETE FROM segments WHERE segment = ?1")?.execute([segment])?;
    Ok(())
}
