//! A push tokenizer: JSON in any pieces, with a few words of state.
//!
//! It is for answers, which must reach the client whether they are JSON or not. So it does not validate: it follows
//! strings, brackets and commas, tells its [`Sink`] the values of known fields, and reports at the end whether the
//! document was complete. It keeps at most 128 bytes, never the document.

use super::byte_word::{first_equal, leading_equal};
use super::code_unit::code_unit;
use super::nesting::{Container, Nesting};
use memchr::memchr2;

/// Longest name, word or number that is captured, including a model's name. A sink knows no longer ones.
const CAPTURE: usize = 128;

/// Number of words of eight bytes in which the end of a string is looked for first.
const SHORT: usize = 2;

/// Levels whose field is remembered; deeper ones are unknown fields.
const LEVELS: usize = 8;

/// The position of a value, among those that a sink knows. The default is an unknown one.
pub(crate) trait JsonField: Copy + Default {
    /// Returns the field of a member of this object.
    fn member(self, name: &[u8]) -> Self;
    /// Returns the field of the elements of this array.
    fn element(self) -> Self;
    /// Returns whether the field or its content can matter.
    fn is_known(self) -> bool;
    /// Returns whether strings here are counted instead of captured.
    fn is_text(self) -> bool;
}

/// Receives the values of known fields.
pub(crate) trait Sink<P: JsonField> {
    /// A value begins.
    fn begins(&mut self, field: P);
    /// A container opens.
    fn opens(&mut self, field: P, container: Container);
    /// A container closes.
    fn closes(&mut self, field: P);
    /// Bytes of a string in a text field, as written.
    fn text(&mut self, field: P, bytes: usize);
    /// A string that fits, unescaped.
    fn word(&mut self, field: P, word: &[u8]);
    /// A number or a literal that fits, as written.
    fn scalar(&mut self, field: P, written: &[u8]);
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ScanState {
    #[default]
    Between,
    String,
    Escape,
    Hex {
        left: u8,
        code: u16,
    },
    Scalar,
    /// The document is complete.
    Done,
    /// The document is not JSON.
    Lost,
}

/// The state of parsing one document.
#[derive(Debug, Clone)]
pub(crate) struct PushScan<P> {
    state: ScanState,
    open: Nesting,
    parents: [P; LEVELS],
    /// Field of the next or current value.
    here: P,
    /// Whether the next or current string is a member's name.
    at_name: bool,
    captured: [u8; CAPTURE],
    captured_len: usize,
}

impl<P: JsonField> PushScan<P> {
    /// Starts a document whose root is this field.
    pub(crate) fn new(root: P) -> Self {
        Self {
            state: ScanState::Between,
            open: Nesting::default(),
            parents: [P::default(); LEVELS],
            here: root,
            at_name: false,
            captured: [0; CAPTURE],
            captured_len: 0,
        }
    }

    /// Returns whether a byte was not JSON.
    pub(crate) fn is_lost(&self) -> bool {
        self.state == ScanState::Lost
    }

    /// Starts the next document.
    pub(crate) fn restart(&mut self, root: P) {
        self.state = ScanState::Between;
        self.open = Nesting::default();
        self.here = root;
        self.at_name = false;
        self.captured_len = 0;
    }

    /// Starts the next document behind the beginning of its object, at the name of a member.
    pub(crate) fn enter_object(&mut self, root: P) {
        self.restart(root);
        self.open.open(Container::Object);
        if let Some(field) = self.parents.first_mut() {
            *field = root;
        }
        self.next();
    }

    /// Returns whether the name of a member of the outermost object comes next.
    pub(crate) fn is_at_root_member(&self) -> bool {
        self.state == ScanState::Between && self.at_name && self.open.depth() == 1
    }

    /// Returns whether the outermost value was closed and only whitespace came after it.
    pub(crate) fn is_done(&self) -> bool {
        self.state == ScanState::Done
    }

    /// Reads more bytes.
    pub(crate) fn push(&mut self, mut bytes: &[u8], sink: &mut impl Sink<P>) {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match self.state {
                ScanState::Between => self.between(byte, bytes, rest, sink),
                ScanState::String => self.string(bytes, sink),
                ScanState::Escape => self.escape(byte, rest, sink),
                ScanState::Hex { left, code } => self.hex(byte, left, code, rest, sink),
                ScanState::Scalar => self.scalar(bytes, sink),
                ScanState::Done => self.after(bytes),
                ScanState::Lost => return,
            };
        }
    }

