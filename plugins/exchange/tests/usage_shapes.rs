//! The formats in which providers report usage, each as a document and as a stream.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "this is a test")]

use headgate_exchange::{AnswerReader, AnswerReading, Passage, Surface, Tokens};

fn read_in(surface: Surface, declared_stream: bool, pieces: &[&[u8]]) -> (AnswerReading, Vec<u8>) {
    let mut reader = AnswerReader::new(surface, declared_stream, true);
    let mut passed = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        match reader.push(piece, index + 1 == pieces.len()) {
            Passage::AsIs => passed.extend_from_slice(piece),
            Passage::Replace(bytes) => passed.extend(bytes),
        }
    }
    (reader.reading(), passed)
}

/// Reads an answer, and checks that it reads and passes the same cut in two anywhere.
fn read_as(surface: Surface, declared_stream: bool, answer: &str) -> (AnswerReading, String) {
    let whole = read_in(surface, declared_stream, &[answer.as_bytes()]);
    for at in 0..=answer.len() {
        let (begin, rest) = answer.as_bytes().split_at(at);
        assert_eq!(read_in(surface, declared_stream, &[begin, rest]), whole, "cut at {at}: {answer}");
    }
    (whole.0, String::from_utf8(whole.1).unwrap())
}

fn chat(answer: &str) -> AnswerReading {
    read_as(Surface::ChatCompletions, false, answer).0
}

fn message(answer: &str) -> AnswerReading {
    read_as(Surface::Messages, false, answer).0
}

