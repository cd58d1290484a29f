//! The segments of a scan, in its order, and the heads of their columns, many in one statement: each statement is a round trip to a
//! server.

use super::open_segment::OpenSegment;
use super::row_values::Column;
use super::segment;
use super::view::SegmentView;
use headgate_collector_db::{Db, StoreError};
use std::rc::Rc;

/// Segments whose heads are read together. A scan that ends early has read few of them.
const MOST_TOGETHER: usize = 16;

/// A segment that a scan visits.
#[derive(Debug)]
pub(super) struct ListedSegment {
    pub(super) number: i64,
    /// `None` for an open segment.
    pub(super) sealed: Option<SealedSegment>,
}

/// The row of a sealed segment.
#[derive(Debug)]
pub(super) struct SealedSegment {
    /// The earliest and the latest start of its records, µs.
    pub(super) started: (i64, i64),
    /// The bits of its deleted records.
    pub(super) deleted: Option<Vec<u8>>,
}

/// The segments of a scan.
#[derive(Debug)]
pub(super) struct Segments<'a> {
    db: &'a Db,
    listed: Vec<ListedSegment>,
    /// Open segments that were read before the scan.
    open: Vec<(i64, Rc<OpenSegment>)>,
}

impl<'a> Segments<'a> {
    pub(super) const fn new(db: &'a Db, listed: Vec<ListedSegment>) -> Self {
        Self { db, listed, open: Vec::new() }
    }

    /// Returns the earliest and the latest start of the records, µs; `None` if there is none. Open segments are read for it, and
    /// kept for the scan.
    pub(super) fn started(&mut self) -> Result<Option<(i64, i64)>, StoreError> {
        let mut started: Option<(i64, i64)> = None;
        for segment in &self.listed {
            let bounds = match &segment.sealed {
                Some(sealed) => Some(sealed.started),
                None => {
                    let open = Rc::new(OpenSegment::read(self.db, segment.number)?);
                    let bounds = bounds(open.column(Column::StartedAt));
                    self.open.push((segment.number, open));
                    bounds
                }
            };
            if let Some((least, greatest)) = bounds {
                let (oldest, newest) = started.unwrap_or((least, greatest));
                started = Some((oldest.min(least), newest.max(greatest)));
            }
        }
        Ok(started)
    }

    /// Calls `visit` for each segment in order until it returns false.
    pub(super) fn for_each(
        &self,
        columns: &[Column],
        mut visit: impl FnMut(&SegmentView<'_>) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let (mut rest, mut together) = (self.listed.as_slice(), 1);
        while !rest.is_empty() {
            let (some, others) = rest.split_at(together.min(rest.len()));
            let views = some.iter().map(|segment| self.view(segment)).collect::<Result<Vec<_>, _>>()?;
            read_heads(self.db, &views, columns)?;
            for view in views {
                if !visit(&view)? {
                    return Ok(());
                }
            }
            (rest, together) = (others, (together * 4).min(MOST_TOGETHER));
        }
        Ok(())
    }

    fn view(&self, segment: &ListedSegment) -> Result<SegmentView<'a>, StoreError> {
        let number = segment.number;
        match &segment.sealed {
            Some(sealed) => Ok(SegmentView::sealed(self.db, number, sealed.started, sealed.deleted.as_deref())),
            None => {
                let read = self.open.iter().find(|(known, _)| *known == number);
                SegmentView::open(self.db, number, read.map(|(_, open)| Rc::clone(open)))
            }
        }
    }
}

/// Reads the heads of columns of sealed segments. A single one is read when it is needed.
fn read_heads(db: &Db, views: &[SegmentView<'_>], columns: &[Column]) -> Result<(), StoreError> {
    let sealed = || views.iter().filter(|view| view.is_sealed);
    if columns.len() < 2 && sealed().count() < 2 {
        return Ok(());
    }
    let wanted: Vec<_> = sealed().flat_map(|view| columns.iter().map(|column| (view.segment, *column))).collect();
    let mut found = segment::heads(db, &wanted)?;
    for view in sealed() {
        for column in columns {
            match found.remove(&(view.segment, *column)) {
                Some(Ok(head)) => drop(view.keep_head(*column, Some(head))),
                None => drop(view.keep_head(*column, None)),
                // Damage is reported if the segment is read, not if it might have been.
                Some(Err(_)) => {}
            }
        }
    }
    Ok(())
}

/// Returns the least and the greatest of the values above 0. Records that are missing have zeros.
fn bounds(values: &[i64]) -> Option<(i64, i64)> {
    let existing = || values.iter().copied().filter(|value| *value > 0);
    existing().min().zip(existing().max())
}
