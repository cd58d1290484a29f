//! The strings and numbers on the walk, as texts in their notations.

use super::{Context, Walk};
use crate::json::{Cursor, ParseError, Text};
use crate::text_fields::text::{BodyItem, TextForm, TextKey, WrittenText};
use crate::text_fields::words;

impl<'a> Walk<'a, '_> {
    /// Scans the part of an id that is not a prefix of the API.
    pub(super) fn id(&mut self, text: Text<'a>) {
        let skip = if text.escaped { 0 } else { words::id_prefix(text.raw) };
        let raw = text.raw.get(skip..).unwrap_or_default();
        self.plain(Text { raw, at: text.at + skip, escaped: text.escaped });
    }

    /// Reads arguments as an object: JSON that is scanned as written, including names and numbers, as in a stream.
    pub(super) fn tree(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        let (rest, at) = (cursor.rest(), cursor.at());
        let number = matches!(cursor.peek(), Some(b'-' | b'0'..=b'9'));
        cursor.skip()?;
        let raw = rest.get(..cursor.at().saturating_sub(at)).unwrap_or_default();
        let worth = raw.len() > 2 && !matches!(raw, b"null" | b"true" | b"false");
        let streams = std::mem::replace(&mut self.streams, false);
        if worth && number {
            self.text(Text { raw, at, escaped: false }, TextForm::Number);
        } else if worth {
            self.text(Text { raw, at, escaped: true }, TextForm::Tree);
        }
        self.streams = streams;
        Ok(())
    }

    pub(super) fn number(&mut self, cursor: &mut Cursor<'a>, context: Context) -> Result<(), ParseError> {
        if context == Context::Prompt && self.arrays > 0 {
            self.found.token_ids = self.found.token_ids.saturating_add(1);
            return cursor.skip();
        }
        let (rest, at) = (cursor.rest(), cursor.at());
        cursor.skip()?;
        let raw = rest.get(..cursor.at().saturating_sub(at)).unwrap_or_default();
        let streams = std::mem::replace(&mut self.streams, false);
        self.text(Text { raw, at, escaped: false }, TextForm::Number);
        self.streams = streams;
        Ok(())
    }

    pub(super) fn logprobs(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        let start = cursor.at();
        cursor.skip()?;
        self.found.logprobs.push(start..cursor.at());
        Ok(())
    }

    /// Notes a name, which later events may continue.
    pub(super) fn name(&mut self, text: Text<'a>) {
        self.naming = true;
        self.text(text, TextForm::Plain);
        self.naming = false;
    }

    /// Notes a text that is complete.
    pub(super) fn plain(&mut self, text: Text<'a>) {
        let streams = std::mem::replace(&mut self.streams, false);
        self.text(text, TextForm::Plain);
        self.streams = streams;
    }

    pub(super) fn text(&mut self, text: Text<'a>, form: TextForm) {
        // The cursor has checked that it is UTF-8.
        let written = text.raw;
        if written.is_empty() {
            return;
        }
        self.found.text_bytes = self.found.text_bytes.saturating_add(written.len() as u64);
        let text = WrittenText {
            key: TextKey { choice: 0, field: self.path },
            written,
            at: text.at,
            escaped: text.escaped,
            form,
            streams: self.streams,
            is_name: self.naming,
        };
        match &mut self.sink {
            Some(sink) => sink(BodyItem::Text(text)),
            None => self.found.texts.push(text),
        }
    }
}
