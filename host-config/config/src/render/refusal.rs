//! Rewrites and records the requests that Envoy refuses by itself.
//!
//! HTTP/1.0, upgrades, headers beyond a limit and bytes that are not HTTP never reach a filter's request callbacks. The
//! mappers here rewrite Envoy's answer and give it a request id; the filter's log callback makes the record and reads the
//! id from the answer. An answer of the filter names its rejecter and is left alone.

use super::filter;
use super::xds::{Module, RenderOptions};
use crate::compile::Compiled;
use headgate_exchange::{Dialect, Rejection};
use serde_json::{Value, json};

/// The request id of the answer, for Envoy's formatter.
const REQUEST_ID: &str = "%RESP(X-HEADGATE-REQUEST-ID)%";

/// CEL expression that holds for answers that the filter did not write.
const NOT_OURS: &str = "!('x-headgate-rejected-by' in response.headers)";

/// Returns one mapper for each status and dialect. The first match wins, so the dialect with a path goes first.
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

/// Returns the body in the format of the API. A percent sign would begin a command of Envoy's formatter.
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

/// Matches the path of Anthropic's API. A request with unreadable headers has no path.
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

/// Logs streams for which Envoy created no filter: those that were reset before their headers were read, and those that
/// the overload manager rejected. The gate records all others.
pub(super) fn access_log(compiled: &Compiled, options: &RenderOptions) -> Value {
    let no_head =
        json!({"header_filter": {"header": {"name": ":method", "present_match": true, "invert_match": true}}});
    let reset = json!({"and_filter": {"filters": [status(0), no_head]}});
    // The expression is evaluated for no other status: it costs more than the rest of this filter.
    let overloaded = json!({"and_filter": {"filters": [status(503), cel("response.code_details == 'overload'")]}});
    filter::log(compiled, options, "log", &json!({"or_filter": {"filters": [reset, overloaded]}}))
}

/// Logs tries whose stream the provider reset (UR): a filter in a cluster cannot see why a try ended. A native one cannot see any end, so for it
/// all tries are logged.
pub(super) fn reset_log(compiled: &Compiled, options: &RenderOptions) -> Value {
    let condition = match options.module {
        Module::Wasm(_) => json!({"response_flag_filter": {"flags": ["UR"]}}),
        Module::Native(_) => Value::Null,
    };
    filter::log(compiled, options, "resets", &condition)
}

/// Logs connections that ended by a protocol error (DPE), since no stream shows an error outside of streams; and over TLS
/// those that ended in the handshake.
pub(super) fn connection_log(compiled: &Compiled, options: &RenderOptions) -> Value {
    let protocol_error = json!({"response_flag_filter": {"flags": ["DPE"]}});
    let condition = match compiled.settings.tls {
        Some(_) => {
            json!({"or_filter": {"filters": [protocol_error, cel("connection.transport_failure_reason != ''")]}})
        }
        None => protocol_error,
    };
    filter::log(compiled, options, "connections", &condition)
}
