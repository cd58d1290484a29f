//! The properties of the fuzz targets, on the seeds and on generated input.
//!
//! Random bytes are never JSON, so documents are generated in the form of requests, answers and streams, and then broken
//! in a few places.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what generates a test's input may panic as the test may"
)]

#[cfg(test)]
#[path = "../../../tests/fuzz/properties/mod.rs"]
#[allow(unreachable_pub, reason = "the fuzz targets' crate exports them")]
mod properties;

#[cfg(test)]
#[path = "differential/noted_strings.rs"]
mod noted_strings;

use proptest::collection::vec;
use proptest::prelude::*;
use std::path::Path;

fn on_seeds(folder: &str, property: fn(&[u8])) {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds");
    let mut ran = 0;
    for entry in std::fs::read_dir(seeds.join(folder)).unwrap() {
        let seed = std::fs::read(entry.unwrap().path()).unwrap();
        property(&seed);
        // Cut off at every byte.
        (0..seed.len()).for_each(|len| property(&seed[..len]));
        ran += 1;
    }
    assert!(ran > 10, "{ran} seeds in {folder}");
}

#[test]
fn properties_hold_on_request_seeds() {
    on_seeds("request_scan", properties::request_scan);
}

#[test]
fn properties_hold_on_stream_seeds() {
    on_seeds("sse", properties::sse);
}

#[test]
fn properties_hold_on_answer_seeds() {
    on_seeds("usage_scan", properties::usage_scan);
}

#[test]
fn properties_hold_on_texts_of_seeds() {
    for folder in ["request_scan", "sse", "usage_scan"] {
        on_seeds(folder, properties::texts);
    }
}

#[test]
fn stream_properties_hold_in_all_pieces() {
    on_seeds("sse", |seed| {
        let mut seed = seed.to_vec();
        for size in 1..=seed.len().min(255) {
            seed[0] = size as u8;
            if size % 16 < 4 {
                properties::sse(&seed);
            }
        }
    });
}

/// Generates known names, some of them escaped, and others.
fn name() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "model",
        "mod\\u0065l",
        "MODEL",
        "stream",
        "stream_options",
        "include_usage",
        "max_tokens",
        "max_completion_tokens",
        "n",
        "messages",
        "content",
        "type",
        "text",
        "prompt",
        "input",
        "role",
        "usage",
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "input_tokens",
        "output_tokens",
        "prompt_tokens_details",
        "cached_tokens",
        "completion_tokens_details",
        "reasoning_tokens",
        "choices",
        "index",
        "finish_reason",
        "message",
        "delta",
        "tool_calls",
        "function",
        "arguments",
        "error",
        "\\u0075sage",
        "system",
        "source",
        "data",
        "thinking",
        "stop_reason",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
    ];
    prop_oneof![9 => proptest::sample::select(KNOWN).prop_map(str::to_owned), 1 => "[a-zA-Z é]{0,6}"]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("null".to_owned()),
        "-?(0|[1-9][0-9]{0,18})",
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?",
        r#""([ -!#-\[\]-~é日😀]|\\[nrtbf"/\\]|\\u[0-9a-fA-F]{4}){0,24}""#,
        proptest::sample::select(
            &[
                "\"image_url\"",
                "\"file\"",
                "\"image\"",
                "\"document\"",
                "\"text\"",
                "\"stop\"",
                "\"chat\"",
                "0",
                "1",
                "{}",
                "[]"
            ][..]
        )
        .prop_map(str::to_owned),
    ]
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\r\n\t ")]
}

fn value() -> impl Strategy<Value = String> {
    scalar().prop_recursive(6, 48, 5, |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..5), space())
                .prop_map(|(items, space)| format!("[{space}{}]", items.join(&format!("{space},")))),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (vec((name(), inner), 0..6), space()).prop_map(|(members, space)| {
        let members: Vec<_> =
            members.iter().map(|(name, value)| format!("{space}\"{name}\"{space}:{space}{value}")).collect();
        format!("{{{}{space}}}", members.join(","))
    })
}

