//! Names and words of the APIs, which distinguish text from values for machines.
//!
//! Names are compared without case, since some servers ignore it.

use super::word_table::{WordTable, slots};
use crate::json::Text;

/// Prefix of the name of a server that brings tools.
pub(super) const MCP: &str = "mcp:";

/// Room for the longest known name.
const LONGEST: usize = 48;

/// A name, unescaped and folded, or as written if it is too long to be known.
pub(super) struct FoldedName<'a> {
    buffer: [u8; LONGEST],
    len: usize,
    raw: Option<&'a [u8]>,
}

impl<'a> FoldedName<'a> {
    pub(super) fn of(text: &Text<'a>) -> Self {
        let mut name = Self { buffer: [0; LONGEST], len: 0, raw: None };
        let plain = !text.escaped && text.raw.is_ascii();
        let fits = if plain { name.fill(text.raw) } else { name.spell(text) };
        if !fits {
            name.raw = Some(text.raw);
        }
        name
    }

    fn fill(&mut self, bytes: &[u8]) -> bool {
        let Some(room) = self.buffer.get_mut(..bytes.len()) else { return false };
        room.copy_from_slice(bytes);
        room.make_ascii_lowercase();
        self.len = bytes.len();
        true
    }

    /// Letters that fold to ASCII ones do so for some servers too.
    #[cold]
    fn spell(&mut self, text: &Text<'_>) -> bool {
        let Some(spelled) = text.unescaped(LONGEST) else { return false };
        let folded: String = spelled.replace('\u{17F}', "s").replace('\u{212A}', "k");
        self.fill(folded.as_bytes())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.raw.unwrap_or_else(|| self.buffer.get(..self.len).unwrap_or_default())
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident $list:ident: $($word:literal)+;)+) => {
        $(
            static $list: WordTable<{ slots(&[$($word),+]) }> = WordTable::new(&[$($word),+]);
            $(#[$doc])*
            pub(super) fn $name(name: &[u8]) -> bool {
                $list.has(name)
            }
        )+
        #[test]
        fn the_lists_are_sorted() {
            for list in [$($list.words()),+] {
                assert!(list.is_sorted(), "{list:?}");
            }
        }
        #[test]
        fn the_tables_find_what_is_in_the_lists() {
            let all: Vec<&str> = [$($list.words()),+].concat();
            for name in all.iter().flat_map(|word| [(*word).to_owned(), format!("{word}s"), word.chars().skip(1).collect()]) {
                $(assert_eq!($list.has(name.as_bytes()), $list.words().contains(&name.as_str()), "{name}");)+
            }
        }
    };
}

