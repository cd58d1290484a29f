//! Reads a streamed answer while it passes, and removes the usage event that the client did not ask for.
//!
//! A provider reports the usage of a stream only on request, in an extra event at the end, which a client that did not
//! ask for it may not expect. So that event is removed whole. To recognise it, an event must be complete, so the bytes of
//! an unfinished event are held: at most 64 KiB, and only until the event shows that it is another one.

use crate::sse::{Part, SseParser};
use crate::surface::Surface;
use crate::usage::{AnswerFacts, Reading, Tokens, UsageScan};

/// Largest number of bytes of an unfinished event that are held; a larger event passes unchanged.
pub const HOLD_LIMIT: usize = 64 << 10;

const DONE: &[u8] = b"[DONE]";

/// The bytes to send in place of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// The chunk as it is.
    AsIs,
    /// These bytes; if empty, nothing for now.
    Replace(Vec<u8>),
}

/// The facts of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamReading {
    /// The last usage of any event; of a message, the sum of its events.
    pub usage: Option<Tokens>,
    /// The usage at the beginning of a message without an end: its input counts, and a part of its output.
    pub begun: Option<Tokens>,
    /// The last `finish_reason` of the choice with index 0, or `stop_reason` of the message.
    pub finish_reason: Option<String>,
    /// Bytes of generated text over all events, as written.
    pub output_text_bytes: u64,
    /// Whether any event carried an `error` object.
    pub error: bool,
    /// Model, tier and speed that the stream names.
    pub facts: AnswerFacts,
    /// Whether `[DONE]` came.
    pub done: bool,
    /// Events with data, including `[DONE]` and a hidden one.
    pub events: u64,
}

/// The facts of a stream so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamProgress {
    /// The usage at the beginning of a message.
    pub begun: Option<Tokens>,
    /// Bytes of generated text, as written.
    pub output_text_bytes: u64,
    /// Whether it has named the reason for its end.
    pub ends: bool,
}

/// Reads one stream.
#[derive(Debug, Clone)]
pub struct StreamReader {
    hide_usage: bool,
    sse: SseParser,
    json: UsageScan,
    /// The number of bytes of `[DONE]` that this event's data began with; `None` once it differs.
    done_matched: Option<usize>,
    done: bool,
    events: u64,
    /// Bytes of the event so far, held or not; 0 between events.
    event_len: usize,
    /// Whether the event's bytes are held.
    holding: bool,
    held: Vec<u8>,
    /// Whether a hidden event ended with CR, so that an LF now belongs to it.
    drop_lf: bool,
    /// Bytes of events whose data is neither JSON nor `[DONE]`.
    undecipherable: u64,
}

/// The output of one chunk.
struct ChunkOutput<'a> {
    chunk: &'a [u8],
    /// Bytes of the chunk before this offset are handled.
    dealt: usize,
    /// Offset in the chunk at which the current event begins.
    event_from: usize,
    out: Vec<u8>,
    changed: bool,
}

impl<'a> ChunkOutput<'a> {
    fn new(chunk: &'a [u8]) -> Self {
        Self { chunk, dealt: 0, event_from: 0, out: Vec::new(), changed: false }
    }

    /// Passes on the bytes before `from` and removes those from `from` to `to`.
    fn take_out(&mut self, from: usize, to: usize) -> &'a [u8] {
        let chunk = self.chunk;
        let before = chunk.get(self.dealt..from).unwrap_or_default();
        self.out.extend_from_slice(before);
        self.dealt = to;
        self.changed = true;
        chunk.get(from..to).unwrap_or_default()
    }

    fn finish(mut self) -> Passage {
        if !self.changed {
            return Passage::AsIs;
        }
        self.take_out(self.chunk.len(), self.chunk.len());
        Passage::Replace(self.out)
    }
}

impl StreamReader {
    /// Returns a reader for a stream of `surface`. With `hide_usage`, an event with only the usage is removed.
    #[must_use]
    pub fn new(surface: Surface, hide_usage: bool) -> Self {
        Self {
            hide_usage: hide_usage && surface.has_stream_options(),
            sse: SseParser::new(),
            json: UsageScan::new(surface.dialect()),
            done_matched: Some(0),
            done: false,
            events: 0,
            event_len: 0,
            holding: false,
            held: Vec::new(),
            drop_lf: false,
            undecipherable: 0,
        }
    }

