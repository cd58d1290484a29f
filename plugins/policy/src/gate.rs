//! One client request, seen from the listener: admitted, planned, answered and put on record.

mod account;
mod admit;
mod answer;
mod aside;
mod close;
mod guard;
mod guarding;
mod limit;
mod memory;
mod reader;
mod record;
mod redactions;
mod reject;
mod state;
mod unseen;

pub use close::{Disconnect, RecordSeq};
pub use state::{Flow, Gate};
