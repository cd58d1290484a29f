//! The facts that are read from answers, whole and streamed, and the bytes that a client gets.

use headgate_exchange::{
    Dialect, HOLD_LIMIT, Passage, Reading, StreamReader, StreamReading, Surface, Tokens, UsageScan,
};

const CHUNK: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}],\"usage\":null}\n\n";
const LAST: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":9}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// Reads an answer, and checks that it reads the same cut in two anywhere, and byte by byte.
fn read(answer: &str) -> Reading {
    read_as(Dialect::Openai, answer)
}

fn read_as(dialect: Dialect, answer: &str) -> Reading {
    let whole = read_pieces(dialect, [answer.as_bytes()]);
    assert_eq!(read_pieces(dialect, answer.as_bytes().chunks(1)), whole);
    for at in 0..answer.len().min(1000) {
        let (begin, rest) = answer.as_bytes().split_at(at);
        assert_eq!(read_pieces(dialect, [begin, rest]), whole, "cut at {at}");
    }
    whole
}

fn read_pieces<'a>(dialect: Dialect, pieces: impl IntoIterator<Item = &'a [u8]>) -> Reading {
    let mut scan = UsageScan::new(dialect);
    pieces.into_iter().for_each(|piece| scan.push(piece));
    scan.finish()
}

fn usage(usage: &str) -> Option<Tokens> {
    read(&format!(r#"{{"choices":[{{"text":"x"}}],"usage":{usage}}}"#)).usage
}

/// Returns the bytes that pass, chunk by chunk, and the facts.
fn stream(chunks: &[&str], hide: bool) -> (Vec<String>, StreamReading) {
    let mut reader = StreamReader::new(Surface::ChatCompletions, hide);
    let mut passed = Vec::new();
    for (index, chunk) in chunks.iter().enumerate() {
        passed.push(match reader.push(chunk.as_bytes(), index + 1 == chunks.len()) {
            Passage::AsIs => (*chunk).to_owned(),
            Passage::Replace(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        });
    }
    (passed, reader.reading())
}

#[test]
fn chat_answers_have_usage_and_reason() {
    let reading = read(
        r#"{"choices":[{"index":0,"message":{"content":"Hello","tool_calls":[{"function":{"arguments":"{}"}}]},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,
        "prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":4}}}"#,
    );
    let expected = Reading {
        usage: Some(Tokens { input: 19, output: 10, cached_input: 3, reasoning: 4, ..Tokens::default() }),
        begun: None,
        finish_reason: Some("stop".into()),
        choices_empty: false,
        error: false,
        output_text_bytes: 7,
        complete: true,
        understood: true,
        ..Reading::default()
    };
    assert_eq!(reading, expected);
}