    /// Reads a chunk and returns the bytes to send. At `end_of_stream`, held bytes are released.
    pub fn push(&mut self, chunk: &[u8], end_of_stream: bool) -> Passage {
        let mut output = ChunkOutput::new(chunk);
        let mut at = 0;
        while let Some(step) = self.sse.step(chunk.get(at..).unwrap_or_default()) {
            let start = at;
            at += step.used;
            if std::mem::take(&mut self.drop_lf) && chunk.get(start) == Some(&b'\n') {
                output.take_out(start, at);
            } else {
                self.part(step.part, start, at, &mut output);
            }
        }
        self.end_chunk(end_of_stream, &mut output);
        output.finish()
    }

    /// Returns the facts so far. Called at the end of the stream.
    #[must_use]
    pub fn reading(&self) -> StreamReading {
        let json = self.json.finish();
        StreamReading {
            usage: json.usage,
            begun: json.begun,
            finish_reason: json.finish_reason,
            output_text_bytes: json.output_text_bytes,
            error: json.error,
            facts: json.facts,
            done: self.done,
            events: self.events,
        }
    }

    /// Takes the facts, and the bytes of events that could not be read.
    pub(crate) fn take(&mut self) -> (Reading, u64) {
        let unfinished = if self.json.is_begun() { 0 } else { self.event_len as u64 };
        (self.json.take(), self.undecipherable.saturating_add(unfinished))
    }

    /// Returns the facts so far, without an allocation.
    pub(crate) fn progress(&self) -> StreamProgress {
        let (begun, output_text_bytes, ends) = self.json.progress();
        StreamProgress { begun, output_text_bytes, ends: ends || self.done }
    }

    /// Returns model, tier and speed so far, without an error's word.
    pub(crate) fn facts(&self) -> &AnswerFacts {
        self.json.facts()
    }

    fn part(&mut self, part: Part<'_>, start: usize, end: usize, output: &mut ChunkOutput<'_>) {
        if self.event_len == 0 && part != Part::Outside {
            self.begin_event(start, output);
        }
        if self.event_len > 0 || part != Part::Outside {
            self.event_len = self.event_len.saturating_add(end - start);
        }
        match part {
            Part::Data(data) => self.data(data),
            Part::End { dispatched } => return self.end_event(dispatched, end, output),
            Part::Outside | Part::Field | Part::Name(_) => {}
        }
        if self.holding && (self.json.has_choices() || self.event_len > HOLD_LIMIT) {
            self.let_go(output);
        }
    }

    fn begin_event(&mut self, start: usize, output: &mut ChunkOutput<'_>) {
        self.done_matched = Some(0);
        self.holding = self.hide_usage;
        output.event_from = start;
    }

    fn data(&mut self, data: &[u8]) {
        self.json.push(data);
        self.done_matched = self.done_matched.and_then(|matched| {
            let expected = DONE.get(matched..).unwrap_or_default();
            let len = expected.len().min(data.len());
            (expected.get(..len) == data.get(..len)).then_some(matched + len)
        });
    }

    fn end_event(&mut self, dispatched: bool, end: usize, output: &mut ChunkOutput<'_>) {
        self.events = self.events.saturating_add(u64::from(dispatched));
        let is_done = self.done_matched == Some(DONE.len());
        self.done |= is_done;
        if dispatched && !is_done && !self.json.is_done() {
            self.undecipherable = self.undecipherable.saturating_add(self.event_len as u64);
        }
        if self.holding && self.event_len <= HOLD_LIMIT && self.json.is_usage_only() {
            self.held.clear();
            self.holding = false;
            self.drop_lf = output.chunk.get(end - 1) == Some(&b'\r');
            output.take_out(output.event_from, end);
        } else {
            self.let_go(output);
        }
        self.event_len = 0;
        self.json.restart();
    }

    /// Releases the held bytes of an event that is not hidden.
    fn let_go(&mut self, output: &mut ChunkOutput<'_>) {
        self.holding = false;
        if !self.held.is_empty() {
            output.out.append(&mut self.held);
            output.changed = true;
        }
    }

    fn end_chunk(&mut self, end_of_stream: bool, output: &mut ChunkOutput<'_>) {
        if end_of_stream {
            self.let_go(output);
        }
        if self.holding {
            let unfinished = output.take_out(output.event_from, output.chunk.len());
            self.held.extend_from_slice(unfinished);
        }
    }
}
