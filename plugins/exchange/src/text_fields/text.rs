//! The texts of a body: their notation, their unescaped form, and the changes of a guard.

use super::examine::Edit;
use super::json_escape::{EscapeMap, unescape_bytes};
use super::json_tokens;
use crate::json::push_escaped;
use crate::rewrite::Splice;
use std::borrow::Cow;
use std::ops::Range;

/// Identifies a text of an answer: pieces with equal keys, in successive events, are one text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TextKey {
    /// `index` of the choice, or of the content block.
    pub choice: u64,
    /// Hash of the path of the text, so that content, refusal and the arguments of each tool call differ.
    pub field: u64,
}

/// One text, as written in a body.
#[derive(Debug, Clone, Copy)]
pub struct WrittenText<'a> {
    /// The text of the answer to which it belongs.
    pub key: TextKey,
    /// UTF-8.
    pub(super) written: &'a [u8],
    pub(super) at: usize,
    pub(super) escaped: bool,
    pub(super) form: TextForm,
    /// Whether later events may continue it.
    pub(crate) streams: bool,
    /// Whether it is the name of a called tool.
    pub(crate) is_name: bool,
}

/// The notation of a text in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextForm {
    /// A string.
    Plain,
    /// A string that contains JSON: the arguments of a tool call.
    Nested,
    /// JSON that is scanned as written: arguments as an object.
    Tree,
    /// A number.
    Number,
}

/// An item of a body.
#[derive(Debug)]
pub enum BodyItem<'a> {
    /// A text.
    Text(WrittenText<'a>),
    /// The name of a tool that is offered, chosen or called, empty if there is none; for the tools of a server `mcp:` and
    /// the server's name.
    Tool(String),
}

/// One text, unescaped.
#[derive(Debug, Clone)]
pub struct UnescapedText<'a> {
    /// The text as the model reads it.
    pub text: Cow<'a, str>,
    notation: Notation<'a>,
}

/// One text, unescaped, as bytes of UTF-8 that have not been checked once more.
#[derive(Debug, Clone)]
pub struct UnescapedBytes<'a> {
    /// The text as the model reads it.
    pub text: Cow<'a, [u8]>,
    notation: Notation<'a>,
}

/// The bytes of a body that write a text.
#[derive(Debug, Clone)]
struct Notation<'a> {
    escape_map: EscapeMap,
    /// For JSON inside a string: the notation of the outer text.
    outer: Option<EscapeMap>,
    form: TextForm,
    written: &'a [u8],
    at: usize,
}

/// The contents of a body.
#[derive(Debug, Clone, Default)]
pub struct Texts<'a> {
    /// In the order of the body.
    pub texts: Vec<WrittenText<'a>>,
    /// See [`BodyItem::Tool`].
    pub tools: Vec<String>,
    /// Bytes of all texts, as written.
    pub text_bytes: u64,
    /// Content parts that are not text.
    pub attachments: u32,
    /// Token ids in a prompt.
    pub token_ids: u64,
    /// The choices or content blocks that an answer names, and whether each has ended.
    pub choices: Vec<(u64, bool)>,
    /// Values of `logprobs`, which repeat every token.
    pub logprobs: Vec<Range<usize>>,
    /// `type` at the top of an event, if it is short.
    pub event_type: Option<String>,
}

