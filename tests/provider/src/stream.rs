//! The same answers as server-sent events: a role chunk, content chunks, a finish chunk, usage on request, `[DONE]`.
//!
//! As in OpenAI's streams, every chunk has `"usage":null` if usage was requested, and the last chunk with the usage has no
//! choices. Without the request neither appears.

use crate::answer::{Answer, CHAT_USAGE, CREATED, TOOL_ARGUMENTS, quoted};
use crate::asked::Surface;

impl Answer<'_> {
    /// Returns every event with its empty line.
    pub(crate) fn events(&self) -> Vec<String> {
        if self.asked.surface == Surface::Messages {
            return self.message_events();
        }
        let choices = if self.asked.surface == Surface::Chat { self.chat_choices() } else { self.text_choices() };
        let with_usage = self.usage && self.asked.include_usage;
        let null = if with_usage { r#","usage":null"# } else { "" };
        let mut events: Vec<String> = choices.iter().map(|c| self.event(c, null)).collect();
        if with_usage {
            events.push(self.event("", &format!(r#","usage":{}"#, compact(CHAT_USAGE))));
        }
        events.push("data: [DONE]\n\n".into());
        events
    }

    fn event(&self, choices: &str, usage: &str) -> String {
        let object = match self.asked.surface {
            Surface::Chat => r#""chat.completion.chunk""#,
            _ => r#""text_completion""#,
        };
        format!(
            r#"data: {{"id":"{}","object":{object},"created":{CREATED},"model":{},"service_tier":"default","system_fingerprint":"fp_headgate","choices":[{choices}]{usage}}}"#,
            self.id(),
            quoted(&self.asked.model)
        ) + "\n\n"
    }

    fn chat_choices(&self) -> Vec<String> {
        let (deltas, finish) = match &self.asked.tool {
            Some(name) => (self.tool_deltas(name), "tool_calls"),
            None => (self.text_deltas(), "stop"),
        };
        let open = deltas.iter().map(|delta| choice(delta, "null"));
        open.chain([choice("{}", &quoted(finish))]).collect()
    }

    fn text_deltas(&self) -> Vec<String> {
        let role = r#"{"role":"assistant","content":"","refusal":null}"#.to_owned();
        let content = self.pieces.iter().map(|p| format!(r#"{{"content":{}}}"#, quoted(p)));
        std::iter::once(role).chain(content).collect()
    }

    fn tool_deltas(&self, name: &str) -> Vec<String> {
        let first = format!(
            r#"{{"role":"assistant","content":null,"tool_calls":[{{"index":0,"id":"call_{:016x}","type":"function","function":{{"name":{},"arguments":""}}}}],"refusal":null}}"#,
            self.number,
            quoted(name)
        );
        let arguments = TOOL_ARGUMENTS
            .iter()
            .map(|a| format!(r#"{{"tool_calls":[{{"index":0,"function":{{"arguments":{}}}}}]}}"#, quoted(a)));
        std::iter::once(first).chain(arguments).collect()
    }

    fn text_choices(&self) -> Vec<String> {
        let text =
            |t: &str, finish| format!(r#"{{"text":{},"index":0,"logprobs":null,"finish_reason":{finish}}}"#, quoted(t));
        let open = self.pieces.iter().map(|p| text(p, "null"));
        open.chain([text("", "\"stop\"")]).collect()
    }
}

fn choice(delta: &str, finish: &str) -> String {
    format!(r#"{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}"#)
}

/// Removes white space. The usage template has none inside its strings.
fn compact(json: &str) -> String {
    json.split_whitespace().collect()
}
