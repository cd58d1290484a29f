//! The request scan: one validating pass that finds what a gateway decides by.
//!
//! Most clients write `messages` before `model`, so the whole body is read anyway; then it may as well be checked, and
//! a broken body be answered here with the place where it broke. Reading only part of it would also let a second
//! `model` hide behind the first: a field this scan reads may stand once, however its name is spelled.

mod blocks;
mod fault;
mod prompt;
mod sizes;

pub use fault::{Field, ScanError, ScanErrorKind};

use crate::json::{Cursor, Fault, NameBuffer, Text};
use crate::surface::{Dialect, Surface};
use crate::word::plain_word;
use prompt::Prompt;
use sizes::Sizes;
use std::ops::Range;

/// Longest model name that is read, bytes after unescaping.
pub const MAX_MODEL_BYTES: usize = 256;

/// What one request asks for. Offsets count from the start of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestScan {
    /// The API it was sent to.
    pub surface: Surface,
    /// The model's name, unescaped; a lone surrogate escape in it is U+FFFD.
    pub model: String,
    /// Where `model`'s value stands, quotes included.
    pub model_span: Range<usize>,
    /// Whether it asks for a stream.
    pub stream: bool,
    /// Where `stream_options.include_usage` can be asked for.
    pub usage_ask: UsageAsk,
    /// The largest of `max_tokens` and `max_completion_tokens`, as far as given as whole numbers above 0, in any spelling.
    pub max_output_tokens: Option<u64>,
    /// The largest limit under a name that not every server reads, such as `Max_Tokens`, and the budget of `thinking`.
    pub min_output_tokens: u64,
    /// The first limit of the output that is given as something else than a whole number.
    pub odd_number: Option<ScanError>,
    /// `service_tier`, if it is a plain word.
    pub service_tier: Option<String>,
    /// `speed` of an Anthropic request, if it is a plain word.
    pub speed: Option<String>,
    /// The first field that lets a provider take other models than `model`, if it is there and not null.
    pub reroute: Option<&'static str>,
    /// The larger of `n` and `best_of`: how many answers; 1 when neither is given as a whole number.
    pub choices: u64,
    /// Bytes of what a provider reads as text besides `text_bytes`: tools, schemas, earlier calls and reasoning.
    pub more_text_bytes: u64,
    /// Token ids in `prompt` and `input`.
    pub token_ids: u64,
    /// A provider may add input of which no byte is in the body, such as a file or what its own tools find.
    pub brings_more_input: bool,
    /// It asks for reasoning, or says how much.
    pub asks_for_reasoning: bool,
    /// Bytes of prompt text, as written between the quotes, escapes not undone. OpenAI: strings of `messages[].content`
    /// (or its parts' `text`), `prompt` and `input`; token ids are counted by themselves. Anthropic: strings of `system` and
    /// `messages[].content` (or their blocks' text, also inside tool results and documents).
    pub text_bytes: u64,
    /// Content parts of the types `image_url`, `input_audio` and `file`; blocks of the types `image` and `document`.
    pub attachments: u32,
}

impl RequestScan {
    /// Whether the client asked for the usage of a stream by itself.
    #[must_use]
    pub fn client_wants_usage(&self) -> bool {
        self.usage_ask == UsageAsk::Asked
    }
}

/// How the body stands to `stream_options.include_usage`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageAsk {
    /// It is true already, or the API tells the usage without it.
    Asked,
    /// There are no `stream_options`; a member can be inserted here, at the front of the body's object.
    Absent(usize),
    /// `stream_options` is null, here.
    Null(Range<usize>),
    /// `stream_options` is an object without it.
    Unset {
        /// Just behind its opening brace.
        at: usize,
        /// Whether it has no members.
        empty: bool,
    },
    /// It is false or null, here.
    Off(Range<usize>),
}

/// Reads a request's body. Takes O(n) time, and memory for the model's name only.
///
/// # Errors
/// The first thing that is wrong: not JSON by RFC 8259 (lone surrogate escapes are let through), nested deeper than
/// 128, no object, no `model`, a field twice that may stand once, or one of the wrong type.
pub fn scan_request(surface: Surface, body: &[u8]) -> Result<RequestScan, ScanError> {
    let mut cursor = Cursor::new(body);
    if let Some(kind) = byte_order_mark(body) {
        return Err(kind.at(0));
    }
    cursor.skip_whitespace();
    let start = cursor.at();
    match cursor.peek() {
        Some(b'{') => {}
        None if body.is_empty() => return Err(ScanErrorKind::EmptyBody.at(0)),
        None => return Err(ScanErrorKind::BlankBody.at(start)),
        Some(_) => {
            cursor.skip()?;
            return Err(ScanErrorKind::NotAnObject.at(start));
        }
    }
    let mut found = Found { dialect: surface.dialect(), ..Found::default() };
    found.sizes.has_answers = found.dialect == Dialect::Openai;
    object(&mut cursor, |cursor, name| found.member(cursor, name))?;
    match cursor.end() {
        Some(offset) => Err(ScanErrorKind::TrailingBytes.at(offset)),
        None => found.finish(surface, start),
    }
}

