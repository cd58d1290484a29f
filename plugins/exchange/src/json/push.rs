//! A push tokenizer: JSON in whatever pieces it comes, remembered as a few words of state.
//!
//! It is for answers, which must reach the client whether they are JSON or not. So it does not judge: it follows
//! strings, brackets and commas, tells its [`Sink`] what stands at the places the sink knows, and says at the end
//! whether the document was whole. It keeps at most 128 bytes of what it reads, never the document.

use super::nesting::{Container, Nesting};
use memchr::memchr2;

/// Longest name, word or number that is captured, a model's name among them; longer ones are none that a sink knows.
const CAPTURE: usize = 128;

/// Levels whose place is remembered; deeper ones are unknown places.
const PLACES: usize = 8;

/// What a sink calls the values it knows. The default is a place nobody cares about.
pub(crate) trait Place: Copy + Default {
    /// The place of a member of this object.
    fn member(self, name: &[u8]) -> Self;
    /// The place of the elements of this array.
    fn element(self) -> Self;
    /// Whether anything in here can matter.
    fn is_known(self) -> bool;
    /// Whether strings here are counted, not captured.
    fn is_text(self) -> bool;
}

/// Is told what stands where.
pub(crate) trait Sink<P: Place> {
    /// A value begins at a known place.
    fn begins(&mut self, place: P);
    /// A container opens at a known place.
    fn opens(&mut self, place: P, container: Container);
    /// The container that opened at a known place closes.
    fn closes(&mut self, place: P);
    /// Bytes of a string at a text place, as written.
    fn text(&mut self, place: P, bytes: usize);
    /// A string that fits, unescaped.
    fn word(&mut self, place: P, word: &[u8]);
    /// A number or a literal that fits, as written.
    fn scalar(&mut self, place: P, written: &[u8]);
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    String,
    Escape,
    Hex {
        left: u8,
        code: u16,
    },
    Scalar,
    /// The document is whole.
    Done,
    /// It is none.
    Lost,
}

/// See the module's text.
#[derive(Debug, Clone)]
pub(crate) struct PushScan<P> {
    state: State,
    open: Nesting,
    places: [P; PLACES],
    /// Place of the value that is next or under way.
    here: P,
    /// The string that is next or under way is a member's name.
    at_name: bool,
    captured: [u8; CAPTURE],
    captured_len: usize,
}

impl<P: Place> PushScan<P> {
    /// For a document that stands at `root`.
    pub(crate) fn new(root: P) -> Self {
        Self {
            state: State::Between,
            open: Nesting::default(),
            places: [P::default(); PLACES],
            here: root,
            at_name: false,
            captured: [0; CAPTURE],
            captured_len: 0,
        }
    }

    /// Whether something stood there that is no JSON.
    pub(crate) fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Makes ready for the next document.
    pub(crate) fn restart(&mut self, root: P) {
        self.state = State::Between;
        self.open = Nesting::default();
        self.here = root;
        self.at_name = false;
        self.captured_len = 0;
    }

