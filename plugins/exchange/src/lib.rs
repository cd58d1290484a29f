//! One LLM call as data: which API was called, what the request asks for, what the answer cost.
//!
//! A proxy filter sees bytes, and it sees them on the hot path of every request, inside a small VM. A document tree
//! would cost more than the rest of the gateway, and would not give back the client's bytes. So this crate reads:
//! one validating pass over a request that copies nothing but the model's name, splices that leave every other byte
//! alone, and push scanners that follow a response in whatever pieces it comes. No I/O, no clock, no logger.

mod answer;
mod errors;
mod json;
mod models;
mod opening;
mod request;
mod rewrite;
mod sse;
mod stream;
mod surface;
mod texts;
mod usage;
mod word;

pub use answer::{AnswerReader, AnswerReading, Progress};
pub use errors::{LimitReached, LimitScope, Rejection, error_event};
pub use json::Flaw;
pub use models::{write_model, write_models};
pub use opening::{Opened, Opening, ProviderFault, error_status};
pub use request::{Field, MAX_MODEL_BYTES, RequestScan, ScanError, ScanErrorKind, UsageAsk, scan_request};
pub use rewrite::{Splice, Splices, rewrite};
pub use sse::{Part, SseParser, Step};
pub use stream::{HOLD_LIMIT, Passage, StreamReader, StreamReading};
pub use surface::{Dialect, Endpoint, Surface, endpoint, model_id};
pub use texts::{
    Edit, Examine, GuardedStream, Halt, Seen, Spelled, Spelling, TextKey, Texts, WrittenText, answer_texts,
    request_texts, visit_answer, visit_request,
};
pub use usage::{AnswerFacts, ModelTokens, Reading, Tokens, UsageScan};
pub use word::is_model_name;