#[test]
fn absurd_counts_are_not_reported_ones() {
    for absurd in ["-1", "1.5", "\"x\"", "null", "{}"] {
        assert_eq!(usage(&format!(r#"{{"prompt_tokens":{absurd},"completion_tokens":1}}"#)), None, "{absurd}");
    }
}

#[test]
fn missing_counts_follow_from_the_total() {
    let tokens = |input, output| Some(Tokens { input, output, ..Tokens::default() });
    assert_eq!(usage(r#"{"prompt_tokens":3,"total_tokens":10}"#), tokens(3, 7));
    assert_eq!(usage(r#"{"completion_tokens":3,"total_tokens":10}"#), tokens(7, 3));
    assert_eq!(usage(r#"{"prompt_tokens":3}"#), None, "there was text, so there was output");
    assert_eq!(read(r#"{"data":[],"usage":{"prompt_tokens":3}}"#).usage, tokens(3, 0));
    assert_eq!(usage("{}"), None);
    assert_eq!(usage("null"), None);
}

#[test]
fn of_two_spellings_the_larger_count_stands() {
    let tokens = Some(Tokens { input: 8, output: 7, ..Tokens::default() });
    for two in [
        r#"{"prompt_tokens":8,"completion_tokens":7,"input_tokens":0,"output_tokens":0}"#,
        r#"{"input_tokens":0,"output_tokens":0,"prompt_tokens":8,"completion_tokens":7}"#,
    ] {
        assert_eq!(usage(two), tokens);
    }
}

#[test]
fn generated_text_counts_as_it_is_written() {
    let answer = r#"{"choices":[{"message":{"content":"a\n\u00e9","reasoning_content":"12","name":"not this"}}]}"#;
    assert_eq!(read(answer).output_text_bytes, 1 + 2 + 6 + 2);
}

#[test]
fn parts_never_exceed_their_whole() {
    let tokens = usage(
        r#"{"input_tokens":5,"output_tokens":6,"input_tokens_details":{"cached_tokens":50},"output_tokens_details":{"reasoning_tokens":60}}"#,
    );
    assert_eq!(tokens, Some(Tokens { input: 5, output: 66, reasoning: 60, ..Tokens::default() }));
}

#[test]
fn odd_finish_reasons_are_not_kept() {
    for odd in ["two words", "a\\u0020b", "", "é", &"x".repeat(65)] {
        assert_eq!(read(&format!(r#"{{"choices":[{{"finish_reason":"{odd}"}}]}}"#)).finish_reason, None);
    }
}

#[test]
fn finish_reason_is_of_choice_0() {
    let answer = r#"{"choices":[{"finish_reason":"length","index":1},{"finish_reason":"stop","index":0}]}"#;
    assert_eq!(read(answer).finish_reason.as_deref(), Some("stop"));
    let other_last = r#"{"choices":[{"index":0,"finish_reason":"stop"},{"index":1,"finish_reason":"length"}]}"#;
    assert_eq!(read(other_last).finish_reason.as_deref(), Some("stop"));
    let unnumbered = r#"{"choices":[{"finish_reason":"stop"},{"finish_reason":"length"}]}"#;
    assert_eq!(read(unnumbered).finish_reason.as_deref(), Some("stop"));
}

#[test]
fn usage_elsewhere_is_not_the_usage() {
    let answer = r#"{"choices":[{"message":{"content":"{\"usage\":{\"prompt_tokens\":1}}","usage":{"prompt_tokens":1,"completion_tokens":1}}}]}"#;
    assert_eq!(read(answer).usage, None);
}

#[test]
fn garbage_is_incomplete() {
    for garbage in ["", "<html>", "{\"usage\":", "{]", "\u{0}", "{} {}", &"[".repeat(10_000), &"{\"a\":".repeat(10_000)]
    {
        let reading = read(garbage);
        assert!(!reading.complete);
        assert_eq!(reading.usage, None);
    }
    assert!(read("{\"error\":{\"message\":\"no\"}}").error);
}

#[test]
fn unrequested_usage_is_hidden() {
    let (passed, reading) = stream(&[CHUNK, CHUNK, LAST, USAGE, DONE], true);
    assert_eq!(passed, [CHUNK, CHUNK, LAST, "", DONE]);
    let expected = StreamReading {
        usage: Some(Tokens { input: 8, output: 9, ..Tokens::default() }),
        begun: None,
        finish_reason: Some("stop".into()),
        output_text_bytes: 4,
        error: false,
        done: true,
        events: 5,
        ..StreamReading::default()
    };
    assert_eq!(reading, expected);
}

#[test]
fn requested_usage_passes() {
    let whole = [CHUNK, USAGE, DONE].concat();
    let mut reader = StreamReader::new(Surface::ChatCompletions, false);
    for chunk in whole.as_bytes().chunks(7) {
        assert_eq!(reader.push(chunk, false), Passage::AsIs);
    }
    assert!(reader.reading().usage.is_some());
}

#[test]
fn usage_events_are_cut_out_of_chunks() {
    let (passed, _) = stream(&[&[CHUNK, USAGE, DONE].concat()], true);
    assert_eq!(passed, [[CHUNK, DONE].concat()]);
}

#[test]
fn a_split_crlf_leaves_no_byte() {
    let usage = USAGE.replace('\n', "\r\n");
    let (first, rest) = usage.split_at(usage.len() - 1);
    let (passed, _) = stream(&[CHUNK, first, &format!("{rest}{DONE}")], true);
    assert_eq!(passed, [CHUNK, "", DONE]);
}

#[test]
fn events_with_choices_are_not_held() {
    let (begin, rest) = CHUNK.split_at(30);
    let (passed, _) = stream(&["data: {\"id\":1,", "\"choices\":[{", "}]}\n\n"], true);
    assert_eq!(passed, ["", "data: {\"id\":1,\"choices\":[{", "}]}\n\n"]);
    assert_eq!(stream(&[begin, rest], true).0.concat(), CHUNK);
}

#[test]
fn finished_events_are_never_held() {
    let (passed, _) = stream(&[": ping\n\n", ": pi", "ng\n\n", "id: 1\n\n", CHUNK], true);
    assert_eq!(passed, [": ping\n\n", ": pi", "ng\n\n", "id: 1\n\n", CHUNK]);
}

#[test]
fn held_bytes_are_released_at_the_end() {
    let unfinished = USAGE.trim_end();
    let (passed, reading) = stream(&[CHUNK, unfinished], true);
    assert_eq!(passed, [CHUNK, unfinished]);
    assert!(reading.usage.is_some(), "its usage counts all the same");
    assert!(!reading.done);
}

#[test]
fn too_large_events_pass() {
    let padding = " ".repeat(HOLD_LIMIT);
    let large = USAGE.replace("{\"choices\"", &format!("{padding}{{\"choices\""));
    assert_eq!(stream(&[&large], true).0.concat(), large);
    let (begin, rest) = large.split_at(HOLD_LIMIT + 1);
    let (passed, reading) = stream(&[begin, rest], true);
    assert_eq!(passed, [begin, rest]);
    assert!(reading.usage.is_some());
}

#[test]
fn the_limit_counts_the_whole_event() {
    let of_length = |len: usize| USAGE.replace("{\"ch", &format!("{}{{\"ch", " ".repeat(len - USAGE.len())));
    assert_eq!(stream(&[&of_length(HOLD_LIMIT)], true).0.concat(), "");
    let over = of_length(HOLD_LIMIT + 1);
    for at in [1, HOLD_LIMIT - 1, HOLD_LIMIT, HOLD_LIMIT + 1] {
        let (begin, rest) = over.split_at(at);
        assert_eq!(stream(&[begin, rest], true).0.concat(), over, "cut at {at}");
    }
}

#[test]
fn streams_are_the_same_at_every_split() {
    for end in ["\n", "\r\n", "\r"] {
        let lines = |text: &[&str]| text.concat().replace('\n', end);
        let whole = lines(&["\u{FEFF}: ping\n\n", CHUNK, LAST, ": c\n", USAGE, USAGE, DONE]);
        let expected = lines(&["\u{FEFF}: ping\n\n", CHUNK, LAST, ": c\n", DONE]);
        let (_, seen) = stream(&[&whole], true);
        for at in 0..whole.len() {
            let mut reader = StreamReader::new(Surface::ChatCompletions, true);
            let mut passed = Vec::new();
            let (begin, rest) = whole.as_bytes().split_at(at);
            for (piece, last) in [(begin, false), (rest, true)] {
                match reader.push(piece, last) {
                    Passage::AsIs => passed.extend_from_slice(piece),
                    Passage::Replace(bytes) => passed.extend(bytes),
                }
            }
            assert_eq!(String::from_utf8_lossy(&passed), expected, "cut at {at}");
            assert_eq!(reader.reading(), seen);
        }
    }
}

#[test]
fn an_error_in_mid_stream_is_seen() {
    let (_, reading) = stream(&[CHUNK, "event: error\ndata: {\"error\":{\"message\":\"x\"}}\n\n"], true);
    assert!(reading.error && !reading.done);
}

#[test]
fn surfaces_without_streams_hide_nothing() {
    let mut reader = StreamReader::new(Surface::Embeddings, true);
    assert_eq!(reader.push(USAGE.as_bytes(), true), Passage::AsIs);
}

/// Reads a stream whole, where the beginning that events have in common is read once, and byte by byte, where it is not.
fn both_ways(surface: Surface, stream: &str) -> StreamReading {
    let mut whole = StreamReader::new(surface, false);
    whole.push(stream.as_bytes(), true);
    let mut by_byte = StreamReader::new(surface, false);
    stream.as_bytes().chunks(1).for_each(|byte| drop(by_byte.push(byte, false)));
    by_byte.push(&[], true);
    assert_eq!(whole.reading(), by_byte.reading(), "{stream}");
    whole.reading()
}

#[test]
fn the_common_beginning_of_events_hides_nothing() {
    let events = |datas: &[&str]| datas.iter().map(|data| format!("data: {data}\n\n")).collect::<String>();
    let a = r#"{"id":"1","model":"a","choices":[{"index":0,"delta":{"content":"x"}}]}"#;
    let a_then_b = r#"{"id":"1","model":"a","choices":[{"index":0,"delta":{"content":"x"}}],"model":"b"}"#;
    let last = r#"{"id":"1","model":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let usage = r#"{"id":"1","model":"a","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":9}}"#;
    let c = r#"{"id":"1","model":"c","choices":[{"index":0,"delta":{"content":"x"}}]}"#;
    let told = r#"{"usage":{"prompt_tokens":1,"completion_tokens":1},"choices":[{"index":0,"delta":{"content":"x"}}]}"#;
    let error = r#"{"error":{"code":"e"},"choices":[]}"#;
    let inner = r#"{"x":{"choices":[{"index":0,"delta":{"content":"x"}}]}}"#;
    let quoted = r#"{"x":"\"choices\":[","choices":[{"index":0,"delta":{"content":"x"}}]}"#;
    let broken = r#","choices":[{"index":0,"delta":{"content":"x"}}]}"#;
    let all = [a, a_then_b, last, usage, c, told, error, inner, quoted, broken];
    for first in all {
        for second in all {
            for third in all {
                both_ways(Surface::ChatCompletions, &events(&[a, first, second, second, third, first]));
            }
        }
    }
    let reading = both_ways(Surface::ChatCompletions, &events(&[a, a, a, last, usage]));
    assert_eq!((reading.output_text_bytes, reading.facts.model.as_deref()), (3, Some("a")));
    assert_eq!(reading.usage.map(|tokens| tokens.output), Some(9));
}

#[test]
fn the_common_beginning_of_a_message_s_events_hides_nothing() {
    let start = r#"{"type":"message_start","message":{"model":"m","usage":{"input_tokens":5,"output_tokens":1}}}"#;
    let delta = |index| {
        format!(r#"{{"type":"content_block_delta","index":{index},"delta":{{"type":"text_delta","text":"x"}}}}"#)
    };
    let end = r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":7}}"#;
    let stream = [start.to_owned(), delta(0), delta(0), delta(0), delta(1), delta(1), end.to_owned()];
    let stream: String = stream.iter().map(|data| format!("event: e\ndata: {data}\n\n")).collect();
    let reading = both_ways(Surface::Messages, &stream);
    assert_eq!((reading.output_text_bytes, reading.finish_reason.as_deref()), (5, Some("end_turn")));
    assert_eq!(reading.usage.map(|tokens| (tokens.input, tokens.output)), Some((5, 7)));
}
