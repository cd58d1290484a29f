//! Guardrails: detectors for prompts and answers, on whole texts and on streams.
//!
//! One pass over the bytes finds the positions at which a finding could begin, and only there detectors read on, with the checks of
//! each format. A list of regular expressions that run one after the other would cost a hundred times as much, could not
//! verify a check digit, and could not say how much of a stream it still needs. [`Guard::find`] scans a whole text;
//! a [`StreamScanner`] comes to the same verdicts on a stream, however it is cut.

mod block;
mod context;
mod find;
mod guard;
mod injection;
mod invisible;
mod kinds;
mod pattern;
mod phrases;
mod pii;
mod policies;
mod reference;
mod resolve;
mod scan;
mod secrets;
mod spec;
mod steps;
mod stream_scanner;
mod text;
mod words;

pub use guard::{Guard, InvalidSpec, Policy};
pub use kinds::{Group, KINDS, Kind, KindInfo, Proof};
pub use policies::{MAX_POLICIES, Policies};
pub use reference::reference;
pub use spec::{Action, DEFAULT_THRESHOLD, DetectorSpec, UrlSpec, resolve};
pub use stream_scanner::{Step, StreamScanner};

/// Longest word or phrase of a policy, bytes.
pub const MAX_WORD_BYTES: usize = 256;

/// Something that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// Its kind.
    pub kind: Kind,
    /// Its beginning, in bytes from the beginning of the text or stream.
    pub start: usize,
    /// Its end: the first byte that is no longer part of it.
    pub end: usize,
    /// Index of the policy that asked for it, in the order of the specs.
    pub policy: u8,
    /// Confidence, above 0 and up to 1. Only [`Kind::PromptInjection`] varies; everything else is 1.
    pub score: f32,
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a test may panic, that is how it fails")]
mod tests;
