//! A cursor over a whole document: strict RFC 8259, every byte looked at once, nothing copied.
//!
//! The caller walks into the containers it knows with [`Cursor::enter`] and lets [`Cursor::skip`] check the rest. Skipping
//! is a loop over a stack of bits: a body of ten thousand brackets is an error at the 129th, not a crash.

use super::nesting::{Container, MAX_DEPTH, Nesting};
use super::run::plain_run;
use super::text::Text;

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A byte that cannot stand there.
    UnexpectedByte,
    /// The document ends too early.
    UnexpectedEnd,
    /// A control character inside a string; it must be escaped.
    ControlCharacter,
    /// A backslash and then nothing JSON knows.
    InvalidEscape,
    /// A number JSON does not know, such as `01` or `1.`.
    InvalidNumber,
    /// A string that is not UTF-8.
    InvalidUtf8,
}

/// Why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Not JSON, from this byte on.
    Malformed(Flaw, usize),
    /// Nested deeper than [`MAX_DEPTH`], at this byte.
    TooDeep(usize),
}

/// See the module's text.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, depth: 0 }
    }

    /// Offset of the next byte.
    #[inline]
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The next byte.
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

    /// Steps into the container whose opening byte is next.
    #[inline]
    pub(crate) fn enter(&mut self) -> Result<(), Fault> {
        if self.depth >= MAX_DEPTH {
            return Err(Fault::TooDeep(self.at));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Steps to the next element of the array that was entered; `false` once it is closed. The first call for an
    /// array has `first` set.
    pub(crate) fn element(&mut self, first: &mut bool) -> Result<bool, Fault> {
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

    /// Steps to the value of the next member of the object that was entered, and returns its name; `None` once the
    /// object is closed. The first call for an object has `first` set.
    #[inline]
    pub(crate) fn member(&mut self, first: &mut bool) -> Result<Option<Text<'a>>, Fault> {
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
    pub(crate) fn string(&mut self) -> Result<Text<'a>, Fault> {
        let start = self.at + 1;
        let mut escaped = false;
        let mut ascii = true;
        self.at = start;
        loop {
            let run = plain_run(self.bytes.get(self.at..).unwrap_or_default());
            self.at += run.len;
            ascii &= run.ascii;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.malformed(Flaw::ControlCharacter)),
                None => return Err(self.malformed(Flaw::UnexpectedEnd)),
            }
            escaped = true;
        }
        let raw = self.bytes.get(start..self.at).unwrap_or_default();
        self.at += 1;
        if !ascii {
            check_utf8(raw, start)?;
        }
        Ok(Text { raw, at: start, escaped })
    }

    /// Checks the value that is next, whatever it is, and steps over it.
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
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

    /// What is not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Nothing but whitespace may be left.
    pub(crate) fn end(&mut self) -> Option<usize> {
        self.skip_whitespace();
        (self.at < self.bytes.len()).then_some(self.at)
    }

    /// At a value: `true` if it was an opening byte and another value is next.
    #[inline]
    fn open_or_skip(&mut self, open: &mut Nesting) -> Result<bool, Fault> {
        let (container, close) = match self.peek() {
            Some(b'{') => (Container::Object, b'}'),
            Some(b'[') => (Container::Array, b']'),
            _ => return self.scalar().map(|()| false),
        };
        if self.depth + open.depth() >= MAX_DEPTH || !open.open(container) {
            return Err(Fault::TooDeep(self.at));
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

    /// Behind a value: steps over what closes, and over a comma; `true` if another value is next.
    #[inline]
    fn close_or_continue(&mut self, open: &mut Nesting) -> Result<bool, Fault> {
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

    /// A name, its colon, and the whitespace around.
    #[inline]
    fn name(&mut self) -> Result<Text<'a>, Fault> {
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
    fn scalar(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => Err(self.unexpected()),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        for &expected in word {
            if self.peek() != Some(expected) {
                return Err(self.unexpected());
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if let Some(b'0'..=b'9') = self.peek() {
                return Err(self.malformed(Flaw::InvalidNumber));
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
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        match self.peek() {
            _ if self.at > start => Ok(()),
            None => Err(self.malformed(Flaw::UnexpectedEnd)),
            Some(_) => Err(self.malformed(Flaw::InvalidNumber)),
        }
    }

    #[inline]
    fn escape(&mut self) -> Result<(), Fault> {
        let backslash = self.at;
        self.at += 2;
        match self.bytes.get(backslash + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => self.hex4(backslash),
            Some(_) => Err(Fault::Malformed(Flaw::InvalidEscape, backslash)),
            None => Err(Fault::Malformed(Flaw::UnexpectedEnd, self.bytes.len())),
        }
    }

    fn hex4(&mut self, backslash: usize) -> Result<(), Fault> {
        for _ in 0..4 {
            match self.peek() {
                Some(digit) if digit.is_ascii_hexdigit() => self.at += 1,
                Some(_) => return Err(Fault::Malformed(Flaw::InvalidEscape, backslash)),
                None => return Err(self.malformed(Flaw::UnexpectedEnd)),
            }
        }
        Ok(())
    }

    fn leave(&mut self) -> bool {
        self.depth = self.depth.saturating_sub(1);
        self.at += 1;
        false
    }

    #[cold]
    fn unexpected(&self) -> Fault {
        self.malformed(match self.peek() {
            Some(_) => Flaw::UnexpectedByte,
            None => Flaw::UnexpectedEnd,
        })
    }

    #[cold]
    fn malformed(&self, flaw: Flaw) -> Fault {
        Fault::Malformed(flaw, self.at)
    }
}

/// By SIMD, for the standard library's way takes longer than all the rest of a scan; it is asked only where it broke.
fn check_utf8(raw: &[u8], start: usize) -> Result<(), Fault> {
    if simdutf8::basic::from_utf8(raw).is_ok() {
        return Ok(());
    }
    std::str::from_utf8(raw)
        .map(|_| ())
        .map_err(|error| Fault::Malformed(Flaw::InvalidUtf8, start + error.valid_up_to()))
}