words! {
    /// Members at the top of a request with known words of the API or of the policy.
    is_not_prompt NOT_PROMPT:
        "model";
    /// Members at the top of a request with numeric settings.
    is_setting SETTINGS:
        "best_of" "dimensions" "frequency_penalty" "logprobs" "max_completion_tokens" "max_output_tokens" "max_tokens"
        "max_tokens_to_sample" "min_p" "n" "presence_penalty" "repetition_penalty" "seed" "temperature" "top_a"
        "top_k" "top_logprobs" "top_p";
    /// Members with counts.
    is_count COUNTS:
        "budget_tokens" "created" "end_index" "index" "max_content_tokens" "max_uses" "start_index" "timeout";
    /// Members of an answer in which numbers are text.
    is_said SAID:
        "arguments" "content" "input" "name" "output" "partial_json" "reasoning" "reasoning_content" "refusal" "text"
        "thinking" "value";
    /// Members at the top of an answer that do not belong to its text.
    is_not_answer NOT_ANSWER:
        "created" "model" "object" "service_tier" "system_fingerprint" "usage";
    /// Members whose value is usually a word of the API.
    is_word_member WORD_MEMBERS:
        "detail" "encoding_format" "finish_reason" "format" "media_type" "mime_type" "object" "role" "service_tier"
        "status" "stop_reason" "ttl" "type" "voice";
    /// Members with ids.
    is_id_member ID_MEMBERS:
        "call_id" "container" "container_id" "file_id" "id" "item_id" "previous_response_id" "tool_call_id" "tool_use_id";
    /// Words of the API.
    is_api_word API_WORDS:
        "adaptive" "allowed_tools" "any" "application/json" "application/pdf" "array" "assistant" "audio" "audio/mp3"
        "audio/mpeg" "audio/wav" "auto" "base64" "bash" "boolean" "chat.completion" "chat.completion.chunk"
        "citations_delta" "completed" "completion" "content" "content_block_delta" "content_block_start"
        "content_block_stop" "content_filter" "content_part" "custom" "custom_tool_call" "default" "developer" "disabled"
        "document" "enabled" "end_turn" "ephemeral" "error" "failed" "file" "flex" "float" "function" "function_call"
        "function_call_output" "grammar" "high" "image" "image/gif" "image/jpeg" "image/png" "image/webp" "image_url"
        "in_progress" "incomplete" "input_audio" "input_file" "input_image" "input_json_delta" "input_text" "integer"
        "json_object" "json_schema" "length" "list" "low" "max_tokens" "mcp_tool_result" "mcp_tool_use" "medium"
        "message" "message_delta" "message_start" "message_stop" "model" "mp3" "none" "null" "number" "object"
        "output_text" "pause_turn" "ping" "prediction" "priority" "reasoning" "redacted_thinking" "refusal" "required"
        "scale" "search_result" "server_tool_use" "signature_delta" "standard_only" "stop" "stop_sequence" "string" "system" "text"
        "text/plain" "text_completion" "text_delta" "thinking" "thinking_delta" "tool" "tool_call" "tool_calls"
        "tool_reference" "tool_result" "tool_use" "url" "user" "video_url" "wav" "web_search" "web_search_result"
        "web_search_result_location" "web_search_tool_result";
    /// Member names of the APIs; any other name is a text.
    is_known_name KNOWN_NAMES:
        "$defs" "$ref" "$schema" "additionalproperties" "allof" "allowed_callers" "allowed_domains" "allowed_tools"
        "anyof" "arguments" "audio" "authorization_token" "best_of" "blocked_domains" "budget_tokens" "cache_control"
        "call_id" "caller" "choices" "citations" "cited_text" "code" "container" "content" "context"
        "context_management" "created" "custom" "data" "default" "defer_loading" "definition" "delta" "description"
        "detail" "dimensions" "display_height_px" "display_width_px" "document_index" "document_title" "echo" "effort"
        "enabled" "encoding_format" "encrypted_content" "encrypted_index" "enum" "error" "examples" "exclude"
        "exclusivemaximum" "exclusiveminimum" "extra_body" "fallbacks" "file" "file_data" "file_id" "file_url"
        "filename" "finish_reason" "format" "frequency_penalty" "function" "function_call" "functions" "grammar" "id"
        "image" "image_url" "include_usage" "index" "inference_geo" "input" "input_audio" "input_examples"
        "input_schema" "instructions" "is_error" "items" "json_schema" "logit_bias" "logprobs" "max_completion_tokens"
        "max_output_tokens" "max_tokens" "max_uses" "maximum" "maxitems" "maxlength" "mcp_servers" "media_type"
        "message" "messages" "metadata" "mime_type" "min_p" "minimum" "minitems" "minlength" "modalities" "mode"
        "model" "models" "n" "name" "not" "object" "oneof" "options" "output" "output_config" "output_format"
        "output_schema" "page_age" "parallel_tool_calls" "parameters" "partial_json" "pattern" "plugins" "prediction"
        "prefix" "presence_penalty" "previous_response_id" "prompt" "prompt_cache_key" "prompt_cache_retention"
        "properties" "provider" "reasoning" "reasoning_content" "reasoning_details" "reasoning_effort" "refusal"
        "repetition_penalty" "required" "response_format" "role" "route" "safety_identifier" "schema" "seed"
        "server_label" "server_name" "server_url" "service_tier" "signature" "source" "speed" "status" "stop"
        "stop_reason" "stop_sequences" "store" "stream" "stream_options" "strict" "suffix" "summary" "syntax" "system"
        "temperature" "text" "thinking" "title" "tool_call_id" "tool_calls" "tool_choice" "tool_configuration"
        "tool_name" "tool_use_id" "tools" "top_a" "top_k" "top_logprobs" "top_p" "transcript" "ttl" "type"
        "uniqueitems" "url" "usage" "user" "user_location" "value" "verbosity" "video_url" "voice"
        "web_search_options" "x-headgate";
    /// Types of content that is not text.
    is_attachment ATTACHMENTS:
        "audio" "audio_url" "container_upload" "document" "file" "image" "image_url" "input_audio" "input_file"
        "input_image" "media" "video" "video_url";
    /// Members with such content, whatever the type.
    brings_attachment ATTACHING:
        "audio_url" "file_data" "image" "image_url" "input_audio" "video_url";
    /// Types in which `name` is a tool's.
    is_call CALLS:
        "custom_tool_call" "function" "function_call" "mcp_call" "mcp_tool_use" "server_tool_use" "tool" "tool_call"
        "tool_use";
    /// Roles whose messages do not come from a tool.
    is_speaker SPEAKERS:
        "assistant" "developer" "system" "user";
    /// Choices of a tool that name none.
    is_choice CHOICES:
        "allowed_tools" "any" "auto" "custom" "function" "none" "required" "tool";
}

