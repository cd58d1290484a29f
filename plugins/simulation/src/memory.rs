//! The counts of limits and budgets in the memory of one worker.

use headgate_limits::{Ledger, ReportRow, Stored};
use std::collections::HashMap;

/// Cells in memory.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    cells: HashMap<u16, (Vec<u8>, u32)>,
}

impl Ledger for Memory {
    fn read(&mut self, cell: u16) -> Stored {
        let (bytes, version) = self.cells.get(&cell).cloned().unwrap_or_default();
        Stored { bytes, version }
    }

    fn write(&mut self, cell: u16, bytes: &[u8], version: u32) -> bool {
        let slot = self.cells.entry(cell).or_default();
        let unchanged = slot.1 == version;
        if unchanged {
            *slot = (bytes.to_vec(), version + 1);
        }
        unchanged
    }

    fn touched(&mut self, _: u16) {}

    fn evicted(&mut self, _: Vec<ReportRow>) {}
}
