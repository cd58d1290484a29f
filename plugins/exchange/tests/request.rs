//! The facts and the errors of the request scan, by example and with hostile input.

#![allow(clippy::unwrap_used, reason = "what prepares a test may panic as the test may")]

use headgate_exchange::{
    Field, JsonErrorKind, RequestScan, ScanError, ScanErrorKind, Surface, UsageAsk, rewrite, scan_request,
};

fn scan(body: &str) -> RequestScan {
    scan_request(Surface::ChatCompletions, body.as_bytes()).unwrap()
}

fn refusal(body: impl AsRef<[u8]>) -> ScanError {
    scan_request(Surface::ChatCompletions, body.as_ref()).unwrap_err()
}

fn rewritten(body: &str, model: &str) -> String {
    let splices = rewrite(&scan(body), model, true);
    String::from_utf8(splices.apply(body.as_bytes())).unwrap()
}

#[test]
fn a_chat_request_is_read_whole() {
    let body = r#"{"messages":[
        {"role":"system","content":"1234"},
        {"role":"user","content":[{"type":"text","text":"12\n"},{"type":"image_url","image_url":{"url":"data:..."}},
                                  {"type":"input_audio","input_audio":{}},{"type":"file","file":{}}]},
        {"role":"tool","tool_call_id":"c","content":"56"}],
        "model":"chat","stream":true,"n":3,"max_tokens":100,"max_completion_tokens":50,"tools":[{"text":"not a prompt"}]}"#;
    let scan = scan(body);
    assert_eq!(scan.model, "chat");
    assert_eq!(body.get(scan.model_span.clone()), Some("\"chat\""));
    assert!(scan.stream);
    assert!(!scan.client_wants_usage());
    assert_eq!(scan.usage_ask, UsageAsk::Absent(1));
    assert_eq!(scan.max_output_tokens, Some(100), "the larger one: a provider may read either");
    assert_eq!(scan.choices, 3);
    assert_eq!(scan.text_bytes, 4 + 4 + 2, "an escape counts as it is written");
    assert_eq!(scan.attachments, 3);
}