/// Prefixes of ids that the APIs assign.
static ID_PREFIXES: &[&str] = &[
    "call_",
    "toolu_",
    "srvtoolu_",
    "mcptoolu_",
    "chatcmpl-tool-",
    "chatcmpl-",
    "file-",
    "file_",
    "msg_",
    "fc_",
    "rs_",
    "resp_",
    "container_",
    "audio_",
];

/// Returns the length of an id's prefix.
pub(super) fn id_prefix(id: &[u8]) -> usize {
    ID_PREFIXES.iter().find(|prefix| id.starts_with(prefix.as_bytes())).map_or(0, |prefix| prefix.len())
}

/// Returns the types beside a member that make it media, and whether they are in the object around. No other member can
/// be media.
pub(super) fn media_types(parent: &[u8], name: &[u8]) -> Option<(&'static [&'static str], bool)> {
    Some(match (parent, name) {
        (b"image_url", b"url") => (&["image_url"], true),
        (b"video_url", b"url") => (&["video_url"], true),
        (b"audio_url", b"url") => (&["audio_url"], true),
        (b"input_audio", b"data") => (&["input_audio"], true),
        (b"file", b"file_data") => (&["file"], true),
        (_, b"image_url") => (&["image_url", "input_image"], false),
        (_, b"file_data") => (&["input_file"], false),
        (_, b"data") => (&["base64", "redacted_thinking", "reasoning.encrypted"], false),
        (_, b"signature") => (&["thinking", "signature_delta"], false),
        (_, b"encrypted_content" | b"encrypted_index") => {
            (&["web_search_result", "web_search_result_location", "reasoning", "compaction"], false)
        }
        _ => return None,
    })
}

/// Shortest media. Shorter values are scanned as text.
const MEDIA_BYTES: usize = 256;

/// Returns whether all of a value is base64, by itself or in a data URL.
pub(super) fn is_media(written: &[u8]) -> bool {
    let body = match written.get(..5).filter(|start| start.eq_ignore_ascii_case(b"data:")) {
        Some(_) => match data_url_body(written) {
            Some(body) => body,
            None => return false,
        },
        None => written,
    };
    body.len() >= MEDIA_BYTES && is_base64(body)
}

/// Returns the part after `data:TYPE/SUBTYPE;base64,`, or none for another type.
fn data_url_body(written: &[u8]) -> Option<&[u8]> {
    let comma = written.iter().take(128).position(|byte| *byte == b',')?;
    let head = written.get(5..comma)?.to_ascii_lowercase();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/;=.+-".contains(byte);
    let media = head.ends_with(b";base64") && head.iter().all(plain);
    media.then(|| written.get(comma + 1..)).flatten()
}

/// RFC 4648, either alphabet, with its padding. An escaped slash is a slash.
fn is_base64(body: &[u8]) -> bool {
    let digits = body.strip_suffix(b"==").or_else(|| body.strip_suffix(b"=")).unwrap_or(body);
    let escapes = body.iter().filter(|byte| **byte == b'\\').count();
    let padded = (body.len() - escapes).is_multiple_of(4) || digits.len() == body.len();
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/_-".contains(byte);
    padded && if escapes == 0 { digits.iter().all(digit) } else { is_escaped_base64(digits) }
}

#[cold]
fn is_escaped_base64(digits: &[u8]) -> bool {
    let mut bytes = digits.iter();
    while let Some(byte) = bytes.next() {
        let slash = *byte == b'\\' && bytes.next() == Some(&b'/');
        if !(slash || byte.is_ascii_alphanumeric() || b"+/_-".contains(byte)) {
            return false;
        }
    }
    true
}
