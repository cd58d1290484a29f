//! Scans segments for the records that match a query.

use super::position::{Direction, segment_of};
use super::row_values::Column;
use super::segments::{ListedSegment, SealedSegment, Segments};
use super::view::SegmentView;
use headgate_collector_db::{Db, StoreError};

/// A scan over segments. Segments outside its bounds are not read.
#[derive(Debug, Clone, Copy)]
pub struct Scan {
    /// `started_at` from here on, µs.
    pub from: Option<i64>,
    /// `started_at` before this, µs.
    pub to: Option<i64>,
    /// First and last position, both included.
    pub positions: (i64, i64),
}

impl Scan {
    /// Calls `visit` for each segment in order until it returns false. The heads of `columns` are read for many segments at once.
    ///
    /// # Errors
    /// The store cannot be read, or `visit` fails.
    pub fn for_each_segment(
        &self,
        db: &Db,
        direction: Direction,
        columns: &[Column],
        visit: impl FnMut(&SegmentView<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.segments(db, direction)?.for_each(columns, visit)
    }

    /// Returns the segments in order.
    pub(super) fn segments<'a>(&self, db: &'a Db, direction: Direction) -> Result<Segments<'a>, StoreError> {
        let mut listed = self.sealed(db)?;
        listed.extend(self.open_segments(db)?.map(|number| ListedSegment { number, sealed: None }));
        listed.sort_unstable_by_key(|segment| segment.number);
        if direction == Direction::Down {
            listed.reverse();
        }
        Ok(Segments::new(db, listed))
    }

    fn sealed(&self, db: &Db) -> Result<Vec<ListedSegment>, StoreError> {
        let mut select = db.prepare_cached(
            "SELECT segment, oldest, newest, gone FROM segments
             WHERE segment BETWEEN ?1 AND ?2 AND newest >= ?3 AND oldest < ?4",
        )?;
        let (first, last) = (segment_of(self.positions.0), segment_of(self.positions.1));
        let bounds = [first, last, self.from.unwrap_or(i64::MIN), self.to.unwrap_or(i64::MAX)];
        let rows = select.query_map(bounds, |row| {
            let sealed = SealedSegment { started: (row.get(1)?, row.get(2)?), deleted: row.get(3)? };
            Ok(ListedSegment { number: row.get(0)?, sealed: Some(sealed) })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn open_segments(&self, db: &Db) -> Result<impl Iterator<Item = i64> + use<>, StoreError> {
        let mut select = db.prepare_cached("SELECT min(position), max(position) FROM fresh")?;
        let (first, last): (Option<i64>, Option<i64>) = select.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (first, last) = (first.unwrap_or(1).max(self.positions.0), last.unwrap_or(0).min(self.positions.1));
        let segments = segment_of(first)..=segment_of(last);
        Ok(segments.take(if first <= last { usize::MAX } else { 0 }))
    }
}
