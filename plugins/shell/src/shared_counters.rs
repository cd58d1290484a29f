//! The counts of limits and budgets: cells in the host's shared data, and the worker that speaks for its proxy.
//!
//! Each worker changes cells by compare-and-set and remembers which ones; on each tick those without the lease
//! hand their list to the one that has. A cell that is not there yet cannot be compared with, so all are made before
//! the first request: the host tries a configuration out in a VM of its own before any worker gets it.

use crate::cells::{Cells, key};
use crate::claims::{Claims, ROSTER};
use crate::host::Host;
use headgate_limits::{CELLS, FleetStatus, Process, Reporter, ReporterLease};
use headgate_policy::{Policy, Unsettled, uuid_v7};

/// Key of [`ReporterLease`] in shared data.
const LEASE: &str = "headgate.limits.seat";
/// Key of the bitmap of cells that are to be reported.
const TOUCHED: &str = "headgate.limits.touched";
/// Key that is set when all cells have been made.
const READY: &str = "headgate.limits.ready";
/// Key of the process's identity: its start, ms since the Unix epoch, 8 bytes, then its name.
const PROCESS: &str = "headgate.process";
/// A worker takes the lease from another one when it has found it free for so many of its own ticks: all workers of a process
/// that was stopped for a while find it empty, and the one that had it is to go on.
const EMPTY_TICKS: u32 = 5;
/// Another worker may win the compare-and-set this often before something waits for the next tick.
const TRIES: u32 = 8;

/// One worker's view of the counts.
#[derive(Debug)]
pub(crate) struct SharedCounters {
    pub(crate) cells: Cells,
    pub(crate) claims: Claims,
    unsettled: Vec<Unsettled>,
    reporter: Reporter,
    /// This worker's name on the lease.
    name: u64,
    holds_lease: bool,
    lease: ReporterLease,
    /// Ticks at which the lease was free, in a row.
    empty_ticks: u32,
    process: Process,
}

impl SharedCounters {
    pub(crate) fn new(host: &impl Host, node: &str, boot: &str, name: u64) -> Self {
        Self {
            cells: Cells::default(),
            claims: Claims::new(name, host.now_us() / 1_000),
            unsettled: Vec::new(),
            reporter: Reporter::new(node, boot, 0, 0),
            name,
            holds_lease: false,
            lease: ReporterLease::default(),
            empty_ticks: 0,
            process: Process::default(),
        }
    }

    /// The process of this proxy, as [`SharedCounters::prepare`] has named it.
    pub(crate) fn process(&mut self, host: &impl Host) -> &Process {
        if self.process.id.is_empty() {
            let (bytes, _) = host.shared(PROCESS);
            let (began, id) = bytes.split_at_checked(8).unwrap_or_default();
            let began_ms = began.try_into().map_or(0, u64::from_le_bytes);
            self.process = Process { id: String::from_utf8_lossy(id).into_owned(), began_ms };
            self.reporter.set_process(self.process.clone());
        }
        &self.process
    }

    /// Makes all cells, once for a proxy: also if this policy has no limits, for a later one may.
    pub(crate) fn prepare(host: &impl Host) {
        if host.shared(READY).1 != 0 {
            return;
        }
        let now_ms = host.now_us() / 1_000;
        let process = [&now_ms.to_le_bytes()[..], uuid_v7(now_ms, host.random()).as_bytes()].concat();
        if host.shared(PROCESS).0.is_empty() {
            let _ = host.set_shared(PROCESS, &process, 0);
        }
        let names = (0..CELLS).map(key).chain([LEASE, TOUCHED, ROSTER, READY].map(str::to_owned));
        for name in names {
            if host.shared(&name).1 == 0 {
                let _ = host.set_shared(&name, b"", 0);
            }
        }
    }

    /// The relation of this proxy to the others.
    pub(crate) fn fleet_status(&self, policy: &Policy, now_ms: u64) -> FleetStatus {
        match policy.collector() {
            Some((collector, _)) => {
                FleetStatus { sync_s: collector.sync_interval_ms.div_ceil(1_000), ..self.lease.fleet_status(now_ms) }
            }
            None => FleetStatus::ALONE,
        }
    }

