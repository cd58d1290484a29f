//! The texts of a body: their notation, their unescaped form, and the changes of a guard.

use super::examine::Edit;
use super::json_escape::{EscapeMap, unescape};
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
    pub(super) written: &'a str,
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
    escape_map: EscapeMap,
    /// For JSON inside a string: the notation of the outer text.
    outer: Option<EscapeMap>,
    form: TextForm,
    written: &'a str,
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
        let once = self.unescaped_once();
        if !self.is_nested() || !once.text.contains('\\') {
            return once;
        }
        let (mut text, mut escape_map) = (String::with_capacity(once.text.len()), EscapeMap::at(0));
        unescape(&once.text, 0, true, &mut text, 0, &mut escape_map);
        UnescapedText { text: Cow::Owned(text), escape_map, outer: Some(once.escape_map), ..once }
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
        let mut escape_map = EscapeMap::at(self.at);
        let text = if self.form == TextForm::Number {
            json_tokens::digits(self.written)
        } else if self.escaped {
            let mut text = String::with_capacity(self.written.len());
            unescape(self.written, self.at, true, &mut text, 0, &mut escape_map);
            Cow::Owned(text)
        } else {
            Cow::Borrowed(self.written)
        };
        UnescapedText { text, escape_map, outer: None, form: self.form, written: self.written, at: self.at }
    }
}

impl UnescapedText<'_> {
    /// Returns the bytes of the body for a range of the text, with the whole of every escape that it touches.
    #[must_use]
    pub fn written(&self, text: Range<usize>) -> Range<usize> {
        let inner = self.escape_map.written(text);
        match &self.outer {
            Some(outer) => outer.written(inner),
            None => inner,
        }
    }

    /// Replaces ranges of the text, which are in order and do not overlap. JSON stays JSON.
    pub fn splices(&self, edits: &[Edit], out: &mut Vec<Splice>) {
        match self.form {
            TextForm::Plain => out.extend(edits.iter().map(|edit| self.splice(edit, &edit.with))),
            TextForm::Nested => out.extend(edits.iter().map(|edit| self.splice(edit, &escaped(&edit.with)))),
            TextForm::Number if edits.is_empty() => {}
            TextForm::Number => out.push(json_tokens::number(self.at, self.written.len(), &self.text, edits)),
            TextForm::Tree => json_tokens::splices(self.at, self.written, edits, |at| self.written(at), out),
        }
    }

    fn splice(&self, edit: &Edit, text: &str) -> Splice {
        let mut with = Vec::with_capacity(text.len());
        push_escaped(&mut with, text);
        Splice { at: self.written(edit.at.clone()), with }
    }

    pub(crate) fn into_parts(self) -> (Cow<'static, str>, EscapeMap) {
        (Cow::Owned(self.text.into_owned()), self.escape_map)
    }
}

/// Returns a text in the form that is valid between the quotes of a JSON string.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    push_escaped(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}
