//! The policy: its compiled document, and the two machines that string the stages together.
//!
//! [`Gate`] sees a client's request once; [`Attempt`] sees each try at a provider. Both are pure: events and time go
//! in through their methods, [`Effect`]s come out, and nothing here knows a proxy, a clock, a random source or a
//! logger. So the same machines run inside Envoy, in native tests, and wherever else a policy is to be tried out. The
//! gate owns the [`Call`], and each method of an attempt borrows it: an attempt needs the facts that the gate read, and the
//! record those that the attempts saw.

mod attempt;
mod call;
mod client;
mod credentials;
pub mod document;
mod effect;
mod fingerprint;
mod gate;
mod guard;
mod header_view;
mod headers;
mod id;
mod identity;
mod memory;
mod policy;
mod price;
mod request_env;
mod secret;
mod status;
mod trace;

pub use attempt::{Attempt, AttemptEnd};
pub use call::{Call, Timestamp};
pub use credentials::is_credential_header;
pub use effect::{Effect, Effects, HttpCall, Reply};
pub use gate::{Closing, Disconnect, Flow, Gate, ProxyAnswer, RecordSeq, ReplayedEnd, TargetOut, TargetState};
pub use guard::RequestFinding;
pub use header_view::HeaderView;
pub use headers::RETRY_HEADER;
pub use id::{RequestId, uuid_v7};
pub use memory::{Memory, can_allocate};
pub use policy::{LoadError, Policy};
pub use request_env::{RequestEnv, Unsettled};

pub use headgate_routing::{Cooldowns, TargetKey};
