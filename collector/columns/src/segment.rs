//! Seals segments: converts the rows of a full segment into columns.

use super::encoding::{ColumnHead, EncodedColumn};
use super::open_segment::OpenSegment;
use super::position::{SEGMENT, first_of, segment_of};
use super::row_values::Column;
use headgate_collector_db::{Db, OptionalExtension, StoreError, Value, params, params_from_iter};
use std::collections::HashMap;

/// Most columns of a segment, for the numbers of their rows.
pub(super) const PARTS: i64 = 64;

/// Heads that one statement reads.
const HEADS_TOGETHER: usize = 64;

/// Seals every segment before the open one. `next_position` is the position of the next record.
///
/// # Errors
/// The store cannot be written.
pub fn seal(db: &Db, next_position: i64) -> Result<(), StoreError> {
    let oldest: Option<i64> = db.prepare_cached("SELECT min(position) FROM fresh")?.query_row([], |row| row.get(0))?;
    let Some(oldest) = oldest else {
        return Ok(());
    };
    let open = segment_of(next_position);
    for segment in segment_of(oldest)..open {
        seal_segment(db, segment)?;
    }
    Ok(())
}

fn seal_segment(db: &Db, segment: i64) -> Result<(), StoreError> {
    let open = OpenSegment::read(db, segment)?;
    if open.is_empty() {
        return Ok(());
    }
    let open = open.padded();
    let exists = |row: &usize| open.deleted.as_ref().is_none_or(|deleted| deleted.get(*row) == Some(&0));
    let times: Vec<i64> =
        open.column(Column::StartedAt).iter().enumerate().filter(|(row, _)| exists(row)).map(|(_, at)| *at).collect();
    let (oldest, newest) = (times.iter().min().copied().unwrap_or(0), times.iter().max().copied().unwrap_or(0));
    let deleted = open.deleted.as_deref().map(pack);
    db.prepare_cached("INSERT INTO segments (segment, oldest, newest, gone) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![segment, oldest, newest, deleted])?;
    for column in Column::ALL {
        write_column(db, segment, *column, open.column(*column))?;
    }
    let first = first_of(segment);
    db.prepare_cached("DELETE FROM fresh WHERE position BETWEEN ?1 AND ?2")?
        .execute([first, first.saturating_add(SEGMENT - 1)])?;
    Ok(())
}

/// Writes the values of a column of a sealed segment, in place of its earlier ones.
///
/// # Errors
/// The store cannot be written.
pub fn write_column(db: &Db, segment: i64, column: Column, values: &[i64]) -> Result<(), StoreError> {
    let encoded = EncodedColumn::encode(values);
    db.prepare_cached(
        "INSERT INTO segment_columns (part, head, codes) VALUES (?1, ?2, ?3)
         ON CONFLICT (part) DO UPDATE SET head = excluded.head, codes = excluded.codes",
    )?
    .execute(params![part(segment, column), encoded.head.to_bytes(), encoded.codes])?;
    Ok(())
}

fn part(segment: i64, column: Column) -> i64 {
    segment.saturating_mul(PARTS).saturating_add(i64::from(column as u8))
}

/// Returns the head of a column; `None` for a column that was added after the segment was sealed.
pub(super) fn head(db: &Db, segment: i64, column: Column) -> Result<Option<ColumnHead>, StoreError> {
    let mut select = db.prepare_cached("SELECT head FROM segment_columns WHERE part = ?1")?;
    let bytes: Option<Vec<u8>> = select.query_row([part(segment, column)], |row| row.get(0)).optional()?;
    bytes.map(|bytes| ColumnHead::from_bytes(&bytes)).transpose()
}

/// Heads by segment and column.
pub(super) type Heads = HashMap<(i64, Column), Result<ColumnHead, StoreError>>;

/// Returns the heads of columns of segments; those of columns that were added after a segment was sealed are left out.
pub(super) fn heads(db: &Db, wanted: &[(i64, Column)]) -> Result<Heads, StoreError> {
    let mut heads = Heads::with_capacity(wanted.len());
    for wanted in wanted.chunks(HEADS_TOGETHER) {
        let parts: HashMap<i64, (i64, Column)> = wanted.iter().map(|one| (part(one.0, one.1), *one)).collect();
        // One text for any number of them: a statement is prepared once.
        let numbers: Vec<i64> = wanted.iter().map(|one| part(one.0, one.1)).cycle().take(HEADS_TOGETHER).collect();
        let places = (1..=HEADS_TOGETHER).map(|place| format!("?{place}")).collect::<Vec<_>>().join(", ");
        let sql = format!("SELECT part, head FROM segment_columns WHERE part IN ({places})");
        let mut select = db.prepare_cached(&sql)?;
        let mut rows = select.query(params_from_iter(numbers.into_iter().map(Value::Integer)))?;
        while let Some(row) = rows.next()? {
            let head = row.get_ref(1)?.as_blob().map_err(|_| StoreError::Damaged).and_then(ColumnHead::from_bytes);
            if let Some(one) = parts.get(&row.get::<_, i64>(0)?) {
                heads.insert(*one, head);
            }
        }
    }
    Ok(heads)
}

/// Deletes a segment, open or sealed.
///
/// # Errors
/// The store cannot be written.
pub fn delete_segment(db: &Db, segment: i64) -> Result<(), StoreError> {
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

/// Verifies that every column of a sealed segment can be read.
///
/// # Errors
/// A column cannot be read; [`StoreError::Damaged`] if its head is damaged.
pub fn verify_segment(db: &Db, segment: i64) -> Result<(), StoreError> {
    for column in Column::ALL {
        if head(db, segment, *column)?.is_some() {
            codes(db, segment, *column)?;
        }
    }
    Ok(())
}

/// Returns the codes of a column.
pub(super) fn codes(db: &Db, segment: i64, column: Column) -> Result<Vec<u8>, StoreError> {
    let mut select = db.prepare_cached("SELECT codes FROM segment_columns WHERE part = ?1")?;
    Ok(select.query_row([part(segment, column)], |row| row.get(0))?)
}

/// Packs bytes of 0 and 1 into bits.
pub(super) fn pack(marks: &[u8]) -> Vec<u8> {
    marks.chunks(8).map(|eight| eight.iter().rev().fold(0, |bits, mark| (bits << 1) | (mark & 1))).collect()
}

/// Unpacks bits into bytes of 0 and 1.
pub(super) fn unpack(bits: &[u8]) -> Vec<u8> {
    bits.iter().flat_map(|byte| (0..8).map(move |bit| (byte >> bit) & 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    #[test]
    fn marks_survive_a_round_trip() {
        let marks: Vec<u8> = (0..64).map(|n: u8| u8::from(n.is_multiple_of(3))).collect();
        assert_eq!(unpack(&pack(&marks)), marks);
    }
}
