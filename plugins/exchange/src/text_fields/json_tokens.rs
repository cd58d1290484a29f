//! Changes in JSON that is scanned as written: numbers, and arguments as an object.
//!
//! A detector scans it as text and knows nothing of JSON. A number is replaced by a string, and a finding across several
//! strings is removed from each, so that the provider still gets JSON.

use super::examine::Edit;
use crate::json::push_escaped;
use crate::rewrite::Splice;
use std::borrow::Cow;
use std::ops::Range;

/// Returns the digits of a number: `4.1e3` is `4100`.
pub(super) fn digits(written: &[u8]) -> Cow<'_, [u8]> {
    let whole = |number: f64| number.is_finite() && number.fract() == 0.0 && number.abs() < 1e20;
    let has_point = written.iter().any(|byte| matches!(byte, b'e' | b'E' | b'.'));
    let spelled = std::str::from_utf8(written).ok().filter(|_| has_point).and_then(|text| text.parse::<f64>().ok());
    match spelled.filter(|number| whole(*number)) {
        Some(number) => Cow::Owned(format!("{number:.0}").into_bytes()),
        None => Cow::Borrowed(written),
    }
}

/// Replaces a number by a string with its changes.
pub(super) fn number(at: usize, len: usize, text: &[u8], edits: &[Edit]) -> Splice {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let (mut with, mut done) = (vec![b'"'], 0);
    for edit in edits {
        push_escaped(&mut with, text.get(done..edit.at.start).unwrap_or_default());
        push_escaped(&mut with, &edit.with);
        done = edit.at.end;
    }
    push_escaped(&mut with, text.get(done..).unwrap_or_default());
    with.push(b'"');
    Splice { at: at..at.saturating_add(len), with }
}

/// Applies changes to a whole document at offset `at`; `written` returns the bytes of a range of its text. Edits and tokens
/// are in order, so each is visited once.
pub(super) fn splices(
    at: usize,
    document: &[u8],
    edits: &[Edit],
    written: impl Fn(Range<usize>) -> Range<usize>,
    out: &mut Vec<Splice>,
) {
    let mut tokens = JsonTokens { bytes: document, at: 0 }.peekable();
    for edit in edits {
        let range = written(edit.at.clone());
        let (start, end) = (range.start.saturating_sub(at), range.end.saturating_sub(at));
        let mut with = edit.with.as_str();
        while let Some(token) = tokens.peek().cloned().filter(|token| token.at.start < end) {
            let clip = token.at.start.max(start)..token.at.end.min(end);
            if !clip.is_empty() {
                out.push(token.splice(at, clip, std::mem::take(&mut with)));
            }
            // The rest of a string may have other changes; a number has become a string.
            if token.string && token.at.end > end {
                break;
            }
            tokens.next();
        }
    }
}

/// The content of a string, or a number.
#[derive(Debug, Clone)]
struct JsonToken {
    at: Range<usize>,
    string: bool,
}

impl JsonToken {
    fn splice(&self, base: usize, clip: Range<usize>, text: &str) -> Splice {
        let mut with = Vec::with_capacity(text.len() + 2);
        let at = if self.string { clip } else { self.at.clone() };
        with.extend(Some(b'"').filter(|_| !self.string));
        push_escaped(&mut with, text);
        with.extend(Some(b'"').filter(|_| !self.string));
        Splice { at: base + at.start..base + at.end, with }
    }
}

struct JsonTokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for JsonTokens<'_> {
    type Item = JsonToken;

    fn next(&mut self) -> Option<JsonToken> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'"' => return Some(self.string()),
                b'-' | b'0'..=b'9' | b'a'..=b'z' => return Some(self.scalar()),
                _ => {}
            }
        }
    }
}

impl JsonTokens<'_> {
    fn string(&mut self) -> JsonToken {
        let start = self.at;
        while let Some(byte) = self.bytes.get(self.at).filter(|byte| **byte != b'"') {
            self.at += if *byte == b'\\' { 2 } else { 1 };
        }
        let end = self.at.min(self.bytes.len());
        self.at = end + 1;
        JsonToken { at: start..end, string: true }
    }

    fn scalar(&mut self) -> JsonToken {
        let start = self.at - 1;
        let ends = |byte: &u8| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
        while self.bytes.get(self.at).is_some_and(ends) {
            self.at += 1;
        }
        JsonToken { at: start..self.at, string: false }
    }
}
