//! Reads a successful answer while it passes, whatever content type it declares.
//!
//! Providers send streams as `text/plain`, JSON as `text/event-stream`, and either without a content type. The usage of
//! an answer decides its cost, so the format is detected from its first bytes, and bytes that cannot be read are counted.

use crate::stream::{Passage, StreamProgress, StreamReader};
use crate::surface::Surface;
use crate::usage::{AnswerFacts, ModelTokens, Reading, Tokens, UsageScan};

/// The facts of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerReading {
    /// The sum of its usage objects.
    pub usage: Option<Tokens>,
    /// The usage at the beginning of a message that has no end.
    pub begun: Option<Tokens>,
    /// The parts of the usage that belong to other models.
    pub other_models: Vec<ModelTokens>,
    /// Whether a count was not a valid number.
    pub flawed: bool,
    /// The provider's reason for its end.
    pub finish_reason: Option<String>,
    /// Model, tier and speed that it names.
    pub facts: AnswerFacts,
    /// Whether it contained an `error` object.
    pub error: bool,
    /// Bytes of generated text, as written.
    pub output_text_bytes: u64,
    /// Bytes that could contain text but could not be read.
    pub unreadable_bytes: u64,
}

#[derive(Debug)]
enum Format {
    /// Only whitespace so far.
    Unknown,
    Json(UsageScan),
    Stream(StreamReader),
}

/// Reads one answer.
#[derive(Debug)]
pub struct AnswerReader {
    surface: Surface,
    hide_usage: bool,
    declared_stream: bool,
    format: Format,
    bytes: u64,
}

impl AnswerReader {
    /// Returns a reader for an answer of `surface`. `declared_stream`: the content type is that of an event stream.
    /// `hide_usage`: an event of a stream with only the usage is removed.
    #[must_use]
    pub fn new(surface: Surface, declared_stream: bool, hide_usage: bool) -> Self {
        Self { surface, hide_usage, declared_stream, format: Format::Unknown, bytes: 0 }
    }

    /// Reads a chunk and returns the bytes to send. At `end_of_stream`, held bytes are released.
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

    /// Takes the facts, once, at the end of the answer.
    #[must_use]
    pub fn reading(&mut self) -> AnswerReading {
        match &mut self.format {
            Format::Unknown => AnswerReading::default(),
            Format::Json(scan) => of_document(scan.take(), self.bytes),
            Format::Stream(reader) => of_stream(reader, self.bytes),
        }
    }

    /// Returns the facts of a stream so far, and none for other answers.
    #[must_use]
    pub fn progress(&self) -> Option<(StreamProgress, &AnswerFacts)> {
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

    /// Returns the format by the first byte. A document begins with a bracket. Otherwise it is a stream if it declares so,
    /// or if it begins like a field's name or a comment.
    fn format_of(&self, first: u8) -> Format {
        let is_stream = self.declared_stream || b"deir:".contains(&first);
        match first {
            b'{' | b'[' => Format::Json(UsageScan::new(self.surface.dialect())),
            _ if is_stream => Format::Stream(StreamReader::new(self.surface, self.hide_usage)),
            _ => Format::Json(UsageScan::new(self.surface.dialect())),
        }
    }
}

/// Returns the facts of a document of so many bytes.
fn of_document(reading: Reading, bytes: u64) -> AnswerReading {
    let lost = !reading.understood || reading.lost;
    AnswerReading { unreadable_bytes: if lost { bytes } else { 0 }, ..AnswerReading::of(reading) }
}

/// The same of a stream.
fn of_stream(reader: &mut StreamReader, bytes: u64) -> AnswerReading {
    let (reading, undecipherable) = reader.take();
    let unreadable_bytes = if reading.understood { undecipherable } else { bytes };
    AnswerReading { unreadable_bytes, ..AnswerReading::of(reading) }
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

/// Returns whether this is whitespace, or a byte of a byte order mark.
fn is_padding(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF)
}
