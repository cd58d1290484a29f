//! Anthropic's content: a string or a list of blocks, which can contain blocks.
//!
//! A tool's result and a document contain text and images mixed, so the outer block does not tell which values are text.
//! A document's plain text is in `source.data`, where an image has its base64, and only the `type` beside it tells the
//! difference.

use super::containers::{array, object};
use super::prompt::Prompt;
use super::scan_error::ScanError;
use crate::json::{Cursor, NameBuffer};

impl Prompt {
    /// Reads a string, or a list of blocks.
    pub(super) fn blocks(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        match cursor.peek() {
            Some(b'"') => self.string(cursor),
            Some(b'[') => array(cursor, |cursor| self.block(cursor)),
            _ => Ok(cursor.skip()?),
        }
    }

    fn block(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        if cursor.peek() != Some(b'{') {
            return Ok(cursor.skip()?);
        }
        object(cursor, |cursor, name| {
            let next = cursor.peek();
            match (name.name(&mut NameBuffer::default()), next) {
                (b"text" | b"thinking", Some(b'"')) => self.string(cursor),
                (b"content", _) => self.blocks(cursor),
                (b"source", Some(b'{')) => self.source(cursor),
                (b"type", Some(b'"')) => {
                    let kind = cursor.string()?;
                    let attached = matches!(kind.name(&mut NameBuffer::default()), b"image" | b"document");
                    self.attachments = self.attachments.saturating_add(u32::from(attached));
                    self.files |= kind.name(&mut NameBuffer::default()) == b"document";
                    Ok(())
                }
                (b"id" | b"tool_use_id" | b"signature" | b"cache_control", _) => Ok(cursor.skip()?),
                _ => self.more(cursor),
            }
        })
    }

    fn source(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        let (mut is_text, mut data_bytes) = (false, 0);
        object(cursor, |cursor, name| {
            let is_string = cursor.peek() == Some(b'"');
            match name.name(&mut NameBuffer::default()) {
                b"type" if is_string => is_text = cursor.string()?.name(&mut NameBuffer::default()) == b"text",
                b"data" if is_string => data_bytes = cursor.string()?.raw.len() as u64,
                b"content" => self.blocks(cursor)?,
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        if is_text {
            self.text_bytes = self.text_bytes.saturating_add(data_bytes);
        }
        Ok(())
    }
}
