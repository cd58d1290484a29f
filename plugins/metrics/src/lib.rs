//! Metrics of the proxy: the facts of a finished request in, updates of counters and histograms out.
//!
//! The host knows a metric by a number, which it gives for a name, and a name has no labels of its own. So the labels are
//! written into the name, and the host's configuration takes them out again: [`label_pattern`] is the expression for each.
//! Values of labels are names of the policy and closed words, never a text of a client, and their number is bounded.

mod facts;
mod family;
mod name;
mod queue;
mod registry;

pub use facts::RequestFacts;
pub use family::{Family, Kind, labels};
pub use name::label_pattern;
pub use queue::Queues;
pub use registry::{HostMetric, MAX_SERIES, Registry, Update};
