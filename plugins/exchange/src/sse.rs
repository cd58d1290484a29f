//! A push parser for server-sent events, by the WHATWG grammar, that tracks which bytes belong to which event.
//!
//! Parsers that return events lose their bytes, and splitting at `\n\n` misses CR, CRLF and lines cut in two. This one
//! classifies every byte, in any pieces, and keeps only a few words of state.
//! Source: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use memchr::{memchr2, memchr3};

/// Longest known field name.
const NAME_BYTES: usize = 5;

const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// The meaning of some bytes of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Not part of an event: a byte order mark, a comment line, a blank line without an event, or the LF of a CRLF whose
    /// CR has ended the line.
    Outside,
    /// Part of an event, but neither of its data nor of its name.
    Field,
    /// A piece of the event's data. Lines are joined by LF, without the last one.
    Data(&'a [u8]),
    /// A piece of the value of an `event` field.
    Name(&'a [u8]),
    /// The blank line that ends the event.
    End {
        /// Whether there was any data: without it a client sees no event.
        dispatched: bool,
    },
}

/// One step through the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// Number of bytes, at least one.
    pub used: usize,
    /// Their meaning.
    pub part: Part<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineState {
    Bom { matched: usize },
    LineStart,
    Comment,
    Name { len: usize },
    Colon,
    Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldKind {
    Data,
    Event,
    Other,
}

/// The state of parsing one stream.
#[derive(Debug, Clone)]
pub struct SseParser {
    state: LineState,
    /// Whether the last byte was a CR that ended a line, so that an LF now belongs to it.
    after_cr: bool,
    in_event: bool,
    has_data: bool,
    field: FieldKind,
    name: [u8; NAME_BYTES],
}

impl Default for SseParser {
    fn default() -> Self {
        Self::new()
    }
}

impl SseParser {
    /// Returns the state at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: LineState::Bom { matched: 0 },
            after_cr: false,
            in_event: false,
            has_data: false,
            field: FieldKind::Other,
            name: [0; NAME_BYTES],
        }
    }

    /// Takes one or more bytes from the front of `bytes`, or returns `None` if there are none. A step ends at the end of a
    /// line or of an event at the latest.
    pub fn step<'a>(&mut self, bytes: &'a [u8]) -> Option<Step<'a>> {
        let &first = bytes.first()?;
        if std::mem::take(&mut self.after_cr) && first == b'\n' {
            return Some(Step { used: 1, part: Part::Outside });
        }
        Some(match self.state {
            LineState::Bom { matched } => self.bom(first, matched, bytes),
            LineState::LineStart => self.line_start(first, bytes),
            LineState::Comment => self.comment(bytes),
            LineState::Name { len } => self.name(len, bytes),
            LineState::Colon if first == b' ' => {
                self.state = LineState::Value;
                Step { used: 1, part: Part::Field }
            }
            LineState::Colon | LineState::Value => self.value(bytes),
        })
    }

    fn bom<'a>(&mut self, first: u8, matched: usize, bytes: &'a [u8]) -> Step<'a> {
        match BOM.get(matched) {
            Some(&expected) if expected == first => {
                self.state = LineState::Bom { matched: matched + 1 };
                Step { used: 1, part: Part::Outside }
            }
            // An incomplete mark is the beginning of an unknown name.
            Some(_) if matched > 0 => self.name(NAME_BYTES + 1, bytes),
            _ => self.line_start(first, bytes),
        }
    }

    fn line_start<'a>(&mut self, first: u8, bytes: &'a [u8]) -> Step<'a> {
        match first {
            b'\n' | b'\r' => self.blank_line(first),
            b':' => self.comment(bytes),
            _ => self.name(0, bytes),
        }
    }

    fn blank_line<'a>(&mut self, end: u8) -> Step<'a> {
        self.end_line(end);
        let dispatched = std::mem::take(&mut self.has_data);
        let part = match std::mem::take(&mut self.in_event) {
            true => Part::End { dispatched },
            false => Part::Outside,
        };
        Step { used: 1, part }
    }

    fn end_line(&mut self, end: u8) {
        self.after_cr = end == b'\r';
        self.state = LineState::LineStart;
    }

    fn comment<'a>(&mut self, bytes: &'a [u8]) -> Step<'a> {
        self.state = LineState::Comment;
        let Some((text, end)) = up_to(bytes, memchr2(b'\n', b'\r', bytes)) else {
            return Step { used: bytes.len(), part: Part::Outside };
        };
        self.end_line(end);
        Step { used: text.len() + 1, part: Part::Outside }
    }

    fn name<'a>(&mut self, len: usize, bytes: &'a [u8]) -> Step<'a> {
        self.in_event = true;
        let stop = up_to(bytes, memchr3(b':', b'\n', b'\r', bytes));
        let name = stop.map_or(bytes, |(name, _)| name);
        let total = len.saturating_add(name.len());
        if let Some(room) = self.name.get_mut(len..total) {
            room.copy_from_slice(name);
        }
        let Some((_, end)) = stop else {
            self.state = LineState::Name { len: total };
            return Step { used: name.len(), part: Part::Field };
        };
        self.field = match self.name.get(..total) {
            Some(b"data") => FieldKind::Data,
            Some(b"event") => FieldKind::Event,
            _ => FieldKind::Other,
        };
        match end {
            b':' => self.state = LineState::Colon,
            _ => self.end_line(end),
        }
        Step { used: name.len() + 1, part: self.begin_value() }
    }

    fn begin_value<'a>(&mut self) -> Part<'a> {
        if self.field == FieldKind::Data && std::mem::replace(&mut self.has_data, true) {
            return Part::Data(b"\n");
        }
        Part::Field
    }

    fn value<'a>(&mut self, bytes: &'a [u8]) -> Step<'a> {
        self.state = LineState::Value;
        let stop = up_to(bytes, memchr2(b'\n', b'\r', bytes));
        let value = stop.map_or(bytes, |(value, _)| value);
        if let Some((_, end)) = stop
            && value.is_empty()
        {
            self.end_line(end);
            return Step { used: 1, part: Part::Field };
        }
        let part = match self.field {
            FieldKind::Data => Part::Data(value),
            FieldKind::Event => Part::Name(value),
            FieldKind::Other => Part::Field,
        };
        Step { used: value.len(), part }
    }
}

/// Returns the bytes before `stop`, and the byte at `stop`.
fn up_to(bytes: &[u8], stop: Option<usize>) -> Option<(&[u8], u8)> {
    let (before, rest) = bytes.split_at_checked(stop?)?;
    Some((before, *rest.first()?))
}
