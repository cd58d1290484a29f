//! The walk through a body: which strings are text, and to which text of an answer each belongs.
//!
//! The recursion is as deep as the cursor lets a document nest.

use super::{TextKey, Texts, WrittenText};
use crate::json::{Cursor, Fault, NameBuffer, Text};

/// What stands in a string of one of these names is for machines: it names a kind, an id or a state, or it is media.
const NOT_TEXT: [&[u8]; 19] = [
    b"call_id",
    b"container",
    b"detail",
    b"encrypted_content",
    b"file_id",
    b"format",
    b"id",
    b"media_type",
    b"mime_type",
    b"model",
    b"object",
    b"role",
    b"signature",
    b"status",
    b"stop_reason",
    b"tool_call_id",
    b"tool_use_id",
    b"type",
    b"voice",
];

/// Members at the top of a request that are no part of the prompt.
const NOT_PROMPT: [&[u8]; 8] = [
    b"model",
    b"user",
    b"metadata",
    b"safety_identifier",
    b"prompt_cache_key",
    b"service_tier",
    b"encoding_format",
    b"previous_response_id",
];

/// Members at the top of an answer that are no part of it.
const NOT_ANSWER: [&[u8]; 6] = [b"model", b"usage", b"system_fingerprint", b"service_tier", b"created", b"object"];

/// Most tool names that are kept; a request with more of them has its first ones looked at, and the count is bounded.
const MAX_TOOLS: usize = 1_024;

/// Most texts of one body, and most choices: what is kept of each is larger than the shortest string.
const MAX_TEXTS: usize = 1 << 18;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Top of a request.
    Request,
    /// Top of an answer or an event.
    Answer,
    /// `choices`, and what stands in it.
    Choices,
    Choice,
    /// Anything that may hold text.
    Text,
    /// Where `name` is a tool's.
    Tools,
    /// Arguments as an object: all of it is text, names too.
    Opaque,
    /// Arguments as a string of JSON.
    Arguments,
    /// An address, a document or media; the bytes of media are no text.
    Media,
}

/// So many bytes of nothing but base64 are media. What is shorter is looked at: a plain document can stand there too.
const MEDIA_BYTES: usize = 256;

