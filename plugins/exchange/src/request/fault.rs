//! What can be wrong with a request's body, said so that a developer can mend it, and without a byte of the body.

use crate::json::Flaw;

/// A field that the scan reads and that may therefore stand once.
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
    /// Its path in the body.
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

/// Why a body was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanErrorKind {
    /// No byte at all.
    EmptyBody,
    /// Nothing but whitespace.
    BlankBody,
    /// It begins with a byte order mark.
    ByteOrderMark,
    /// Not JSON.
    Malformed(Flaw),
    /// Nested deeper than 128.
    TooDeep,
    /// JSON, but no object.
    NotAnObject,
    /// Something behind the object.
    TrailingBytes,
    /// No `model`.
    MissingModel,
    /// `model` longer than 256 bytes.
    ModelTooLong,
    /// A field stands twice, so that two readers could take different ones.
    DuplicateField(Field),
    /// A field of the wrong type.
    InvalidType(Field),
}

impl ScanErrorKind {
    pub(super) const fn at(self, offset: usize) -> ScanError {
        ScanError { kind: self, offset }
    }
}

/// Why a body was refused, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScanError {
    /// Why.
    pub kind: ScanErrorKind,
    /// Bytes before the place.
    pub offset: usize,
}

impl ScanError {
    /// `error.code` of the answer.
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

    /// `error.param` of the answer: the field at fault.
    #[must_use]
    pub const fn param(&self) -> Option<&'static str> {
        match self.kind {
            ScanErrorKind::MissingModel | ScanErrorKind::ModelTooLong => Some(Field::Model.path()),
            ScanErrorKind::DuplicateField(field) | ScanErrorKind::InvalidType(field) => Some(field.path()),
            _ => None,
        }
    }

    /// A sentence on where it broke and what to do. It quotes nothing of the body.
    #[must_use]
    pub fn message(&self) -> String {
        let at = self.offset;
        match self.kind {
            ScanErrorKind::EmptyBody => "The request has no body. Send a JSON object.".into(),
            ScanErrorKind::BlankBody => "The request's body is nothing but whitespace. Send a JSON object.".into(),
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
                format!("The request's body goes on after its JSON object, at byte {at}. Send one object only.")
            }
            ScanErrorKind::MissingModel => "The request names no model. Set `model` to a string.".into(),
            ScanErrorKind::ModelTooLong => {
                format!("`model` at byte {at} is longer than 256 bytes. Send the name of a model.")
            }
            ScanErrorKind::DuplicateField(field) => {
                format!("`{}` stands a second time at byte {at}. Send it once.", field.path())
            }
            ScanErrorKind::InvalidType(field) => {
                format!("`{}` at byte {at} has the wrong type. Send {}.", field.path(), field.wanted())
            }
        }
    }
}

fn explain(flaw: Flaw, at: usize) -> String {
    match flaw {
        Flaw::UnexpectedByte => {
            format!("byte {at} cannot stand where it is. Look for a missing quote, comma or colon just before it")
        }
        Flaw::UnexpectedEnd => format!("it ends after {at} bytes, in the middle of a value. Send the whole body"),
        Flaw::ControlCharacter => format!("a control character stands in a string at byte {at}. Escape it"),
        Flaw::InvalidEscape => {
            format!("the backslash at byte {at} begins no JSON escape. Double it, or use one that JSON knows")
        }
        Flaw::InvalidNumber => {
            format!("the number at byte {at} is not written as JSON wants it. No leading zeros, no bare point")
        }
        Flaw::InvalidUtf8 => format!("a string is not UTF-8 at byte {at}. Encode the body as UTF-8"),
    }
}
