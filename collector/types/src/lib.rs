//! Types that the crates of the collector share: entries of both logs, actors and senders, the rules of retention, and the
//! validation of input. Nothing here reads or writes a database.

pub mod audit;
pub mod clock;
mod leaf_hash;
mod log;
mod outcome;
pub mod retention;
mod role;
mod sender;
mod stored_entry;
pub mod validate;
mod visible;

pub use leaf_hash::{LeafHash, leaf_hash};
pub use log::Log;
pub use outcome::RequestOutcome;
pub use role::Role;
pub use sender::Sender;
pub use stored_entry::StoredEntry;
pub use visible::visible;
