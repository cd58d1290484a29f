//! Errors in a request's body, with enough detail for a developer to fix them, and without a byte of the body.

use crate::json::{JsonErrorKind, ParseError};

/// A field that the scan reads, which may therefore appear once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Field {
    /// `model`
    Model,
    /// `stream`
    Stream,
    /// `stream_options`
    StreamOptions,
    /// `stream_options.include_usage`
    IncludeUsage,
    /// `max_tokens`
    MaxTokens,
    /// `max_completion_tokens`
    MaxCompletionTokens,
    /// `n`
    N,
    /// `messages`
    Messages,
    /// `prompt`
    Prompt,
    /// `input`
    Input,
    /// `system`
    System,
    /// `service_tier`
    ServiceTier,
    /// `speed`
    Speed,
    /// `thinking.budget_tokens`
    Thinking,
}

impl Field {
    /// Returns its path in the body.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Stream => "stream",
            Self::StreamOptions => "stream_options",
            Self::IncludeUsage => "stream_options.include_usage",
            Self::MaxTokens => "max_tokens",
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::N => "n",
            Self::Messages => "messages",
            Self::Prompt => "prompt",
            Self::Input => "input",
            Self::System => "system",
            Self::ServiceTier => "service_tier",
            Self::Speed => "speed",
            Self::Thinking => "thinking.budget_tokens",
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::Model => "a string",
            Self::StreamOptions => "an object or null",
            Self::MaxTokens | Self::MaxCompletionTokens | Self::N | Self::Thinking => {
                "a whole number that is not negative: a limit or a budget of this gateway depends on it"
            }
            _ => "true, false or null",
        }
    }
}

/// The reason why a body is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanErrorKind {
    /// No byte at all.
    EmptyBody,
    /// Only whitespace.
    BlankBody,
    /// It begins with a byte order mark.
    ByteOrderMark,
    /// Not JSON.
    Malformed(JsonErrorKind),
    /// Nested deeper than 128.
    TooDeep,
    /// JSON, but not an object.
    NotAnObject,
    /// Bytes after the object.
    TrailingBytes,
    /// No `model`.
    MissingModel,
    /// `model` longer than 256 bytes.
    ModelTooLong,
    /// A field appears twice, so that two parsers could read different values.
    DuplicateField(Field),
    /// A field of the wrong type.
    InvalidType(Field),
}

impl ScanErrorKind {
    pub(super) const fn at(self, offset: usize) -> ScanError {
        ScanError { kind: self, offset }
    }
}

/// The reason why a body is refused, and its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanError {
    /// The reason.
    pub kind: ScanErrorKind,
    /// Offset in bytes.
    pub offset: usize,
}

impl ScanError {
    /// Returns `error.code` of the answer.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.kind {
            ScanErrorKind::EmptyBody | ScanErrorKind::BlankBody => "empty_body",
            ScanErrorKind::ByteOrderMark => "byte_order_mark",
            ScanErrorKind::Malformed(_) => "invalid_json",
            ScanErrorKind::TooDeep => "too_deep",
            ScanErrorKind::NotAnObject => "not_an_object",
            ScanErrorKind::TrailingBytes => "trailing_bytes",
            ScanErrorKind::MissingModel => "missing_model",
            ScanErrorKind::ModelTooLong => "model_too_long",
            ScanErrorKind::DuplicateField(_) => "duplicate_field",
            ScanErrorKind::InvalidType(_) => "invalid_type",
        }
    }

    /// Returns `error.param` of the answer: the faulty field.
    #[must_use]
    pub const fn param(&self) -> Option<&'static str> {
        match self.kind {
            ScanErrorKind::MissingModel | ScanErrorKind::ModelTooLong => Some(Field::Model.path()),
            ScanErrorKind::DuplicateField(field) | ScanErrorKind::InvalidType(field) => Some(field.path()),
            _ => None,
        }
    }

    /// Returns the message: the position and the remedy, without a quotation of the body.
    #[must_use]
    pub fn message(&self) -> String {
        let at = self.offset;
        match self.kind {
            ScanErrorKind::EmptyBody => "The request has no body. Send a JSON object.".into(),
            ScanErrorKind::BlankBody => "The request's body contains only whitespace. Send a JSON object.".into(),
            ScanErrorKind::ByteOrderMark => {
                "The request's body begins with a byte order mark. Send UTF-8 without one.".into()
            }
            ScanErrorKind::Malformed(flaw) => format!("The request's body is not valid JSON: {}.", explain(flaw, at)),
            ScanErrorKind::TooDeep => {
                format!("The request's body is nested deeper than 128 levels, from byte {at} on. Send a flatter one.")
            }
            ScanErrorKind::NotAnObject => {
                format!("The request's body is JSON, but the value at byte {at} is not an object. Send an object.")
            }
            ScanErrorKind::TrailingBytes => {
                format!("The request's body continues after its JSON object, at byte {at}. Send one object only.")
            }
            ScanErrorKind::MissingModel => "The request names no model. Set `model` to a string.".into(),
            ScanErrorKind::ModelTooLong => {
                format!("`model` at byte {at} is longer than 256 bytes. Send the name of a model.")
            }
            ScanErrorKind::DuplicateField(field) => {
                format!("`{}` is repeated at byte {at}. Send it once.", field.path())
            }
            ScanErrorKind::InvalidType(field) => {
                format!("`{}` at byte {at} has the wrong type. Send {}.", field.path(), field.wanted())
            }
        }
    }
}

impl From<ParseError> for ScanError {
    fn from(fault: ParseError) -> Self {
        match fault {
            ParseError::Malformed(kind, at) => ScanErrorKind::Malformed(kind).at(at),
            ParseError::TooDeep(at) => ScanErrorKind::TooDeep.at(at),
        }
    }
}

fn explain(flaw: JsonErrorKind, at: usize) -> String {
    match flaw {
        JsonErrorKind::UnexpectedByte => {
            format!("byte {at} is not allowed there. Look for a missing quote, comma or colon just before it")
        }
        JsonErrorKind::UnexpectedEnd => {
            format!("it ends after {at} bytes, in the middle of a value. Send the whole body")
        }
        JsonErrorKind::ControlCharacter => format!("a string contains a control character at byte {at}. Escape it"),
        JsonErrorKind::InvalidEscape => {
            format!("the backslash at byte {at} does not begin a JSON escape. Double it, or use a valid escape")
        }
        JsonErrorKind::InvalidNumber => {
            format!(
                "the number at byte {at} is not a JSON number. Remove leading zeros, and write digits on both sides of the point"
            )
        }
        JsonErrorKind::InvalidUtf8 => format!("a string is not UTF-8 at byte {at}. Encode the body as UTF-8"),
    }
}
