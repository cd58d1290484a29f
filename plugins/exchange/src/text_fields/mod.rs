//! Every text of a body, as the model reads it, with the mapping to its bytes.
//!
//! A list of the fields with text would miss the next field that an API adds, and every rule would have a hole there. So
//! every string and number is a text, and every unknown member name; the short list contains the exceptions: words of the
//! APIs, settings, media. The pass runs only for a policy with guardrails.

mod events;
mod examine;
mod json_escape;
mod json_tokens;
mod progress;
mod queue;
mod stream;
mod text;
mod walk;
mod word_table;
mod words;

pub use examine::{Edit, Examine, Halt};
pub use json_escape::EscapeMap;
pub use stream::GuardedStream;
pub use text::{BodyItem, TextKey, Texts, UnescapedBytes, UnescapedText, WrittenText};

use crate::json::{Cursor, ParseError, StringSpans};
use walk::Walk;

/// Passes each item of a request's body to `sink`, and returns the counts; `None` if the body is not JSON. The items are
/// not kept, because a body can have a text every few bytes.
#[must_use]
pub fn visit_request<'a>(body: &'a [u8], sink: &mut dyn FnMut(BodyItem<'a>)) -> Option<Texts<'a>> {
    read(Cursor::new(body), Walk::request(Some(sink))).ok()
}

/// Does the same for a body in which the request scan has noted these strings; they are not read again.
#[must_use]
pub fn visit_scanned_request<'a>(
    body: &'a [u8],
    strings: &'a StringSpans,
    sink: &mut dyn FnMut(BodyItem<'a>),
) -> Option<Texts<'a>> {
    read(Cursor::knowing(body, strings), Walk::request(Some(sink))).ok()
}

/// Passes each item of a JSON answer to `sink`, likewise.
#[must_use]
pub fn visit_answer<'a>(body: &'a [u8], sink: &mut dyn FnMut(BodyItem<'a>)) -> Option<Texts<'a>> {
    read(Cursor::new(body), Walk::answer(Some(sink))).ok()
}

/// Returns the texts of a request's body, or `None` if it is not JSON.
#[must_use]
pub fn request_texts(body: &[u8]) -> Option<Texts<'_>> {
    read(Cursor::new(body), Walk::request(None)).ok()
}

/// Returns the texts of an answer's body, or of one event of a stream; `None` if it is not JSON.
#[must_use]
pub fn answer_texts(body: &[u8]) -> Option<Texts<'_>> {
    read(Cursor::new(body), Walk::answer(None)).ok()
}

fn read<'a>(mut cursor: Cursor<'a>, mut walk: Walk<'a, '_>) -> Result<Texts<'a>, ParseError> {
    cursor.skip_whitespace();
    walk.document(&mut cursor)?;
    match cursor.end() {
        None => Ok(walk.found),
        Some(at) => Err(ParseError::Malformed(crate::json::JsonErrorKind::UnexpectedByte, at)),
    }
}
