//! The walk through a body: finds strings and numbers that are text, and the text of an answer to which each belongs.
//!
//! Exceptions are recognised by name and value together: a `type` is not text if it is a word of the API, and media is not
//! text if the type beside it says so and all of it is base64. The type may come after the value, so possible media waits
//! for the end of its object. The recursion is as deep as the cursor lets a document nest.

mod leaves;
mod tools;

use super::text::{BodyItem, TextForm, Texts};
use super::words::{self, FoldedName, MCP};
use crate::json::{Cursor, ParseError, Text};

/// Largest number of values that wait for the type beside them; more are texts.
const MOST_HELD: usize = 256;
/// Depth of nested arrays up to which each item has its own texts; deeper ones are whole.
const MOST_ARRAYS: u32 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    /// Top of a request.
    Request,
    /// Top of an answer or an event.
    Answer,
    /// `choices`.
    Choices,
    Choice,
    /// A value that may contain text.
    Text,
    /// A schema: all of it is text, and nothing in it is an attachment or the name of a tool.
    Schema,
    /// A list of tools, each of which has a name.
    ToolList,
    /// An object in which `name` is a tool's.
    Tools,
    /// MCP servers, which define their own tools.
    Servers,
    /// The choice of a tool.
    Choosing,
    /// `prompt` and `input`, in which numbers are token ids.
    Prompt,
    /// Arguments as a string of JSON.
    Arguments,
}

/// The state of walking one body.
pub(super) struct Walk<'a, 's> {
    pub(super) found: Texts<'a>,
    /// Receives the items, if they are not to be kept.
    sink: Option<&'s mut dyn FnMut(BodyItem<'a>)>,
    root: Context,
    path: u64,
    arrays: u32,
    /// Whether later events may continue the texts here.
    streams: bool,
    /// Whether the next text is the name of a tool.
    naming: bool,
    held: Vec<PossibleMedia<'a>>,
    tools: u64,
}

/// A value that may be media.
struct PossibleMedia<'a> {
    text: Text<'a>,
    types: &'static [&'static str],
    /// Whether the type is in the object around.
    outside: bool,
}

/// The facts of an object.
#[derive(Default)]
struct ObjectFacts<'a> {
    index: Option<u64>,
    finished: bool,
    kind: Option<Text<'a>>,
    role: Option<Text<'a>>,
    name: Option<Text<'a>>,
    attached: bool,
    /// Whether it has two types, so that neither is certain.
    doubtful: bool,
}

