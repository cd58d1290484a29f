//! Limits and budgets: decided in the proxy at once, and true for the whole fleet.
//!
//! Three things make counters in a proxy wrong: each worker counts for itself, each proxy counts for itself, and a
//! request is counted when it is over, when the next ones are in already. So counts live in cells that all workers of
//! a proxy share and change by compare-and-set ([`Ledger`]); an estimate is reserved at admission and settled with the
//! real use ([`Rules::admit`], [`Rules::settle`]); and proxies report to the collector, which answers with the
//! fleet's totals and the share of the rest that each may use before it reports again ([`Reporter`], [`Fleet`]).
//!
//! All of it is pure: time is an argument, cells are read and written through a trait, reports are bytes.

mod admit;
mod cell;
mod claims;
mod counter;
mod counts;
mod estimate;
mod eviction;
mod fleet;
mod ledger;
mod open_account;
mod period;
mod reporter;
mod reporter_lease;
mod rule;
mod settle;
mod shares;
mod wire;

pub use admit::{Admission, Note, Quota, Quotas, Refusal, Why};
pub use claims::{Dead, Looker, Roster, give_back_claim};
pub use counter::FleetStatus;
pub use counts::Count;
pub use estimate::OutputEstimates;
pub use fleet::{Fleet, Heard, Total, Totals, Windows};
pub use ledger::{CELLS, Held, Ledger, Stored};
pub use period::{Period, Window, Zone};
pub use reporter::{MAX_ROWS, Process, Reporter};
pub use reporter_lease::ReporterLease;
pub use rule::{
    Amounts, Condition, Dimension, Facts, Kind, MAX_SUBJECT_BYTES, Meter, Rule, RuleFault, Rules, Unit, WhenUnreachable,
};
pub use settle::Settlement;
pub use shares::{Counted, Grant, SHARE_TTL_MS, Shares};
pub use wire::{Reply, ReplyRow, Report, ReportRow, SYNC_PATH, SYNC_SCHEMA};
