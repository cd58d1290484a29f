//! The counts of limits and budgets: cells in the host's shared data, and the worker that speaks for its proxy.
//!
//! Each worker changes cells by compare-and-set and remembers which ones; on each tick those that do not have the seat
//! hand their list to the one that has. A cell that is not there yet cannot be compared with, so all are made before
//! the first request: the host tries a configuration out in a VM of its own before any worker gets it.

use crate::host;
use headgate_limits::{CELLS, Ledger, Means, ReportRow, Reporter, Seat, Standing, Stored};
use headgate_policy::{Policy, Unsettled};
use std::collections::BTreeSet;

/// Key of [`Seat`] in shared data.
const SEAT: &str = "headgate.limits.seat";
/// Key of the bitmap of cells that are to be reported.
const TOUCHED: &str = "headgate.limits.touched";
/// Key that is set when all cells have been made.
const READY: &str = "headgate.limits.ready";
/// Another worker may win the compare-and-set this often before something waits for the next tick.
const TRIES: u32 = 8;

/// The cells, as one worker sees them.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    touched: BTreeSet<u16>,
    strays: Vec<ReportRow>,
    hurried: bool,
}

fn key(cell: u16) -> String {
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

    fn stray(&mut self, rows: Vec<ReportRow>) {
        self.strays.extend(rows);
    }
}

/// What one worker knows of counts.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) cells: Cells,
    pub(crate) means: Means,
    pub(crate) unsettled: Vec<Unsettled>,
    reporter: Reporter,
    /// This worker's name on the seat.
    name: u64,
    seated: bool,
    seat: Seat,
}

impl Counts {
    pub(crate) fn new(node: &str, boot: &str, name: u64) -> Self {
        Self {
            cells: Cells::default(),
            means: Means::default(),
            unsettled: Vec::new(),
            reporter: Reporter::new(node, boot, 0, 0),
            name,
            seated: false,
            seat: Seat::default(),
        }
    }

    /// Makes all cells, once for a proxy.
    pub(crate) fn prepare(policy: &Policy) {
        if policy.limits().is_empty() || !host::shared_data(READY).0.is_empty() {
            return;
        }
        for cell in 0..CELLS {
            let key = key(cell);
            if host::shared_data(&key).1 == 0 {
                let _ = host::set_shared_data(&key, b"", 0);
            }
        }
        for key in [SEAT, TOUCHED] {
            let _ = host::set_shared_data(key, b"", 0);
        }
        let _ = host::set_shared_data(READY, b"1", 0);
    }

    /// How this proxy stands to the others.
    pub(crate) fn standing(&self, policy: &Policy, now_ms: u64) -> Standing {
        if policy.collector().is_some() { self.seat.standing(now_ms) } else { Standing::ALONE }
    }

    /// Takes the seat if it is free, and hands over what is to be reported if it is not.
    pub(crate) fn tick(&mut self, policy: &Policy, now_ms: u64) {
        self.settle_again(policy, now_ms);
        let Some((collector, _)) = policy.collector() else {
            self.cells = Cells::default();
            return;
        };
        self.reporter.set_pace(collector.sync_interval_ms, collector.stale_after_ms);
        std::mem::take(&mut self.cells.touched).into_iter().for_each(|cell| self.reporter.touched(cell));
        self.reporter.add_strays(std::mem::take(&mut self.cells.strays));
        if std::mem::take(&mut self.cells.hurried) {
            self.reporter.hurry();
        }
        self.take_seat(now_ms);
        if self.seated {
            self.take_over();
        } else {
            self.hand_over();
        }
    }

    fn settle_again(&mut self, policy: &Policy, now_ms: u64) {
        let standing = self.standing(policy, now_ms);
        for one in std::mem::take(&mut self.unsettled) {
            self.unsettled.extend(one.settle(standing, now_ms / 1_000, &mut self.cells));
        }
    }

    fn take_seat(&mut self, now_ms: u64) {
        let (bytes, cas) = host::shared_data(SEAT);
        self.seat = Seat::from_bytes(&bytes);
        let claimed = self.seat.claimed(self.name, now_ms).map(|seat| self.reporter.seated(seat));
        let taken = claimed.filter(|seat| host::set_shared_data(SEAT, &seat.to_bytes(), cas).is_ok());
        self.seated = taken.is_some();
        self.seat = taken.unwrap_or(self.seat);
    }

    fn take_over(&mut self) {
        let (bitmap, cas) = host::shared_data(TOUCHED);
        if !bitmap.is_empty() && host::set_shared_data(TOUCHED, b"", cas).is_ok() {
            self.reporter.take_over(&bitmap);
        }
    }

    fn hand_over(&mut self) {
        for _ in 0..TRIES {
            let (bitmap, cas) = host::shared_data(TOUCHED);
            let Some(bitmap) = self.reporter.touched_onto(&bitmap) else { return };
            if host::set_shared_data(TOUCHED, &bitmap, cas).is_ok() {
                self.reporter.handed_over();
                return;
            }
        }
    }

    /// The report that is to be sent now.
    pub(crate) fn report(&mut self, policy: &Policy, now_ms: u64) -> Option<&[u8]> {
        let silent = policy.limits().is_empty() || !(self.seated || self.reporter.has_strays());
        if silent {
            return None;
        }
        self.reporter.report(policy.limits(), policy.revision(), self.seated, &mut self.cells, now_ms)
    }

    /// What became of the report: the answer's body, or nothing.
    pub(crate) fn reported(&mut self, policy: &Policy, answer: Option<&[u8]>, now_ms: u64) {
        let taken = answer.is_some_and(|body| self.reporter.answered(body, policy.limits(), &mut self.cells, now_ms));
        if !taken {
            self.reporter.failed(now_ms);
        }
        if self.seated {
            self.take_seat(now_ms);
        }
    }
}
