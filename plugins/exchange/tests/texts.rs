//! Texts of requests and answers, masking in place, and guarded streams, compared with plain references.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "this is a test")]
#![allow(clippy::string_slice, reason = "this is a test")]

use headgate_exchange::{Edit, Examine, GuardedStream, Halt, Splice, Splices, answer_texts, request_texts};
use proptest::prelude::*;
use serde_json::{Value, json};

const WORD: &str = "SE\"CR\nÉT";

fn texts(body: &str) -> Vec<String> {
    request_texts(body.as_bytes()).unwrap().texts.iter().map(|text| text.unescaped_text().text.into_owned()).collect()
}

fn answers(body: &str) -> Vec<String> {
    answer_texts(body.as_bytes()).unwrap().texts.iter().map(|text| text.unescaped_text().text.into_owned()).collect()
}

#[test]
fn texts_of_a_chat_request() {
    let body = json!({
        "model": "no", "user": "17", "metadata": {"18": "19"},
        "messages": [
            {"role": "system", "content": "1"},
            {"role": "user", "name": "2", "content": [
                {"type": "text", "text": "3"},
                {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{}", "no".repeat(200)), "detail": "high"}},
                {"type": "image_url", "image_url": {"url": "https://4"}},
                {"type": "input_audio", "input_audio": {"data": "no".repeat(200)}},
            ]},
            {"role": "assistant", "content": null, "reasoning_content": "5", "tool_calls": [
                {"id": "call_", "type": "function", "function": {"name": "14", "arguments": "{\"a\":\"6\\n7\"}"}},
            ]},
            {"role": "tool", "tool_call_id": "call_15", "content": "8"},
        ],
        "tools": [{"type": "function", "function": {"name": "16", "description": "9", "parameters":
            {"type": "object", "properties": {"name": {"type": "string", "description": "10", "enum": ["11"]}}}}}],
        "response_format": {"type": "json_schema", "json_schema": {"schema": {"description": "12"}}},
        "prediction": {"type": "content", "content": "13"},
    });
    let mut found = texts(&body.to_string());
    found.sort();
    let mut expected: Vec<String> = [
        "1",
        "2",
        "3",
        "https://4",
        "5",
        "{\"a\":\"6\n7\"}",
        "8",
        "9",
        "10",
        "11",
        "12",
        "13",
        "14",
        "15",
        "16",
        "17",
        "18",
        "19",
    ]
    .map(str::to_owned)
    .into();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn texts_of_other_endpoints() {
    assert_eq!(texts(r#"{"model":"m","prompt":["a","b"],"suffix":"c"}"#), ["a", "b", "c"]);
    assert_eq!(texts(r#"{"model":"m","input":["a",[1,2]]}"#), ["a"]);
    let messages = json!({"model": "m", "system": [{"type": "text", "text": "a"}], "messages": [{"role": "user", "content": [
        {"type": "tool_use", "id": "toolu_", "name": "b", "input": {"type": "c"}},
        {"type": "tool_result", "tool_use_id": "toolu_", "content": [{"type": "text", "text": "d"}]},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "no".repeat(200)}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "g"}}]}],
        "tools": [{"name": "h", "description": "e", "input_schema": {"properties": {"x": {"description": "f"}}}}]});
    let mut found = texts(&messages.to_string());
    found.sort();
    assert_eq!(found, ["a", "b", "d", "e", "f", "g", "h", "x", "{\"type\":\"c\"}"]);
}

#[test]
fn offered_chosen_and_called_tools_are_named() {
    let body = r#"{"tools":[{"type":"function","function":{"name":"a"}},{"name":"b"}],"functions":[{"name":"c"}],
        "tool_choice":{"type":"function","function":{"name":"d"}},"messages":[{"tool_calls":[{"function":{"name":"e"}}]}]}"#;
    assert_eq!(request_texts(body.as_bytes()).unwrap().tools, ["a", "b", "c", "d", "e"]);
}

#[test]
fn server_and_provider_tools_have_names() {
    let tools = |body: &str| request_texts(body.as_bytes()).unwrap().tools;
    assert_eq!(tools(r#"{"mcp_servers":[{"type":"url","name":"x"},{"type":"url"}]}"#), ["mcp:x", "mcp:"]);
    assert_eq!(tools(r#"{"mcp_servers":{"x":{}}}"#), ["mcp:"]);
    assert_eq!(tools(r#"{"tools":[{"type":"web_search"},{"x":1}]}"#), ["web_search", ""]);
    assert_eq!(tools(r#"{"tools":[{"function_declarations":[{"name":"a"}]}]}"#), ["a"]);
    assert_eq!(tools(r#"{"web_search_options":{}}"#), ["web_search"]);
    assert_eq!(tools(r#"{"tool_choice":"a","function_call":"auto"}"#), ["a"]);
    assert_eq!(tools(r#"{"tool_choice":{"type":"allowed_tools","tools":[{"type":"function","name":"b"}]}}"#), ["b"]);
    assert_eq!(tools(r#"{"messages":[{"name":"a","role":"function"},{"name":"ann","role":"user"}]}"#), ["a"]);
    assert_eq!(tools("{\"tool\u{17F}\":[{\"name\":\"a\"}]}"), ["a"]);
    let long = "x".repeat(300);
    assert_eq!(tools(&format!(r#"{{"tools":[{{"name":"{long}"}}]}}"#)), [long]);
}

#[test]
fn media_needs_its_type() {
    let media = "QUJD".repeat(100);
    let part =
        |value: serde_json::Value| texts(&json!({"messages": [{"role": "user", "content": [value]}]}).to_string());
    let source = |kind: &str, data: &str| json!({"type": "image", "source": {"data": data, "type": kind}});
    assert_eq!(part(source("base64", &media)), Vec::<String>::new());
    assert_eq!(part(source("text", &media)), [media.as_str()]);
    assert_eq!(part(source("base64", &format!("{media} secret"))), [format!("{media} secret")]);
    assert_eq!(part(json!({"type": "text", "image_url": {"url": format!("data:image/png;base64,{media}")}})).len(), 1);
    assert_eq!(part(json!({"type": "thinking", "signature": media.clone()})), Vec::<String>::new());
    assert_eq!(part(json!({"type": "text", "signature": media.clone()})), [media.as_str()]);
}

#[test]
fn unknown_numbers_and_names_are_texts() {
    assert_eq!(texts(r#"{"temperature":0.5,"max_tokens":4111,"messages":[{"content":4.1e1}]}"#), ["41"]);
    assert_eq!(texts(r#"{"messages":[{"content":"a","secret":true}]}"#), ["a", "secret"]);
    assert_eq!(answers(r#"{"created":1,"content":[{"type":"tool_use","input":{"a":[1,"b"]}}]}"#), [r#"{"a":[1,"b"]}"#]);
    let ids = request_texts(br#"{"prompt":[[1,2],[3]]}"#).unwrap();
    assert_eq!((ids.token_ids, ids.texts.len()), (3, 0));
}

#[test]
fn changes_in_json_leave_json() {
    let body = r#"{"content":[{"type":"tool_use","input":{"a":41112,"b":"41\n","c":[4]}}]}"#;
    let found = answer_texts(body.as_bytes()).unwrap();
    let spelled = found.texts[0].unescaped_text();
    let mut splices = Vec::new();
    let edit = |from: &str, len: usize| {
        let at = spelled.text.find(from).unwrap();
        Edit { at: at..at + len, with: "[X]".into() }
    };
    spelled.splices(&[edit("41112", 5), edit("41\n", 12)], &mut splices);
    let masked = Splices::new(splices).apply(body.as_bytes());
    let masked: Value = serde_json::from_slice(&masked).unwrap();
    assert_eq!(masked["content"][0]["input"], json!({"a": "[X]", "b": "[X]", "": [""]}));
}

#[test]
fn choices_and_calls_are_separate_texts() {
    let event = r#"{"choices":[{"delta":{"content":"a","tool_calls":[{"function":{"arguments":"b"},"index":1}]},"index":7},
        {"index":2,"delta":{"content":"c","refusal":"d"},"finish_reason":"stop"}]}"#;
    let found = answer_texts(event.as_bytes()).unwrap();
    let keys: Vec<_> = found.texts.iter().map(|text| text.key).collect();
    assert_eq!(keys.iter().map(|key| key.choice).collect::<Vec<_>>(), [7, 7, 2, 2]);
    assert!(keys.iter().enumerate().all(|(at, key)| !keys[..at].contains(key)));
    assert_eq!(found.choices, [(7, false), (2, true)]);
    let next = r#"{"choices":[{"index":7,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"e"}}]}}]}"#;
    assert_eq!(answer_texts(next.as_bytes()).unwrap().texts[0].key, keys[1]);
    let other = r#"{"choices":[{"index":7,"delta":{"tool_calls":[{"index":2,"function":{"arguments":"e"}}]}}]}"#;
    assert_ne!(answer_texts(other.as_bytes()).unwrap().texts[0].key, keys[1]);
    let start = r#"{"type":"content_block_start","index":3,"content_block":{"type":"text","text":"x"}}"#;
    let delta = r#"{"type":"content_block_delta","index":3,"delta":{"type":"text_delta","text":"y"}}"#;
    let stop = r#"{"type":"content_block_stop","index":3}"#;
    let keys = [start, delta].map(|event| answer_texts(event.as_bytes()).unwrap().texts[0].key);
    assert_eq!(keys[0], keys[1]);
    assert_eq!(answer_texts(stop.as_bytes()).unwrap().choices, [(3, true)]);
}

#[test]
fn answers_have_texts_and_logprobs() {
    let body = r#"{"id":"no","model":"no","choices":[{"index":0,"logprobs":{"content":[{"token":"no"}]},
        "message":{"role":"assistant","content":"a"},"finish_reason":"no"}],"error":{"message":"b","type":"error"}}"#;
    assert_eq!(answers(body), ["a", "b"]);
    let at = answer_texts(body.as_bytes()).unwrap().logprobs[0].clone();
    assert_eq!(&body[at], r#"{"content":[{"token":"no"}]}"#);
}

/// Masks `WORD` in every text, in place.
fn mask_in_place(body: &str) -> String {
    let mut splices = Vec::new();
    for text in &request_texts(body.as_bytes()).unwrap().texts {
        let spelled = text.unescaped_text();
        for (at, _) in spelled.text.match_indices(WORD) {
            splices.push(Splice { at: spelled.written(at..at + WORD.len()), with: b"[MASK]".to_vec() });
        }
    }
    String::from_utf8(Splices::new(splices).apply(body.as_bytes())).unwrap()
}

/// Masks `WORD` in every string of a tree.
fn mask_decoded(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace(WORD, "[MASK]"),
        Value::Array(items) => items.iter_mut().for_each(mask_decoded),
        Value::Object(members) => members.values_mut().for_each(mask_decoded),
        _ => {}
    }
}

/// Returns a text as a JSON string with some needless escapes.
fn written(text: &str, escape: &[bool]) -> String {
    let mut out = String::from("\"");
    for (index, char) in text.chars().enumerate() {
        if escape[index % escape.len()] || matches!(char, '"' | '\\') || char < ' ' {
            let mut units = [0; 2];
            char.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(char);
        }
    }
    out.push('"');
    out
}

fn text_with_words() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just(WORD.to_owned()),
        "[a-zÉ\"\\\\\n😀]{0,6}",
        Just(WORD[..4].to_owned()),
        Just(WORD[3..].to_owned())
    ];
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn masking_agrees_with_decoded_masking(
        contents in proptest::collection::vec((text_with_words(), proptest::collection::vec(any::<bool>(), 1..9)), 1..5)
    ) {
        let messages: Vec<String> = contents
            .iter()
            .map(|(text, escape)| format!(r#"{{"role":"user",  "content":{} , "x":[1.0,{}]}}"#, written(text, escape), written(text, escape)))
            .collect();
        let body = format!(r#"{{"model":"m","temperature":1e0,"messages":[{}]}}"#, messages.join(" ,"));
        let mut reference: Value = serde_json::from_str(&body).unwrap();
        mask_decoded(&mut reference);
        let masked = mask_in_place(&body);
        prop_assert_eq!(serde_json::from_str::<Value>(&masked).unwrap(), reference);
        // Without the placeholders, and without the text that they replaced, both sides are equal.
        let mut rest = body.as_str();
        for piece in masked.split("[MASK]") {
            let at = rest.find(piece).unwrap();
            rest = &rest[at + piece.len()..];
        }
        prop_assert!(rest.is_empty());
        if contents.iter().all(|(text, _)| !text.contains(WORD)) {
            prop_assert_eq!(masked, body);
        }
    }
}

/// Finds `WORD`, and holds back a possible beginning of it.
#[derive(Default)]
struct Toy {
    texts: Vec<(String, usize)>,
    block: bool,
}

impl Examine for Toy {
    fn examine(&mut self, text: usize, piece: &str, last: bool, edits: &mut Vec<Edit>) -> Result<usize, Halt> {
        self.texts.resize(self.texts.len().max(text + 1), Default::default());
        let (whole, decided) = &mut self.texts[text];
        whole.push_str(piece);
        while let Some(at) = whole[*decided..].find(WORD) {
            if self.block {
                return Err(Halt::Blocked);
            }
            let at = *decided + at;
            edits.push(Edit { at: at..at + WORD.len(), with: "[MASK]".into() });
            *decided = at + WORD.len();
        }
        let hold = (*decided..=whole.len()).find(|at| whole.is_char_boundary(*at) && WORD.starts_with(&whole[*at..]));
        *decided = if last { whole.len() } else { hold.unwrap_or(whole.len()) };
        Ok(*decided)
    }

    fn examine_whole(&mut self, text: &str, edits: &mut Vec<Edit>) -> Result<(), Halt> {
        Self { block: self.block, ..Self::default() }.examine(0, text, true, edits).map(drop)
    }
}

fn run(chunks: &[&[u8]], block: bool) -> (String, Option<Halt>) {
    let (mut stream, mut toy, mut out) = (GuardedStream::new(true), Toy { block, ..Toy::default() }, Vec::new());
    for (index, chunk) in chunks.iter().enumerate() {
        if let Err(halt) = stream.push(chunk, index + 1 == chunks.len(), &mut toy, &mut out) {
            return (String::from_utf8(out).unwrap(), Some(halt));
        }
    }
    (String::from_utf8(out).unwrap(), None)
}

fn content(choice: u64, text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"index": choice, "delta": {"content": text}}]}))
}

fn arguments(call: u64, text: &str) -> String {
    let call = json!({"index": call, "function": {"arguments": text}});
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}))
}

const DONE: &str = "data: [DONE]\n\n";

#[test]
fn words_across_events_are_masked() {
    let stream = [content(0, "x SE\"C"), content(0, "R\n"), content(0, "ÉT y"), DONE.into()].concat();
    let expected = [content(0, "x [MASK]"), content(0, ""), content(0, " y"), DONE.into()].concat();
    assert_eq!(run(&[stream.as_bytes()], false), (expected, None));
}

#[test]
fn clean_streams_pass_unchanged() {
    let stream = [content(0, "SE\"").replace(':', " : "), ": ping\n\n".into(), content(0, "x"), DONE.into()].concat();
    let stream = stream.replace("data : ", "data: ");
    let (out, _) = run(&[stream.as_bytes()], false);
    let without = |text: &str| text.replace(": ping\n\n", "");
    assert_eq!(without(&out), without(&stream));
    assert!(out.starts_with(": ping\n\n"), "a comment waits for nobody: {out}");
}

#[test]
fn choices_and_calls_do_not_mix() {
    let [a, b, c] = [content(0, "SE\"CR"), content(1, "\nÉT"), content(1, "z")];
    let stream = [a.clone(), b.clone(), c.clone(), DONE.into()].concat();
    assert_eq!(run(&[stream.as_bytes()], true), ([b, c, a, DONE.into()].concat(), None));
    let stream = [arguments(0, "SE\\\"CR\\nÉ"), arguments(1, "T"), arguments(0, "T"), DONE.into()].concat();
    let expected = [arguments(0, "[MASK]"), arguments(1, "T"), arguments(0, ""), DONE.into()].concat();
    assert_eq!(run(&[stream.as_bytes()], false), (expected, None));
}

fn name(call: u64, name: &str) -> String {
    let call = json!({"index": call, "function": {"name": name}});
    format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}))
}

#[test]
fn a_tool_name_is_joined_across_events() {
    let chunks = [name(0, "a_SE\"C"), name(0, "R\nÉT"), arguments(0, "{}"), content(0, "x")];
    let bytes: Vec<&[u8]> = chunks.iter().map(String::as_bytes).collect();
    let (out, halt) = run(&bytes, false);
    assert_eq!((halt, out.contains("MASK"), out.contains("ÉT")), (None, true, false), "{out}");
    assert_eq!(run(&bytes, true).1, Some(Halt::Blocked));
    let messages = ["a_SE\"C", "R\nÉT"].map(|name| {
        let block = json!({"type": "tool_use", "id": "t", "name": name, "input": {}});
        format!("data: {}\n\n", json!({"type": "content_block_start", "index": 1, "content_block": block}))
    });
    assert_eq!(run(&messages.each_ref().map(|event| event.as_bytes()), true).1, Some(Halt::Blocked));
}

#[test]
fn a_name_waits_for_the_next_event_only() {
    let events = [name(0, "a_SE"), arguments(0, "{"), arguments(0, "}")];
    let (mut stream, mut toy, mut out) = (GuardedStream::new(true), Toy::default(), Vec::new());
    for (index, passed) in [(0, 0), (1, 2), (2, 3)] {
        stream.push(events[index].as_bytes(), false, &mut toy, &mut out).unwrap();
        assert_eq!(out, events[..passed].concat().as_bytes());
    }
}

#[test]
fn names_may_continue_after_arguments() {
    let cut = [name(0, "SE\"C"), arguments(0, "{}"), name(0, "R\nÉT"), content(0, "x")];
    assert!(run(&cut.each_ref().map(|event| event.as_bytes()), false).1.is_some());
    // Some providers repeat the name with every event.
    let repeated = [name(0, "get"), arguments(0, "{"), name(0, "get"), arguments(0, "}"), name(0, "get")];
    assert_eq!(run(&repeated.each_ref().map(|event| event.as_bytes()), true), (repeated.concat(), None));
    let long = [name(0, &"a".repeat(600)), name(0, &"a".repeat(600))];
    assert_eq!(run(&long.each_ref().map(|event| event.as_bytes()), false).1, Some(Halt::Unreadable));
}

#[test]
fn escapes_in_arguments_may_be_split() {
    for at in 1..12 {
        let text = "SE\\u0022CR\\nÉT";
        let at = (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let stream = [arguments(0, &text[..at]), arguments(0, &text[at..]), DONE.into()].concat();
        let expected = [arguments(0, "[MASK]"), arguments(0, ""), DONE.into()].concat();
        assert_eq!(run(&[stream.as_bytes()], false), (expected, None), "{at}");
    }
}

#[test]
fn repeated_words_do_not_hold_events() {
    let event = |text: &str| {
        content(0, text)
            .replacen('{', r#"{"provider":"SE\"","#, 1)
            .replace(r#"{"index""#, r#"{"native":"SE\"","index""#)
    };
    let (mut guarded, mut toy, mut out) = (GuardedStream::new(true), Toy::default(), Vec::new());
    let stream = [event("a"), event("b")].concat();
    guarded.push(stream.as_bytes(), false, &mut toy, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), stream);
}

#[test]
fn the_end_of_a_choice_releases_its_text() {
    let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n".to_owned();
    let stream = [content(0, "SE\""), end].concat();
    let (mut guarded, mut toy, mut out) = (GuardedStream::new(true), Toy::default(), Vec::new());
    guarded.push(stream.as_bytes(), false, &mut toy, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), stream);
}

#[test]
fn masked_events_have_no_logprobs() {
    let event =
        format!(r#"{{"choices":[{{"index":0,"logprobs":{{"content":[1]}},"delta":{{"content":{}}}}}]}}"#, json!(WORD));
    let stream = format!("data: {event}\n\n{DONE}");
    let (out, _) = run(&[stream.as_bytes()], false);
    assert!(out.contains(r#""logprobs":null"#) && out.contains("[MASK]"), "{out}");
}

#[test]
fn unreadable_events_end_strict_streams() {
    let stream = format!("{}data: no json\n\n{DONE}", content(0, "a"));
    assert_eq!(run(&[stream.as_bytes()], false), (content(0, "a"), Some(Halt::Unreadable)));
    let mut out = Vec::new();
    GuardedStream::new(false).push(stream.as_bytes(), true, &mut Toy::default(), &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), stream);
}

fn any_event() -> impl Strategy<Value = String> {
    let word: Vec<&str> = vec!["SE\"", "CR\n", "ÉT", "SE", "x", "", "\"CR\nÉT", WORD, "😀"];
    prop_oneof![
        (0_u64..2, proptest::sample::select(word.clone())).prop_map(|(choice, text)| content(choice, text)),
        (0_u64..2, proptest::sample::select(word.clone()))
            .prop_map(|(call, text)| arguments(call, &text.replace('\n', "\\n").replace('"', "\\\""))),
        proptest::sample::select(word).prop_map(|text| content(0, text).replace("\n\n", "\r\n\r\n")),
        Just(": ping\n\n".to_owned()),
        Just("event: ping\ndata: {\"type\":\"ping\"}\n\n".to_owned()),
        Just("data: {\"choices\":[],\ndata: \"usage\":{}}\n\n".to_owned()),
        Just("data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n".to_owned()),
        Just(DONE.to_owned()),
        Just("\r\r".to_owned()),
    ]
}

proptest! {
    #[test]
    fn guarded_streams_agree_at_every_split(events in proptest::collection::vec(any_event(), 0..12), block: bool) {
        let stream = events.concat();
        let whole = run(&[stream.as_bytes()], block);
        for at in 0..=stream.len() {
            let (start, end) = stream.as_bytes().split_at(at);
            prop_assert_eq!(&run(&[start, end], block), &whole, "cut at {}", at);
        }
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).chain([&[][..]]).collect();
        prop_assert_eq!(&run(&bytes, block), &whole);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, strict: bool) {
        let mut out = Vec::new();
        let _ = GuardedStream::new(strict).push(&bytes, true, &mut Toy::default(), &mut out);
        let _ = request_texts(&bytes);
    }
}