/// A body that begins with a byte order mark would be no JSON at its first byte, which tells nobody why.
fn byte_order_mark(body: &[u8]) -> Option<ScanErrorKind> {
    let marks: [&[u8]; 3] = [b"\xEF\xBB\xBF", b"\xFF\xFE", b"\xFE\xFF"];
    marks.iter().any(|mark| body.starts_with(mark)).then_some(ScanErrorKind::ByteOrderMark)
}

/// Walks the object that is next; `member` must step over each value.
fn object<'a>(
    cursor: &mut Cursor<'a>,
    mut member: impl FnMut(&mut Cursor<'a>, Text<'a>) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    let mut first = true;
    cursor.enter()?;
    while let Some(name) = cursor.member(&mut first)? {
        member(cursor, name)?;
    }
    Ok(())
}

/// Walks the array that is next; `element` must step over each value.
fn array<'a>(
    cursor: &mut Cursor<'a>,
    mut element: impl FnMut(&mut Cursor<'a>) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    let mut first = true;
    cursor.enter()?;
    while cursor.element(&mut first)? {
        element(cursor)?;
    }
    Ok(())
}

/// Fields with which providers and gateways behind them take other models, or other providers, than `model` says.
/// Sources: OpenRouter's `models`, `route`, `provider` and `preset`; LiteLLM's fallbacks; `extra_body` of SDKs that a
/// server unpacks; `engine` and `deployment_id` of older APIs.
const REROUTES: [&str; 16] = [
    "models",
    "fallbacks",
    "route",
    "provider",
    "providers",
    "extra_body",
    "fallback_models",
    "model_fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "preset",
    "engine",
    "deployment_id",
    "custom_llm_provider",
    "litellm_params",
    "model_id",
];

#[derive(Default)]
struct Found {
    dialect: Dialect,
    seen: u32,
    model: Option<(String, Range<usize>)>,
    other_case_of_model: Option<usize>,
    stream: bool,
    usage_ask: Option<UsageAsk>,
    sizes: Sizes,
    service_tier: Option<String>,
    speed: Option<String>,
    reroute: Option<&'static str>,
    prompt: Prompt,
}

impl Found {
    fn member(&mut self, cursor: &mut Cursor<'_>, name: Text<'_>) -> Result<(), ScanError> {
        let mut buffer = NameBuffer::default();
        let spelled = name.name(&mut buffer);
        let Some(field) = field(self.dialect, spelled) else {
            if spelled.eq_ignore_ascii_case(b"model") {
                self.other_case_of_model = Some(name.at);
            }
            let reroute = REROUTES.iter().find(|field| spelled.eq_ignore_ascii_case(field.as_bytes()));
            if let Some(field) = reroute {
                if cursor.peek() != Some(b'n') {
                    self.reroute.get_or_insert(field);
                }
                return Ok(cursor.skip()?);
            }
            return self.sizes.unknown(spelled, cursor);
        };
        self.once(field, name.at)?;
        self.value(field, cursor)
    }

    fn value(&mut self, field: Field, cursor: &mut Cursor<'_>) -> Result<(), ScanError> {
        match field {
            Field::Model => self.model = Some(model(cursor)?),
            Field::Stream => self.stream = flag(cursor, Field::Stream)?,
            Field::StreamOptions => self.usage_ask = Some(stream_options(cursor)?),
            Field::MaxTokens | Field::MaxCompletionTokens => self.sizes.limit(field, cursor)?,
            Field::ServiceTier => self.service_tier = word(cursor)?,
            Field::Speed => self.speed = word(cursor)?,
            Field::N => self.sizes.answers(field, cursor)?,
            Field::Messages => self.prompt.messages(self.dialect, cursor)?,
            Field::System => self.prompt.blocks(cursor)?,
            _ => self.prompt.text(cursor)?,
        }
        Ok(())
    }

    fn once(&mut self, field: Field, at: usize) -> Result<(), ScanError> {
        let bit = 1_u32 << field as u16;
        if self.seen & bit != 0 {
            return Err(ScanErrorKind::DuplicateField(field).at(at));
        }
        self.seen |= bit;
        Ok(())
    }

