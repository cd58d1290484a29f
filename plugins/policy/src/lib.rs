//! The policy: its compiled document, and the two machines that string the stages together.
//!
//! [`Gate`] sees a client's request once; [`Attempt`] sees each try at a provider. Both are pure: events and time go
//! in through their methods, [`Effect`]s come out, and nothing here knows a proxy, a clock, a random source or a
//! logger. So the same machines run inside Envoy, in native tests, and wherever else a policy is to be tried out. The
//! two share one [`Call`], because an attempt needs what the gate read, and the record needs what the attempts saw.

mod attempt;
mod call;
mod client;
mod credentials;
pub mod document;
mod effect;
mod fingerprint;
mod gate;
mod guard;
mod head;
mod id;
mod lent;
mod memory;
mod policy;
mod price;

pub use attempt::{Attempt, AttemptEnd};
pub use call::{Call, CallRef, Moment};
pub use effect::{Effect, Effects, HttpCall, Reply};
pub use gate::{EndSigns, Flow, Gate, Number};
pub use head::Head;
pub use id::{RequestId, uuid_v7};
pub use lent::{Lent, Unsettled};
pub use memory::{Memory, can_allocate};
pub use policy::{LoadError, Policy};

pub use headgate_routing::{Cooldowns, TargetKey};
