//! Measures the prompt: bytes of text and attachments, in every place of a request.
//!
//! These are OpenAI's formats; Anthropic's are in `blocks`. `messages[].content` is a string or a list of parts; `prompt`
//! and `input` are a string, a list of strings, or token ids. Values of another type are validated as JSON and not
//! counted.

use super::containers::{array, object};
use super::scan_error::ScanError;
use super::sizes::written_bytes;
use crate::json::{Cursor, NameBuffer, Text};
use crate::surface::Dialect;

#[derive(Debug, Default)]
pub(super) struct Prompt {
    pub(super) text_bytes: u64,
    pub(super) attachments: u32,
    /// Bytes of other values in a message that a provider reads as text: earlier calls, reasoning.
    pub(super) more_bytes: u64,
    pub(super) token_ids: u64,
    /// Whether there are files, of which the body may contain only a name.
    pub(super) files: bool,
}

impl Prompt {
    /// Reads `messages`: a list of objects with `content`, which also contains the results of tools.
    pub(super) fn messages(&mut self, dialect: Dialect, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        if cursor.peek() != Some(b'[') {
            return Ok(cursor.skip()?);
        }
        array(cursor, |cursor| self.message(dialect, cursor))
    }

    /// Reads a string, or a list of strings and content parts.
    pub(super) fn text(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        match cursor.peek() {
            Some(b'"') => self.string(cursor),
            Some(b'[') => array(cursor, |cursor| match cursor.peek() {
                Some(b'"') => self.string(cursor),
                Some(b'{') => self.part(cursor),
                Some(b'[') => array(cursor, |cursor| self.token(cursor)),
                _ => self.token(cursor),
            }),
            _ => Ok(cursor.skip()?),
        }
    }

    /// Reads a token id, or an element of another kind.
    fn token(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        self.token_ids =
            self.token_ids.saturating_add(u64::from(cursor.peek().is_some_and(|byte| byte.is_ascii_digit())));
        self.more(cursor)
    }

    /// Counts a value as written, if it can contain text.
    pub(super) fn more(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        self.more_bytes = self.more_bytes.saturating_add(written_bytes(cursor)?);
        Ok(())
    }

    fn message(&mut self, dialect: Dialect, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        if cursor.peek() != Some(b'{') {
            return Ok(cursor.skip()?);
        }
        object(cursor, |cursor, name| match (name.name(&mut NameBuffer::default()), dialect) {
            (b"content", Dialect::Openai) => self.text(cursor),
            (b"content", Dialect::Anthropic) => self.blocks(cursor),
            (b"role" | b"name" | b"tool_call_id" | b"id" | b"annotations", _) => Ok(cursor.skip()?),
            _ => self.more(cursor),
        })
    }

    fn part(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        object(cursor, |cursor, name| {
            let is_string = cursor.peek() == Some(b'"');
            match name.name(&mut NameBuffer::default()) {
                b"text" if is_string => self.string(cursor),
                b"type" if is_string => {
                    let kind = cursor.string()?;
                    self.attachments = self.attachments.saturating_add(u32::from(is_attachment(kind)));
                    self.files |= kind.name(&mut NameBuffer::default()) == b"file";
                    Ok(())
                }
                b"image_url" | b"input_audio" | b"file" | b"cache_control" => Ok(cursor.skip()?),
                _ => self.more(cursor),
            }
        })
    }

    pub(super) fn string(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        let text = cursor.string()?;
        self.text_bytes = self.text_bytes.saturating_add(text.raw.len() as u64);
        Ok(())
    }
}

fn is_attachment(kind: Text<'_>) -> bool {
    matches!(kind.name(&mut NameBuffer::default()), b"image_url" | b"input_audio" | b"file")
}
