//! The newest records, whose segment is not full yet: a row of cells each.

use super::super::db::{self, Bulk, Db, OptionalExtension, ValueRef, params};
use super::super::{StoreError, varint};
use super::cells::{COLUMNS, Cells};
use super::{Column, SEGMENT};

/// Keeps the cells of a record that was stored at `position`.
pub(in crate::store) fn insert(db: &Db, position: i64, cells: &Cells) -> db::Result<()> {
    let mut select = db.prepare_cached("INSERT INTO fresh (position, cells) VALUES (?1, ?2)")?;
    select.execute(params![position, encode(cells)])?;
    Ok(())
}

/// Keeps the encoded cells of many records, each with its position.
pub(in crate::store) fn copy(bulk: Bulk<'_>, cells: &[(i64, Vec<u8>)]) -> db::Result<()> {
    bulk.copy(
        "COPY fresh (position, cells) FROM STDIN BINARY",
        cells.iter().map(|(position, cells)| [ValueRef::Integer(*position), ValueRef::Blob(cells)]),
    )
}

/// Gives a fresh record further cells.
pub(in crate::store) fn amend(db: &Db, position: i64, further: &[(Column, i64)]) -> db::Result<()> {
    let mut select = db.prepare_cached("SELECT cells FROM fresh WHERE position = ?1")?;
    let Some(bytes) = select.query_row([position], |row| row.get::<_, Vec<u8>>(0)).optional()? else {
        return Ok(());
    };
    let mut cells = decode(&bytes);
    for (column, value) in further {
        if let Some(cell) = cells.get_mut(*column as usize) {
            *cell = *value;
        }
    }
    db.prepare_cached("UPDATE fresh SET cells = ?2 WHERE position = ?1")?.execute(params![position, encode(&cells)])?;
    Ok(())
}

/// The fresh records of a segment, by column; absent ones are zeros and marked as gone.
#[derive(Debug)]
pub(super) struct Fresh {
    columns: Vec<Vec<i64>>,
    pub(super) rows: usize,
    /// One byte for each record: 1 if it is not there; `None` if all are.
    pub(super) gone: Option<Vec<u8>>,
}

impl Fresh {
    /// Reads what is fresh of a segment.
    pub(super) fn of(db: &Db, segment: i64) -> Result<Self, StoreError> {
        let first = super::first_of(segment);
        let mut select =
            db.prepare_cached("SELECT position, cells FROM fresh WHERE position BETWEEN ?1 AND ?2 ORDER BY position")?;
        let mut rows = select.query([first, first.saturating_add(SEGMENT - 1)])?;
        let mut columns = vec![Vec::new(); COLUMNS];
        let mut present = Vec::new();
        while let Some(row) = rows.next()? {
            let position: i64 = row.get(0)?;
            let place = usize::try_from(position - first).map_err(|_| StoreError::Damaged)?;
            let cells = decode(row.get_ref(1)?.as_blob().map_err(|_| StoreError::Damaged)?);
            for (column, cell) in columns.iter_mut().zip(cells) {
                column.resize(place, 0);
                column.push(cell);
            }
            present.resize(place, 0_u8);
            present.push(1);
        }
        let gone = present.contains(&0).then(|| present.iter().map(|there| 1 - there).collect());
        Ok(Self { columns, rows: present.len(), gone })
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// As if the segment ended with a full one: what is not there is gone.
    pub(super) fn filled(mut self) -> Self {
        let full = usize::try_from(SEGMENT).unwrap_or(0);
        if self.rows < full {
            let gone = self.gone.get_or_insert_with(|| vec![0; self.rows]);
            gone.resize(full, 1);
            self.columns.iter_mut().for_each(|column| column.resize(full, 0));
            self.rows = full;
        }
        self
    }

    /// The values of a column.
    pub(super) fn column(&self, column: Column) -> &[i64] {
        self.columns.get(column as usize).map_or(&[], Vec::as_slice)
    }
}

/// LEB128: seven bits a byte, the lowest first.
pub(in crate::store) fn encode(cells: &Cells) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    cells.iter().for_each(|cell| varint::write(&mut out, cell.unsigned_abs()));
    out
}

/// Columns that were added later read as absent.
fn decode(bytes: &[u8]) -> Cells {
    let mut bytes = bytes.iter();
    [(); COLUMNS].map(|()| i64::try_from(varint::read(&mut bytes).unwrap_or(0)).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::super::cells::COLUMNS;
    use super::{decode, encode};

    #[test]
    fn cells_are_read_back_and_missing_ones_are_absent() {
        let mut cells = [0; COLUMNS];
        for (place, cell) in cells.iter_mut().enumerate() {
            *cell = (1_i64 << (place * 63 / COLUMNS)) - 1;
        }
        cells[0] = i64::MAX;
        assert_eq!(decode(&encode(&cells)), cells);
        assert_eq!(decode(&[]), [0; COLUMNS]);
        decode(&[0xff; 400]);
    }
}
