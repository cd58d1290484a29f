//! The one table of the gateway's own rejections: status, type, code and message.
//!
//! SDKs turn these into exception classes, and decide by them whether to retry. So each case is the same as OpenAI's or
//! Anthropic's own, with a message that names the gateway, the policy and the remedy. None contains a byte of a body or a
//! credential; a model's name only if it has the form of one.

mod body;
mod message;
mod rejection;
mod row;

pub use body::error_event;
pub use rejection::{LimitReached, LimitScope, Rejection};
