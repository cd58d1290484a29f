//! The Messages API in Anthropic's format: one compact JSON, or named events including a ping.
//!
//! A stream reports its usage twice, as Anthropic's does: the input at the beginning with the first token of the output,
//! the whole output at the end.

use crate::answer::{Answer, TOOL_ARGUMENTS, quoted};

/// 11 input tokens: 5 new ones, 4 read from the cache, 2 written to it, of these one for an hour.
const INPUT_USAGE: &str = r#""input_tokens":5,"cache_creation_input_tokens":2,"cache_read_input_tokens":4,"cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":1}"#;
/// The output of a message at its beginning.
const BEGUN_USAGE: &str = r#""output_tokens":1"#;
/// 7 output tokens, 2 of them thinking.
const OUTPUT_USAGE: &str = r#""output_tokens":7,"output_tokens_details":{"thinking_tokens":2}"#;

impl Answer<'_> {
    /// Returns the whole message.
    pub(crate) fn message(&self) -> String {
        let text = quoted(&self.pieces.concat());
        let block = match &self.asked.tool {
            Some(name) => self.tool_use(name, &TOOL_ARGUMENTS.concat()),
            None => format!(r#"{{"type":"text","text":{text}}}"#),
        };
        self.envelope(&block, &quoted(self.stop_reason()), OUTPUT_USAGE)
    }

    /// Returns all events with their names and empty lines.
    pub(crate) fn message_events(&self) -> Vec<String> {
        let start = format!(r#"{{"type":"message_start","message":{}}}"#, self.envelope("", "null", BEGUN_USAGE));
        let (block, deltas): (_, Vec<_>) = match &self.asked.tool {
            Some(name) => (self.tool_use(name, "{}"), TOOL_ARGUMENTS.map(input_delta).into()),
            None => (r#"{"type":"text","text":""}"#.to_owned(), self.pieces.iter().map(|p| text_delta(p)).collect()),
        };
        let opened = format!(r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#);
        let ping = r#"{"type": "ping"}"#.to_owned();
        let closed = r#"{"type":"content_block_stop","index":0}"#.to_owned();
        let stop = r#"{"type":"message_stop"}"#.to_owned();
        let events = [start, opened, ping].into_iter().chain(deltas).chain([closed, self.message_delta(), stop]);
        events.map(|data| format!("event: {}\ndata: {data}\n\n", name_of(&data))).collect()
    }

    fn message_delta(&self) -> String {
        let delta = format!(r#"{{"stop_reason":"{}","stop_sequence":null}}"#, self.stop_reason());
        let usage = if self.usage { format!(r#","usage":{{{OUTPUT_USAGE}}}"#) } else { String::new() };
        format!(r#"{{"type":"message_delta","delta":{delta}{usage}}}"#)
    }

    fn envelope(&self, blocks: &str, stop_reason: &str, output_usage: &str) -> String {
        let usage = match self.usage {
            true => format!(r#","usage":{{{INPUT_USAGE},{output_usage},"service_tier":"standard"}}"#),
            false => String::new(),
        };
        format!(
            r#"{{"model":{},"id":"{}","type":"message","role":"assistant","content":[{blocks}],"stop_reason":{stop_reason},"stop_sequence":null{usage}}}"#,
            quoted(&self.asked.model),
            self.id(),
        )
    }

    fn tool_use(&self, name: &str, input: &str) -> String {
        format!(r#"{{"type":"tool_use","id":"toolu_{:016x}","name":{},"input":{input}}}"#, self.number, quoted(name))
    }

    fn stop_reason(&self) -> &'static str {
        if self.asked.tool.is_some() { "tool_use" } else { "end_turn" }
    }
}

fn text_delta(text: &str) -> String {
    delta(&format!(r#"{{"type":"text_delta","text":{}}}"#, quoted(text)))
}

fn input_delta(json: &str) -> String {
    delta(&format!(r#"{{"type":"input_json_delta","partial_json":{}}}"#, quoted(json)))
}

fn delta(delta: &str) -> String {
    format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#)
}

/// Returns the type: the first string after the first colon.
fn name_of(data: &str) -> &str {
    data.split('"').nth(3).unwrap_or_default()
}

/// Returns an error in Anthropic's format.
pub(crate) fn error(status: u16) -> String {
    let (kind, message) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        403 => ("permission_error", "Your API key does not have permission to use the specified resource."),
        404 => ("not_found_error", "The requested resource could not be found."),
        429 => ("rate_limit_error", "This request would exceed your rate limit."),
        503 | 529 => ("overloaded_error", "Overloaded"),
        500.. => ("api_error", "Internal server error"),
        _ => ("invalid_request_error", "The request was refused."),
    };
    format!(r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_of_the_error"}}"#)
}