/// Generates a body that is likely to be accepted: one model, one stream, some options, messages.
fn request() -> impl Strategy<Value = String> {
    let options = prop_oneof![Just("null".to_owned()), object(scalar()), Just("{\"include_usage\":false}".to_owned())];
    let messages = vec(("[a-z ]{0,40}", value()), 0..4).prop_map(|messages| {
        let messages: Vec<_> = messages
            .iter()
            .map(|(text, extra)| format!(r#"{{"role":"user","content":[{{"type":"text","text":"{text}"}},{extra}]}}"#))
            .collect();
        format!("\"messages\":[{}]", messages.join(","))
    });
    let members = (
        "\"mod(e|\\\\u0065)l\":\"[a-z./é]{0,12}\"",
        proptest::option::of(proptest::bool::ANY.prop_map(|stream| format!("\"stream\":{stream}"))),
        proptest::option::of(options.prop_map(|options| format!("\"stream_options\":{options}"))),
        messages,
        proptest::option::of(value().prop_map(|value| format!("\"n\":{value}"))),
        proptest::option::of(value().prop_map(|value| format!("\"other\":{value}"))),
    );
    let listed = members.prop_map(|(model, stream, options, messages, n, other)| {
        let optional = [stream, options, n, other].into_iter().flatten();
        optional.chain([model, messages]).collect::<Vec<_>>()
    });
    (listed.prop_shuffle(), space())
        .prop_map(|(members, space)| format!("{space}{{{space}{}}}{space}", members.join(",")))
}

/// Generates the same for Anthropic: content with content, documents among images.
fn message_request() -> impl Strategy<Value = String> {
    let text = || or_anything("\"[a-z ]{0,40}\"".boxed());
    let kind =
        prop_oneof!["\"(text|base64|content|url)\"", Just("\"image\"".to_owned()), Just("\"document\"".to_owned())];
    let blocks = or_anything(text()).prop_recursive(4, 24, 4, move |content| {
        let source =
            some_of(vec![("type", kind.clone().boxed()), ("data", text()), ("content", content.clone().boxed())]);
        list(or_anything(some_of(vec![
            ("type", kind.clone().boxed()),
            ("text", text()),
            ("thinking", text()),
            ("content", content.boxed()),
            ("source", or_anything(source)),
        ])))
    });
    let messages = list(or_anything(some_of(vec![("role", text()), ("content", blocks.clone().boxed())])));
    let members = (or_anything(blocks.boxed()), or_anything(messages), or_anything("[0-9]{1,9}".boxed()));
    members.prop_map(|(system, messages, limit)| {
        format!(r#"{{"system":{system},"messages":{messages},"max_tokens":{limit},"model":"m"}}"#)
    })
}

/// Generates an Anthropic answer or an event of its stream, with unexpected values in every place.
fn message_answer() -> BoxedStrategy<String> {
    let text = || or_anything("\"[a-z ]{0,80}\"".boxed());
    let writes = some_of(vec![("ephemeral_5m_input_tokens", count()), ("ephemeral_1h_input_tokens", count())]);
    let usage = some_of(vec![
        ("input_tokens", count()),
        ("output_tokens", count()),
        ("cache_read_input_tokens", count()),
        ("cache_creation_input_tokens", count()),
        ("cache_creation", or_anything(writes)),
        (
            "output_tokens_details",
            or_anything(some_of(vec![("thinking_tokens", count()), ("reasoning_tokens", count())])),
        ),
    ]);
    let reason = || or_anything(prop_oneof!["\"[a-z_]{0,70}\"", Just("\"end_turn\"".to_owned())].boxed());
    let block =
        some_of(vec![("text", text()), ("thinking", text()), ("partial_json", text()), ("stop_reason", reason())]);
    let members = vec![
        ("usage", or_anything(usage)),
        ("content", or_anything(list(or_anything(block.clone())))),
        ("stop_reason", reason()),
        ("delta", or_anything(block.clone())),
        ("content_block", or_anything(block)),
        ("error", or_anything(object(scalar()).boxed())),
        ("other", value().boxed()),
    ];
    some_of([vec![("message", or_anything(some_of(members.clone())))], members].concat())
}

/// Generates some of the members, in any order, none of them twice.
fn some_of(members: Vec<(&'static str, BoxedStrategy<String>)>) -> BoxedStrategy<String> {
    let all = members.into_iter().map(|(name, value)| value.prop_map(move |value| format!("\"{name}\":{value}")));
    let all: Vec<_> = all.collect();
    (all.prop_shuffle(), any::<prop::sample::Index>())
        .prop_map(|(members, cut)| {
            let kept = members.len() - cut.index(members.len() + 1).saturating_sub(members.len() / 2);
            format!("{{{}}}", members[..kept].join(","))
        })
        .boxed()
}

fn list(item: BoxedStrategy<String>) -> BoxedStrategy<String> {
    vec(item, 0..4).prop_map(|items| format!("[{}]", items.join(","))).boxed()
}

fn or_anything(value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop_oneof![6 => value, 1 => scalar()].boxed()
}

fn count() -> BoxedStrategy<String> {
    or_anything(prop_oneof!["[0-9]", "[1-9][0-9]{1,16}"].boxed())
}

/// Generates an answer in OpenAI's format, with unexpected values in every place.
fn answer() -> impl Strategy<Value = String> {
    let text = || or_anything("\"[a-z ]{0,80}\"".boxed());
    let details = |name| or_anything(some_of(vec![(name, count()), ("audio_tokens", count())]));
    let usage = some_of(vec![
        ("prompt_tokens", count()),
        ("completion_tokens", count()),
        ("total_tokens", count()),
        ("input_tokens", count()),
        ("output_tokens", count()),
        ("prompt_tokens_details", details("cached_tokens")),
        ("completion_tokens_details", details("reasoning_tokens")),
    ]);
    let function = || or_anything(some_of(vec![("name", text()), ("arguments", text())]));
    let part = or_anything(some_of(vec![("type", text()), ("text", text())]));
    let message = some_of(vec![
        ("content", prop_oneof![text(), list(part)].boxed()),
        ("reasoning_content", text()),
        ("refusal", text()),
        ("tool_calls", list(or_anything(some_of(vec![("id", text()), ("function", function())])))),
        ("function_call", function()),
    ]);
    let reason = || or_anything(prop_oneof!["\"[a-z_]{0,70}\"", Just("\"stop\"".to_owned())].boxed());
    let choice = some_of(vec![
        ("index", or_anything("[0-2]".boxed())),
        ("finish_reason", reason()),
        ("message", or_anything(message.clone())),
        ("delta", message),
        ("text", text()),
        ("logprobs", value().boxed()),
    ]);
    some_of(vec![
        ("id", text()),
        ("choices", or_anything(list(or_anything(choice)))),
        ("usage", or_anything(usage)),
        ("error", or_anything(object(scalar()).boxed())),
        ("other", value().boxed()),
    ])
}

/// Replaces, removes or doubles bytes.
fn broken(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let breaks = vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 0..4);
    (text, breaks).prop_map(|(text, breaks)| {
        let mut bytes = text.into_bytes();
        for (at, how, byte) in breaks {
            if bytes.is_empty() {
                break;
            }
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, bytes[at]),
                _ => bytes[at] = b"\"\\{}[],:0\n"[usize::from(byte) % 10],
            }
        }
        bytes
    })
}

fn line() -> impl Strategy<Value = String> {
    let end = proptest::sample::select(&["\n", "\r\n", "\r"][..]);
    let text = prop_oneof![
        4 => Just(String::new()),
        4 => answer().prop_map(|json| format!("data: {}", json.replace(['\r', '\n'], " "))),
        2 => message_answer().prop_map(|json| format!("data: {}", json.replace(['\r', '\n'], " "))),
        3 => Just(r#"data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#.to_owned()),
        1 => Just(r#"data:{"choices":["#.to_owned()),
        1 => Just("data: [DONE]".to_owned()),
        1 => Just("data".to_owned()),
        1 => "(event|id|:|data|dat|datas|events)?:? ?[a-z: ]{0,10}",
        1 => Just("\u{FEFF}".to_owned()),
    ];
    (text, end).prop_map(|(text, end)| text + end)
}

fn sized(bytes: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (1..40_u8, bytes).prop_map(|(size, bytes)| [&[size], bytes.as_slice()].concat())
}

/// Returns the number of generated inputs: the larger one under `just soak`, which sets `HEADGATE_SOAK`.
fn cases(short: u32, long: u32) -> u32 {
    if std::env::var_os("HEADGATE_SOAK").is_some() { long } else { short }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(300, 2000)))]

    #[test]
    fn values_agree_with_serde_json(body in broken(value())) {
        properties::request_scan(&body);
        properties::texts(&body);
    }

    #[test]
    fn objects_agree_with_serde_json(body in broken(object(value()))) {
        properties::request_scan(&body);
    }

    #[test]
    fn requests_agree_with_serde_json(body in request()) {
        properties::request_scan(body.as_bytes());
    }

    #[test]
    fn message_requests_agree_with_serde_json(body in message_request()) {
        properties::request_scan(body.as_bytes());
    }

    #[test]
    fn broken_message_requests_agree(body in broken(message_request())) {
        properties::request_scan(&body);
    }

    #[test]
    fn messages_agree_with_serde_json(answer in sized(message_answer().prop_map(String::into_bytes))) {
        properties::usage_scan(&answer);
        properties::texts(&answer);
    }

    #[test]
    fn broken_messages_agree_in_any_pieces(answer in sized(broken(message_answer()))) {
        properties::usage_scan(&answer);
    }

    #[test]
    fn broken_requests_agree(body in broken(request())) {
        properties::request_scan(&body);
    }

    #[test]
    fn arbitrary_bytes_do_not_trap(bytes: Vec<u8>) {
        properties::request_scan(&bytes);
        properties::usage_scan(&bytes);
        properties::sse(&bytes);
        properties::texts(&bytes);
    }

    #[test]
    fn answers_agree_with_serde_json(answer in sized(answer().prop_map(String::into_bytes))) {
        properties::usage_scan(&answer);
    }

    #[test]
    fn broken_answers_agree_in_any_pieces(answer in sized(broken(answer()))) {
        properties::usage_scan(&answer);
    }

    #[test]
    fn streams_agree_with_the_grammar(stream in sized(vec(line(), 0..12).prop_map(|lines| lines.concat().into_bytes()))) {
        properties::sse(&stream);
        properties::texts(&stream);
    }

    #[test]
    fn broken_streams_agree_with_the_grammar(stream in sized(broken(vec(line(), 0..12).prop_map(|lines| lines.concat())))) {
        properties::sse(&stream);
    }
}
