//! Guardrails: what is in a text that should not be there, in prompts and answers, on whole texts and on streams.
//!
//! One pass over the bytes finds where something could begin; only there detectors look closer, with the checks that
//! the formats have. A list of regular expressions run one after the other would cost a hundred times as much, could not
//! check a check digit, and could not say how much of a stream it still needs. [`Guard::find`] looks at a whole text;
//! a [`Window`] comes to the same verdicts on a stream, however it is cut.

mod guard;
mod injection;
mod invisible;
mod kinds;
mod look;
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
mod text;
mod window;
mod words;

pub use guard::{Guard, InvalidSpec, Policy};
pub use kinds::{Group, KINDS, Kind, KindInfo, Proof};
pub use policies::{MAX_POLICIES, Policies};
pub use reference::reference;
pub use spec::{Action, DEFAULT_THRESHOLD, DetectorSpec, UrlSpec, resolve};
pub use window::{Step, Window};

/// Longest word or phrase of a policy, bytes.
pub const MAX_WORD_BYTES: usize = 256;

/// Something that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// Where it begins, in bytes from the beginning of the text or stream.
    pub start: usize,
    /// Where it ends: the first byte that is no longer part of it.
    pub end: usize,
    /// Index of the policy that asked for it, in the order of the specs.
    pub policy: u8,
    /// How sure it is, above 0 and up to 1. Only [`Kind::PromptInjection`] varies; everything else is 1.
    pub score: f32,
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a test may panic, that is how it fails")]
mod tests;
