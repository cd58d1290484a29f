//! The request record: what is kept of one client request, and nothing else.
//!
//! Metadata-only is a property of these types, not of a switch: no field can hold a prompt, an answer, a header or a
//! credential. The filter writes these types and the collector reads the very same ones, refusing unknown fields, so
//! the two cannot drift. Names follow the OpenTelemetry GenAI conventions where they exist; `otel.json` beside this
//! crate is the one mapping.

mod batch;
mod heartbeat;
mod outbox;
mod record;

pub use batch::{Acknowledgement, Batch, INGEST_PATH, Refusal};
pub use heartbeat::{HEARTBEAT_PATH, Heartbeat};
pub use outbox::{Delivery, Outbox, OutboxLimits, PendingBatch};
pub use record::*;
