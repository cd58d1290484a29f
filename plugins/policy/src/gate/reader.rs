//! Reads an answer as it passes: its usage, its end, its errors, and its fingerprint.

use crate::call::Call;
use crate::fingerprint::Fingerprint;
use headgate_exchange::{AnswerFacts, AnswerReader, ModelTokens, Passage, StreamProgress, Surface, Tokens, UsageScan};

/// Reads usage off the response as it passes.
#[derive(Debug)]
pub(super) enum Reader {
    /// There is nothing to read, or it is compressed.
    None,
    /// A successful answer.
    Answer(Box<AnswerReader>, Option<Fingerprint>),
    /// A provider's refusal: it used nothing, but it may say why.
    Error(Box<UsageScan>),
}

/// Whether a stream brings a usage event that was asked for on the client's behalf.
pub(super) fn hides_usage(call: &Call) -> bool {
    let asked = call.served_try().is_some_and(|one| call.asks_for_usage(one.step));
    asked && call.scan.as_ref().is_some_and(|scan| scan.stream && !scan.client_wants_usage())
}

/// Returns the reader for an answer with this status.
pub(super) fn reader(call: &Call, encoded: bool, event_stream: bool, status: u16) -> Reader {
    let surface = call.surface.unwrap_or(Surface::ChatCompletions);
    if encoded {
        return Reader::None;
    }
    if !(200..300).contains(&status) {
        return Reader::Error(Box::new(UsageScan::new(surface.dialect())));
    }
    let reader = AnswerReader::new(surface, event_stream, hides_usage(call));
    Reader::Answer(Box::new(reader), call.policy.fingerprint.clone())
}

impl Reader {
    pub(super) fn read(&mut self, chunk: &[u8], last: bool) -> Passage {
        match self {
            Self::None => Passage::AsIs,
            Self::Error(scan) => {
                scan.push(chunk);
                Passage::AsIs
            }
            Self::Answer(reader, fingerprint) => {
                update(fingerprint, chunk);
                reader.push(chunk, last)
            }
        }
    }

    /// Returns the progress of a stream.
    pub(super) fn stream(&self) -> Option<(StreamProgress, &AnswerFacts)> {
        match self {
            Self::Answer(reader, _) => reader.progress(),
            _ => None,
        }
    }

    /// Returns the facts that were read of an answer of so many bytes.
    pub(super) fn finish(&mut self, answer_bytes: u64) -> Seen {
        match std::mem::replace(self, Self::None) {
            Self::None => Seen { unreadable_bytes: answer_bytes, answer_bytes, ..Seen::default() },
            Self::Error(scan) => Seen {
                facts: AnswerFacts { error: scan.finish().facts.error, ..AnswerFacts::default() },
                ..Seen::default()
            },
            Self::Answer(mut reader, fingerprint) => {
                let read = reader.reading();
                Seen {
                    usage: read.usage,
                    begun: read.begun,
                    other_models: read.other_models,
                    flawed: read.flawed,
                    finish_reason: read.finish_reason,
                    facts: read.facts,
                    output_text_bytes: read.output_text_bytes,
                    unreadable_bytes: read.unreadable_bytes,
                    answer_bytes,
                    error: read.error,
                    fingerprint: fingerprint.map(Fingerprint::finish),
                }
            }
        }
    }
}

/// Facts that were read of an answer.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) usage: Option<Tokens>,
    pub(super) begun: Option<Tokens>,
    pub(super) finish_reason: Option<String>,
    pub(super) output_text_bytes: u64,
    pub(super) facts: AnswerFacts,
    pub(super) other_models: Vec<ModelTokens>,
    /// Something stood where a count belongs that is none.
    pub(super) flawed: bool,
    /// Bytes in which text may stand that could not be read.
    pub(super) unreadable_bytes: u64,
    /// All bytes of its body.
    pub(super) answer_bytes: u64,
    /// It reported an error.
    pub(super) error: bool,
    pub(super) fingerprint: Option<String>,
}

fn update(fingerprint: &mut Option<Fingerprint>, chunk: &[u8]) {
    if let Some(fingerprint) = fingerprint {
        fingerprint.update(chunk);
    }
}
