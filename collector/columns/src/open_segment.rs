//! The open segment: the newest records, which do not fill a segment yet. They are stored by row, in the table `fresh`.

use super::position::{SEGMENT, first_of};
use super::row_values::{COLUMNS, Column, RowValues, row_values};
use crate::dictionary::Dictionary;
use crate::varint;
use headgate_collector_db::{self as db, Db, OptionalExtension, StoreError, ValueRef, params};
use headgate_record::RequestRecord;

const INSERT: &str = "INSERT INTO fresh (position, cells) VALUES (?1, ?2)";

/// Inserts the row of a record that was received at `received_at`, µs, and returns its values.
///
/// # Errors
/// The store cannot be written.
pub fn insert_record(
    db: &Db,
    dictionary: &mut impl Dictionary,
    position: i64,
    record: &RequestRecord,
    received_at: i64,
) -> db::Result<RowValues> {
    let row = row_values(record, received_at, dictionary)?;
    insert_row(db, position, &row)?;
    Ok(row)
}

/// Inserts the row of a record that was stored at `position`.
///
/// # Errors
/// The store cannot be written.
pub fn insert_row(db: &Db, position: i64, row: &RowValues) -> db::Result<()> {
    db.prepare_cached(INSERT)?.execute(params![position, encode_row(row)])?;
    Ok(())
}

/// Inserts encoded rows, each with the position of its record.
///
/// # Errors
/// The store cannot be written.
pub fn insert_rows(db: &Db, rows: &[(i64, Vec<u8>)]) -> db::Result<()> {
    if let Some(bulk) = db.bulk() {
        let rows = rows.iter().map(|(position, row)| [ValueRef::Integer(*position), ValueRef::Blob(row)]);
        return bulk.copy("COPY fresh (position, cells) FROM STDIN BINARY", rows);
    }
    let mut insert = db.prepare_cached(INSERT)?;
    for (position, row) in rows {
        insert.execute(params![*position, *row])?;
    }
    Ok(())
}

/// Sets values of a row of the open segment. Does nothing if there is no such row.
///
/// # Errors
/// The store cannot be written.
pub fn update_row(db: &Db, position: i64, changes: &[(Column, i64)]) -> db::Result<()> {
    let mut select = db.prepare_cached("SELECT cells FROM fresh WHERE position = ?1")?;
    let Some(bytes) = select.query_row([position], |row| row.get::<_, Vec<u8>>(0)).optional()? else {
        return Ok(());
    };
    let mut row = decode_row(&bytes);
    for (column, value) in changes {
        if let Some(slot) = row.get_mut(*column as usize) {
            *slot = *value;
        }
    }
    db.prepare_cached("UPDATE fresh SET cells = ?2 WHERE position = ?1")?
        .execute(params![position, encode_row(&row)])?;
    Ok(())
}

/// The rows of an open segment by column. An absent record has zeros and is marked as deleted.
#[derive(Debug)]
pub(super) struct OpenSegment {
    columns: Vec<Vec<i64>>,
    pub(super) rows: usize,
    /// One byte for each record, 1 if it is deleted; `None` if none is.
    pub(super) deleted: Option<Vec<u8>>,
}

impl OpenSegment {
    /// Reads the rows of a segment.
    pub(super) fn read(db: &Db, segment: i64) -> Result<Self, StoreError> {
        let first = first_of(segment);
        let mut select =
            db.prepare_cached("SELECT position, cells FROM fresh WHERE position BETWEEN ?1 AND ?2 ORDER BY position")?;
        let mut rows = select.query([first, first.saturating_add(SEGMENT - 1)])?;
        let mut columns = vec![Vec::new(); COLUMNS];
        let mut present = Vec::new();
        while let Some(row) = rows.next()? {
            let position: i64 = row.get(0)?;
            let place = usize::try_from(position - first).map_err(|_| StoreError::Damaged)?;
            let values = decode_row(row.get_ref(1)?.as_blob().map_err(|_| StoreError::Damaged)?);
            for (column, value) in columns.iter_mut().zip(values) {
                column.resize(place, 0);
                column.push(value);
            }
            present.resize(place, 0_u8);
            present.push(1);
        }
        let deleted = present.contains(&0).then(|| present.iter().map(|mark| 1 - mark).collect());
        Ok(Self { columns, rows: present.len(), deleted })
    }

    /// Returns the number of rows of a segment if none of them is missing. The rows themselves are not read.
    pub(super) fn rows_without_holes(db: &Db, segment: i64) -> Result<Option<usize>, StoreError> {
        let first = first_of(segment);
        let mut select =
            db.prepare_cached("SELECT count(*), max(position) FROM fresh WHERE position BETWEEN ?1 AND ?2")?;
        let (rows, last): (i64, Option<i64>) =
            select.query_row([first, first.saturating_add(SEGMENT - 1)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let is_whole = last.is_none_or(|last| last.saturating_sub(first).saturating_add(1) == rows);
        Ok(usize::try_from(rows).ok().filter(|_| is_whole))
    }

    /// Returns whether there are no records.
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns the segment padded to its full length with deleted records.
    pub(super) fn padded(mut self) -> Self {
        let full = usize::try_from(SEGMENT).unwrap_or(0);
        if self.rows < full {
            let deleted = self.deleted.get_or_insert_with(|| vec![0; self.rows]);
            deleted.resize(full, 1);
            self.columns.iter_mut().for_each(|column| column.resize(full, 0));
            self.rows = full;
        }
        self
    }

    /// Returns the values of a column.
    pub(super) fn column(&self, column: Column) -> &[i64] {
        self.columns.get(column as usize).map_or(&[], Vec::as_slice)
    }
}

/// Encodes a row: its values in the order of the columns, as LEB128 (seven bits per byte, the lowest first).
pub fn encode_row(row: &RowValues) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    row.iter().for_each(|value| varint::write(&mut out, value.unsigned_abs()));
    out
}

/// Decodes a row. Columns that were added later are 0.
fn decode_row(bytes: &[u8]) -> RowValues {
    let mut bytes = bytes.iter();
    [(); COLUMNS].map(|()| i64::try_from(varint::read(&mut bytes).unwrap_or(0)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{decode_row, encode_row};
    use crate::row_values::COLUMNS;

    #[test]
    fn rows_survive_a_round_trip() {
        let mut row = [0; COLUMNS];
        for (place, value) in row.iter_mut().enumerate() {
            *value = (1_i64 << (place * 63 / COLUMNS)) - 1;
        }
        row[0] = i64::MAX;
        assert_eq!(decode_row(&encode_row(&row)), row);
        assert_eq!(decode_row(&[]), [0; COLUMNS]);
        decode_row(&[0xff; 400]);
    }
}