/// Reads the usage as the only one of a document, and as the last event of a stream.
fn usage(usage: &str) -> Option<Tokens> {
    let document = chat(&format!(r#"{{"choices":[{{"message":{{"content":"Hi"}}}}],"usage":{usage}}}"#)).usage;
    let event = r#"data: {"choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null}"#;
    let stream = format!("{event}\n\ndata: {{\"choices\":[],\"usage\":{usage}}}\n\ndata: [DONE]\n\n");
    assert_eq!(chat(&stream).usage, document, "{usage}");
    document
}

fn tokens(input: u64, output: u64) -> Option<Tokens> {
    Some(Tokens { input, output, ..Tokens::default() })
}

fn cached(input: u64, output: u64, cached_input: u64) -> Option<Tokens> {
    Some(Tokens { input, output, cached_input, ..Tokens::default() })
}

#[test]
fn reasoning_left_out_of_the_output_counts() {
    let told = r#"{"prompt_tokens":32,"completion_tokens":9,"total_tokens":135,"completion_tokens_details":{"reasoning_tokens":94}}"#;
    assert_eq!(usage(told), Some(Tokens { input: 32, output: 103, reasoning: 94, ..Tokens::default() }));
    let without_total =
        r#"{"prompt_tokens":32,"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":94}}"#;
    assert_eq!(usage(without_total), Some(Tokens { input: 32, output: 103, reasoning: 94, ..Tokens::default() }));
    assert_eq!(usage(r#"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":50}"#), tokens(5, 45));
}

#[test]
fn too_small_totals_are_ignored() {
    assert_eq!(usage(r#"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":0}"#), tokens(5, 7));
    assert_eq!(usage(r#"{"prompt_tokens":5,"completion_tokens":7,"total_tokens":6}"#), tokens(5, 7));
}

#[test]
fn cached_tokens_are_found() {
    for place in [
        r#""prompt_tokens_details":{"cached_tokens":8}"#,
        r#""input_tokens_details":{"cached_tokens":8}"#,
        r#""prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":12"#,
        r#""cached_tokens":8"#,
        r#""cache_read_input_tokens":8"#,
        r#""cache_read_input_tokens":8,"total_tokens":23"#,
        r#""cached_tokens":8,"prompt_tokens_details":{"cached_tokens":8},"prompt_cache_hit_tokens":8"#,
    ] {
        let told = usage(&format!(r#"{{"prompt_tokens":20,"completion_tokens":3,{place}}}"#));
        assert_eq!(told, cached(20, 3, 8), "{place}");
    }
}

#[test]
fn separate_cached_tokens_are_input() {
    let by_total = r#"{"prompt_tokens":20,"completion_tokens":3,"total_tokens":31,"cache_read_input_tokens":8}"#;
    assert_eq!(usage(by_total), cached(28, 3, 8));
    assert_eq!(usage(r#"{"prompt_tokens":4,"completion_tokens":3,"cache_read_input_tokens":80}"#), cached(84, 3, 80));
}

#[test]
fn cache_writes_are_found() {
    let written = Some(Tokens { input: 20, output: 3, cache_write: 6, ..Tokens::default() });
    for place in [
        r#""cache_write_tokens":6"#,
        r#""prompt_tokens_details":{"cache_write_tokens":6}"#,
        r#""prompt_tokens_details":{"cache_creation_tokens":6}"#,
        r#""cache_creation_input_tokens":6"#,
    ] {
        assert_eq!(usage(&format!(r#"{{"prompt_tokens":20,"completion_tokens":3,{place}}}"#)), written, "{place}");
    }
}

#[test]
fn whole_numbers_count_in_any_spelling() {
    for eleven in ["11", "11.0", "1.1e1", "110E-1", "\"11\"", "\"11.0\""] {
        assert_eq!(usage(&format!(r#"{{"prompt_tokens":{eleven},"completion_tokens":{eleven}}}"#)), tokens(11, 11));
    }
}

#[test]
fn invalid_counts_are_flagged() {
    for odd in ["-1", "1.5", "\"x\"", "true"] {
        let answer =
            chat(&format!(r#"{{"choices":[{{"text":"x"}}],"usage":{{"prompt_tokens":{odd},"completion_tokens":1}}}}"#));
        assert_eq!((answer.usage, answer.flawed), (None, true), "{odd}");
    }
    let missing = chat(r#"{"choices":[{"text":"x"}],"usage":{"prompt_tokens":null,"completion_tokens":1}}"#);
    assert_eq!((missing.usage, missing.flawed), (None, false));
}

#[test]
fn too_large_numbers_saturate() {
    for absurd in ["9007199254740993", "1e300", "99999999999999999999999"] {
        let told = usage(&format!(r#"{{"prompt_tokens":{absurd},"completion_tokens":1}}"#)).unwrap();
        assert_eq!(told.input, 1 << 53, "{absurd}");
    }
}

#[test]
fn usage_in_choices_and_x_groq() {
    let own = r#"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}"#;
    let choice =
        format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"Hi"}},"finish_reason":"stop","usage":{own}}}]}}"#);
    let groq =
        format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"Hi"}}}}],"x_groq":{{"id":"r","usage":{own}}}}}"#);
    for answer in [choice, groq] {
        assert_eq!(chat(&answer).usage, tokens(9, 3));
        let (reading, passed) = read_as(Surface::ChatCompletions, true, &format!("data: {answer}\n\ndata: [DONE]\n\n"));
        assert_eq!(reading.usage, tokens(9, 3));
        assert!(passed.contains("choices"), "an event with text is not hidden");
    }
}

#[test]
fn later_smaller_usage_is_ignored() {
    let full = r#"data: {"choices":[{"delta":{"content":"Hi"}}],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#;
    for later in [
        r#"{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}"#,
        "{}",
        "null",
        r#"{"prompt_tokens":9}"#,
        r#"{"prompt_tokens":9,"completion_tokens":1}"#,
    ] {
        for end in ["data: [DONE]\n\n", ""] {
            let stream = format!("{full}\n\n{end}data: {{\"choices\":[],\"usage\":{later}}}\n\n");
            assert_eq!(chat(&stream).usage, tokens(9, 3), "{later}");
        }
    }
}

#[test]
fn cumulative_usage_counts_once() {
    let event = |output| {
        format!(
            r#"data: {{"choices":[{{"delta":{{"content":"Hi"}}}}],"usage":{{"prompt_tokens":9,"completion_tokens":{output},"total_tokens":{}}}}}"#,
            9 + output
        )
    };
    let last = r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12}}"#;
    let stream =
        [event(1), event(2), event(3), last.to_owned(), last.to_owned(), "data: [DONE]".to_owned(), last.to_owned()];
    let (reading, passed) = read_as(Surface::ChatCompletions, true, &(stream.join("\n\n") + "\n\n"));
    assert_eq!(reading.usage, tokens(9, 3));
    assert_eq!(passed.matches("usage").count(), 3, "the three events with text");
}

#[test]
fn usage_events_are_hidden_in_every_form() {
    let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";
    for event in [
        r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#,
        r#"{ "choices" : [ ] , "usage" : {"prompt_tokens":9,"completion_tokens":3} }"#,
        r#"{"usage":{"prompt_tokens":9,"completion_tokens":3},"choices":null}"#,
        r#"{"id":"x","usage":{"prompt_tokens":9,"completion_tokens":3}}"#,
        r#"{"choices":[],"x_groq":{"usage":{"prompt_tokens":9,"completion_tokens":3}}}"#,
    ] {
        for declared in [true, false] {
            let stream = format!("{text}data: {event}\n\ndata: [DONE]\n\n");
            let (reading, passed) = read_as(Surface::ChatCompletions, declared, &stream);
            assert_eq!(passed, format!("{text}data: [DONE]\n\n"), "{event}");
            assert_eq!(reading.usage, tokens(9, 3));
        }
    }
}

#[test]
fn events_that_tell_more_than_usage_pass() {
    for event in [
        r#"{"choices":[],"prompt_filter_results":[]}"#,
        r#"{"choices":[],"usage":null}"#,
        r#"{"error":{"message":"x"},"usage":{"prompt_tokens":9,"completion_tokens":3}}"#,
    ] {
        let stream = format!("data: {event}\n\n");
        assert_eq!(read_as(Surface::ChatCompletions, true, &stream).1, stream);
    }
}

#[test]
fn the_first_bytes_tell_the_format() {
    let document = r#"{"choices":[{"message":{"content":"Hi"}}],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#;
    let stream = "event: x\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: {\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3}}\n\n";
    for padding in ["", "\n\n", "\u{FEFF}", " \r\n"] {
        for answer in [
            document,
            stream,
            ": ping\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":3}}\n\n",
        ] {
            for declared in [true, false] {
                let (reading, _) = read_as(Surface::ChatCompletions, declared, &format!("{padding}{answer}"));
                assert_eq!(reading.usage, tokens(9, 3), "{declared} {padding:?} {answer}");
                assert_eq!(reading.unreadable_bytes, 0);
            }
        }
    }
}

#[test]
fn text_that_cannot_be_read_is_measured() {
    for answer in [
        "Hello",
        "<html>Hello</html>",
        "{}",
        "{\"token\":{\"text\":\"Hello\"}}",
        "data: Hello\n\n",
        "{\"a\":1}\n{\"a\":2}\n",
    ] {
        assert_eq!(chat(answer).unreadable_bytes, answer.len() as u64, "{answer}");
    }
    let mixed = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: Hello\n\n";
    assert_eq!((chat(mixed).output_text_bytes, chat(mixed).unreadable_bytes), (2, 13));
    assert_eq!(chat("").unreadable_bytes, 0);
    assert_eq!(chat(r#"{"choices":[{"message":{"content":""#).unreadable_bytes, 0, "it only broke off");
}

#[test]
fn iterations_are_added_up_by_model() {
    let usage = r#"{"input_tokens":23,"output_tokens":10,"iterations":[
        {"type":"compaction","input_tokens":180,"output_tokens":35},
        {"type":"advisor_message","model":"claude-opus-5","input_tokens":800,"output_tokens":60,"cache_read_input_tokens":40},
        {"type":"message","model":"claude-sonnet-4-5","input_tokens":23,"output_tokens":10,"cache_creation_input_tokens":7,"cache_creation":{"ephemeral_1h_input_tokens":7}}]}"#;
    let document =
        format!(r#"{{"model":"claude-sonnet-4-5","content":[{{"type":"text","text":"Hi"}}],"usage":{usage}}}"#);
    let start = r#"{"type":"message_start","message":{"model":"claude-sonnet-4-5","usage":{"input_tokens":23,"output_tokens":1}}}"#;
    let delta = format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},"usage":{}}}"#,
        usage.replace('\n', "")
    );
    let stream = format!("data: {start}\n\ndata: {delta}\n\ndata: {delta}\n\n");
    for answer in [document, stream] {
        let reading = message(&answer);
        let all = Tokens {
            input: 1050,
            output: 105,
            cached_input: 40,
            cache_write: 7,
            cache_write_1h: 7,
            ..Tokens::default()
        };
        assert_eq!(reading.usage, Some(all));
        assert_eq!(reading.other_models.len(), 1);
        assert_eq!(reading.other_models[0].model.as_deref(), Some("claude-opus-5"));
        assert_eq!(reading.other_models[0].tokens, cached(840, 60, 40).unwrap());
    }
}

#[test]
fn models_of_iterations_are_bounded() {
    let one = |model: u32| format!(r#"{{"model":"m-{model}","input_tokens":1,"output_tokens":1}}"#);
    let list: Vec<String> = (0..40).map(one).collect();
    let reading = message(&format!(
        r#"{{"content":[],"usage":{{"input_tokens":1,"output_tokens":1,"iterations":[{}]}}}}"#,
        list.join(",")
    ));
    assert_eq!(reading.usage, tokens(40, 40));
    assert_eq!(reading.other_models.len(), 9);
    assert!(reading.other_models.iter().any(|one| one.model.as_deref() == Some("other") && one.tokens.input == 32));
}

#[test]
fn other_iterations_change_nothing() {
    for odd in ["null", "{}", "[]", "[1]", "[null]", "[[]]"] {
        let answer = format!(r#"{{"content":[],"usage":{{"input_tokens":5,"output_tokens":6,"iterations":{odd}}}}}"#);
        assert_eq!(message(&answer).usage, tokens(5, 6), "{odd}");
    }
}

#[test]
fn message_delta_keeps_the_input() {
    let stream = "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n\
                  data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":15}}\n\n\
                  data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}\n\n";
    assert_eq!(message(stream).usage, tokens(25, 15));
}
