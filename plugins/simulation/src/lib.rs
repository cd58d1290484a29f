//! Plays requests against a policy: no proxy, no network, no clock.
//!
//! A case has a client's request, the behaviour of each provider, and the expected outcome. [`World::play`] plays the proxy
//! between Gate and Attempt in the way Envoy does. The case files of the tests, `headgate test`, `headgate explain` and the page
//! that tries a policy in the browser all run this code.

mod acts;
mod ask;
mod case;
mod chunks;
mod compare;
mod memory;
mod outcome;
mod play;
mod recorded;
mod replay;
mod step;
mod trace;
mod tries;
mod words;
mod worker;
mod world;

pub use acts::Acts;
pub use ask::Ask;
pub use case::{Case, CheckAct, Expect, ExpectOnApisix, ExpectUpstream, Failure, ProviderAct, Request};
pub use compare::{Difference, PathStep, compare};
pub use memory::Memory;
pub use outcome::{Outcome, Upstream};
pub use play::{AtClose, Play, Split};
pub use replay::{MAX_RECORDS, Replay};
pub use step::{CountRow, CountedWhen, FindingRow, Step, TargetRow, TimedStep};
pub use words::words;
pub use worker::made_up_key;
pub use world::{DEFAULT_AT, World, load, with_made_up_keys};