    fn between<'a>(&mut self, byte: u8, all: &'a [u8], rest: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => return behind_blanks(rest),
            b'"' => return self.begin_string(rest, sink),
            b',' => self.next(),
            b':' => self.at_name = false,
            b'{' => self.open(Container::Object, sink),
            b'[' => self.open(Container::Array, sink),
            b'}' => self.close(Container::Object, sink),
            b']' => self.close(Container::Array, sink),
            _ => {
                if self.here.is_known() {
                    sink.begins(self.here);
                }
                self.captured_len = 0;
                self.state = ScanState::Scalar;
                return self.scalar(all, sink);
            }
        }
        if self.state == ScanState::Between { behind_blanks(rest) } else { rest }
    }

    /// Begins a string. One that is whole and has no escapes is read at once, without a copy: almost all are.
    fn begin_string<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        if !self.at_name && self.here.is_known() {
            sink.begins(self.here);
        }
        let stop = string_stop(bytes);
        let (plain, rest) = bytes.split_at_checked(stop.unwrap_or(bytes.len())).unwrap_or_default();
        if let Some(rest) = rest.strip_prefix(b"\"") {
            self.whole_string(plain, sink);
            return self.colon(rest);
        }
        self.state = ScanState::String;
        self.captured_len = 0;
        self.stopped(plain, rest, sink)
    }

    /// Handles a string as [`PushScan::in_string`] and [`PushScan::end_string`] do together.
    fn whole_string(&mut self, text: &[u8], sink: &mut impl Sink<P>) {
        if self.at_name {
            self.here = self.member(Some(text).filter(|name| name.len() <= CAPTURE));
            return;
        }
        if self.here.is_text() {
            sink.text(self.here, text.len());
        } else if self.here.is_known() && text.len() <= CAPTURE {
            sink.word(self.here, text);
        }
        self.end_value();
    }

    /// Returns the field of a member. An unknown or too long name leads to an unknown field.
    fn member(&self, name: Option<&[u8]>) -> P {
        let container = self.container();
        match name {
            Some(name) if container.is_known() => container.member(name),
            _ => P::default(),
        }
    }

    fn open(&mut self, container: Container, sink: &mut impl Sink<P>) {
        if self.at_name || !self.open.open(container) {
            self.state = ScanState::Lost;
            return;
        }
        if self.here.is_known() {
            sink.begins(self.here);
            sink.opens(self.here, container);
        }
        let level = self.open.depth() as usize - 1;
        if let Some(field) = self.parents.get_mut(level) {
            *field = self.here;
        }
        self.next();
    }

    fn close(&mut self, container: Container, sink: &mut impl Sink<P>) {
        if self.open.inner() != Some(container) {
            self.state = ScanState::Lost;
            return;
        }
        let field = self.container();
        if field.is_known() {
            sink.closes(field);
        }
        self.open.close();
        self.at_name = false;
        self.here = P::default();
        self.end_value();
    }

    /// Ends a value: the document, or one inside of it.
    fn end_value(&mut self) {
        self.state = match self.open.depth() {
            0 => ScanState::Done,
            _ => ScanState::Between,
        };
    }

    /// Prepares for the next value of this container.
    fn next(&mut self) {
        self.at_name = self.open.inner() == Some(Container::Object);
        self.here = match self.at_name {
            true => P::default(),
            false => self.container().element(),
        };
    }

    /// Returns the field of the innermost open container.
    fn container(&self) -> P {
        let level = (self.open.depth() as usize).wrapping_sub(1);
        self.parents.get(level).copied().unwrap_or_default()
    }

    fn wants_capture(&self) -> bool {
        match self.at_name {
            true => self.container().is_known(),
            false => self.here.is_known() && !self.here.is_text(),
        }
    }

    fn string<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        let stop = string_stop(bytes);
        let (plain, rest) = bytes.split_at_checked(stop.unwrap_or(bytes.len())).unwrap_or_default();
        self.stopped(plain, rest, sink)
    }

    /// Handles `plain` text of a string, and the quote or backslash behind it.
    fn stopped<'a>(&mut self, plain: &[u8], rest: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        self.in_string(plain, plain.len(), sink);
        match rest.split_first() {
            None => rest,
            Some((b'\\', rest)) => {
                self.state = ScanState::Escape;
                rest
            }
            Some((_, rest)) => {
                self.end_string(sink);
                self.colon(rest)
            }
        }
    }

    /// Takes the colon behind a name at once; almost always it follows there.
    fn colon<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        match rest.strip_prefix(b":") {
            Some(value) if self.at_name && self.state == ScanState::Between => {
                self.at_name = false;
                behind_blanks(value)
            }
            _ => rest,
        }
    }

    /// Handles unescaped `text` of a string that takes `written` bytes.
    fn in_string(&mut self, text: &[u8], written: usize, sink: &mut impl Sink<P>) {
        if self.wants_capture() {
            self.capture(text);
        } else if !self.at_name && self.here.is_text() {
            sink.text(self.here, written);
        }
    }

    fn end_string(&mut self, sink: &mut impl Sink<P>) {
        let captured = self.captured.get(..self.captured_len);
        if self.at_name {
            self.here = self.member(captured);
            self.state = ScanState::Between;
            return;
        }
        if let Some(word) = captured
            && self.wants_capture()
        {
            sink.word(self.here, word);
        }
        self.end_value();
    }

    fn capture(&mut self, bytes: &[u8]) {
        let end = self.captured_len.saturating_add(bytes.len());
        if let Some(room) = self.captured.get_mut(self.captured_len..end) {
            room.copy_from_slice(bytes);
        }
        // Beyond the room, so that a cut value is not taken for a whole one.
        self.captured_len = end;
    }

    fn escape<'a>(&mut self, byte: u8, rest: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        if byte == b'u' {
            let whole = code_unit(rest).zip(rest.get(4..));
            return match whole {
                Some((code, rest)) => self.code_unit(code, rest, sink),
                None => {
                    self.state = ScanState::Hex { left: 4, code: 0 };
                    rest
                }
            };
        }
        let spelled = match byte {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            itself => itself,
        };
        self.state = ScanState::String;
        self.in_string(&[spelled], 2, sink);
        rest
    }

    fn hex<'a>(&mut self, byte: u8, left: u8, code: u16, rest: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        let Some(digit) = char::from(byte).to_digit(16) else {
            self.state = ScanState::Lost;
            return rest;
        };
        let code = code << 4 | digit as u16;
        if left > 1 {
            self.state = ScanState::Hex { left: left - 1, code };
            return rest;
        }
        self.code_unit(code, rest, sink)
    }

    /// Handles the character of an escape of four digits.
    fn code_unit<'a>(&mut self, code: u16, rest: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        self.state = ScanState::String;
        // All known names are ASCII; other characters only have to differ.
        let spelled = u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(0xFF);
        self.in_string(&[spelled], 6, sink);
        rest
    }

    fn scalar<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        let stop = bytes.iter().position(|byte| {
            matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b'{' | b'[' | b':')
        });
        let (scalar, rest) = bytes.split_at_checked(stop.unwrap_or(bytes.len())).unwrap_or_default();
        if self.here.is_known() && (rest.is_empty() || self.captured_len > 0) {
            self.capture(scalar);
        }
        if !rest.is_empty() {
            if self.here.is_known() {
                let captured = self.captured.get(..self.captured_len);
                let written = captured.map(|begun| if begun.is_empty() { scalar } else { begun });
                if let Some(written) = written.filter(|written| written.len() <= CAPTURE) {
                    sink.scalar(self.here, written);
                }
            }
            self.end_value();
        }
        rest
    }

    fn after<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let rest = bytes.trim_ascii_start();
        if !rest.is_empty() {
            self.state = ScanState::Lost;
        }
        rest
    }
}

