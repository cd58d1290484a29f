//! The cells of limits and budgets, as one worker sees them: values of the host's shared data, changed by compare-and-set.

use crate::host::Host;
use headgate_limits::{Ledger, ReportRow, Stored};
use std::collections::BTreeSet;

/// The cells, as one worker sees them.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    pub(crate) touched: BTreeSet<u16>,
    pub(crate) evicted_rows: Vec<ReportRow>,
    pub(crate) hurried: bool,
}

/// Returns the key of a cell in shared data.
pub(crate) fn key(cell: u16) -> String {
    format!("headgate.limits.{cell}")
}

impl Cells {
    /// Whether anything was noted.
    pub(crate) fn has_news(&self) -> bool {
        self.hurried || !self.touched.is_empty() || !self.evicted_rows.is_empty()
    }

    /// Takes what another worker has noted.
    pub(crate) fn take_over_from(&mut self, other: &mut Self) {
        self.touched.append(&mut other.touched);
        self.evicted_rows.append(&mut other.evicted_rows);
        self.hurried |= std::mem::take(&mut other.hurried);
    }

    /// Returns the ledger that these cells are, on a host that has the memory.
    pub(crate) fn on<'a, H>(&'a mut self, host: &'a H) -> CellsOn<'a, H> {
        CellsOn { cells: self, host }
    }
}

/// The cells and the host that has their memory.
#[derive(Debug)]
pub(crate) struct CellsOn<'a, H> {
    cells: &'a mut Cells,
    host: &'a H,
}

impl<H: Host> Ledger for CellsOn<'_, H> {
    fn read(&mut self, cell: u16) -> Stored {
        let (bytes, version) = self.host.shared(&key(cell));
        Stored { bytes, version }
    }

    fn write(&mut self, cell: u16, bytes: &[u8], version: u32) -> bool {
        self.host.set_shared(&key(cell), bytes, version).is_ok()
    }

    fn touched(&mut self, cell: u16) {
        self.cells.touched.insert(cell);
    }

    fn hurry(&mut self) {
        self.cells.hurried = true;
    }

    fn evicted(&mut self, rows: Vec<ReportRow>) {
        self.cells.evicted_rows.extend(rows);
    }
}
