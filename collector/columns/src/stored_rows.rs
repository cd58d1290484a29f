//! Reads the stored rows of a segment, for a comparison with the records that they come from.

use super::mask::Mask;
use super::position::{Direction, SEGMENT, first_of};
use super::row_values::{COLUMNS, Column, RowValues};
use super::scan::Scan;
use headgate_collector_db::{Db, StoreError};

/// Returns the values of each row of a segment, in order; `None` where there is no record.
///
/// # Errors
/// The store cannot be read, or a column is damaged.
pub fn stored_rows(db: &Db, segment: i64) -> Result<Vec<Option<RowValues>>, StoreError> {
    let mut rows = vec![None; usize::try_from(SEGMENT).unwrap_or(0)];
    let first = first_of(segment);
    let scan = Scan { from: None, to: None, positions: (first, first.saturating_add(SEGMENT - 1)) };
    scan.for_each_segment(db, Direction::Up, &[], |view| {
        let existing = view.without_deleted(Mask::All);
        for (row, slot) in rows.iter_mut().enumerate().take(view.rows) {
            *slot = existing.has(row).then_some([0; COLUMNS]);
        }
        for column in Column::ALL {
            view.encoded(*column)?.for_each(view.rows, |row, value| {
                let values = rows.get_mut(row).and_then(Option::as_mut);
                if let Some(slot) = values.and_then(|values| values.get_mut(*column as usize)) {
                    *slot = value;
                }
            });
        }
        Ok(true)
    })?;
    Ok(rows)
}
