//! The fields of an answer that the usage scan reads. This table is all that is known of the format of responses: OpenAI's
//! from [`UsageField::Root`], Anthropic's, answers and events alike, from [`UsageField::Event`].

use crate::json::JsonField;
use crate::surface::Dialect;

/// A field of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum UsageField {
    #[default]
    Elsewhere,
    Root,
    Error,
    /// `code` of an error.
    ErrorCode,
    /// Its `type`.
    ErrorType,
    /// Its `status`, in Google's errors.
    ErrorStatus,
    /// `model` of an answer.
    Model,
    ServiceTier,
    Speed,
    Usage,
    Input,
    Output,
    Total,
    InputDetails,
    OutputDetails,
    /// Part of the input, read from the cache, as OpenAI counts.
    Cached,
    /// Read from the cache, under Anthropic's name.
    CacheRead,
    Reasoning,
    /// Groq's own member of an event.
    XGroq,
    Choices,
    Choice,
    Index,
    FinishReason,
    /// `message` of an answer, `delta` of a stream.
    Message,
    /// A string of generated text, or a list of parts with one.
    Text,
    /// An element of such a list.
    TextPart,
    ToolCalls,
    ToolCall,
    Function,
    /// An Anthropic answer, or one event of its stream.
    Event,
    /// `message` of a `message_start`.
    Begun,
    /// `usage` in there: the input is final, the output has only begun.
    BegunUsage,
    /// `usage` of an answer or of a `message_delta`.
    MessageUsage,
    /// Part of the input, written to the cache, as OpenAI counts.
    CacheWrite,
    /// Written to the cache, under Anthropic's name.
    CacheCreation,
    /// `iterations` of a message's usage: the usage of each sampling, also by other models.
    Iterations,
    Iteration,
    IterationModel,
    /// `cache_creation`: the writes by lifetime.
    CacheWrites,
    CacheWrite1h,
    /// `output_tokens_details` of a message.
    MessageOutputDetails,
    StopReason,
    /// A list of content blocks.
    Blocks,
    Block,
    /// The addition to a block or a message.
    Delta,
}

impl UsageField {
    pub(super) fn root(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Openai => Self::Root,
            Dialect::Anthropic => Self::Event,
        }
    }
}

impl UsageField {
    /// Returns the field of a count in the usage of a message or of one of its iterations.
    fn message_count(self, name: &[u8]) -> Self {
        match name {
            b"input_tokens" => Self::Input,
            b"output_tokens" => Self::Output,
            b"cache_read_input_tokens" => Self::CacheRead,
            b"cache_creation_input_tokens" => Self::CacheCreation,
            b"cache_creation" => Self::CacheWrites,
            b"output_tokens_details" => Self::MessageOutputDetails,
            _ => Self::Elsewhere,
        }
    }
}

impl JsonField for UsageField {
    fn member(self, name: &[u8]) -> Self {
        match (self, name) {
            (Self::Root, b"usage") => Self::Usage,
            (Self::Root, b"x_groq") => Self::XGroq,
            (Self::XGroq | Self::Choice, b"usage") => Self::Usage,
            (Self::Root, b"choices") => Self::Choices,
            (Self::Root | Self::Event, b"error") => Self::Error,
            (Self::Root | Self::Error, b"code") => Self::ErrorCode,
            (Self::Root | Self::Error, b"type") => Self::ErrorType,
            (Self::Error, b"status") => Self::ErrorStatus,
            (Self::Root | Self::Event | Self::Begun, b"model") => Self::Model,
            (Self::Root | Self::BegunUsage | Self::MessageUsage, b"service_tier") => Self::ServiceTier,
            (Self::BegunUsage | Self::MessageUsage, b"speed") => Self::Speed,
            (Self::Usage, b"prompt_tokens" | b"input_tokens") => Self::Input,
            (Self::Usage, b"completion_tokens" | b"output_tokens") => Self::Output,
            (Self::Usage, b"total_tokens") => Self::Total,
            (Self::Usage, b"prompt_tokens_details" | b"input_tokens_details") => Self::InputDetails,
            (Self::Usage, b"completion_tokens_details" | b"output_tokens_details") => Self::OutputDetails,
            (Self::Usage, b"prompt_cache_hit_tokens" | b"cached_tokens") => Self::Cached,
            (Self::Usage, b"cache_read_input_tokens") => Self::CacheRead,
            (Self::Usage, b"cache_creation_input_tokens") => Self::CacheCreation,
            (Self::Usage, b"cache_creation") => Self::CacheWrites,
            (Self::Usage | Self::InputDetails, b"cache_write_tokens") => Self::CacheWrite,
            (Self::InputDetails, b"cached_tokens" | b"cache_read_tokens") => Self::Cached,
            (Self::InputDetails, b"cache_creation_tokens" | b"cached_creation_tokens") => Self::CacheWrite,
            (Self::Usage | Self::OutputDetails, b"reasoning_tokens") => Self::Reasoning,
            (Self::Choice, b"index") => Self::Index,
            (Self::Choice, b"finish_reason") => Self::FinishReason,
            (Self::Choice, b"message" | b"delta") => Self::Message,
            (Self::Choice, b"text") => Self::Text,
            (Self::Message, b"content" | b"refusal" | b"reasoning_content" | b"reasoning") => Self::Text,
            (Self::Message, b"tool_calls") => Self::ToolCalls,
            (Self::Message, b"function_call") => Self::Function,
            (Self::TextPart, b"text") => Self::Text,
            (Self::ToolCall, b"function") => Self::Function,
            (Self::Function, b"arguments") => Self::Text,
            (Self::Event, b"message") => Self::Begun,
            (Self::Event, b"usage") => Self::MessageUsage,
            (Self::Event, b"content_block") => Self::Block,
            (Self::Event, b"delta") => Self::Delta,
            (Self::Begun, b"usage") => Self::BegunUsage,
            (Self::Event | Self::Begun, b"content") => Self::Blocks,
            (Self::Event | Self::Begun | Self::Delta, b"stop_reason") => Self::StopReason,
            (Self::Block | Self::Delta, b"text" | b"thinking" | b"partial_json") => Self::Text,
            (Self::BegunUsage | Self::MessageUsage, b"iterations") => Self::Iterations,
            (Self::Iteration, b"model") => Self::IterationModel,
            (Self::BegunUsage | Self::MessageUsage | Self::Iteration, name) => self.message_count(name),
            (Self::MessageOutputDetails, b"thinking_tokens") => Self::Reasoning,
            (Self::CacheWrites, b"ephemeral_1h_input_tokens") => Self::CacheWrite1h,
            _ => Self::Elsewhere,
        }
    }

    fn element(self) -> Self {
        match self {
            Self::Choices => Self::Choice,
            Self::Iterations => Self::Iteration,
            Self::ToolCalls => Self::ToolCall,
            Self::Text => Self::TextPart,
            Self::Blocks => Self::Block,
            // Google sends the error of its OpenAI-compatible API in a list of one.
            Self::Root => Self::Root,
            _ => Self::Elsewhere,
        }
    }

    fn is_known(self) -> bool {
        self != Self::Elsewhere
    }

    fn is_text(self) -> bool {
        self == Self::Text
    }
}
