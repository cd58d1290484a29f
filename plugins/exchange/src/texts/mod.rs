//! Every text of a body, as the model reads it, with the way back to its bytes.
//!
//! A list of the places where text may stand would miss the next one that some API adds, and what it misses is a hole
//! in every rule. So this looks at every string and number there is, and at every name of a member that the APIs do not
//! have; the short list is of those that are none: words of the APIs, settings, media. The pass runs only for a policy that
//! guards something.

mod events;
mod progress;
mod spelling;
mod stream;
mod tokens;
mod walk;
mod words;

pub use spelling::Spelling;
pub(crate) use spelling::unescape;
pub use stream::{Edit, Examine, GuardedStream, Halt};

use crate::json::{Cursor, Fault, push_escaped};
use crate::rewrite::Splice;
use std::borrow::Cow;
use std::ops::Range;
use walk::Walk;

/// Which text of an answer this is a piece of: pieces with equal keys, of events in a row, are one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TextKey {
    /// `index` of the choice, or of the content block.
    pub choice: u64,
    /// Which of its texts: a hash of the path to it, so that content, refusal and each tool call's arguments differ.
    pub field: u64,
}

/// One text as it is written in a body.
#[derive(Debug, Clone, Copy)]
pub struct WrittenText<'a> {
    /// Of which text of the answer.
    pub key: TextKey,
    written: &'a str,
    at: usize,
    escaped: bool,
    form: Form,
    /// Later events may go on with it.
    pub(crate) streams: bool,
}

/// How a text stands in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A string.
    Plain,
    /// A string that holds JSON itself, the arguments of a tool call.
    Nested,
    /// JSON that is read as it is written: arguments as an object.
    Tree,
    /// A number.
    Number,
}

/// Something that was found on the walk.
#[derive(Debug)]
pub enum Seen<'a> {
    /// A text.
    Text(WrittenText<'a>),
    /// The name of a tool that is offered, chosen or called; `mcp:` and its name for a server that brings its own. Empty
    /// for one that has none.
    Tool(String),
}

/// One text as it reads.
#[derive(Debug, Clone)]
pub struct Spelled<'a> {
    /// What the model reads.
    pub text: Cow<'a, str>,
    spelling: Spelling,
    /// For JSON inside a string: how the string's text is written.
    outer: Option<Spelling>,
    form: Form,
    written: &'a str,
    at: usize,
}

/// What stands in a body.
#[derive(Debug, Clone, Default)]
pub struct Texts<'a> {
    /// In the order of the body.
    pub texts: Vec<WrittenText<'a>>,
    /// See [`Seen::Tool`].
    pub tools: Vec<String>,
    /// Bytes of all texts, as they are written.
    pub text_bytes: u64,
    /// Pieces of content that are no text.
    pub attachments: u32,
    /// Token ids in the place of a prompt.
    pub token_ids: u64,
    /// Choices or content blocks that an answer names, and whether each is over.
    pub choices: Vec<(u64, bool)>,
    /// Values of `logprobs`: they tell every token again.
    pub logprobs: Vec<Range<usize>>,
    /// `type` at the top of an event, if it is a short word.
    pub event_type: Option<String>,
}

impl<'a> WrittenText<'a> {
    /// Undoes the escapes; borrows where there are none. The arguments of a tool call are JSON in a string: they are
    /// unescaped twice, or what begins a line in them would hide behind the `n` of its `\n`. Of a number it is the digits
    /// that count, however it is written.
    #[must_use]
    pub fn spelled(&self) -> Spelled<'a> {
        let once = self.spelled_once();
        if !self.is_nested() || !once.text.contains('\\') {
            return once;
        }
        let (mut text, mut spelling) = (String::with_capacity(once.text.len()), Spelling::at(0));
        unescape(&once.text, 0, true, &mut text, 0, &mut spelling);
        Spelled { text: Cow::Owned(text), spelling, outer: Some(once.spelling), ..once }
    }

    /// Where it begins in the body.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The string holds JSON itself.
    pub(crate) fn is_nested(&self) -> bool {
        self.form == Form::Nested
    }

    pub(crate) fn spelled_once(&self) -> Spelled<'a> {
        let mut spelling = Spelling::at(self.at);
        let text = if self.form == Form::Number {
            tokens::digits(self.written)
        } else if self.escaped {
            let mut text = String::with_capacity(self.written.len());
            unescape(self.written, self.at, true, &mut text, 0, &mut spelling);
            Cow::Owned(text)
        } else {
            Cow::Borrowed(self.written)
        };
        Spelled { text, spelling, outer: None, form: self.form, written: self.written, at: self.at }
    }
}

impl Spelled<'_> {
    /// The bytes of the body that write this range of the text, every escape that it touches whole.
    #[must_use]
    pub fn written(&self, text: Range<usize>) -> Range<usize> {
        let inner = self.spelling.written(text);
        match &self.outer {
            Some(outer) => outer.written(inner),
            None => inner,
        }
    }

    /// Puts other texts in place of ranges of this one, which are in order and do not overlap. What was JSON stays JSON.
    pub fn splices(&self, edits: &[Edit], out: &mut Vec<Splice>) {
        match self.form {
            Form::Plain => out.extend(edits.iter().map(|edit| self.splice(edit, &edit.with))),
            Form::Nested => out.extend(edits.iter().map(|edit| self.splice(edit, &escaped(&edit.with)))),
            Form::Number if edits.is_empty() => {}
            Form::Number => out.push(tokens::number(self.at, self.written.len(), &self.text, edits)),
            Form::Tree => tokens::splices(self.at, self.written, edits, |at| self.written(at), out),
        }
    }

    fn splice(&self, edit: &Edit, text: &str) -> Splice {
        let mut with = Vec::with_capacity(text.len());
        push_escaped(&mut with, text);
        Splice { at: self.written(edit.at.clone()), with }
    }

    pub(crate) fn into_parts(self) -> (Cow<'static, str>, Spelling) {
        (Cow::Owned(self.text.into_owned()), self.spelling)
    }
}

/// Shows what stands in a request's body, piece by piece, and returns what there is of it beside; `None` if it is no JSON.
/// A body can have a text every few bytes, so that they are not kept.
#[must_use]
pub fn visit_request<'a>(body: &'a [u8], sink: &mut dyn FnMut(Seen<'a>)) -> Option<Texts<'a>> {
    read(body, Walk::request(Some(sink))).ok()
}

/// The same for a JSON answer.
#[must_use]
pub fn visit_answer<'a>(body: &'a [u8], sink: &mut dyn FnMut(Seen<'a>)) -> Option<Texts<'a>> {
    read(body, Walk::answer(Some(sink))).ok()
}

/// The texts of a request's body; `None` if it is no JSON.
#[must_use]
pub fn request_texts(body: &[u8]) -> Option<Texts<'_>> {
    read(body, Walk::request(None)).ok()
}

/// The texts of an answer's body, or of one event of a stream; `None` if it is no JSON.
#[must_use]
pub fn answer_texts(body: &[u8]) -> Option<Texts<'_>> {
    read(body, Walk::answer(None)).ok()
}

/// What a text looks like between the quotes of a JSON string.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    push_escaped(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}

fn read<'a>(body: &'a [u8], mut walk: Walk<'a, '_>) -> Result<Texts<'a>, Fault> {
    let mut cursor = Cursor::new(body);
    cursor.skip_whitespace();
    walk.document(&mut cursor)?;
    match cursor.end() {
        None => Ok(walk.found),
        Some(at) => Err(Fault::Malformed(crate::json::Flaw::UnexpectedByte, at)),
    }
}
