//! What Envoy refuses by itself, in our words and on record.
//!
//! HTTP/1.0, upgrades, headers beyond a limit and bytes that are no HTTP never reach a filter's request callbacks. Envoy's
//! answer is rewritten here, with a request id; the filter's log callback makes the record and takes the id from the
//! answer. An answer that the filter wrote names who rejected it, and is left alone.

use super::{RenderOptions, wasm};
use crate::Compiled;
use headgate_exchange::{Dialect, Rejection};
use serde_json::{Value, json};

/// The id that the answer carries, as Envoy's formatter reads it.
const REQUEST_ID: &str = "%RESP(X-HEADGATE-REQUEST-ID)%";

/// Holds for answers that are not the filter's own.
const NOT_OURS: &str = "!('x-headgate-rejected-by' in response.headers)";

/// One mapper for each status and dialect. The first that holds is taken, so the dialect that has a path goes first.
pub(super) fn local_replies() -> Value {
    let mappers: Vec<Value> = Rejection::BY_PROXY
        .iter()
        .flat_map(|rejection| [Dialect::Anthropic, Dialect::Openai].map(|dialect| mapper(rejection, dialect)))
        .collect();
    json!({"mappers": mappers})
}

fn mapper(rejection: &Rejection, dialect: Dialect) -> Value {
    let mut conditions = vec![status(rejection.status()), cel(NOT_OURS)];
    if dialect == Dialect::Anthropic {
        conditions.insert(1, messages());
    }
    let mut headers = vec![header("x-headgate-request-id", "%UNIQUE_ID%"), header("x-headgate-rejected-by", "gateway")];
    if let Some(seconds) = rejection.retry_after_s() {
        headers.push(header("retry-after", &seconds.to_string()));
    }
    json!({
        "filter": {"and_filter": {"filters": conditions}},
        "headers_to_add": headers,
        "body_format_override": {
            "text_format_source": {"inline_string": body(rejection, dialect)},
            "content_type": "application/json",
        },
    })
}

/// In the API's words; a percent sign would begin a command of Envoy's formatter.
fn body(rejection: &Rejection, dialect: Dialect) -> String {
    let text = String::from_utf8(rejection.body(dialect, "REQUEST-ID")).unwrap_or_default();
    text.replace('%', "%%").replace("REQUEST-ID", REQUEST_ID)
}

fn header(name: &str, value: &str) -> Value {
    json!({"header": {"key": name, "value": value}, "append_action": "ADD_IF_ABSENT"})
}

fn status(status: u16) -> Value {
    let value = json!({"default_value": status, "runtime_key": "headgate.none"});
    json!({"status_code_filter": {"comparison": {"op": "EQ", "value": value}}})
}

/// The path of Anthropic's API; a request whose head could not be read has none.
fn messages() -> Value {
    json!({"header_filter": {"header": {"name": ":path", "string_match": {"safe_regex": {"regex": "/v1/messages([/?].*)?"}}}}})
}

fn cel(expression: &str) -> Value {
    json!({"extension_filter": {
        "name": "envoy.access_loggers.extension_filters.cel",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
            "expression": expression,
        },
    }})
}

/// Tells the filter of streams for which Envoy made no filter at all: those that were reset before their head was read,
/// and those that the overload manager turned away. All others are told of by the gate itself.
pub(super) fn access_log(compiled: &Compiled, options: &RenderOptions) -> Value {
    let no_head =
        json!({"header_filter": {"header": {"name": ":method", "present_match": true, "invert_match": true}}});
    let reset = json!({"and_filter": {"filters": [status(0), no_head]}});
    let overloaded = cel("response.code_details == 'overload'");
    json!({
        "name": "envoy.access_loggers.wasm",
        "filter": {"or_filter": {"filters": [reset, overloaded]}},
        "typed_config": wasm::log(compiled, options),
    })
}
