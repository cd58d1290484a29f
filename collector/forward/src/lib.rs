//! Forwarders deliver both logs to the systems that a company already runs.
//!
//! The log is the queue: each forwarder has a cursor in the database, and nothing waits in memory but the batch that is under
//! way. Entries arrive at least once, and in the order of the log. Ingest never waits for a receiver.

mod batch;
pub mod cursor;
pub mod dead_letters;
mod event;
mod format;
mod metrics;
mod retry;
mod service;
mod settings;
mod transport;
mod verdict;
mod wire;
mod worker;

pub use dead_letters::DeadLetter;
pub use event::Event;
pub use format::object;
pub use metrics::ForwardMetrics;
pub use service::Forwarders;
pub use settings::{Archive, DEFAULT_ACK_TIMEOUT, Encoding, Format, Kind, Secret, Semconv, Settings, Signal, Start};
pub use verdict::{Fault, Verdict};