impl<'a> WrittenText<'a> {
    /// Returns the text without escapes, borrowed if there are none. The arguments of a tool call are JSON in a string, and
    /// are unescaped twice; otherwise the `n` of a `\n` would join the word at the beginning of a line. A number is
    /// returned in digits, however it is written.
    #[must_use]
    pub fn unescaped_text(&self) -> UnescapedText<'a> {
        self.unescaped_bytes().into_text()
    }

    /// Returns the same in bytes.
    #[must_use]
    pub fn unescaped_bytes(&self) -> UnescapedBytes<'a> {
        let once = self.once();
        if !self.is_nested() || memchr::memchr(b'\\', &once.text).is_none() {
            return once;
        }
        let (mut text, mut escape_map) = (Vec::new(), EscapeMap::at(0));
        unescape_bytes(&once.text, 0, true, &mut text, 0, &mut escape_map);
        let notation = Notation { escape_map, outer: Some(once.notation.escape_map), ..once.notation };
        UnescapedBytes { text: Cow::Owned(text), notation }
    }

    /// Returns its offset in the body.
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Returns whether the string contains JSON.
    pub(crate) fn is_nested(&self) -> bool {
        self.form == TextForm::Nested
    }

    pub(crate) fn unescaped_once(&self) -> UnescapedText<'a> {
        self.once().into_text()
    }

    fn once(&self) -> UnescapedBytes<'a> {
        let mut escape_map = EscapeMap::at(self.at);
        let text = if self.form == TextForm::Number {
            json_tokens::digits(self.written)
        } else if self.escaped {
            let mut text = Vec::new();
            unescape_bytes(self.written, self.at, true, &mut text, 0, &mut escape_map);
            Cow::Owned(text)
        } else {
            Cow::Borrowed(self.written)
        };
        let notation = Notation { escape_map, outer: None, form: self.form, written: self.written, at: self.at };
        UnescapedBytes { text, notation }
    }
}

impl<'a> UnescapedBytes<'a> {
    fn into_text(self) -> UnescapedText<'a> {
        let text = match self.text {
            Cow::Borrowed(text) => Cow::Borrowed(simdutf8::basic::from_utf8(text).unwrap_or_default()),
            Cow::Owned(text) => Cow::Owned(String::from_utf8(text).unwrap_or_default()),
        };
        UnescapedText { text, notation: self.notation }
    }

    /// Returns the bytes of the body for a range of the text, with the whole of every escape that it touches.
    #[must_use]
    pub fn written(&self, text: Range<usize>) -> Range<usize> {
        self.notation.written(text)
    }

    /// Replaces ranges of the text, which are in order and do not overlap. JSON stays JSON.
    pub fn splices(&self, edits: &[Edit], out: &mut Vec<Splice>) {
        self.notation.splices(&self.text, edits, out);
    }
}

impl UnescapedText<'_> {
    /// Returns the bytes of the body for a range of the text, with the whole of every escape that it touches.
    #[must_use]
    pub fn written(&self, text: Range<usize>) -> Range<usize> {
        self.notation.written(text)
    }

    /// Replaces ranges of the text, which are in order and do not overlap. JSON stays JSON.
    pub fn splices(&self, edits: &[Edit], out: &mut Vec<Splice>) {
        self.notation.splices(self.text.as_bytes(), edits, out);
    }

    pub(crate) fn into_parts(self) -> (Cow<'static, str>, EscapeMap) {
        (Cow::Owned(self.text.into_owned()), self.notation.escape_map)
    }
}

impl Notation<'_> {
    fn written(&self, text: Range<usize>) -> Range<usize> {
        let inner = self.escape_map.written(text);
        match &self.outer {
            Some(outer) => outer.written(inner),
            None => inner,
        }
    }

    fn splices(&self, text: &[u8], edits: &[Edit], out: &mut Vec<Splice>) {
        let (written, at) = (self.written, self.at);
        match self.form {
            TextForm::Plain => out.extend(edits.iter().map(|edit| self.splice(edit, &edit.with))),
            TextForm::Nested => out.extend(edits.iter().map(|edit| self.splice(edit, &escaped(&edit.with)))),
            TextForm::Number if edits.is_empty() => {}
            TextForm::Number => out.push(json_tokens::number(at, written.len(), text, edits)),
            TextForm::Tree => json_tokens::splices(at, written, edits, |at| self.written(at), out),
        }
    }

    fn splice(&self, edit: &Edit, text: &str) -> Splice {
        let mut with = Vec::with_capacity(text.len());
        push_escaped(&mut with, text);
        Splice { at: self.written(edit.at.clone()), with }
    }
}

/// Returns a text in the form that is valid between the quotes of a JSON string.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    push_escaped(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}
