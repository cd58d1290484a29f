//! The request record: the metadata that is stored of one client request.
//!
//! Metadata-only is a property of these types, not of a switch: no field can hold a prompt, an answer, a header or a
//! credential. The filter writes these types, and the collector reads the same ones and refuses unknown fields, so the
//! two cannot drift. Names follow the OpenTelemetry GenAI conventions where they exist; `otel.json` beside this crate
//! is the one mapping.

mod attempt;
mod batch;
mod caller;
mod decision;
mod heartbeat;
mod json_object;
mod outbox;
mod payload;
mod record;
mod usage;
mod vocabulary;

pub use attempt::{AttemptError, AttemptKind, AttemptRecord};
pub use batch::{Acknowledgement, Batch, INGEST_PATH, LINES_PATH, Refusal};
pub use caller::{CallerIdentity, ClientContext, KnownBy, RequestSource, RiskClass};
pub use decision::{Decision, Direction, Verdict};
pub use heartbeat::{HEARTBEAT_PATH, Heartbeat, ProxyRefusal};
pub use json_object::JsonObject;
pub use outbox::{Delivery, Outbox, OutboxLimits, PendingBatch};
pub use payload::{PayloadFacts, PayloadMode};
pub use record::{EndedBy, RejectedBy, RequestRecord, SCHEMA, ServedBy};
pub use usage::{Cost, EstimateReason, ModelUsage, Usage, UsageSource};
