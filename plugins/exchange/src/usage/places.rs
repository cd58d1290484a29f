//! Where in an answer the usage scan looks. The whole knowledge of the response's shape is this table.

use crate::json::Place;

/// A place in an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Spot {
    #[default]
    Elsewhere,
    Root,
    Error,
    Usage,
    Input,
    Output,
    Total,
    InputDetails,
    OutputDetails,
    Cached,
    Reasoning,
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
}

impl Place for Spot {
    fn member(self, name: &[u8]) -> Self {
        match (self, name) {
            (Self::Root, b"usage") => Self::Usage,
            (Self::Root, b"choices") => Self::Choices,
            (Self::Root, b"error") => Self::Error,
            (Self::Usage, b"prompt_tokens" | b"input_tokens") => Self::Input,
            (Self::Usage, b"completion_tokens" | b"output_tokens") => Self::Output,
            (Self::Usage, b"total_tokens") => Self::Total,
            (Self::Usage, b"prompt_tokens_details" | b"input_tokens_details") => Self::InputDetails,
            (Self::Usage, b"completion_tokens_details" | b"output_tokens_details") => Self::OutputDetails,
            (Self::InputDetails, b"cached_tokens") => Self::Cached,
            (Self::OutputDetails, b"reasoning_tokens") => Self::Reasoning,
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
            _ => Self::Elsewhere,
        }
    }

    fn element(self) -> Self {
        match self {
            Self::Choices => Self::Choice,
            Self::ToolCalls => Self::ToolCall,
            Self::Text => Self::TextPart,
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