    /// Takes what requests of a worker did.
    pub(crate) fn take_over_from(&mut self, cells: &mut Cells, unsettled: &mut Vec<Unsettled>) {
        self.cells.take_over_from(cells);
        self.unsettled.append(unsettled);
    }

    /// Takes the lease if it is free, and hands over its unreported cells if it is not.
    pub(crate) fn tick<H: Host>(&mut self, host: &H, policy: &Policy, now_ms: u64) {
        let began_ms = self.process(host).began_ms;
        if H::CAN.loses_workers {
            self.claims.look(host, began_ms, now_ms, &mut self.cells);
        }
        self.settle_again(host, policy, now_ms);
        let Some((collector, _)) = policy.collector() else {
            self.cells = Cells::default();
            return;
        };
        self.reporter.set_pace(collector.sync_interval_ms, collector.stale_after_ms);
        self.reporter.set_ending(policy.ends(began_ms));
        std::mem::take(&mut self.cells.touched).into_iter().for_each(|cell| self.reporter.touched(cell));
        self.reporter.add_evicted(std::mem::take(&mut self.cells.evicted_rows));
        if std::mem::take(&mut self.cells.hurried) {
            self.reporter.hurry();
        }
        self.take_lease(host, now_ms);
        if self.holds_lease {
            self.take_over(host);
        } else {
            self.hand_over(host);
        }
    }

    fn settle_again(&mut self, host: &impl Host, policy: &Policy, now_ms: u64) {
        let fleet_status = self.fleet_status(policy, now_ms);
        for one in std::mem::take(&mut self.unsettled) {
            self.unsettled.extend(one.settle(fleet_status, now_ms / 1_000, &mut self.cells.on(host)));
        }
    }

    fn take_lease(&mut self, host: &impl Host, now_ms: u64) {
        let (bytes, cas) = host.shared(LEASE);
        self.lease = ReporterLease::from_bytes(&bytes);
        self.empty_ticks = if self.lease.is_left(now_ms) { self.empty_ticks.saturating_add(1) } else { 0 };
        if self.lease.is_of_another(self.name) && self.empty_ticks < EMPTY_TICKS {
            self.holds_lease = false;
            return;
        }
        let claimed = self.lease.claimed(self.name, now_ms).map(|lease| self.reporter.extend_lease(lease));
        let taken = claimed.filter(|lease| host.set_shared(LEASE, &lease.to_bytes(), cas).is_ok());
        self.holds_lease = taken.is_some();
        self.lease = taken.unwrap_or(self.lease);
    }

    fn take_over(&mut self, host: &impl Host) {
        let (bitmap, cas) = host.shared(TOUCHED);
        if !bitmap.is_empty() && host.set_shared(TOUCHED, b"", cas).is_ok() {
            self.reporter.take_over(&bitmap);
        }
    }

    fn hand_over(&mut self, host: &impl Host) {
        for _ in 0..TRIES {
            let (bitmap, cas) = host.shared(TOUCHED);
            let Some(bitmap) = self.reporter.touched_onto(&bitmap) else { return };
            if host.set_shared(TOUCHED, &bitmap, cas).is_ok() {
                self.reporter.handed_over();
                return;
            }
        }
    }

    /// The report that is to be sent now.
    pub(crate) fn report(&mut self, host: &impl Host, policy: &Policy, now_ms: u64) -> Option<&[u8]> {
        let silent = policy.limits().is_empty() || !(self.holds_lease || self.reporter.has_evicted());
        if silent {
            return None;
        }
        self.reporter.report(policy.limits(), policy.revision(), self.holds_lease, &mut self.cells.on(host), now_ms)
    }

    /// Takes the outcome of the report: the answer's body, or nothing.
    pub(crate) fn reported(&mut self, host: &impl Host, policy: &Policy, answer: Option<&[u8]>, now_ms: u64) {
        let taken =
            answer.is_some_and(|body| self.reporter.answered(body, policy.limits(), &mut self.cells.on(host), now_ms));
        if !taken {
            self.reporter.failed(now_ms);
        }
        if self.holds_lease {
            self.take_lease(host, now_ms);
        }
    }
}
