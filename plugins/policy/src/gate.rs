//! One client request, seen from the listener: admitted, planned, answered and put on record.

mod access_log;
mod account;
mod admit;
mod answer;
mod aside;
mod close;
mod delegated;
mod direct;
mod explain;
mod facts;
mod guard;
mod guarding;
mod identify;
mod limit;
mod memory;
mod proxied;
mod proxied_answer;
mod reader;
mod record;
mod redactions;
mod reject;
mod replay;
mod share;
mod state;
mod unseen;

pub use close::{Closing, Disconnect, RecordSeq};
pub use explain::{TargetOut, TargetState};
pub use proxied_answer::ProxyAnswer;
pub use replay::ReplayedEnd;
pub use state::{Flow, Gate};