impl<'a, 's> Walk<'a, 's> {
    pub(super) fn request(sink: Option<&'s mut dyn FnMut(BodyItem<'a>)>) -> Self {
        Self {
            found: Texts::default(),
            sink,
            root: Context::Request,
            path: 0,
            arrays: 0,
            streams: false,
            naming: false,
            held: Vec::new(),
            tools: 0,
        }
    }

    pub(super) fn answer(sink: Option<&'s mut dyn FnMut(BodyItem<'a>)>) -> Self {
        Self { root: Context::Answer, ..Self::request(sink) }
    }

    /// Walks the whole document.
    pub(super) fn document(&mut self, cursor: &mut Cursor<'a>) -> Result<(), ParseError> {
        let root = if cursor.peek() == Some(b'{') { self.root } else { Context::Text };
        self.value(cursor, root, b"")?;
        for held in std::mem::take(&mut self.held) {
            self.plain(held.text);
        }
        Ok(())
    }

    fn is_request(&self) -> bool {
        self.root == Context::Request
    }

    /// Walks any value. Returns the `index` of an object that has one.
    fn value(&mut self, cursor: &mut Cursor<'a>, context: Context, parent: &[u8]) -> Result<Option<u64>, ParseError> {
        match cursor.peek() {
            Some(b'{') => return self.object(cursor, context, parent),
            Some(b'[') => self.array(cursor, context, parent)?,
            Some(b'"') => {
                let text = cursor.string()?;
                self.text(text, if context == Context::Arguments { TextForm::Nested } else { TextForm::Plain });
            }
            Some(b'-' | b'0'..=b'9') => self.number(cursor, context)?,
            _ => cursor.skip()?,
        }
        Ok(None)
    }

    fn array(&mut self, cursor: &mut Cursor<'a>, context: Context, parent: &[u8]) -> Result<(), ParseError> {
        let item = match context {
            Context::Choices => Context::Choice,
            Context::ToolList => Context::Tools,
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
            let kind = if context == Context::ToolList { self.kind_ahead(cursor) } else { None };
            let index = self.value(cursor, item, parent)?.unwrap_or(position);
            if matches!(context, Context::ToolList | Context::Servers) && self.tools == tools {
                self.unnamed(context, kind);
            }
            self.assign_index(texts, choices, index, item);
            position = position.saturating_add(1);
        }
        self.arrays -= 1;
        self.streams = streams;
        Ok(())
    }

    /// Assigns an object's texts to its index, which may come after them.
    fn assign_index(&mut self, texts: usize, choices: usize, index: u64, item: Context) {
        if self.arrays > MOST_ARRAYS || self.is_request() {
            return;
        }
        for text in self.found.texts.iter_mut().skip(texts) {
            text.key.field = mix(text.key.field, &index.to_le_bytes());
            if item == Context::Choice {
                text.key.choice = index;
            }
        }
        if item == Context::Choice {
            self.found.choices.iter_mut().skip(choices).for_each(|choice| choice.0 = index);
        }
    }

    fn object(&mut self, cursor: &mut Cursor<'a>, context: Context, parent: &[u8]) -> Result<Option<u64>, ParseError> {
        let (mut first, mut facts) = (true, ObjectFacts::default());
        let (path, streams, held, tools) = (self.path, self.streams, self.held.len(), self.tools);
        cursor.enter()?;
        while let Some(written) = cursor.member(&mut first)? {
            let name = FoldedName::of(&written);
            let name = name.bytes();
            if name == b"index" && matches!(cursor.peek(), Some(b'0'..=b'9')) {
                facts.index = number(cursor)?;
                continue;
            }
            if self.is_request() && !words::is_known_name(name) {
                self.plain(written);
            }
            self.path = mix(path, if is_message(name) { b"message" } else { name });
            self.streams = streams || is_message(name) || (context == Context::Choice && name == b"text");
            self.note(cursor, context, name, &mut facts);
            self.member(cursor, context, parent, name)?;
        }
        (self.path, self.streams) = (path, streams);
        self.end_object(context, &facts, held, tools);
        Ok(facts.index)
    }

    /// Notes a fact of the object.
    fn note(&mut self, cursor: &Cursor<'a>, context: Context, name: &[u8], facts: &mut ObjectFacts<'a>) {
        let string = || cursor.ahead().string().ok();
        let is_string = cursor.peek() == Some(b'"');
        match name {
            b"finish_reason" if context == Context::Choice => facts.finished = is_string,
            b"type" if is_string => {
                facts.doubtful = facts.kind.is_some();
                facts.kind = string();
            }
            b"role" if is_string => facts.role = string(),
            b"name" if is_string && self.is_request() => facts.name = string(),
            _ if words::brings_attachment(name) => facts.attached |= matches!(cursor.peek(), Some(b'"' | b'{' | b'[')),
            _ => {}
        }
    }

    fn end_object(&mut self, context: Context, facts: &ObjectFacts<'a>, held: usize, tools: u64) {
        let kind = facts.kind.as_ref().map(FoldedName::of);
        let kind = kind.as_ref().map(FoldedName::bytes).unwrap_or_default();
        let mut kept = Vec::new();
        for one in self.held.split_off(held.min(self.held.len())) {
            match one.outside {
                true => kept.push(PossibleMedia { outside: false, ..one }),
                false if !facts.doubtful && one.types.iter().any(|word| word.as_bytes() == kind) => {}
                false => self.plain(one.text),
            }
        }
        self.held.append(&mut kept);
        match context {
            Context::Choice => self.found.choices.push((0, facts.finished)),
            Context::Answer => self.end_answer(facts.index),
            _ => {}
        }
        if self.is_request() && context != Context::Schema {
            self.end_request_object(context, facts, kind, tools);
        }
    }

    fn member(
        &mut self,
        cursor: &mut Cursor<'a>,
        context: Context,
        parent: &[u8],
        name: &[u8],
    ) -> Result<(), ParseError> {
        let (is_string, is_number) = (cursor.peek() == Some(b'"'), matches!(cursor.peek(), Some(b'-' | b'0'..=b'9')));
        let next = match (context, name) {
            (Context::Request, _) if words::is_not_prompt(name) => return cursor.skip(),
            (Context::Request, _) if is_number && words::is_setting(name) => return cursor.skip(),
            (_, _) if is_number && words::is_count(name) => return cursor.skip(),
            (_, _) if is_number && !self.is_request() && !words::is_said(name) => return cursor.skip(),
            (Context::Request, b"input" | b"prompt") => Context::Prompt,
            (Context::Request, b"tools" | b"functions") if cursor.peek() == Some(b'{') => Context::Tools,
            (Context::Request, b"tools" | b"functions") => Context::ToolList,
            (Context::Request, b"mcp_servers") => {
                if matches!(cursor.peek(), Some(b'{' | b'"')) {
                    self.tool(MCP.to_owned());
                }
                Context::Servers
            }
            (Context::Request, b"response_format" | b"output_format" | b"output_config") => Context::Schema,
            (Context::Request, b"web_search_options") if cursor.peek() == Some(b'{') => {
                self.tool("web_search".to_owned());
                Context::Text
            }
            (Context::Request, b"tool_choice" | b"function_call") => return self.choice(cursor),
            (Context::Choosing, b"tools") => Context::ToolList,
            (Context::Answer, b"type") if is_string => {
                self.found.event_type = cursor.string()?.unescaped(64);
                return Ok(());
            }
            (Context::Answer, _) if words::is_not_answer(name) => return cursor.skip(),
            (Context::Answer, b"choices") => Context::Choices,
            (Context::Choice, b"finish_reason") => return cursor.skip(),
            (Context::Choice, b"logprobs") if !self.is_request() => return self.logprobs(cursor),
            (Context::Tools | Context::Choosing | Context::Servers, b"name") | (_, b"tool_name") if is_string => {
                return self.tool_name(cursor, context);
            }
            (Context::Servers, _) => Context::Text,
            (Context::Tools, b"parameters" | b"input_schema" | b"output_schema" | b"format" | b"input_examples") => {
                Context::Schema
            }
            (_, b"arguments" | b"partial_json") if is_string => Context::Arguments,
            (_, b"arguments" | b"input") if !is_string => return self.tree(cursor),
            (_, b"tool_calls" | b"function_call") => Context::Tools,
            _ if is_string => return self.string(cursor, parent, name),
            (Context::Tools | Context::Choosing | Context::Schema, _) => context,
            (_, b"function" | b"custom") => Context::Tools,
            _ => Context::Text,
        };
        self.value(cursor, next, name).map(drop)
    }

    /// Classifies a string by the name of its member: media, a word of the API, an id, or text.
    fn string(&mut self, cursor: &mut Cursor<'a>, parent: &[u8], name: &[u8]) -> Result<(), ParseError> {
        let text = cursor.string()?;
        if let Some((types, outside)) = words::media_types(parent, name).filter(|_| words::is_media(text.raw)) {
            if self.held.len() < MOST_HELD {
                self.held.push(PossibleMedia { text, types, outside });
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
            // Generated sound or images.
            return Ok(());
        } else if name == b"name" {
            self.name(text);
            return Ok(());
        }
        self.text(text, TextForm::Plain);
        Ok(())
    }

    /// Assigns the texts of an event about a content block, whose index is at the top of the event.
    fn end_answer(&mut self, index: Option<u64>) {
        let Some(index) = index else { return };
        let finished = self.found.event_type.as_deref() == Some("content_block_stop");
        self.found.choices.push((index, finished));
        self.found.texts.iter_mut().for_each(|text| text.key.choice = index);
    }
}

/// Returns whether a stream adds to the value of this member.
fn is_message(name: &[u8]) -> bool {
    matches!(name, b"delta" | b"message" | b"content_block")
}

/// Reads a whole number; other values are none.
fn number(cursor: &mut Cursor<'_>) -> Result<Option<u64>, ParseError> {
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
