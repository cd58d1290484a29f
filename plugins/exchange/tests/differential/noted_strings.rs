//! The properties of a request on documents with long strings and dense escapes: those that the scan notes for the walk of guardrails,
//! and whose escapes it checks by the block.

use crate::properties::request_scan as agrees;
use headgate_exchange::{Surface, scan_request};
use proptest::collection::vec;
use proptest::prelude::*;

fn is_accepted(body: &[u8]) -> bool {
    agrees(body);
    scan_request(Surface::ChatCompletions, body).is_ok()
}

/// The inside of a string: mostly longer than what is noted, with every escape.
fn inside() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9 {}:,\\[\\]/.-]{0,40}",
        2 => proptest::sample::select(&["\\n", "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\r", "\\t"][..]).prop_map(str::to_owned),
        1 => "\\\\u[0-9a-fA-F]{4}",
        1 => "\\\\ud83d\\\\ude0[0-9]",
        1 => (proptest::sample::select(&["\\n", "\\\\", "\\\""][..]), 8_usize..50).prop_map(|(escape, times)| escape.repeat(times)),
        1 => "[é日😀\u{7f}\u{80}\u{2028}]{1,9}",
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        6 => inside().prop_map(|text| format!("\"{text}\"")),
        1 => "[A-Za-z0-9+/]{256,300}".prop_map(|data| format!("\"{data}\"")),
        1 => "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        1 => proptest::sample::select(&["true", "null", "\"\"", "\"text\"", "\"image_url\"", "\"tool_use\"", "\"tool\""][..])
            .prop_map(str::to_owned),
    ];
    scalar.prop_recursive(5, 40, 5, |inner| {
        let member = (name(), inner.clone()).prop_map(|(name, value)| format!("\"{name}\" : {value}"));
        prop_oneof![
            vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(", "))),
            vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// Names that change what is a text, and others, some of them long and twice in an object.
fn name() -> impl Strategy<Value = String> {
    const KNOWN: &[&str] = &[
        "messages",
        "content",
        "text",
        "type",
        "role",
        "name",
        "arguments",
        "input",
        "tools",
        "tool_calls",
        "function",
        "parameters",
        "source",
        "data",
        "image_url",
        "url",
        "id",
        "prompt",
        "tool_choice",
        "mcp_servers",
        "cont\\u0065nt",
    ];
    prop_oneof![6 => proptest::sample::select(KNOWN).prop_map(str::to_owned), 1 => inside()]
}

fn document() -> impl Strategy<Value = String> {
    let member = |name: &'static str| value().prop_map(move |value| format!("\"{name}\":{value}"));
    let optional = |name: &'static str| proptest::option::of(member(name));
    let others = (optional("tools"), optional("input"), optional("system"), optional("other"), optional("prompt"));
    (member("messages"), others, any::<prop::sample::Index>()).prop_map(|(messages, others, place)| {
        let (tools, input, system, other, prompt) = others;
        let mut members: Vec<String> = [tools, input, system, other, prompt].into_iter().flatten().collect();
        members.push(messages);
        members.insert(place.index(members.len() + 1), "\"model\":\"m\"".to_owned());
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    #[test]
    fn documents_have_the_same_texts(document in document()) {
        agrees(document.as_bytes());
    }

    #[test]
    fn broken_documents_have_the_same_texts(document in document(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut body = document.into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        agrees(&body);
        body.truncate(cut.index(body.len() + 1));
        agrees(&body);
    }
}

#[test]
fn a_conversation_cut_off_anywhere_or_broken_anywhere() {
    let long = "Zwischen Köln und Zürich \\\"fährt\\\" der Zug; \\ud83d\\ude00 \\u00e9\\n".repeat(3);
    let body = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"{long}"}},{{"role":"assistant","content":[{{"type":"text","text":"{long}"}}],
        "tool_calls":[{{"id":"call_1","type":"function","function":{{"name":"f","arguments":"{{\"a\":\"{long}\"}}"}}}}]}}],
        "tools":[{{"{long}":"{long}","type":"{long}"}}],"input":["{long}",{{"arguments":{{"k":"{long}"}}}}]}}"#,
        long = long,
    );
    assert!(is_accepted(body.as_bytes()));
    for cut in 0..body.len() {
        agrees(&body.as_bytes()[..cut]);
    }
    for at in (0..body.len()).step_by(3) {
        for byte in [b'"', b'\\', 0xC3, 0xFF, b'\n'] {
            let mut broken = body.clone().into_bytes();
            broken[at] = byte;
            agrees(&broken);
        }
    }
}

#[test]
fn hostile_documents_have_the_same_texts() {
    let input = |items: &str| format!(r#"{{"model":"m","input":[{items}]}}"#);
    let many = |item: &str, times: usize| input(&vec![item; times].join(","));
    assert!(is_accepted(many("\"\"", 50_000).as_bytes()));
    // More than are noted.
    assert!(is_accepted(many(&format!("\"{}\"", "a".repeat(64)), 70_000).as_bytes()));
    assert!(is_accepted(many(&format!("\"{}\"", "\\n".repeat(40)), 500).as_bytes()));
    let long = "x".repeat(70);
    let nested = |depth: usize| input(&format!("{}\"{long}\"{}", "[".repeat(depth), "]".repeat(depth)));
    assert!(is_accepted(nested(126).as_bytes()) && !is_accepted(nested(127).as_bytes()));
    let twice = format!(
        r#"{{"model":"m","messages":[{{"content":"{long}","content":"{long}\n","type":"{long}","type":"{long}"}}]}}"#
    );
    assert!(is_accepted(twice.as_bytes()));
    let lengths: String =
        (55..75).map(|length| format!("\"{}\",", "é".repeat(length / 2) + &"b".repeat(length % 2))).collect();
    assert!(is_accepted(input(lengths.trim_end_matches(',')).as_bytes()));
}
