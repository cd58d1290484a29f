//! Every text of a body, as the model reads it, with the way back to its bytes.
//!
//! A list of the places where text may stand would miss the next one that some API adds, and what it misses is a hole
//! in every rule. So this looks at every string there is, and the short list is of those that are none: names of roles
//! and types, ids, encoded media. The pass runs only for a policy that guards something.

mod events;
mod progress;
mod spelling;
mod stream;
mod walk;

pub use spelling::Spelling;
pub(crate) use spelling::unescape;
pub use stream::{Edit, Examine, GuardedStream, Halt};

use crate::json::{Cursor, push_escaped};
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
    /// The string holds JSON itself, the arguments of a tool call.
    pub(crate) nested: bool,
    /// Later events may go on with it.
    pub(crate) streams: bool,
}

/// One text as it reads.
#[derive(Debug, Clone)]
pub struct Spelled<'a> {
    /// What the model reads.
    pub text: Cow<'a, str>,
    spelling: Spelling,
    /// For JSON inside a string: how the string's text is written.
    outer: Option<Spelling>,
    nested: bool,
}

/// What stands in a body.
#[derive(Debug, Clone, Default)]
pub struct Texts<'a> {
    /// In the order of the body.
    pub texts: Vec<WrittenText<'a>>,
    /// Names of the tools that are offered, chosen or called; each once.
    pub tools: Vec<String>,
    /// Choices or content blocks that an answer names, and whether each is over.
    pub choices: Vec<(u64, bool)>,
    /// Values of `logprobs`: they tell every token again.
    pub logprobs: Vec<Range<usize>>,
    /// `type` at the top of an event, if it is a short word.
    pub event_type: Option<String>,
}

impl<'a> WrittenText<'a> {
    /// Undoes the escapes; borrows where there are none. The arguments of a tool call are JSON in a string: they are
    /// unescaped twice, or what begins a line in them would hide behind the `n` of its `\n`.
    #[must_use]
    pub fn spelled(&self) -> Spelled<'a> {
        let once = self.spelled_once();
        if !self.nested || !once.text.contains('\\') {
            return once;
        }
        let (mut text, mut spelling) = (String::with_capacity(once.text.len()), Spelling::at(0));
        unescape(&once.text, 0, true, &mut text, 0, &mut spelling);
        Spelled { text: Cow::Owned(text), spelling, outer: Some(once.spelling), nested: true }
    }

    pub(crate) fn spelled_once(&self) -> Spelled<'a> {
        let (mut spelling, nested) = (Spelling::at(self.at), self.nested);
        if !self.escaped {
            return Spelled { text: Cow::Borrowed(self.written), spelling, outer: None, nested };
        }
        let mut text = String::with_capacity(self.written.len());
        unescape(self.written, self.at, true, &mut text, 0, &mut spelling);
        Spelled { text: Cow::Owned(text), spelling, outer: None, nested }
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

    /// Puts another text in place of a range of this one.
    #[must_use]
    pub fn splice(&self, edit: &Edit) -> Splice {
        let mut with = Vec::with_capacity(edit.with.len());
        if self.nested {
            push_escaped(&mut with, &escaped(&edit.with));
        } else {
            push_escaped(&mut with, &edit.with);
        }
        Splice { at: self.written(edit.at.clone()), with }
    }

    pub(crate) fn into_parts(self) -> (Cow<'static, str>, Spelling) {
        (Cow::Owned(self.text.into_owned()), self.spelling)
    }
}

/// The texts of a request's body; `None` if it is no JSON, or has more texts than are kept.
#[must_use]
pub fn request_texts(body: &[u8]) -> Option<Texts<'_>> {
    read(body, Walk::request())
}

/// The texts of an answer's body, or of one event of a stream; `None` as above.
#[must_use]
pub fn answer_texts(body: &[u8]) -> Option<Texts<'_>> {
    read(body, Walk::answer())
}

/// What a text looks like between the quotes of a JSON string.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    push_escaped(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}

fn read<'a>(body: &'a [u8], mut walk: Walk<'a>) -> Option<Texts<'a>> {
    let mut cursor = Cursor::new(body);
    cursor.skip_whitespace();
    walk.document(&mut cursor).ok()?;
    (cursor.end().is_none() && !walk.overflowed).then_some(walk.found)
}
