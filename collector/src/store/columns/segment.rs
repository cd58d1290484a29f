//! Sealing: a full segment's fresh rows become columns.

use super::super::StoreError;
use super::super::db::{Db, OptionalExtension, params};
use super::SEGMENT;
use super::cells::Column;
use super::coded::{Coded, Head};
use super::fresh::Fresh;

/// Columns a segment has room for in its numbers.
pub(super) const PARTS: i64 = 64;

/// Seals every segment that the log has left behind. `next_position` is the place of the next record.
pub(in crate::store) fn seal(db: &Db, next_position: i64) -> Result<(), StoreError> {
    let oldest: Option<i64> = db.prepare_cached("SELECT min(position) FROM fresh")?.query_row([], |row| row.get(0))?;
    let Some(oldest) = oldest else {
        return Ok(());
    };
    let growing = segment_of(next_position);
    for segment in segment_of(oldest)..growing {
        seal_one(db, segment)?;
    }
    Ok(())
}

/// The segment of a position.
pub(in crate::store) const fn segment_of(position: i64) -> i64 {
    position.saturating_sub(1).div_euclid(SEGMENT)
}

/// The first position of a segment.
pub(in crate::store) const fn first_of(segment: i64) -> i64 {
    segment.saturating_mul(SEGMENT).saturating_add(1)
}

fn seal_one(db: &Db, segment: i64) -> Result<(), StoreError> {
    let fresh = Fresh::of(db, segment)?;
    if fresh.is_empty() {
        return Ok(());
    }
    let fresh = fresh.filled();
    let there = |row: &usize| fresh.gone.as_ref().is_none_or(|gone| gone.get(*row) == Some(&0));
    let times: Vec<i64> =
        fresh.column(Column::StartedAt).iter().enumerate().filter(|(row, _)| there(row)).map(|(_, at)| *at).collect();
    let (oldest, newest) = (times.iter().min().copied().unwrap_or(0), times.iter().max().copied().unwrap_or(0));
    let gone = fresh.gone.as_deref().map(pack);
    db.prepare_cached("INSERT INTO segments (segment, oldest, newest, gone) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![segment, oldest, newest, gone])?;
    for column in Column::ALL {
        put(db, segment, *column, fresh.column(*column))?;
    }
    let first = first_of(segment);
    db.prepare_cached("DELETE FROM fresh WHERE position BETWEEN ?1 AND ?2")?
        .execute([first, first.saturating_add(SEGMENT - 1)])?;
    Ok(())
}

/// Keeps the values of a whole column.
pub(in crate::store) fn put(db: &Db, segment: i64, column: Column, values: &[i64]) -> Result<(), StoreError> {
    let coded = Coded::of(values);
    db.prepare_cached(
        "INSERT INTO segment_columns (part, head, codes) VALUES (?1, ?2, ?3)
         ON CONFLICT (part) DO UPDATE SET head = excluded.head, codes = excluded.codes",
    )?
    .execute(params![part(segment, column), coded.head.to_bytes(), coded.codes])?;
    Ok(())
}

fn part(segment: i64, column: Column) -> i64 {
    segment.saturating_mul(PARTS).saturating_add(i64::from(column as u8))
}

/// The head of a column; `None` for a column that was added after the segment was sealed.
pub(super) fn head(db: &Db, segment: i64, column: Column) -> Result<Option<Head>, StoreError> {
    let mut select = db.prepare_cached("SELECT head FROM segment_columns WHERE part = ?1")?;
    let bytes: Option<Vec<u8>> = select.query_row([part(segment, column)], |row| row.get(0)).optional()?;
    bytes.map(|bytes| Head::from_bytes(&bytes)).transpose()
}

/// Takes away what is kept of a segment's records.
pub(in crate::store) fn forget(db: &Db, segment: i64) -> Result<(), StoreError> {
    let (first, part) = (first_of(segment), segment.saturating_mul(PARTS));
    for (sql, first, last) in [
        ("DELETE FROM fresh WHERE position BETWEEN ?1 AND ?2", first, first.saturating_add(SEGMENT - 1)),
        ("DELETE FROM segment_columns WHERE part BETWEEN ?1 AND ?2", part, part.saturating_add(PARTS - 1)),
        ("DELETE FROM segments WHERE segment BETWEEN ?1 AND ?2", segment, segment),
    ] {
        db.prepare_cached(sql)?.execute([first, last])?;
    }
    Ok(())
}

/// Looks whether every column of a sealed segment can be read.
pub(in crate::store) fn look(db: &Db, segment: i64) -> Result<(), StoreError> {
    for column in Column::ALL {
        if head(db, segment, *column)?.is_some() {
            codes(db, segment, *column)?;
        }
    }
    Ok(())
}

/// The codes of a column.
pub(super) fn codes(db: &Db, segment: i64, column: Column) -> Result<Vec<u8>, StoreError> {
    let mut select = db.prepare_cached("SELECT codes FROM segment_columns WHERE part = ?1")?;
    Ok(select.query_row([part(segment, column)], |row| row.get(0))?)
}

/// Bytes of 0 and 1 as bits.
pub(super) fn pack(marks: &[u8]) -> Vec<u8> {
    marks.chunks(8).map(|eight| eight.iter().rev().fold(0, |bits, mark| (bits << 1) | (mark & 1))).collect()
}

/// Bits as bytes of 0 and 1.
pub(super) fn unpack(bits: &[u8]) -> Vec<u8> {
    bits.iter().flat_map(|byte| (0..8).map(move |bit| (byte >> bit) & 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::{pack, segment_of, unpack};

    #[test]
    fn marks_are_read_back_and_positions_begin_at_one() {
        let marks: Vec<u8> = (0..64).map(|n: u8| u8::from(n.is_multiple_of(3))).collect();
        assert_eq!(unpack(&pack(&marks)), marks);
        assert_eq!([1, 16_384, 16_385].map(segment_of), [0, 0, 1]);
    }
}
