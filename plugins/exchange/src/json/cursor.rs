//! A cursor over a whole document: strict RFC 8259, one pass, no copies.
//!
//! The caller walks into known containers with [`Cursor::enter`] and lets [`Cursor::skip`] check the rest. Skipping is a
//! loop over a stack of bits: a body of ten thousand brackets is an error at the 129th, not a stack overflow.

use super::nesting::{Container, MAX_DEPTH, Nesting};
use super::spans::{Spans, StringSpans};
use super::stops::Stops;
use super::text::Text;

/// The kind of a syntax error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonErrorKind {
    /// A byte that is not allowed here.
    UnexpectedByte,
    /// The document ends too early.
    UnexpectedEnd,
    /// A control character inside a string; it must be escaped.
    ControlCharacter,
    /// An unknown escape.
    InvalidEscape,
    /// An invalid number, such as `01` or `1.`.
    InvalidNumber,
    /// A string that is not UTF-8.
    InvalidUtf8,
}

/// The reason why parsing stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// Not JSON, from this byte on.
    Malformed(JsonErrorKind, usize),
    /// Nested deeper than [`MAX_DEPTH`], at this byte.
    TooDeep(usize),
}

/// A position in a document.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    stops: Stops,
    spans: Spans<'a>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0, stops: Stops::new(), spans: Spans::Unused }
    }

    /// Returns a cursor that notes the long strings of a document, see [`Cursor::into_spans`].
    pub(crate) fn noting(bytes: &'a [u8]) -> Self {
        Self { spans: Spans::Noted(StringSpans::default()), ..Self::new(bytes) }
    }

    /// Returns a cursor over the document in which another one has noted these strings.
    pub(crate) fn knowing(bytes: &'a [u8], spans: &'a StringSpans) -> Self {
        Self { spans: Spans::known(spans), ..Self::new(bytes) }
    }

    /// Returns a cursor at the same place, to look ahead.
    pub(crate) fn ahead(&self) -> Self {
        Self { spans: self.spans.ahead(), ..*self }
    }

    /// Returns the noted strings.
    pub(crate) fn into_spans(self) -> StringSpans {
        match self.spans {
            Spans::Noted(spans) => spans,
            _ => StringSpans::default(),
        }
    }

    /// Returns the offset of the next byte.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Returns the next byte.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(crate) fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Enters the container whose opening byte is next.
    #[inline]
    pub(crate) fn enter(&mut self) -> Result<(), ParseError> {
        if self.depth >= MAX_DEPTH {
            return Err(ParseError::TooDeep(self.at));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Moves to the next element of the entered array. Returns `false` once it is closed. `first` is set for the first call
    /// in an array.
    pub(crate) fn element(&mut self, first: &mut bool) -> Result<bool, ParseError> {
        self.skip_whitespace();
        let is_first = std::mem::replace(first, false);
        match self.peek() {
            Some(b']') => return Ok(self.leave()),
            _ if is_first => return Ok(true),
            Some(b',') => self.at += 1,
            _ => return Err(self.unexpected()),
        }
        self.skip_whitespace();
        Ok(true)
    }

    /// Moves to the value of the next member of the entered object, and returns its name, or `None` once the object is
    /// closed. `first` is set for the first call in an object.
    #[inline]
    pub(crate) fn member(&mut self, first: &mut bool) -> Result<Option<Text<'a>>, ParseError> {
        self.skip_whitespace();
        let is_first = std::mem::replace(first, false);
        match self.peek() {
            Some(b'}') => {
                self.leave();
                return Ok(None);
            }
            _ if is_first => {}
            Some(b',') => {
                self.at += 1;
                self.skip_whitespace();
            }
            _ => return Err(self.unexpected()),
        }
        self.name().map(Some)
    }

    /// Reads the string whose opening quote is next.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Text<'a>, ParseError> {
        let start = self.at + 1;
        if let Some(text) = self.spans.find(self.bytes, start) {
            self.at = start + text.raw.len() + 1;
            return Ok(text);
        }
        let run = self.stops.run(self.bytes, start);
        self.at = run.end;
        match self.peek() {
            Some(b'"') => {}
            Some(b'\\') => return Err(self.invalid_escape()),
            Some(_) => return Err(self.malformed(JsonErrorKind::ControlCharacter)),
            None => return Err(self.malformed(JsonErrorKind::UnexpectedEnd)),
        }
        let raw = self.bytes.get(start..self.at).unwrap_or_default();
        self.at += 1;
        if !run.ascii {
            check_utf8(raw, start)?;
        }
        let text = Text { raw, at: start, escaped: run.escaped };
        self.spans.note(&text);
        Ok(text)
    }

    /// Checks the next value of any kind, and skips it.
    pub(crate) fn skip(&mut self) -> Result<(), ParseError> {
        let mut open = Nesting::default();
        loop {
            if self.open_or_skip(&mut open)? {
                continue;
            }
            if !self.close_or_continue(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Returns the unread bytes.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Checks that only whitespace is left. Returns the offset of other bytes.
    pub(crate) fn end(&mut self) -> Option<usize> {
        self.skip_whitespace();
        (self.at < self.bytes.len()).then_some(self.at)
    }

    /// Skips a scalar, or the opening byte of a container. Returns whether another value is next.
    #[inline]
    fn open_or_skip(&mut self, open: &mut Nesting) -> Result<bool, ParseError> {
        let (container, close) = match self.peek() {
            Some(b'{') => (Container::Object, b'}'),
            Some(b'[') => (Container::Array, b']'),
            _ => return self.scalar().map(|()| false),
        };
        if self.depth + open.depth() >= MAX_DEPTH || !open.open(container) {
            return Err(ParseError::TooDeep(self.at));
        }
        self.at += 1;
        self.skip_whitespace();
        if self.peek() == Some(close) {
            self.at += 1;
            open.close();
            return Ok(false);
        }
        if container == Container::Object {
            self.name()?;
        }
        Ok(true)
    }

    /// Skips closing bytes and a comma after a value. Returns whether another value is next.
    #[inline]
    fn close_or_continue(&mut self, open: &mut Nesting) -> Result<bool, ParseError> {
        while let Some(container) = open.inner() {
            self.skip_whitespace();
            match (self.peek(), container) {
                (Some(b','), _) => {
                    self.at += 1;
                    self.skip_whitespace();
                    if container == Container::Object {
                        self.name()?;
                    }
                    return Ok(true);
                }
                (Some(b'}'), Container::Object) | (Some(b']'), Container::Array) => {
                    self.at += 1;
                    open.close();
                }
                _ => return Err(self.unexpected()),
            }
        }
        Ok(false)
    }

    /// Reads a name, its colon, and the whitespace around.
    #[inline]
    fn name(&mut self) -> Result<Text<'a>, ParseError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let name = self.string()?;
        self.skip_whitespace();
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        self.skip_whitespace();
        Ok(name)
    }

    #[inline]
    fn scalar(&mut self) -> Result<(), ParseError> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => Err(self.unexpected()),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), ParseError> {
        for &expected in word {
            if self.peek() != Some(expected) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), ParseError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if let Some(b'0'..=b'9') = self.peek() {
                return Err(self.malformed(JsonErrorKind::InvalidNumber));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Result<(), ParseError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match self.peek() {
            _ if self.at > start => Ok(()),
            None => Err(self.malformed(JsonErrorKind::UnexpectedEnd)),
            Some(_) => Err(self.malformed(JsonErrorKind::InvalidNumber)),
        }
    }

    /// Reads the escape that is next, none of one letter.
    #[inline]
    fn invalid_escape(&self) -> ParseError {
        let mut rest = self.bytes.get(self.at..).unwrap_or_default().iter().skip(1);
        let is_open = match rest.next() {
            Some(b'u') => {
                rest.take(4).take_while(|digit| digit.is_ascii_hexdigit()).count() + self.at + 2 == self.bytes.len()
            }
            Some(_) => false,
            None => true,
        };
        match is_open {
            true => ParseError::Malformed(JsonErrorKind::UnexpectedEnd, self.bytes.len()),
            false => self.malformed(JsonErrorKind::InvalidEscape),
        }
    }

    fn leave(&mut self) -> bool {
        self.depth = self.depth.saturating_sub(1);
        self.at += 1;
        false
    }

    #[cold]
    fn unexpected(&self) -> ParseError {
        self.malformed(match self.peek() {
            Some(_) => JsonErrorKind::UnexpectedByte,
            None => JsonErrorKind::UnexpectedEnd,
        })
    }

    #[cold]
    fn malformed(&self, flaw: JsonErrorKind) -> ParseError {
        ParseError::Malformed(flaw, self.at)
    }
}

/// Checks UTF-8 by SIMD, because the standard library takes longer than the rest of a scan; it only finds the position.
fn check_utf8(raw: &[u8], start: usize) -> Result<(), ParseError> {
    if simdutf8::basic::from_utf8(raw).is_ok() {
        return Ok(());
    }
    std::str::from_utf8(raw)
        .map(|_| ())
        .map_err(|error| ParseError::Malformed(JsonErrorKind::InvalidUtf8, start + error.valid_up_to()))
}
