//! Splits a stream into its events, each with its bytes and its data, and the bytes between them.
//!
//! A guardrail needs whole events, because an incomplete JSON value has no strings yet. So the bytes of an event are
//! gathered until its blank line. Comments and blank lines between events are passed on as they come.

use crate::sse::{Part, SseParser};
use std::ops::Range;

/// Largest size of one event, bytes. A stream with larger ones cannot be guarded.
const EVENT_LIMIT: usize = 1 << 20;

/// A part of a stream.
#[derive(Debug)]
pub(super) enum Unit<'a> {
    /// Bytes outside of events.
    Between(&'a [u8]),
    /// The LF of a CRLF whose CR ended the previous event.
    Tail(&'a [u8]),
    /// A whole event.
    Event(Event),
    /// The beginning of an event larger than [`EVENT_LIMIT`]; the rest follows as another event.
    TooLarge(Event),
}

/// One event.
#[derive(Debug, Default)]
pub(super) struct Event {
    /// Its bytes, with the blank line.
    pub(super) raw: Vec<u8>,
    /// Its data, lines joined by LF.
    pub(super) data: Vec<u8>,
    /// For each contiguous run of data: its offset in `data`, and in `raw`.
    runs: Vec<(usize, usize)>,
}

/// Reads the events of one stream.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    sse: SseParser,
    event: Event,
    /// Whether the previous event ended with a CR.
    ended_with_cr: bool,
}

impl Event {
    /// Returns the range in `raw` of a range of the data that lies in one line.
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
    /// Returns the next unit of `chunk`, and removes it from `chunk`; `None` at the end of the chunk.
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

    /// Returns an unfinished event at the end of the stream.
    pub(super) fn rest(&mut self) -> Option<Event> {
        Some(std::mem::take(&mut self.event)).filter(|event| !event.raw.is_empty())
    }
}