    fn finish(self, surface: Surface, start: usize) -> Result<RequestScan, ScanError> {
        let Some((model, model_span)) = self.model else {
            return Err(ScanErrorKind::MissingModel.at(start));
        };
        // Some servers match names regardless of case and would take the other one.
        if let Some(at) = self.other_case_of_model {
            return Err(ScanErrorKind::DuplicateField(Field::Model).at(at));
        }
        Ok(RequestScan {
            surface,
            model,
            model_span,
            stream: self.stream,
            usage_ask: match self.dialect {
                Dialect::Openai => self.usage_ask.unwrap_or(UsageAsk::Absent(start + 1)),
                Dialect::Anthropic => UsageAsk::Asked,
            },
            max_output_tokens: self.sizes.max_output,
            min_output_tokens: self.sizes.min_output,
            odd_number: self.sizes.odd,
            service_tier: self.service_tier,
            speed: self.speed,
            reroute: self.reroute,
            choices: self.sizes.choices.unwrap_or(1),
            more_text_bytes: self.sizes.more_bytes.saturating_add(self.prompt.more_bytes),
            token_ids: self.prompt.token_ids,
            brings_more_input: self.sizes.brings_more_input || self.prompt.files,
            asks_for_reasoning: self.sizes.asks_for_reasoning,
            text_bytes: self.prompt.text_bytes,
            attachments: self.prompt.attachments,
        })
    }
}

/// The field of this name that the scan reads; any other is for the provider alone.
fn field(dialect: Dialect, name: &[u8]) -> Option<Field> {
    Some(match (dialect, name) {
        (_, b"model") => Field::Model,
        (_, b"stream") => Field::Stream,
        (_, b"max_tokens") => Field::MaxTokens,
        (_, b"messages") => Field::Messages,
        (_, b"service_tier") => Field::ServiceTier,
        (Dialect::Anthropic, b"speed") => Field::Speed,
        (Dialect::Openai, b"stream_options") => Field::StreamOptions,
        (Dialect::Openai, b"max_completion_tokens") => Field::MaxCompletionTokens,
        (Dialect::Openai, b"n") => Field::N,
        (Dialect::Openai, b"prompt") => Field::Prompt,
        (Dialect::Openai, b"input") => Field::Input,
        (Dialect::Anthropic, b"system") => Field::System,
        _ => return None,
    })
}

fn model(cursor: &mut Cursor<'_>) -> Result<(String, Range<usize>), ScanError> {
    let start = cursor.at();
    if cursor.peek() != Some(b'"') {
        return Err(wrong_type(cursor, Field::Model));
    }
    let text = cursor.string()?;
    let Some(name) = text.unescaped(MAX_MODEL_BYTES) else {
        return Err(ScanErrorKind::ModelTooLong.at(start));
    };
    Ok((name, start..cursor.at()))
}

/// A bool; null is false.
fn flag(cursor: &mut Cursor<'_>, field: Field) -> Result<bool, ScanError> {
    let first = cursor.peek();
    if !matches!(first, Some(b't' | b'f' | b'n')) {
        return Err(wrong_type(cursor, field));
    }
    cursor.skip()?;
    Ok(first == Some(b't'))
}

fn stream_options(cursor: &mut Cursor<'_>) -> Result<UsageAsk, ScanError> {
    let start = cursor.at();
    match cursor.peek() {
        Some(b'{') => {}
        Some(b'n') => {
            cursor.skip()?;
            return Ok(UsageAsk::Null(start..cursor.at()));
        }
        _ => return Err(wrong_type(cursor, Field::StreamOptions)),
    }
    let mut empty = true;
    let mut ask = None;
    object(cursor, |cursor, name| {
        empty = false;
        match name.name(&mut NameBuffer::default()) {
            b"include_usage" if ask.is_some() => Err(ScanErrorKind::DuplicateField(Field::IncludeUsage).at(name.at)),
            b"include_usage" => {
                ask = Some(include_usage(cursor)?);
                Ok(())
            }
            _ => Ok(cursor.skip()?),
        }
    })?;
    Ok(ask.unwrap_or(UsageAsk::Unset { at: start + 1, empty }))
}

fn include_usage(cursor: &mut Cursor<'_>) -> Result<UsageAsk, ScanError> {
    let start = cursor.at();
    Ok(if flag(cursor, Field::IncludeUsage)? { UsageAsk::Asked } else { UsageAsk::Off(start..cursor.at()) })
}

/// A plain word, or nothing for any other value: that is for the provider to judge.
fn word(cursor: &mut Cursor<'_>) -> Result<Option<String>, ScanError> {
    if cursor.peek() != Some(b'"') {
        cursor.skip()?;
        return Ok(None);
    }
    Ok(plain_word(cursor.string()?.name(&mut NameBuffer::default())).map(str::to_owned))
}

/// The value that is next has the wrong type, unless it is no value at all.
#[cold]
fn wrong_type(cursor: &mut Cursor<'_>, field: Field) -> ScanError {
    let at = cursor.at();
    match cursor.skip() {
        Ok(()) => ScanErrorKind::InvalidType(field).at(at),
        Err(fault) => fault.into(),
    }
}

impl From<Fault> for ScanError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(flaw, at) => ScanErrorKind::Malformed(flaw).at(at),
            Fault::TooDeep(at) => ScanErrorKind::TooDeep.at(at),
        }
    }
}