    /// Whether the outermost value was closed and nothing but whitespace came after it.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Reads on.
    pub(crate) fn push(&mut self, mut bytes: &[u8], sink: &mut impl Sink<P>) {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match self.state {
                State::Between => self.between(byte, bytes, rest, sink),
                State::String => self.string(bytes, sink),
                State::Escape => self.escape(byte, rest, sink),
                State::Hex { left, code } => self.hex(byte, left, code, rest, sink),
                State::Scalar => self.scalar(bytes, sink),
                State::Done => self.after(bytes),
                State::Lost => return,
            };
        }
    }

    fn between<'a>(&mut self, byte: u8, all: &'a [u8], rest: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => return rest,
            b'"' => self.begin_string(sink),
            b'{' => self.open(Container::Object, sink),
            b'[' => self.open(Container::Array, sink),
            b'}' => self.close(Container::Object, sink),
            b']' => self.close(Container::Array, sink),
            b',' => self.next(),
            b':' => self.at_name = false,
            _ => {
                if self.here.is_known() {
                    sink.begins(self.here);
                }
                self.captured_len = 0;
                self.state = State::Scalar;
                return all;
            }
        }
        rest
    }

    fn begin_string(&mut self, sink: &mut impl Sink<P>) {
        self.state = State::String;
        self.captured_len = 0;
        if !self.at_name && self.here.is_known() {
            sink.begins(self.here);
        }
    }

    fn open(&mut self, container: Container, sink: &mut impl Sink<P>) {
        if self.at_name || !self.open.open(container) {
            self.state = State::Lost;
            return;
        }
        if self.here.is_known() {
            sink.begins(self.here);
            sink.opens(self.here, container);
        }
        let level = self.open.depth() as usize - 1;
        if let Some(place) = self.places.get_mut(level) {
            *place = self.here;
        }
        self.next();
    }

    fn close(&mut self, container: Container, sink: &mut impl Sink<P>) {
        if self.open.inner() != Some(container) {
            self.state = State::Lost;
            return;
        }
        let place = self.container();
        if place.is_known() {
            sink.closes(place);
        }
        self.open.close();
        self.at_name = false;
        self.here = P::default();
        self.end_value();
    }

    /// A value is over: the document, or one of several.
    fn end_value(&mut self) {
        self.state = match self.open.depth() {
            0 => State::Done,
            _ => State::Between,
        };
    }

    /// What is next in this container.
    fn next(&mut self) {
        self.at_name = self.open.inner() == Some(Container::Object);
        self.here = match self.at_name {
            true => P::default(),
            false => self.container().element(),
        };
    }

    /// Place of the innermost open container.
    fn container(&self) -> P {
        let level = (self.open.depth() as usize).wrapping_sub(1);
        self.places.get(level).copied().unwrap_or_default()
    }

    fn wants_capture(&self) -> bool {
        match self.at_name {
            true => self.container().is_known(),
            false => self.here.is_known() && !self.here.is_text(),
        }
    }

    fn string<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        let stop = memchr2(b'"', b'\\', bytes);
        let (plain, rest) = bytes.split_at_checked(stop.unwrap_or(bytes.len())).unwrap_or_default();
        self.in_string(plain, plain.len(), sink);
        match rest.split_first() {
            None => rest,
            Some((b'\\', rest)) => {
                self.state = State::Escape;
                rest
            }
            Some((_, rest)) => {
                self.end_string(sink);
                rest
            }
        }
    }

    /// `text` of a string, written as `written` bytes.
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
            // An unknown name, or one too long to be known, leads nowhere.
            self.here = match captured {
                Some(name) if self.container().is_known() => self.container().member(name),
                _ => P::default(),
            };
            self.state = State::Between;
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
        // Beyond the room, so that nothing is taken for a whole.
        self.captured_len = end;
    }

    fn escape<'a>(&mut self, byte: u8, rest: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        if byte == b'u' {
            self.state = State::Hex { left: 4, code: 0 };
            return rest;
        }
        let spelled = match byte {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            itself => itself,
        };
        self.state = State::String;
        self.in_string(&[spelled], 2, sink);
        rest
    }

    fn hex<'a>(&mut self, byte: u8, left: u8, code: u16, rest: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        let Some(digit) = char::from(byte).to_digit(16) else {
            self.state = State::Lost;
            return rest;
        };
        let code = code << 4 | digit as u16;
        if left > 1 {
            self.state = State::Hex { left: left - 1, code };
            return rest;
        }
        self.state = State::String;
        // All that is known is ASCII; anything else only has to be different.
        let spelled = u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(0xFF);
        self.in_string(&[spelled], 6, sink);
        rest
    }

    fn scalar<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink<P>) -> &'a [u8] {
        let stop = bytes.iter().position(|byte| {
            matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b'{' | b'[' | b':')
        });
        let (scalar, rest) = bytes.split_at_checked(stop.unwrap_or(bytes.len())).unwrap_or_default();
        if self.here.is_known() {
            self.capture(scalar);
        }
        if !rest.is_empty() {
            if self.here.is_known()
                && let Some(written) = self.captured.get(..self.captured_len)
            {
                sink.scalar(self.here, written);
            }
            self.end_value();
        }
        rest
    }

    fn after<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let rest = bytes.trim_ascii_start();
        if !rest.is_empty() {
            self.state = State::Lost;
        }
        rest
    }
}