#[test]
fn token_ids_are_not_text() {
    let completion = scan(r#"{"model":"m","prompt":["one","three"]}"#);
    assert_eq!(completion.text_bytes, 8);
    assert_eq!(scan(r#"{"model":"m","prompt":"four"}"#).text_bytes, 4);
    assert_eq!(scan(r#"{"model":"m","input":[[1,2],[3]]}"#).text_bytes, 0);
}

#[test]
fn odd_limits_are_left_to_the_provider() {
    for given in ["null", "1.5", "-1", "\"many\"", "{}"] {
        let scan = scan(&format!(r#"{{"model":"m","max_tokens":{given},"n":{given}}}"#));
        assert_eq!((scan.max_output_tokens, scan.choices), (None, 1), "{given}");
    }
}

#[test]
fn an_escaped_model_is_the_model_it_spells() {
    let scan = scan(r#"{"mod\u0065l":"\u0067pt\ud83d\ude00"}"#);
    assert_eq!(scan.model, "gpt😀");
    assert_eq!(rewritten(r#"{"mod\u0065l":"\u0067pt"}"#, "other"), r#"{"mod\u0065l":"other"}"#);
    assert_eq!(rewritten(r#"{"model":"\u0067pt"}"#, "gpt"), r#"{"model":"\u0067pt"}"#);
}

#[test]
fn a_second_model_is_refused() {
    for second in ["model", r"mod\u0065l", "MODEL", "Model"] {
        let error = refusal(format!(r#"{{"model":"a","x":{{"model":1}},"{second}":"b"}}"#));
        assert_eq!(error.kind, ScanErrorKind::DuplicateField(Field::Model), "{second}");
        assert_eq!((error.code(), error.param()), ("duplicate_field", Some("model")));
    }
    assert_eq!(refusal(r#"{"MODEL":"a","model":"b"}"#).code(), "duplicate_field");
    assert_eq!(refusal(r#"{"MODEL":"a"}"#).kind, ScanErrorKind::MissingModel);
}

#[test]
fn read_fields_may_appear_once() {
    for (members, param) in [
        (r#""stream":true,"stream":false"#, "stream"),
        (r#""stream_options":{},"stream_options":null"#, "stream_options"),
        (r#""stream_options":{"include_usage":true,"include_usage":true}"#, "stream_options.include_usage"),
        (r#""max_tokens":1,"max_tokens":2"#, "max_tokens"),
        (r#""messages":[],"messages":[]"#, "messages"),
    ] {
        let error = refusal(format!(r#"{{"model":"m",{members}}}"#));
        assert_eq!((error.code(), error.param()), ("duplicate_field", Some(param)));
    }
}

#[test]
fn wrong_types_are_named() {
    for (body, param) in [
        (r#"{"model":5}"#, "model"),
        (r#"{"model":null}"#, "model"),
        (r#"{"model":"m","stream":1}"#, "stream"),
        (r#"{"model":"m","stream":"true"}"#, "stream"),
        (r#"{"model":"m","stream_options":[]}"#, "stream_options"),
        (r#"{"model":"m","stream_options":{"include_usage":"yes"}}"#, "stream_options.include_usage"),
    ] {
        let error = refusal(body);
        assert_eq!((error.code(), error.param()), ("invalid_type", Some(param)), "{body}");
    }
    assert_eq!(refusal(r#"{"model":nul}"#).code(), "invalid_json", "no value at all");
}

#[test]
fn each_bad_body_has_its_error() {
    let kind = |body: &str| refusal(body).kind;
    assert_eq!(kind(""), ScanErrorKind::EmptyBody);
    assert_eq!(kind(" \r\n\t "), ScanErrorKind::BlankBody);
    assert_eq!(kind("[]"), ScanErrorKind::NotAnObject);
    assert_eq!(kind("\"model\""), ScanErrorKind::NotAnObject);
    assert_eq!(kind("{}"), ScanErrorKind::MissingModel);
    assert_eq!(kind(r#"{"model":"m"}{}"#), ScanErrorKind::TrailingBytes);
    assert_eq!(kind("nonsense"), ScanErrorKind::Malformed(JsonErrorKind::UnexpectedByte));
    assert_eq!(kind("\u{FEFF}{}"), ScanErrorKind::ByteOrderMark);
}

#[test]
fn errors_have_their_byte() {
    for (body, flaw, offset) in [
        (&b"{\"model\" \"m\"}"[..], JsonErrorKind::UnexpectedByte, 9),
        (b"{\"model\":\"m\",}", JsonErrorKind::UnexpectedByte, 13),
        (b"{\"a\":[1,]}", JsonErrorKind::UnexpectedByte, 8),
        (b"{\"a\":01}", JsonErrorKind::InvalidNumber, 6),
        (b"{\"a\":1.}", JsonErrorKind::InvalidNumber, 7),
        (b"{\"a\":\"\\x\"}", JsonErrorKind::InvalidEscape, 6),
        (b"{\"a\":\"\\u00g0\"}", JsonErrorKind::InvalidEscape, 6),
        (b"{\"a\":\"b\nc\"}", JsonErrorKind::ControlCharacter, 7),
        (b"{\"a\":\"b\xFFc\"}", JsonErrorKind::InvalidUtf8, 7),
        (b"{\"a\":\"bbbbbbbbbbbbbbbbbbbbbbbb\xED\xA0\x80\"}", JsonErrorKind::InvalidUtf8, 30),
        (b"{\"a\":tru", JsonErrorKind::UnexpectedEnd, 8),
    ] {
        assert_eq!(refusal(body), ScanError { kind: ScanErrorKind::Malformed(flaw), offset });
    }
}

#[test]
fn a_body_cut_off_anywhere_is_refused() {
    let body = r#" {"model":"m\u0041é","messages":[{"content":"hi"}],"stream":false,"x":[-1.5e3,null]} "#;
    let end = body.trim_end().len();
    for len in 0..end {
        let cut = &body.as_bytes()[..len];
        let kind = refusal(cut).kind;
        let expected = match len {
            0 => ScanErrorKind::EmptyBody,
            1 => ScanErrorKind::BlankBody,
            _ => ScanErrorKind::Malformed(JsonErrorKind::UnexpectedEnd),
        };
        assert_eq!(kind, expected, "{len} bytes");
    }
    assert!(scan_request(Surface::ChatCompletions, body.as_bytes()).is_ok());
}

#[test]
fn nesting_is_bounded_at_128_levels() {
    let nested = |depth: usize| format!(r#"{{"model":"m","x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(scan(&nested(127)).model, "m");
    assert_eq!(refusal(nested(128)).code(), "too_deep");
    for deep in ["[", "{\"a\":", "[{\"content\":["] {
        assert_eq!(refusal(format!(r#"{{"messages":{}"#, deep.repeat(10_000))).code(), "too_deep");
        assert_eq!(refusal(deep.repeat(10_000)).code(), "too_deep");
    }
}

#[test]
fn twenty_mebibytes_are_accepted() {
    let text = "lorem ipsum, ".repeat((20 << 20) / 13);
    let body = format!(r#"{{"messages":[{{"content":"{text}"}}],"model":"m"}}"#);
    assert_eq!(scan(&body).text_bytes, text.len() as u64);
    let open = format!(r#"{{"messages":[{{"content":"{text}"#);
    assert_eq!(refusal(open).code(), "invalid_json");
}

#[test]
fn lone_surrogates_pass_untouched() {
    let body = r#"{"model":"m","messages":[{"content":"\ud800 \udc00"}]}"#;
    assert_eq!(rewritten(body, "other"), body.replace(r#""m""#, r#""other""#));
    assert_eq!(scan(r#"{"model":"\ud800"}"#).model, "\u{FFFD}");
}

#[test]
fn a_model_name_is_read_to_256_bytes() {
    let body = |len| format!(r#"{{"model":"{}"}}"#, "m".repeat(len));
    assert_eq!(scan(&body(256)).model.len(), 256);
    assert_eq!(refusal(body(257)).code(), "model_too_long");
    assert_eq!(refusal(body(10 << 20)).code(), "model_too_long");
    assert_eq!(refusal(format!(r#"{{"model":"{}"}}"#, r"\u00e9".repeat(129))).code(), "model_too_long");
}

#[test]
fn stream_usage_is_requested_in_every_form() {
    for (before, after) in [
        (r#" {"model":"a","stream":true}"#, r#" {"stream_options":{"include_usage":true},"model":"b","stream":true}"#),
        (
            r#"{"stream":true,"stream_options":null,"model":"a"}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true},"model":"b"}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{ },"model":"a"}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true },"model":"b"}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"x":1},"model":"a"}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true,"x":1},"model":"b"}"#,
        ),
        (
            r#"{"stream":true,"model":"a","stream_options":{"include_usage":false}}"#,
            r#"{"stream":true,"model":"b","stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream":true,"model":"a","stream_options":{"include_usage":true}}"#,
            r#"{"stream":true,"model":"b","stream_options":{"include_usage":true}}"#,
        ),
        (r#"{"stream":false,"model":"a"}"#, r#"{"stream":false,"model":"b"}"#),
    ] {
        assert_eq!(rewritten(before, "b"), after);
    }
}

#[test]
fn other_surfaces_have_no_stream_options() {
    let body = br#"{"model":"m","stream":true,"input":"x"}"#;
    let scan = scan_request(Surface::Embeddings, body).unwrap();
    assert!(rewrite(&scan, "m", true).is_empty());
}

#[test]
fn no_message_quotes_the_body() {
    for body in ["{\"model\":\"SECRET\nSECRET\"}", "{\"SECRET\":SECRET}", "SECRET", r#"{"model":["SECRET"]}"#] {
        let error = refusal(body);
        assert!(!format!("{} {error:?}", error.message()).contains("SECRET"));
    }
}
