//! The shell around the policy machines: contexts of streams and roots, the state of a worker, delivery to the collector. It translates
//! between a [`Host`] and the machines, and decides nothing.
//!
//! On a host with a filter in the cluster of each provider, the gate is the context in the listener, and an attempt the one in a
//! cluster. Both live in one worker, which is how an attempt finds the call of its gate.

mod attempt_context;
mod cells;
mod claims;
mod connections;
mod delivery;
mod exchange;
mod exchange_id;
mod exchanges;
mod gate_context;
mod handed_over;
mod host;
mod http_calls;
mod member;
mod metrics;
mod overdue;
mod pending_resets;
mod pending_resumes;
mod proxy_refusals;
pub mod response_flags;
mod role;
mod root;
mod shared_counters;
mod sole;
mod table;
mod worker;

pub use attempt_context::AttemptContext;
pub use gate_context::GateContext;
pub use host::{Action, Body, Capabilities, Headers, Host, HostError, HostResult, NO_ROOM, OutgoingCall, UNSUPPORTED};
pub use member::{Member, MemberHost};
pub use role::{Role, StreamContext};
pub use root::{Root, tick_streams};
pub use sole::SoleContext;