/// See the module's text.
pub(super) struct Walk<'a> {
    pub(super) found: Texts<'a>,
    root: Place,
    path: u64,
    /// Within what later events may go on with.
    streams: bool,
    /// There was more than is kept: nobody may rely on what was found.
    pub(super) overflowed: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn request() -> Self {
        Self { found: Texts::default(), root: Place::Request, path: 0, streams: false, overflowed: false }
    }

    pub(super) fn answer() -> Self {
        Self { root: Place::Answer, ..Self::request() }
    }

    /// The whole document.
    pub(super) fn document(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        let root = if cursor.peek() == Some(b'{') { self.root } else { Place::Text };
        self.value(cursor, root).map(drop)
    }

    /// Any value; the `index` that it gives itself, if it is an object with one.
    fn value(&mut self, cursor: &mut Cursor<'a>, place: Place) -> Result<Option<u64>, Fault> {
        match cursor.peek() {
            Some(b'{') => return self.object(cursor, place),
            Some(b'[') => self.array(cursor, place)?,
            Some(b'"') => {
                let text = cursor.string()?;
                self.text(text, place);
            }
            _ => cursor.skip()?,
        }
        Ok(None)
    }

    fn array(&mut self, cursor: &mut Cursor<'a>, place: Place) -> Result<(), Fault> {
        let item = if place == Place::Choices { Place::Choice } else { place };
        let mut first = true;
        let mut position = 0_u64;
        cursor.enter()?;
        while cursor.element(&mut first)? {
            let (texts, choices) = (self.found.texts.len(), self.found.choices.len());
            let index = self.value(cursor, item)?.unwrap_or(position);
            // An object may tell its index behind its texts, so they get it once it is over.
            for text in self.found.texts.iter_mut().skip(texts) {
                text.key.field = mix(text.key.field, &index.to_le_bytes());
                if item == Place::Choice {
                    text.key.choice = index;
                }
            }
            if item == Place::Choice {
                self.found.choices.iter_mut().skip(choices).for_each(|choice| choice.0 = index);
            }
            position = position.saturating_add(1);
        }
        Ok(())
    }

    fn object(&mut self, cursor: &mut Cursor<'a>, place: Place) -> Result<Option<u64>, Fault> {
        let (mut first, mut index, mut finished) = (true, None, false);
        let (path, streams) = (self.path, self.streams);
        cursor.enter()?;
        while let Some(written) = cursor.member(&mut first)? {
            let mut buffer = NameBuffer::default();
            let name = written.name(&mut buffer);
            if place == Place::Opaque {
                self.text(written, place);
            }
            match name {
                b"index" if matches!(cursor.peek(), Some(b'0'..=b'9')) => {
                    index = number(cursor)?;
                    continue;
                }
                b"finish_reason" if place == Place::Choice => finished = cursor.peek() == Some(b'"'),
                _ => {}
            }
            self.path = mix(path, if is_message(name) { b"message" } else { name });
            self.streams = streams || is_message(name) || (place == Place::Choice && name == b"text");
            self.member(cursor, place, name)?;
        }
        (self.path, self.streams) = (path, streams);
        match place {
            Place::Choice if self.found.choices.len() >= MAX_TEXTS => self.overflowed = true,
            Place::Choice => self.found.choices.push((0, finished)),
            Place::Answer => self.end_answer(index),
            _ => {}
        }
        Ok(index)
    }

    fn member(&mut self, cursor: &mut Cursor<'a>, place: Place, name: &[u8]) -> Result<(), Fault> {
        let is_string = cursor.peek() == Some(b'"');
        let next = match (place, name) {
            (Place::Opaque, _) => Place::Opaque,
            (Place::Request, _) if NOT_PROMPT.contains(&name) => return cursor.skip(),
            (Place::Request, b"input") => Place::Text,
            (Place::Request, b"tools" | b"functions" | b"tool_choice" | b"function_call") => Place::Tools,
            (Place::Answer, b"type") if is_string => {
                self.found.event_type = cursor.string()?.unescaped(64);
                return Ok(());
            }
            (Place::Answer, _) if NOT_ANSWER.contains(&name) => return cursor.skip(),
            (Place::Answer, b"choices") => Place::Choices,
            (Place::Answer, b"content") => Place::Tools,
            (Place::Choice, b"finish_reason") => return cursor.skip(),
            (_, b"logprobs") => return self.logprobs(cursor),
            (Place::Tools, b"name") if is_string => {
                let name = cursor.string()?.unescaped(256);
                self.tool(name);
                return Ok(());
            }
            (Place::Tools, b"parameters" | b"input_schema") => Place::Text,
            (_, b"arguments" | b"partial_json") if is_string => Place::Arguments,
            (_, b"arguments" | b"input") => Place::Opaque,
            (_, b"tool_calls" | b"function" | b"function_call" | b"content_block") => Place::Tools,
            (_, b"url" | b"data" | b"file_data") if is_string => Place::Media,
            (_, _) if is_string && NOT_TEXT.contains(&name) => return cursor.skip(),
            (Place::Tools, _) => Place::Tools,
            _ => Place::Text,
        };
        self.value(cursor, next).map(drop)
    }

    fn logprobs(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        let start = cursor.at();
        cursor.skip()?;
        if self.found.logprobs.len() >= MAX_TEXTS {
            self.overflowed = true;
            return Ok(());
        }
        self.found.logprobs.push(start..cursor.at());
        Ok(())
    }

    fn tool(&mut self, name: Option<String>) {
        let Some(name) = name.filter(|name| !name.is_empty()) else { return };
        if self.found.tools.len() < MAX_TOOLS && !self.found.tools.contains(&name) {
            self.found.tools.push(name);
        }
    }

    fn text(&mut self, text: Text<'a>, place: Place) {
        let media = place == Place::Media && is_media(text.raw);
        let Some(written) = simdutf8::basic::from_utf8(text.raw).ok().filter(|text| !text.is_empty() && !media) else {
            return;
        };
        if self.found.texts.len() >= MAX_TEXTS {
            self.overflowed = true;
            return;
        }
        self.found.texts.push(WrittenText {
            key: TextKey { choice: 0, field: self.path },
            written,
            at: text.at,
            escaped: text.escaped,
            nested: place == Place::Arguments,
            streams: self.streams,
        });
    }

    /// An event about a content block names it at its top.
    fn end_answer(&mut self, index: Option<u64>) {
        let Some(index) = index else { return };
        let finished = self.found.event_type.as_deref() == Some("content_block_stop");
        self.found.choices.push((index, finished));
        self.found.texts.iter_mut().for_each(|text| text.key.choice = index);
    }
}

/// A data URL, or a long run of base64.
fn is_media(written: &[u8]) -> bool {
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte);
    written.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"data:"))
        || written.get(..MEDIA_BYTES).is_some_and(|start| start.iter().all(base64))
}

/// What a stream adds to, under each of the names it has.
fn is_message(name: &[u8]) -> bool {
    matches!(name, b"delta" | b"message" | b"content_block")
}

/// A whole number, or nothing for what is none.
fn number(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Fault> {
    let (rest, start) = (cursor.rest(), cursor.at());
    cursor.skip()?;
    let written = rest.get(..cursor.at().saturating_sub(start)).unwrap_or_default();
    Ok(std::str::from_utf8(written).ok().and_then(|digits| digits.parse().ok()))
}

/// FNV-1a, 64 bits.
fn mix(hash: u64, bytes: &[u8]) -> u64 {
    let start = hash ^ 0xcbf2_9ce4_8422_2325;
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
