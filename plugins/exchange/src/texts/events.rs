//! A stream cut into its events, each with its bytes and its data, and what stands between them.
//!
//! A rule can only be asked about whole events: JSON that is cut in two has no strings yet. So the bytes of an event
//! are gathered until its blank line; comments and blank lines between events are handed on as they come.

use crate::sse::{Part, SseParser};
use std::ops::Range;

/// Most bytes of one event. A provider that sends larger ones cannot be guarded.
const EVENT_LIMIT: usize = 1 << 20;

/// What comes of a stream.
#[derive(Debug)]
pub(super) enum Unit<'a> {
    /// Bytes of no event.
    Between(&'a [u8]),
    /// The LF of a CRLF whose CR has ended the event before.
    Tail(&'a [u8]),
    /// A whole event.
    Event(Event),
    /// The beginning of an event beyond [`EVENT_LIMIT`]; the rest follows as if it were another one.
    TooLarge(Event),
}

/// One event.
#[derive(Debug, Default)]
pub(super) struct Event {
    /// As it came, with its blank line.
    pub(super) raw: Vec<u8>,
    /// Its data, lines joined by LF.
    pub(super) data: Vec<u8>,
    /// For each run of data that stands in one piece: where it begins in `data`, and in `raw`.
    runs: Vec<(usize, usize)>,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    sse: SseParser,
    event: Event,
    /// The event before ended with a CR.
    ended_with_cr: bool,
}

impl Event {
    /// The bytes of `raw` for a range of the data that lies in one line of it.
    pub(super) fn in_raw(&self, data: &Range<usize>) -> Range<usize> {
        let index = self.runs.partition_point(|(at, _)| *at <= data.start);
        let (at, raw) = index.checked_sub(1).and_then(|index| self.runs.get(index)).copied().unwrap_or_default();
        let start = raw.saturating_add(data.start.saturating_sub(at));
        start..start.saturating_add(data.len())
    }

    fn push_data(&mut self, data: &[u8], raw_at: usize) {
        let follows = self.runs.last().is_some_and(|(at, raw)| raw + (self.data.len() - at) == raw_at);
        if !follows {
            self.runs.push((self.data.len(), raw_at));
        }
        self.data.extend_from_slice(data);
    }
}

impl EventReader {
    /// The next unit of `chunk`, which is moved on by what was used; `None` once the chunk is used up.
    pub(super) fn next<'a>(&mut self, chunk: &mut &'a [u8]) -> Option<Unit<'a>> {
        while let Some(step) = self.sse.step(chunk) {
            let (bytes, rest) = chunk.split_at_checked(step.used)?;
            *chunk = rest;
            let after_cr = std::mem::take(&mut self.ended_with_cr);
            match step.part {
                Part::Outside if self.event.raw.is_empty() => {
                    return Some(if after_cr && bytes == b"\n" { Unit::Tail(bytes) } else { Unit::Between(bytes) });
                }
                Part::Data(b"\n") if bytes != b"\n" => {
                    self.event.data.push(b'\n');
                    self.event.raw.extend_from_slice(bytes);
                }
                Part::Data(data) => {
                    let at = self.event.raw.len();
                    self.event.push_data(data, at);
                    self.event.raw.extend_from_slice(bytes);
                }
                Part::End { .. } => {
                    self.ended_with_cr = bytes == b"\r";
                    self.event.raw.extend_from_slice(bytes);
                    return Some(Unit::Event(std::mem::take(&mut self.event)));
                }
                Part::Outside | Part::Field | Part::Name(_) => self.event.raw.extend_from_slice(bytes),
            }
            if self.event.raw.len() > EVENT_LIMIT {
                return Some(Unit::TooLarge(std::mem::take(&mut self.event)));
            }
        }
        None
    }

    /// The stream is over: what has no end of its own.
    pub(super) fn rest(&mut self) -> Option<Event> {
        Some(std::mem::take(&mut self.event)).filter(|event| !event.raw.is_empty())
    }
}
