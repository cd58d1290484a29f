//! A successful answer on its way through, whatever it says its format is.
//!
//! Providers send streams as `text/plain`, JSON as `text/event-stream`, and either without any content type. What an
//! answer used decides about money, so the format is told from its first bytes, and what cannot be read is counted.

use crate::stream::{Passage, StreamReader};
use crate::surface::Surface;
use crate::usage::{AnswerFacts, ModelTokens, Reading, Tokens, UsageScan};

/// What was seen of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerReading {
    /// What its usage objects tell together.
    pub usage: Option<Tokens>,
    /// What the beginning of a message told whose end did not come.
    pub begun: Option<Tokens>,
    /// The parts of the usage that other models account for.
    pub other_models: Vec<ModelTokens>,
    /// Something stood where a count belongs that is none.
    pub flawed: bool,
    /// How it ended, as the provider says.
    pub finish_reason: Option<String>,
    /// What it says about itself.
    pub facts: AnswerFacts,
    /// Whether it carried an `error` object.
    pub error: bool,
    /// Bytes of generated text, as written.
    pub output_text_bytes: u64,
    /// Bytes in which text may stand that could not be read.
    pub unreadable_bytes: u64,
}

/// What a running stream has told so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// What the beginning of a message told.
    pub begun: Option<Tokens>,
    /// Bytes of generated text, as written.
    pub output_text_bytes: u64,
    /// Whether it has said how it ends.
    pub ends: bool,
}

#[derive(Debug)]
enum Format {
    /// Nothing but whitespace came.
    Unknown,
    Json(UsageScan),
    Stream(StreamReader),
}

/// See the module's text.
#[derive(Debug)]
pub struct AnswerReader {
    surface: Surface,
    hide_usage: bool,
    declared_stream: bool,
    format: Format,
    bytes: u64,
}

impl AnswerReader {
    /// For an answer of `surface`. `declared_stream` says that its content type is that of an event stream; with
    /// `hide_usage` the event of a stream that tells nothing but the usage is taken out.
    #[must_use]
    pub fn new(surface: Surface, declared_stream: bool, hide_usage: bool) -> Self {
        Self { surface, hide_usage, declared_stream, format: Format::Unknown, bytes: 0 }
    }

    /// Reads a chunk and says what to send on. At `end_of_stream` whatever was held back is let go.
    pub fn push(&mut self, chunk: &[u8], end_of_stream: bool) -> Passage {
        self.bytes = self.bytes.saturating_add(chunk.len() as u64);
        if !matches!(self.format, Format::Unknown) {
            return self.read(chunk, end_of_stream);
        }
        let Some(at) = chunk.iter().position(|byte| !is_padding(*byte)) else { return Passage::AsIs };
        let (padding, answer) = chunk.split_at_checked(at).unwrap_or_default();
        self.format = self.format_of(answer.first().copied().unwrap_or_default());
        match self.read(answer, end_of_stream) {
            Passage::AsIs => Passage::AsIs,
            Passage::Replace(rest) => Passage::Replace([padding, &rest].concat()),
        }
    }

    /// What was seen so far; call it when the answer is over.
    #[must_use]
    pub fn reading(&self) -> AnswerReading {
        match &self.format {
            Format::Unknown => AnswerReading::default(),
            Format::Json(scan) => self.of_document(scan.finish()),
            Format::Stream(reader) => self.of_stream(reader),
        }
    }

    /// What a stream has told so far; none of an answer that is no stream.
    #[must_use]
    pub fn progress(&self) -> Option<(Progress, &AnswerFacts)> {
        match &self.format {
            Format::Stream(reader) => Some((reader.progress(), reader.facts())),
            _ => None,
        }
    }

    fn read(&mut self, chunk: &[u8], end_of_stream: bool) -> Passage {
        match &mut self.format {
            Format::Unknown => Passage::AsIs,
            Format::Json(scan) => {
                scan.push(chunk);
                Passage::AsIs
            }
            Format::Stream(reader) => reader.push(chunk, end_of_stream),
        }
    }

    /// A document begins with a bracket. Else it is a stream if it says so, or begins like the name of one's field or
    /// like a comment.
    fn format_of(&self, first: u8) -> Format {
        let is_stream = self.declared_stream || b"deir:".contains(&first);
        match first {
            b'{' | b'[' => Format::Json(UsageScan::new(self.surface.dialect())),
            _ if is_stream => Format::Stream(StreamReader::new(self.surface, self.hide_usage)),
            _ => Format::Json(UsageScan::new(self.surface.dialect())),
        }
    }

    fn of_document(&self, reading: Reading) -> AnswerReading {
        let lost = !reading.understood || reading.lost;
        AnswerReading { unreadable_bytes: if lost { self.bytes } else { 0 }, ..AnswerReading::of(reading) }
    }

    fn of_stream(&self, reader: &StreamReader) -> AnswerReading {
        let (reading, undecipherable) = reader.finish();
        let unreadable_bytes = if reading.understood { undecipherable } else { self.bytes };
        AnswerReading { unreadable_bytes, ..AnswerReading::of(reading) }
    }
}

impl AnswerReading {
    fn of(reading: Reading) -> Self {
        Self {
            usage: reading.usage,
            begun: reading.begun,
            other_models: reading.other_models,
            flawed: reading.flawed,
            finish_reason: reading.finish_reason,
            facts: reading.facts,
            error: reading.error,
            output_text_bytes: reading.output_text_bytes,
            unreadable_bytes: 0,
        }
    }
}

/// Whitespace, or a byte of a byte order mark.
fn is_padding(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF)
}
