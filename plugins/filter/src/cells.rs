//! The cells of limits and budgets, as one worker sees them: values of the host's shared data, changed by compare-and-set.

use crate::host;
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

impl Ledger for Cells {
    fn read(&mut self, cell: u16) -> Stored {
        let (bytes, version) = host::shared_data(&key(cell));
        Stored { bytes, version }
    }

    fn write(&mut self, cell: u16, bytes: &[u8], version: u32) -> bool {
        host::set_shared_data(&key(cell), bytes, version).is_ok()
    }

    fn touched(&mut self, cell: u16) {
        self.touched.insert(cell);
    }

    fn hurry(&mut self) {
        self.hurried = true;
    }

    fn evicted(&mut self, rows: Vec<ReportRow>) {
        self.evicted_rows.extend(rows);
    }
}
