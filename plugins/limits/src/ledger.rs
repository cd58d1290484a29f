//! The place of counts: cells that all workers of a proxy share and change by compare-and-set.

use crate::rule::{FNV_START, fnv};
use crate::wire::ReportRow;

/// Number of cells. With at most 64 settled accounts each, a proxy keeps some 260 000 accounts.
pub const CELLS: u16 = 4_096;

/// Another worker may win a compare-and-set this often before a change is put off.
pub(crate) const TRIES: usize = 64;

/// A cell as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes; none if it was never written.
    pub bytes: Vec<u8>,
    /// Passed back when it is written.
    pub version: u32,
}

/// Shared memory of the workers of one proxy.
pub trait Ledger {
    /// Reads a cell, `0..CELLS`.
    fn read(&mut self, cell: u16) -> Stored;

    /// Writes a cell that was read in this version; `false` if another one wrote it since.
    fn write(&mut self, cell: u16, bytes: &[u8], version: u32) -> bool;

    /// Notes that a cell has something to report.
    fn touched(&mut self, cell: u16);

    /// A share was too small for a request: the next report should not wait.
    fn hurry(&mut self) {}

    /// Takes counts that lost their place in their cell; they are to be reported too.
    fn evicted(&mut self, rows: Vec<ReportRow>);
}

/// The reservation of a request under one rule, until it is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Index of the rule.
    pub(crate) rule: usize,
    pub(crate) cell: u16,
    pub(crate) subject: Vec<u8>,
    /// One for each meter of the rule, in order.
    pub(crate) amounts: Vec<HeldAmount>,
}

impl Held {
    /// Marks the reservation as given back by others.
    pub fn empty(&mut self) {
        self.amounts.iter_mut().for_each(|one| one.amount = 0);
    }
}

/// The reservation on one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldAmount {
    /// Start of the window it was reserved in.
    pub(crate) start: u64,
    /// Era it was reserved in.
    pub(crate) era: u64,
    pub(crate) amount: u64,
}

/// The cell of a subject, by its dimensions' values: rules that are kept per key find all their counts of one key in
/// one cell.
pub(crate) fn cell_of(per: usize, subject: &[u8]) -> u16 {
    let hash = fnv(fnv(FNV_START, &[u8::try_from(per).unwrap_or(u8::MAX)]), subject);
    u16::try_from((hash ^ (hash >> 32)) % u64::from(CELLS)).unwrap_or(0)
}
