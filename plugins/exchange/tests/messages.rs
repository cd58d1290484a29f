//! Anthropic's Messages API: the facts of a request, of an answer and of its stream.

#![allow(clippy::unwrap_used, reason = "what prepares a test may panic as the test may")]

use headgate_exchange::{
    Dialect, Field, Passage, Reading, RequestScan, ScanErrorKind, StreamReader, StreamReading, Surface, Tokens,
    UsageScan, rewrite, scan_request,
};

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","content":[],"stop_reason":null,"usage":{"input_tokens":10,"cache_read_input_tokens":30,"cache_creation_input_tokens":20,"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":15},"output_tokens":1}}}"#;
const PING: &str = r#"{"type": "ping"}"#;
const THINKING: &str = r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hmm"}}"#;
const TEXT: &str = r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Hello"}}"#;
const INPUT: &str =
    r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#;
const END: &str =
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

const PROMPT: Tokens =
    Tokens { input: 60, output: 0, cached_input: 30, cache_write: 20, cache_write_1h: 15, reasoning: 0 };

fn scan(body: &str) -> RequestScan {
    scan_request(Surface::Messages, body.as_bytes()).unwrap()
}

fn read(answer: &str) -> Reading {
    let mut scan = UsageScan::new(Dialect::Anthropic);
    scan.push(answer.as_bytes());
    scan.finish()
}

/// Returns the facts of a stream of these events, each of which must pass unchanged.
fn stream(events: &[&str]) -> StreamReading {
    let mut reader = StreamReader::new(Surface::Messages, true);
    for (index, data) in events.iter().enumerate() {
        let name = data.split('"').nth(3).unwrap();
        let event = format!("event: {name}\ndata: {data}\n\n");
        assert_eq!(reader.push(event.as_bytes(), index + 1 == events.len()), Passage::AsIs);
    }
    reader.reading()
}

#[test]
fn requests_are_read_with_nested_content() {
    let body = r#"{"model":"claude","max_tokens":1024,"stream":true,"system":[{"type":"text","text":"12","cache_control":{}}],
        "messages":[
          {"role":"user","content":"345"},
          {"role":"user","content":[{"type":"text","text":"6"},{"type":"image","source":{"type":"base64","data":"AAAA"}},
            {"type":"document","title":"not counted","source":{"type":"text","data":"78"}},
            {"type":"document","source":{"type":"content","content":[{"type":"text","text":"9"},{"type":"image","source":{}}]}}]},
          {"role":"assistant","content":[{"type":"thinking","thinking":"ab","signature":"xxxx"},{"type":"tool_use","input":{"text":"no"}}]},
          {"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"cd"},{"type":"image","source":{}}]},
            {"type":"tool_result","content":"e"}]}],
        "tools":[{"name":"t","description":"not a prompt"}],"metadata":{"user_id":"u"}}"#;
    let scan = scan(body);
    assert_eq!((scan.model.as_str(), scan.stream, scan.max_output_tokens), ("claude", true, Some(1024)));
    assert_eq!(scan.text_bytes, 2 + 3 + 1 + 2 + 1 + 2 + 2 + 1);
    assert_eq!(scan.attachments, 5);
    assert!(scan.client_wants_usage(), "its streams always tell");
}

#[test]
fn a_system_prompt_may_appear_once() {
    assert_eq!(scan(r#"{"model":"m","system":"1234"}"#).text_bytes, 4);
    let twice = scan_request(Surface::Messages, br#"{"model":"m","system":"1","system":"2"}"#).unwrap_err();
    assert_eq!(twice.kind, ScanErrorKind::DuplicateField(Field::System));
}

#[test]
fn only_the_model_is_rewritten() {
    let body = r#"{"model":"claude","stream":true,"messages":[]}"#;
    let changed = rewrite(&scan(body), "claude-sonnet-4-5", true).apply(body.as_bytes());
    assert_eq!(String::from_utf8(changed).unwrap(), body.replace(r#""claude""#, r#""claude-sonnet-4-5""#));
    assert!(rewrite(&scan(body), "claude", true).is_empty());
}

#[test]
fn openai_fields_are_not_read() {
    let body = r#"{"model":"m","stream":true,"stream_options":5,"n":7,"n":8,"prompt":"x","input":"y","max_completion_tokens":1}"#;
    let scan = scan(body);
    assert_eq!((scan.choices, scan.text_bytes, scan.max_output_tokens), (1, 0, None));
    assert!(rewrite(&scan, "m", true).is_empty());
}

#[test]
fn nested_content_is_bounded() {
    let nested = |levels: usize| {
        let open = r#"[{"content":"#.repeat(levels);
        format!(r#"{{"model":"m","messages":[{{"content":{open}"x"{}}}]}}"#, "}]".repeat(levels))
    };
    assert_eq!(scan(&nested(62)).text_bytes, 1);
    let refused = scan_request(Surface::Messages, nested(63).as_bytes()).unwrap_err();
    assert_eq!(refused.kind, ScanErrorKind::TooDeep);
}

#[test]
fn answers_have_usage_and_reason() {
    let reading = read(
        r#"{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hello"}],
        "stop_reason":"max_tokens","usage":{"input_tokens":10,"cache_creation_input_tokens":20,"cache_read_input_tokens":30,
        "cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":15},"output_tokens":7,"output_tokens_details":{"thinking_tokens":4},"service_tier":"standard"}}"#,
    );
    assert_eq!(reading.usage, Some(Tokens { output: 7, reasoning: 4, ..PROMPT }));
    assert_eq!(reading.finish_reason.as_deref(), Some("max_tokens"));
    assert_eq!((reading.output_text_bytes, reading.begun), (7, None));
}

#[test]
fn stream_usage_is_summed_over_events() {
    let reading = stream(&[START, PING, THINKING, TEXT, INPUT, PING, END, STOP]);
    assert_eq!(reading.usage, Some(Tokens { output: 15, ..PROMPT }));
    assert_eq!(reading.finish_reason.as_deref(), Some("end_turn"));
    assert_eq!((reading.output_text_bytes, reading.events, reading.error), (3 + 5 + 2, 8, false));
}

#[test]
fn the_larger_input_count_is_used() {
    let end =
        END.replace("\"output_tokens\":15", "\"input_tokens\":12,\"cache_read_input_tokens\":0,\"output_tokens\":15");
    let reading = stream(&[START, TEXT, &end]);
    assert_eq!(reading.usage, Some(Tokens { input: 62, output: 15, ..PROMPT }));
}

#[test]
fn broken_streams_have_their_input() {
    let reading = stream(&[START, TEXT]);
    assert_eq!((reading.usage, reading.begun), (None, Some(Tokens { output: 1, ..PROMPT })));
    assert_eq!(reading.output_text_bytes, 5);
    assert_eq!(stream(&[TEXT, END]).usage, None, "an output without an input is no account");
}

#[test]
fn an_error_in_mid_stream_is_seen() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    assert!(stream(&[START, error]).error);
}

#[test]
fn dialects_do_not_share_fields() {
    let openai = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    assert_eq!(read(openai).usage, None);
    assert_eq!(read(openai).finish_reason, None);
    let mut scan = UsageScan::new(Dialect::Openai);
    scan.push(br#"{"usage":{"prompt_tokens":9,"completion_tokens":1,"cache_read_input_tokens":5,"cache_creation_input_tokens":5}}"#);
    assert_eq!(
        scan.finish().usage,
        Some(Tokens { input: 19, output: 1, cached_input: 5, cache_write: 5, ..Tokens::default() })
    );
}
