//! One LLM call as data: the surface, the contents of the request, and the usage of the answer.
//!
//! A proxy filter sees bytes, on the hot path of every request, inside a small VM. A document tree would cost more than
//! the rest of the gateway, and would not give back the client's bytes. So this crate makes one validating pass over a
//! request that copies only the model's name, splices that leave every other byte as it is, and push scanners that
//! follow a response in any pieces. No I/O, no clock, no logger.

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
mod text_fields;
mod usage;
mod word;

pub use answer::{AnswerReader, AnswerReading};
pub use errors::{LimitReached, LimitScope, Rejection, error_event};
pub use json::{JsonErrorKind, StringSpans};
pub use models::{write_model, write_models};
pub use opening::{Opened, Opening, ProviderFault, error_status};
pub use request::{
    Field, MAX_MODEL_BYTES, RequestScan, ScanError, ScanErrorKind, UsageAsk, scan_request, scan_request_and_strings,
};
pub use rewrite::{Splice, Splices, rewrite};
pub use sse::{Part, SseParser, Step};
pub use stream::{HOLD_LIMIT, Passage, StreamProgress, StreamReader, StreamReading};
pub use surface::{Dialect, Endpoint, Surface, endpoint, endpoint_below, model_id};
pub use text_fields::{
    BodyItem, Edit, EscapeMap, Examine, GuardedStream, Halt, TextKey, Texts, UnescapedBytes, UnescapedText,
    WrittenText, answer_texts, request_texts, visit_answer, visit_request, visit_scanned_request,
};
pub use usage::{AnswerFacts, ModelTokens, Reading, Tokens, UsageScan};
pub use word::is_model_name;
