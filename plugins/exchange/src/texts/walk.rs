//! The walk through a body: which strings and numbers are text, and to which text of an answer each belongs.
//!
//! What is no text is known by its place and its value together: a `type` is none if it is a word of the API, media if
//! the type beside it says so and all of it is base64. The type may stand behind the value, so that what could be media
//! waits for the end of its object. The recursion is as deep as the cursor lets a document nest.

use super::words::{self, Name};
use super::{Form, Seen, TextKey, Texts, WrittenText};
use crate::json::{Cursor, Fault, Text};

/// Values that may wait for the type beside them; more are texts.
const MOST_HELD: usize = 256;
/// Arrays within arrays of which each item has texts of its own; deeper ones come whole.
const MOST_ARRAYS: u32 = 8;

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
    /// A schema: all of it is text, and nothing in it is an attachment or names a tool.
    Schema,
    /// A list of tools, each of which has a name.
    ToolList,
    /// Where `name` is a tool's.
    Tools,
    /// Tools of somebody else, who says what they are.
    Servers,
    /// What is chosen of the tools.
    Choosing,
    /// `prompt` and `input`, where numbers are token ids.
    Prompt,
    /// Arguments as a string of JSON.
    Arguments,
}

/// See the module's text.
pub(super) struct Walk<'a, 's> {
    pub(super) found: Texts<'a>,
    /// Gets what is found, if it is not to be kept.
    sink: Option<&'s mut dyn FnMut(Seen<'a>)>,
    root: Place,
    path: u64,
    arrays: u32,
    /// Within what later events may go on with.
    streams: bool,
    held: Vec<Held<'a>>,
    tools: u64,
}

/// What could be media.
struct Held<'a> {
    text: Text<'a>,
    types: &'static [&'static str],
    /// The type stands one object further out.
    outside: bool,
}

/// What an object says about itself.
#[derive(Default)]
struct Said<'a> {
    index: Option<u64>,
    finished: bool,
    kind: Option<Text<'a>>,
    role: Option<Text<'a>>,
    name: Option<Text<'a>>,
    attached: bool,
    /// It says twice what it is: nobody knows which of them counts.
    doubtful: bool,
}

