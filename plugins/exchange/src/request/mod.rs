//! The request scan: one validating pass that reads the fields by which the gateway decides.
//!
//! Most clients write `messages` before `model`, so the whole body is read anyway. It is validated on the way, so that a
//! broken body is answered here with the position of the error. Reading only a part would also let a second `model` hide
//! behind the first: a field that the scan reads may appear once, in any spelling of its name.

mod blocks;
mod containers;
mod prompt;
mod scan_error;
mod sizes;

pub use scan_error::{Field, ScanError, ScanErrorKind};

use crate::json::{Cursor, NameBuffer, StringSpans, Text};
use crate::surface::{Dialect, Surface};
use crate::word::plain_word;
use containers::object;
use prompt::Prompt;
use sizes::Sizes;
use std::ops::Range;

/// Longest accepted model name, bytes after unescaping.
pub const MAX_MODEL_BYTES: usize = 256;

/// The facts of one request. Offsets count from the start of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestScan {
    /// The API to which it was sent.
    pub surface: Surface,
    /// The model's name, unescaped; a lone surrogate escape in it is U+FFFD.
    pub model: String,
    /// Range of `model`'s value, including quotes.
    pub model_span: Range<usize>,
    /// Whether the client asks for a stream.
    pub stream: bool,
    /// The place where `stream_options.include_usage` can be set.
    pub usage_ask: UsageAsk,
    /// The largest of `max_tokens` and `max_completion_tokens` that are whole numbers above 0, in any spelling.
    pub max_output_tokens: Option<u64>,
    /// The largest limit under a name that not every server reads, such as `Max_Tokens`, and the budget of `thinking`.
    pub min_output_tokens: u64,
    /// The first limit of the output that is not a whole number.
    pub odd_number: Option<ScanError>,
    /// `service_tier`, if it is a plain word.
    pub service_tier: Option<String>,
    /// `speed` of an Anthropic request, if it is a plain word.
    pub speed: Option<String>,
    /// The first field by which a provider could use other models than `model`, if it is there and not null.
    pub reroute: Option<&'static str>,
    /// The larger of `n` and `best_of`, the number of answers; 1 if neither is a whole number.
    pub choices: u64,
    /// Bytes of other values that a provider reads as text: tools, schemas, earlier calls and reasoning.
    pub more_text_bytes: u64,
    /// Token ids in `prompt` and `input`.
    pub token_ids: u64,
    /// Whether a provider may add input that is not in the body, such as a file or the results of its own tools.
    pub brings_more_input: bool,
    /// Whether it asks for reasoning, or sets its amount.
    pub asks_for_reasoning: bool,
    /// Bytes of prompt text, as written between the quotes, with escapes. OpenAI: strings of `messages[].content` (or of
    /// its parts' `text`), `prompt` and `input`; token ids are counted separately. Anthropic: strings of `system` and
    /// `messages[].content` (or of their blocks' text, also inside tool results and documents).
    pub text_bytes: u64,
    /// Content parts of the types `image_url`, `input_audio` and `file`; blocks of the types `image` and `document`.
    pub attachments: u32,
}

impl RequestScan {
    /// Returns whether the client itself asked for the usage of a stream.
    #[must_use]
    pub fn client_wants_usage(&self) -> bool {
        self.usage_ask == UsageAsk::Asked
    }
}

/// The state of `stream_options.include_usage` in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageAsk {
    /// It is true already, or the API reports the usage without it.
    Asked,
    /// There are no `stream_options`. A member can be inserted here, at the front of the body's object.
    Absent(usize),
    /// `stream_options` is null, in this range.
    Null(Range<usize>),
    /// `stream_options` is an object without it.
    Unset {
        /// Offset after its opening brace.
        at: usize,
        /// Whether it has no members.
        empty: bool,
    },
    /// It is false or null, in this range.
    Off(Range<usize>),
}

/// Scans a request's body. Takes O(n) time, and memory for the model's name only.
///
/// # Errors
/// Returns the first error: invalid JSON by RFC 8259 (lone surrogate escapes are accepted), nesting deeper than 128, not
/// an object, no `model`, a repeated field, or a field of the wrong type.
pub fn scan_request(surface: Surface, body: &[u8]) -> Result<RequestScan, ScanError> {
    scan(surface, body, &mut Cursor::new(body))
}

/// Scans a request's body likewise, and notes its long strings for [`crate::visit_scanned_request`]. They take at most 8 bytes for
/// each 64 of the body, and 512 KiB.
///
/// # Errors
/// Returns the same errors as [`scan_request`].
pub fn scan_request_and_strings(surface: Surface, body: &[u8]) -> Result<(RequestScan, StringSpans), ScanError> {
    let mut cursor = Cursor::noting(body);
    let found = scan(surface, body, &mut cursor)?;
    Ok((found, cursor.into_spans()))
}

fn scan(surface: Surface, body: &[u8], cursor: &mut Cursor<'_>) -> Result<RequestScan, ScanError> {
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
    let mut found = RequestFields { dialect: surface.dialect(), ..RequestFields::default() };
    found.sizes.has_answers = found.dialect == Dialect::Openai;
    object(cursor, |cursor, name| found.member(cursor, name))?;
    match cursor.end() {
        Some(offset) => Err(ScanErrorKind::TrailingBytes.at(offset)),
        None => found.finish(surface, start),
    }
}

/// Returns the error for a byte order mark, which is more helpful than that for an unexpected first byte.
fn byte_order_mark(body: &[u8]) -> Option<ScanErrorKind> {
    let marks: [&[u8]; 3] = [b"\xEF\xBB\xBF", b"\xFF\xFE", b"\xFE\xFF"];
    marks.iter().any(|mark| body.starts_with(mark)).then_some(ScanErrorKind::ByteOrderMark)
}

/// Fields by which providers, and gateways behind them, use other models or providers than `model` names.
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
struct RequestFields {
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

impl RequestFields {
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
        // Some servers ignore the case of names and would read the other one.
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

/// Returns the field of this name that the scan reads. Other fields concern only the provider.
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

/// Reads a bool; null is false.
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

/// Reads a plain word. Other values are none, and the provider judges them.
fn word(cursor: &mut Cursor<'_>) -> Result<Option<String>, ScanError> {
    if cursor.peek() != Some(b'"') {
        cursor.skip()?;
        return Ok(None);
    }
    Ok(plain_word(cursor.string()?.name(&mut NameBuffer::default())).map(str::to_owned))
}

/// Returns the error for a value of the wrong type, or for invalid JSON.
#[cold]
fn wrong_type(cursor: &mut Cursor<'_>, field: Field) -> ScanError {
    let at = cursor.at();
    match cursor.skip() {
        Ok(()) => ScanErrorKind::InvalidType(field).at(at),
        Err(fault) => fault.into(),
    }
}
