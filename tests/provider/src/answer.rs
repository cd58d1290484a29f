//! Answers in OpenAI's exact format, including key order and layout, because a gateway reads bytes.
//!
//! They are templates, because serde_json sorts keys and the real provider does not.

use crate::asked::{Asked, Surface};
use base64::{Engine, engine::general_purpose::STANDARD};

/// 2026-01-01. It is fixed, so that answers are equal from run to run.
pub(crate) const CREATED: u64 = 1_767_225_600;
/// Arguments of every tool call, in the pieces of a stream.
pub(crate) const TOOL_ARGUMENTS: [&str; 3] = [r#"{"city""#, r#": "Oslo", "#, r#""unit": "C"}"#];
/// The answer of `count_tokens`.
const COUNTED: &str = r#"{"input_tokens":11}"#;
const DIMENSIONS: usize = 8;

/// The inputs of an answer.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) asked: &'a Asked,
    /// A unique number in this process.
    pub(crate) number: u64,
    /// The text, in the pieces of a stream.
    pub(crate) pieces: Vec<String>,
    /// Whether usage is reported.
    pub(crate) usage: bool,
}

/// Returns the text of an ordinary answer.
pub(crate) fn pieces(provider: &str) -> Vec<String> {
    let text = ["Hello", " from", &format!(" {provider}"), ":", " it", " was", " served \u{2713}"].map(str::to_owned);
    text.into()
}

/// Returns text as a JSON string with quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Answer<'_> {
    /// Returns the id inside the answer.
    pub(crate) fn id(&self) -> String {
        let prefix = match self.asked.surface {
            Surface::Chat => "chatcmpl-",
            Surface::Messages => "msg_",
            _ => "cmpl-",
        };
        format!("{prefix}{:016x}", self.number)
    }

    /// Returns the whole answer as JSON.
    pub(crate) fn json(&self) -> String {
        match self.asked.surface {
            Surface::Chat => self.chat(),
            Surface::Completions => self.completion(),
            Surface::Embeddings => self.embeddings(),
            Surface::Messages => self.message(),
            Surface::CountTokens => COUNTED.to_owned(),
        }
    }

    fn chat(&self) -> String {
        let (message, finish) = match &self.asked.tool {
            Some(name) => (tool_calls(self.number, name), "tool_calls"),
            None => (format!(r#""content": {}"#, quoted(&self.pieces.concat())), "stop"),
        };
        format!(
            r#"{{
  "id": "{}",
  "object": "chat.completion",
  "created": {CREATED},
  "model": {},
  "choices": [
    {{
      "index": 0,
      "message": {{
        "role": "assistant",
        {message},
        "refusal": null,
        "annotations": []
      }},
      "logprobs": null,
      "finish_reason": "{finish}"
    }}
  ]{},
  "service_tier": "default",
  "system_fingerprint": "fp_headgate"
}}
"#,
            self.id(),
            quoted(&self.asked.model),
            self.usage_field(CHAT_USAGE)
        )
    }

    fn completion(&self) -> String {
        format!(
            r#"{{
  "id": "{}",
  "object": "text_completion",
  "created": {CREATED},
  "model": {},
  "choices": [
    {{
      "text": {},
      "index": 0,
      "logprobs": null,
      "finish_reason": "stop"
    }}
  ]{}
}}
"#,
            self.id(),
            quoted(&self.asked.model),
            quoted(&self.pieces.concat()),
            self.usage_field(CHAT_USAGE)
        )
    }

    fn embeddings(&self) -> String {
        let vectors: Vec<String> = (0..self.asked.inputs).map(|i| embedding(i, self.asked.base64)).collect();
        format!(
            r#"{{
  "object": "list",
  "data": [
{}
  ],
  "model": {}{}
}}
"#,
            vectors.join(",\n"),
            quoted(&self.asked.model),
            self.usage_field(EMBEDDING_USAGE)
        )
    }

    fn usage_field(&self, usage: &str) -> String {
        if self.usage { format!(",\n  \"usage\": {usage}") } else { String::new() }
    }
}

/// 11 input tokens, 4 of them cached; 7 output tokens, 2 of them reasoning.
pub(crate) const CHAT_USAGE: &str = r#"{
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {
      "cached_tokens": 4,
      "audio_tokens": 0
    },
    "completion_tokens_details": {
      "reasoning_tokens": 2,
      "audio_tokens": 0,
      "accepted_prediction_tokens": 0,
      "rejected_prediction_tokens": 0
    }
  }"#;

const EMBEDDING_USAGE: &str = r#"{
    "prompt_tokens": 11,
    "total_tokens": 11
  }"#;

fn tool_calls(number: u64, name: &str) -> String {
    format!(
        r#""content": null,
        "tool_calls": [
          {{
            "id": "call_{number:016x}",
            "type": "function",
            "function": {{
              "name": {},
              "arguments": {}
            }}
          }}
        ]"#,
        quoted(name),
        quoted(&TOOL_ARGUMENTS.concat())
    )
}

fn embedding(index: usize, base64: bool) -> String {
    let floats: Vec<f32> = (0_u8..).take(DIMENSIONS).map(|d| f32::from(d) / 8.0).collect();
    let vector = if base64 {
        let bytes: Vec<u8> = floats.iter().flat_map(|f| f.to_le_bytes()).collect();
        quoted(&STANDARD.encode(bytes))
    } else {
        format!("{floats:?}")
    };
    format!(r#"    {{"object": "embedding", "index": {index}, "embedding": {vector}}}"#)
}

/// Returns an error in OpenAI's format.
pub(crate) fn error(status: u16) -> String {
    let (kind, code, message) = match status {
        400 => ("invalid_request_error", "\"invalid_value\"", "Invalid value."),
        401 => ("invalid_request_error", "\"invalid_api_key\"", "Incorrect API key provided."),
        404 => ("invalid_request_error", "\"unknown_url\"", "Unknown request URL."),
        429 => ("requests", "\"rate_limit_exceeded\"", "Rate limit reached for requests."),
        500.. => ("server_error", "null", "The server had an error while processing your request."),
        _ => ("invalid_request_error", "null", "The request was refused."),
    };
    format!(
        r#"{{
  "error": {{
    "message": "{message}",
    "type": "{kind}",
    "param": null,
    "code": {code}
  }}
}}
"#
    )
}

/// Returns the answer to `GET /models`.
pub(crate) fn models() -> String {
    let entry = |id| format!(r#"{{"id":"{id}","object":"model","created":{CREATED},"owned_by":"headgate"}}"#);
    format!(r#"{{"object":"list","data":[{}]}}"#, ["ok", "status-503", "reset-mid-stream"].map(entry).join(","))
}