impl<'a, 's> Walk<'a, 's> {
    pub(super) fn request(sink: Option<&'s mut dyn FnMut(Seen<'a>)>) -> Self {
        Self {
            found: Texts::default(),
            sink,
            root: Place::Request,
            path: 0,
            arrays: 0,
            streams: false,
            held: Vec::new(),
            tools: 0,
        }
    }

    pub(super) fn answer(sink: Option<&'s mut dyn FnMut(Seen<'a>)>) -> Self {
        Self { root: Place::Answer, ..Self::request(sink) }
    }

    /// The whole document.
    pub(super) fn document(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        let root = if cursor.peek() == Some(b'{') { self.root } else { Place::Text };
        self.value(cursor, root, b"")?;
        for held in std::mem::take(&mut self.held) {
            self.plain(held.text);
        }
        Ok(())
    }

    fn is_request(&self) -> bool {
        self.root == Place::Request
    }

    /// Any value; the `index` that it gives itself, if it is an object with one.
    fn value(&mut self, cursor: &mut Cursor<'a>, place: Place, parent: &[u8]) -> Result<Option<u64>, Fault> {
        match cursor.peek() {
            Some(b'{') => return self.object(cursor, place, parent),
            Some(b'[') => self.array(cursor, place, parent)?,
            Some(b'"') => {
                let text = cursor.string()?;
                self.text(text, if place == Place::Arguments { Form::Nested } else { Form::Plain });
            }
            Some(b'-' | b'0'..=b'9') => self.number(cursor, place)?,
            _ => cursor.skip()?,
        }
        Ok(None)
    }

    fn array(&mut self, cursor: &mut Cursor<'a>, place: Place, parent: &[u8]) -> Result<(), Fault> {
        let item = match place {
            Place::Choices => Place::Choice,
            Place::ToolList => Place::Tools,
            other => other,
        };
        let mut first = true;
        let mut position = 0_u64;
        let streams = self.streams;
        self.arrays += 1;
        self.streams &= self.arrays <= MOST_ARRAYS;
        cursor.enter()?;
        while cursor.element(&mut first)? {
            let (texts, choices, tools) = (self.found.texts.len(), self.found.choices.len(), self.tools);
            let kind = if place == Place::ToolList { self.kind_ahead(cursor) } else { None };
            let index = self.value(cursor, item, parent)?.unwrap_or(position);
            if matches!(place, Place::ToolList | Place::Servers) && self.tools == tools {
                self.unnamed(place, kind);
            }
            self.place_texts(texts, choices, index, item);
            position = position.saturating_add(1);
        }
        self.arrays -= 1;
        self.streams = streams;
        Ok(())
    }

    /// An object may tell its index behind its texts, so they get it once it is over.
    fn place_texts(&mut self, texts: usize, choices: usize, index: u64, item: Place) {
        if self.arrays > MOST_ARRAYS || self.is_request() {
            return;
        }
        for text in self.found.texts.iter_mut().skip(texts) {
            text.key.field = mix(text.key.field, &index.to_le_bytes());
            if item == Place::Choice {
                text.key.choice = index;
            }
        }
        if item == Place::Choice {
            self.found.choices.iter_mut().skip(choices).for_each(|choice| choice.0 = index);
        }
    }

    /// The `type` of a tool, read ahead: a tool of the provider has no other name.
    fn kind_ahead(&self, cursor: &Cursor<'a>) -> Option<String> {
        let mut ahead = Cursor::new(cursor.rest());
        if ahead.peek() != Some(b'{') || ahead.enter().is_err() {
            return None;
        }
        let (mut first, mut kind) = (true, None);
        while let Ok(Some(written)) = ahead.member(&mut first) {
            if Name::of(&written).bytes() == b"type" && ahead.peek() == Some(b'"') {
                kind = ahead.string().ok()?.unescaped(usize::MAX);
            } else {
                ahead.skip().ok()?;
            }
        }
        kind
    }

    /// A tool without a name is known by its type; tools of a server without one are known by nothing.
    fn unnamed(&mut self, place: Place, kind: Option<String>) {
        let name = kind.filter(|_| place == Place::ToolList).unwrap_or_default();
        self.tool(if place == Place::Servers { MCP.to_owned() } else { name });
    }

    fn object(&mut self, cursor: &mut Cursor<'a>, place: Place, parent: &[u8]) -> Result<Option<u64>, Fault> {
        let (mut first, mut said) = (true, Said::default());
        let (path, streams, held, tools) = (self.path, self.streams, self.held.len(), self.tools);
        cursor.enter()?;
        while let Some(written) = cursor.member(&mut first)? {
            let name = Name::of(&written);
            let name = name.bytes();
            if name == b"index" && matches!(cursor.peek(), Some(b'0'..=b'9')) {
                said.index = number(cursor)?;
                continue;
            }
            if self.is_request() && !words::is_known_name(name) {
                self.plain(written);
            }
            self.path = mix(path, if is_message(name) { b"message" } else { name });
            self.streams = streams || is_message(name) || (place == Place::Choice && name == b"text");
            self.note(cursor, place, name, &mut said);
            self.member(cursor, place, parent, name)?;
        }
        (self.path, self.streams) = (path, streams);
        self.end_object(place, &said, held, tools);
        Ok(said.index)
    }

    /// Remembers what the object says about itself.
    fn note(&mut self, cursor: &Cursor<'a>, place: Place, name: &[u8], said: &mut Said<'a>) {
        let string = || Cursor::new(cursor.rest()).string().ok();
        let is_string = cursor.peek() == Some(b'"');
        match name {
            b"finish_reason" if place == Place::Choice => said.finished = is_string,
            b"type" if is_string => {
                said.doubtful = said.kind.is_some();
                said.kind = string();
            }
            b"role" if is_string => said.role = string(),
            b"name" if is_string && self.is_request() => said.name = string(),
            _ if words::brings_attachment(name) => said.attached |= matches!(cursor.peek(), Some(b'"' | b'{' | b'[')),
            _ => {}
        }
    }

    fn end_object(&mut self, place: Place, said: &Said<'a>, held: usize, tools: u64) {
        let kind = said.kind.as_ref().map(Name::of);
        let kind = kind.as_ref().map(Name::bytes).unwrap_or_default();
        let mut kept = Vec::new();
        for one in self.held.split_off(held.min(self.held.len())) {
            match one.outside {
                true => kept.push(Held { outside: false, ..one }),
                false if !said.doubtful && one.types.iter().any(|word| word.as_bytes() == kind) => {}
                false => self.plain(one.text),
            }
        }
        self.held.append(&mut kept);
        match place {
            Place::Choice => self.found.choices.push((0, said.finished)),
            Place::Answer => self.end_answer(said.index),
            _ => {}
        }
        if self.is_request() && place != Place::Schema {
            self.end_request_object(place, said, kind, tools);
        }
    }

    fn end_request_object(&mut self, place: Place, said: &Said<'a>, kind: &[u8], tools: u64) {
        if said.attached || words::is_attachment(kind) {
            self.found.attachments = self.found.attachments.saturating_add(1);
        }
        let is_other = |role: &Text<'_>| !role.unescaped(64).is_some_and(|role| words::is_speaker(role.as_bytes()));
        let names_tool = match place {
            Place::Text | Place::Prompt => words::is_call(kind) || said.role.as_ref().is_some_and(is_other),
            _ => false,
        };
        if let (true, Some(name)) = (names_tool, said.name) {
            self.tool(name.unescaped(usize::MAX).unwrap_or_default());
        }
        if place == Place::Choosing && self.tools == tools && !kind.is_empty() && !words::is_choice(kind) {
            self.tool(String::from_utf8_lossy(kind).into_owned());
        }
    }

    fn member(&mut self, cursor: &mut Cursor<'a>, place: Place, parent: &[u8], name: &[u8]) -> Result<(), Fault> {
        let (is_string, is_number) = (cursor.peek() == Some(b'"'), matches!(cursor.peek(), Some(b'-' | b'0'..=b'9')));
        let next = match (place, name) {
            (Place::Request, _) if words::is_not_prompt(name) => return cursor.skip(),
            (Place::Request, _) if is_number && words::is_setting(name) => return cursor.skip(),
            (_, _) if is_number && words::is_count(name) => return cursor.skip(),
            (_, _) if is_number && !self.is_request() && !words::is_said(name) => return cursor.skip(),
            (Place::Request, b"input" | b"prompt") => Place::Prompt,
            (Place::Request, b"tools" | b"functions") if cursor.peek() == Some(b'{') => Place::Tools,
            (Place::Request, b"tools" | b"functions") => Place::ToolList,
            (Place::Request, b"mcp_servers") => {
                if matches!(cursor.peek(), Some(b'{' | b'"')) {
                    self.tool(MCP.to_owned());
                }
                Place::Servers
            }
            (Place::Request, b"response_format" | b"output_format" | b"output_config") => Place::Schema,
            (Place::Request, b"web_search_options") if cursor.peek() == Some(b'{') => {
                self.tool("web_search".to_owned());
                Place::Text
            }
            (Place::Request, b"tool_choice" | b"function_call") => return self.choice(cursor),
            (Place::Choosing, b"tools") => Place::ToolList,
            (Place::Answer, b"type") if is_string => {
                self.found.event_type = cursor.string()?.unescaped(64);
                return Ok(());
            }
            (Place::Answer, _) if words::is_not_answer(name) => return cursor.skip(),
            (Place::Answer, b"choices") => Place::Choices,
            (Place::Choice, b"finish_reason") => return cursor.skip(),
            (Place::Choice, b"logprobs") if !self.is_request() => return self.logprobs(cursor),
            (Place::Tools | Place::Choosing | Place::Servers, b"name") | (_, b"tool_name") if is_string => {
                return self.tool_name(cursor, place);
            }
            (Place::Servers, _) => Place::Text,
            (Place::Tools, b"parameters" | b"input_schema" | b"output_schema" | b"format" | b"input_examples") => {
                Place::Schema
            }
            (_, b"arguments" | b"partial_json") if is_string => Place::Arguments,
            (_, b"arguments" | b"input") if !is_string => return self.tree(cursor),
            (_, b"tool_calls" | b"function_call") => Place::Tools,
            _ if is_string => return self.string(cursor, parent, name),
            (Place::Tools | Place::Choosing | Place::Schema, _) => place,
            (_, b"function" | b"custom") => Place::Tools,
            _ => Place::Text,
        };
        self.value(cursor, next, name).map(drop)
    }

    /// A string by the name of its member: media, a word of the API, an id, or text.
    fn string(&mut self, cursor: &mut Cursor<'a>, parent: &[u8], name: &[u8]) -> Result<(), Fault> {
        let text = cursor.string()?;
        if let Some((types, outside)) = words::media_types(parent, name).filter(|_| words::is_media(text.raw)) {
            if self.held.len() < MOST_HELD {
                self.held.push(Held { text, types, outside });
                return Ok(());
            }
        } else if words::is_word_member(name) {
            if !words::is_api_word(text.raw) {
                self.plain(text);
            }
            return Ok(());
        } else if words::is_id_member(name) {
            if self.is_request() {
                self.id(text);
            }
            return Ok(());
        } else if !self.is_request() && matches!(name, b"data" | b"b64_json" | b"url") && words::is_media(text.raw) {
            // What a provider made: sound and images.
            return Ok(());
        } else if name == b"name" {
            // It comes in one, and what follows must not wait for its end.
            self.plain(text);
            return Ok(());
        }
        self.text(text, Form::Plain);
        Ok(())
    }

    /// The part of an id that is not of the API.
    fn id(&mut self, text: Text<'a>) {
        let skip = if text.escaped { 0 } else { words::id_prefix(text.raw) };
        let raw = text.raw.get(skip..).unwrap_or_default();
        self.plain(Text { raw, at: text.at + skip, escaped: text.escaped });
    }

    /// What is chosen of the tools, in a word or in an object.
    fn choice(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        if cursor.peek() != Some(b'"') {
            return self.value(cursor, Place::Choosing, b"tool_choice").map(drop);
        }
        let text = cursor.string()?;
        let name = text.unescaped(usize::MAX).unwrap_or_default();
        if !words::is_choice(name.as_bytes()) {
            self.plain(text);
            self.tool(name);
        }
        Ok(())
    }

    fn tool_name(&mut self, cursor: &mut Cursor<'a>, place: Place) -> Result<(), Fault> {
        let text = cursor.string()?;
        self.text(text, Form::Plain);
        if self.is_request() {
            let name = text.unescaped(usize::MAX).unwrap_or_default();
            self.tool(if place == Place::Servers { format!("{MCP}{name}") } else { name });
        }
        Ok(())
    }

    /// Arguments as they are: JSON that is read as it is written, names and numbers too, as in a stream.
    fn tree(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        let (rest, at) = (cursor.rest(), cursor.at());
        let number = matches!(cursor.peek(), Some(b'-' | b'0'..=b'9'));
        cursor.skip()?;
        let raw = rest.get(..cursor.at().saturating_sub(at)).unwrap_or_default();
        let worth = raw.len() > 2 && !matches!(raw, b"null" | b"true" | b"false");
        let streams = std::mem::replace(&mut self.streams, false);
        if worth && number {
            self.text(Text { raw, at, escaped: false }, Form::Number);
        } else if worth {
            self.text(Text { raw, at, escaped: true }, Form::Tree);
        }
        self.streams = streams;
        Ok(())
    }

    fn number(&mut self, cursor: &mut Cursor<'a>, place: Place) -> Result<(), Fault> {
        if place == Place::Prompt && self.arrays > 0 {
            self.found.token_ids = self.found.token_ids.saturating_add(1);
            return cursor.skip();
        }
        let (rest, at) = (cursor.rest(), cursor.at());
        cursor.skip()?;
        let raw = rest.get(..cursor.at().saturating_sub(at)).unwrap_or_default();
        let streams = std::mem::replace(&mut self.streams, false);
        self.text(Text { raw, at, escaped: false }, Form::Number);
        self.streams = streams;
        Ok(())
    }

    fn logprobs(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Fault> {
        let start = cursor.at();
        cursor.skip()?;
        self.found.logprobs.push(start..cursor.at());
        Ok(())
    }

    fn tool(&mut self, name: String) {
        self.tools = self.tools.saturating_add(1);
        match &mut self.sink {
            Some(sink) => sink(Seen::Tool(name)),
            None => self.found.tools.push(name),
        }
    }

    /// A text that comes whole.
    fn plain(&mut self, text: Text<'a>) {
        let streams = std::mem::replace(&mut self.streams, false);
        self.text(text, Form::Plain);
        self.streams = streams;
    }

    fn text(&mut self, text: Text<'a>, form: Form) {
        let Some(written) = simdutf8::basic::from_utf8(text.raw).ok().filter(|text| !text.is_empty()) else { return };
        self.found.text_bytes = self.found.text_bytes.saturating_add(written.len() as u64);
        let text = WrittenText {
            key: TextKey { choice: 0, field: self.path },
            written,
            at: text.at,
            escaped: text.escaped,
            form,
            streams: self.streams,
        };
        match &mut self.sink {
            Some(sink) => sink(Seen::Text(text)),
            None => self.found.texts.push(text),
        }
    }

    /// An event about a content block names it at its top.
    fn end_answer(&mut self, index: Option<u64>) {
        let Some(index) = index else { return };
        let finished = self.found.event_type.as_deref() == Some("content_block_stop");
        self.found.choices.push((index, finished));
        self.found.texts.iter_mut().for_each(|text| text.key.choice = index);
    }
}

/// What stands before the name of a server that brings tools.
const MCP: &str = "mcp:";

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