/// Returns the bytes behind white space. It is one space, or a line break and an indentation of spaces, so these are looked at in words of
/// eight bytes.
#[inline(always)]
fn behind_blanks(mut bytes: &[u8]) -> &[u8] {
    while let Some((b' ' | b'\n' | b'\r' | b'\t', rest)) = bytes.split_first() {
        bytes = rest;
        while let Some((word, rest)) = bytes.split_first_chunk::<8>() {
            let spaces = leading_equal(u64::from_le_bytes(*word), b' ');
            if spaces < word.len() {
                bytes = bytes.get(spaces..).unwrap_or_default();
                break;
            }
            bytes = rest;
        }
    }
    bytes
}

/// Returns the place of the quote or backslash that ends a run. Names and words are short: to look at two words of a register costs less
/// than the beginning of a search.
fn string_stop(bytes: &[u8]) -> Option<usize> {
    let (words, _) = bytes.as_chunks::<8>();
    let mut at: usize = 0;
    for word in words.iter().take(SHORT) {
        let word = u64::from_le_bytes(*word);
        let stops = first_equal(word, b'"') | first_equal(word, b'\\');
        if stops != 0 {
            return Some(at.saturating_add(stops.trailing_zeros() as usize / 8));
        }
        at = at.saturating_add(8);
    }
    let long = bytes.get(at..).unwrap_or_default();
    memchr2(b'"', b'\\', long).map(|stop| stop.saturating_add(at))
}

#[cfg(test)]
mod tests;
