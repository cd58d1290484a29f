//! The cells of a segment as they are kept, to be held against the records they come from.

use super::super::StoreError;
use super::super::db::Db;
use super::SEGMENT;
use super::cells::{COLUMNS, Cells, Column};
use super::mask::Mask;
use super::scan::{Blocks, Direction};

/// By place in the segment; `None` where no record is.
pub(in crate::store) fn stored(db: &Db, segment: i64) -> Result<Vec<Option<Cells>>, StoreError> {
    let mut cells = vec![None; usize::try_from(SEGMENT).unwrap_or(0)];
    let first = super::first_of(segment);
    let blocks = Blocks { from: None, to: None, positions: (first, first.saturating_add(SEGMENT - 1)) };
    blocks.each(db, Direction::Up, |block| {
        let there = block.without_gone(Mask::All);
        for (row, slot) in cells.iter_mut().enumerate().take(block.rows) {
            *slot = there.has(row).then_some([0; COLUMNS]);
        }
        for column in Column::ALL {
            block.coded(*column, block.head(*column)?)?.each(block.rows, |row, value| {
                let of_row = cells.get_mut(row).and_then(Option::as_mut);
                if let Some(cell) = of_row.and_then(|cells| cells.get_mut(*column as usize)) {
                    *cell = value;
                }
            });
        }
        Ok(true)
    })?;
    Ok(cells)
}
