//! State of the guardrails of one exchange: the request's findings, and the way in which the answer is guarded.

use crate::guard::{AnswerGuard, Placeholders, Tally};
use headgate_exchange::{GuardedStream, StringSpans};
use headgate_guardrails::Policies;

/// The state of the guardrails of one exchange.
#[derive(Debug, Default)]
pub(super) struct Guarding {
    /// Strings of the body that the scan has noted. A request that waits does not keep them; they only save time.
    pub(super) strings: StringSpans,
    /// Those that look at the answer.
    pub(super) answer: Policies,
    pub(super) placeholders: Placeholders,
    pub(super) tally: Tally,
    /// Bytes of the originals that the answer may need.
    pub(super) kept_bytes: u64,
    /// External checks without an answer yet.
    pub(super) pending_checks: Vec<u8>,
    pub(super) mode: GuardMode,
}

/// The guarding of the answer.
#[derive(Debug, Default)]
pub(super) enum GuardMode {
    /// Not at all.
    #[default]
    Open,
    /// It is held until it is whole.
    Whole(Box<AnswerGuard>),
    /// As it passes.
    Stream(Box<(GuardedStream, AnswerGuard)>),
}
