//! A streamed answer on its way through: what it says about itself, and the one event the client did not ask for.
//!
//! A provider only tells the usage of a stream when asked, in an extra event at the end; a client that did not ask
//! would trip over it. So that event is taken out whole. To know it, an event must be whole, and only for that are
//! bytes held back: those of the unfinished event, at most 64 KiB, and only until it shows that it is another one.

use crate::answer::Progress;
use crate::sse::{Part, SseParser};
use crate::surface::Surface;
use crate::usage::{AnswerFacts, Reading, Tokens, UsageScan};

/// Most bytes of an unfinished event that are held back; a larger event passes as it came.
pub const HOLD_LIMIT: usize = 64 << 10;

const DONE: &[u8] = b"[DONE]";

/// What to send on in place of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passage {
    /// The chunk as it is.
    AsIs,
    /// These bytes; none means nothing for now.
    Replace(Vec<u8>),
}

/// What was seen of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamReading {
    /// The last usage that any event told; of a message, what its events told together.
    pub usage: Option<Tokens>,
    /// What was told of a message whose end did not come: its input counts, its output is not all of it.
    pub begun: Option<Tokens>,
    /// The last `finish_reason` of the choice with index 0, or `stop_reason` of the message.
    pub finish_reason: Option<String>,
    /// Bytes of generated text over all events, as written.
    pub output_text_bytes: u64,
    /// Whether any event carried an `error` object.
    pub error: bool,
    /// What the stream says about itself.
    pub facts: AnswerFacts,
    /// Whether `[DONE]` came.
    pub done: bool,
    /// Events with data, `[DONE]` and a hidden one included.
    pub events: u64,
}

/// See the module's text.
#[derive(Debug, Clone)]
pub struct StreamReader {
    hide_usage: bool,
    sse: SseParser,
    json: UsageScan,
    /// How many bytes of `[DONE]` this event's data began with; `None` once it differs.
    done_matched: Option<usize>,
    done: bool,
    events: u64,
    /// Bytes of the event so far, held or not; 0 between events.
    event_len: usize,
    /// The event's bytes are not passed on yet.
    holding: bool,
    held: Vec<u8>,
    /// A hidden event ended with CR: an LF now goes with it.
    drop_lf: bool,
    /// Bytes of events whose data is neither JSON nor `[DONE]`.
    undecipherable: u64,
}

/// What becomes of one chunk.
struct Passing<'a> {
    chunk: &'a [u8],
    /// Bytes of the chunk before this are dealt with.
    dealt: usize,
    /// Where in the chunk the event under way begins.
    event_from: usize,
    out: Vec<u8>,
    changed: bool,
}

impl<'a> Passing<'a> {
    fn new(chunk: &'a [u8]) -> Self {
        Self { chunk, dealt: 0, event_from: 0, out: Vec::new(), changed: false }
    }

    /// Passes on what stands before `from` and takes out what stands between it and `to`.
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
    /// For a stream of `surface`. With `hide_usage` the event that tells nothing but the usage is taken out.
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

    /// Reads a chunk and says what to send on. At `end_of_stream` whatever was held back is let go.
    pub fn push(&mut self, chunk: &[u8], end_of_stream: bool) -> Passage {
        let mut passing = Passing::new(chunk);
        let mut at = 0;
        while let Some(step) = self.sse.step(chunk.get(at..).unwrap_or_default()) {
            let start = at;
            at += step.used;
            if std::mem::take(&mut self.drop_lf) && chunk.get(start) == Some(&b'\n') {
                passing.take_out(start, at);
            } else {
                self.part(step.part, start, at, &mut passing);
            }
        }
        self.end_chunk(end_of_stream, &mut passing);
        passing.finish()
    }

    /// What was seen so far; call it when the stream is over.
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

    /// What was seen, and the bytes of events that could not be read.
    pub(crate) fn finish(&self) -> (Reading, u64) {
        let unfinished = if self.json.is_begun() { 0 } else { self.event_len as u64 };
        (self.json.finish(), self.undecipherable.saturating_add(unfinished))
    }

    /// What was told so far, without an allocation.
    pub(crate) fn progress(&self) -> Progress {
        let (begun, output_text_bytes, ends) = self.json.progress();
        Progress { begun, output_text_bytes, ends: ends || self.done }
    }

    /// What the stream has said about itself, but for an error's word.
    pub(crate) fn facts(&self) -> &AnswerFacts {
        self.json.facts()
    }

    fn part(&mut self, part: Part<'_>, start: usize, end: usize, passing: &mut Passing<'_>) {
        if self.event_len == 0 && part != Part::Outside {
            self.begin_event(start, passing);
        }
        if self.event_len > 0 || part != Part::Outside {
            self.event_len = self.event_len.saturating_add(end - start);
        }
        match part {
            Part::Data(data) => self.data(data),
            Part::End { dispatched } => return self.end_event(dispatched, end, passing),
            Part::Outside | Part::Field | Part::Name(_) => {}
        }
        if self.holding && (self.json.has_choices() || self.event_len > HOLD_LIMIT) {
            self.let_go(passing);
        }
    }

    fn begin_event(&mut self, start: usize, passing: &mut Passing<'_>) {
        self.done_matched = Some(0);
        self.holding = self.hide_usage;
        passing.event_from = start;
    }

    fn data(&mut self, data: &[u8]) {
        self.json.push(data);
        self.done_matched = self.done_matched.and_then(|matched| {
            let expected = DONE.get(matched..).unwrap_or_default();
            let len = expected.len().min(data.len());
            (expected.get(..len) == data.get(..len)).then_some(matched + len)
        });
    }

    fn end_event(&mut self, dispatched: bool, end: usize, passing: &mut Passing<'_>) {
        self.events = self.events.saturating_add(u64::from(dispatched));
        let is_done = self.done_matched == Some(DONE.len());
        self.done |= is_done;
        if dispatched && !is_done && !self.json.is_done() {
            self.undecipherable = self.undecipherable.saturating_add(self.event_len as u64);
        }
        if self.holding && self.event_len <= HOLD_LIMIT && self.json.is_usage_only() {
            self.held.clear();
            self.holding = false;
            self.drop_lf = passing.chunk.get(end - 1) == Some(&b'\r');
            passing.take_out(passing.event_from, end);
        } else {
            self.let_go(passing);
        }
        self.event_len = 0;
        self.json.restart();
    }

    /// The event is not one to hide: what was held of it goes out first.
    fn let_go(&mut self, passing: &mut Passing<'_>) {
        self.holding = false;
        if !self.held.is_empty() {
            passing.out.append(&mut self.held);
            passing.changed = true;
        }
    }

    fn end_chunk(&mut self, end_of_stream: bool, passing: &mut Passing<'_>) {
        if end_of_stream {
            self.let_go(passing);
        }
        if self.holding {
            let unfinished = passing.take_out(passing.event_from, passing.chunk.len());
            self.held.extend_from_slice(unfinished);
        }
    }
}
