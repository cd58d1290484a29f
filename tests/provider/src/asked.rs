//! The parts of a request on which the answer depends.
//!
//! Only the top level is parsed and the rest is skipped without recursion, so that a prompt nested ten thousand deep is
//! served like any other. Of a repeated key the last one counts, as in most JSON parsers.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;

/// The surface of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Surface {
    Chat,
    Completions,
    Embeddings,
    Messages,
    CountTokens,
}

impl Surface {
    /// Returns the surface by the end of the path.
    pub(crate) fn of(path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default();
        if path.ends_with("/chat/completions") {
            Some(Self::Chat)
        } else if path.ends_with("/completions") {
            Some(Self::Completions)
        } else if path.ends_with("/embeddings") {
            Some(Self::Embeddings)
        } else if path.ends_with("/messages") {
            Some(Self::Messages)
        } else if path.ends_with("/messages/count_tokens") {
            Some(Self::CountTokens)
        } else {
            None
        }
    }
}

/// The parts of the request on which the answer depends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) surface: Surface,
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) include_usage: bool,
    /// Name of the first offered tool.
    pub(crate) tool: Option<String>,
    /// Number of texts to embed.
    pub(crate) inputs: usize,
    pub(crate) base64: bool,
}

#[derive(Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A tool, whose name OpenAI has in `function` and Anthropic at the top.
#[derive(Default, Deserialize)]
struct Tool {
    #[serde(default)]
    function: Function,
    #[serde(default)]
    name: String,
}

#[derive(Default, Deserialize)]
struct Function {
    #[serde(default)]
    name: String,
}

impl Asked {
    /// Reads a body. Returns `None` if it is not a JSON object with a `model`.
    pub(crate) fn of(surface: Surface, body: &[u8]) -> Option<Self> {
        let fields: HashMap<String, &RawValue> = serde_json::from_slice(body).ok()?;
        let tools: Vec<Tool> = read(&fields, "tools").unwrap_or_default();
        Some(Self {
            surface,
            model: read(&fields, "model")?,
            stream: !matches!(surface, Surface::Embeddings | Surface::CountTokens)
                && read(&fields, "stream").unwrap_or(false),
            include_usage: read::<StreamOptions>(&fields, "stream_options").is_some_and(|o| o.include_usage),
            tool: tools.into_iter().next().map(|t| t.function.name + &t.name),
            inputs: fields.get("input").map_or(1, |v| inputs(v)),
            base64: read::<String>(&fields, "encoding_format").as_deref() == Some("base64"),
        })
    }
}

fn read<'a, T: Deserialize<'a>>(fields: &HashMap<String, &'a RawValue>, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

/// Returns the number of inputs. A list of texts or of token lists has one input each; a text or one list of tokens is one.
fn inputs(input: &RawValue) -> usize {
    let items: Vec<&RawValue> = serde_json::from_str(input.get()).unwrap_or_default();
    match items.first().map(|v| v.get().starts_with(['"', '['])) {
        Some(true) => items.len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &str) -> Option<Asked> {
        Asked::of(Surface::Chat, body.as_bytes())
    }

    #[test]
    fn the_last_model_counts() {
        assert_eq!(asked(r#"{"model":"a","model":"\u0067pt"}"#).unwrap().model, "gpt");
    }

    #[test]
    fn deep_nesting_outside_the_top_level_is_skipped() {
        let deep = format!(r#"{{"messages":{}{},"model":"ok"}}"#, "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(asked(&deep).unwrap().model, "ok");
    }

    #[test]
    fn bodies_without_a_model_have_no_request() {
        for body in ["", "[]", "{}", r#"{"model":1}"#, r#"{"model":"a""#] {
            assert_eq!(asked(body), None, "{body}");
        }
    }

    #[test]
    fn token_lists_are_one_input() {
        let of = |input: &str| {
            let body = format!(r#"{{"model":"e","input":{input}}}"#);
            Asked::of(Surface::Embeddings, body.as_bytes()).unwrap().inputs
        };
        assert_eq!([of(r#""a""#), of("[1,2,3]"), of(r#"["a","b"]"#), of("[[1],[2],[3]]")], [1, 1, 2, 3]);
    }
}
