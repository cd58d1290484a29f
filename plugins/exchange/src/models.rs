//! The answers of `GET /v1/models` and `GET /v1/models/{id}` in OpenAI's format.
//!
//! `created` is 0: an alias has no date, and with a clock the answers of two workers would differ.

use crate::json::push_quoted;

/// Returns the list of `names`, in their order.
pub fn write_models<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut out = br#"{"object":"list","data":["#.to_vec();
    for (index, name) in names.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_model(&mut out, name);
    }
    out.extend_from_slice(b"]}");
    out
}

/// Returns one model.
#[must_use]
pub fn write_model(name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 64);
    push_model(&mut out, name);
    out
}

fn push_model(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(br#"{"id":"#);
    push_quoted(out, name);
    out.extend_from_slice(br#","object":"model","created":0,"owned_by":"headgate"}"#);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn models_have_openai_format() {
        let list: Value = serde_json::from_slice(&write_models(["chat", "a\"b"])).unwrap();
        assert_eq!(
            list,
            json!({"object": "list", "data": [
                {"id": "chat", "object": "model", "created": 0, "owned_by": "headgate"},
                {"id": "a\"b", "object": "model", "created": 0, "owned_by": "headgate"},
            ]})
        );
    }

    #[test]
    fn no_models_make_an_empty_list() {
        assert_eq!(write_models([]), br#"{"object":"list","data":[]}"#);
    }

    #[test]
    fn one_model_stands_by_itself() {
        let model: Value = serde_json::from_slice(&write_model("chat")).unwrap();
        assert_eq!(model["id"], "chat");
        assert_eq!(model["object"], "model");
    }
}
