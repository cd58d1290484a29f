//! The bodies of requests: conversations of an exact size, as SDKs and agents send them.
//!
//! Text decides what a scanner costs. On `aaaa` one that skips strings quickly looks too fast, and on plain prose one that
//! stops at each escape does. So there is prose, code, JSON in strings, a mix of languages, and the conversation of an agent
//! with calls of tools and their results: three to five bytes in a hundred of it are escapes.

/// A kind of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// Sentences of three languages, quotes, lists and paths; `model` is last, as `openai-python` writes it.
    Mixed,
    Prose,
    Code,
    /// Results of tools: JSON within a string.
    Json,
    /// All of them, in turns of users, assistants and tools; `model` is first.
    Agent,
}

const MIXED: [&str; 6] = [
    "The quarterly report says that latency went down while throughput stayed where it was. ",
    r#"She wrote: \"please compare both options and name the cheaper one\".\n"#,
    "Zwischen Köln und Zürich fährt der Zug täglich, außer an Feiertagen. ",
    r"Files live in C:\\data\\2026 and are rotated every night.\n\n- first item\n- second item\n",
    "A short answer is enough; cite the paragraph that supports it and leave the rest out. ",
    "注文は三日以内に届きます。Otherwise the invoice is cancelled – no questions asked. ",
];

const PROSE: [&str; 4] = [
    "The committee met on the first day of the month and agreed on the plan for the coming year. ",
    "Most of the delay came from one supplier, who had promised to deliver in the spring and did not. ",
    "If nothing else changes, the work should be finished before the holidays, and the team can rest. ",
    "Nobody expected the bridge to open early, yet traffic was crossing it by the end of the week. ",
];

const CODE: [&str; 5] = [
    r#"def load(path: str) -> dict[str, Any]:\n    \"\"\"Reads the file and returns its members.\"\"\"\n"#,
    r#"    with open(path, encoding=\"utf-8\") as file:\n        return json.load(file)\n\n"#,
    r"for (let i = 0; i < rows.length; i++) {\n\tconst row = rows[i];\n\tif (row.price > limit) continue;\n}\n",
    r#"impl Display for Error {\n    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {\n        write!(f, \"{}: {}\", self.code, self.text)\n    }\n}\n"#,
    r"SELECT o.id, o.total FROM orders AS o WHERE o.created_at >= NOW() - INTERVAL 7 DAY ORDER BY o.id;\n",
];

const JSON: [&str; 3] = [
    r#"{\"id\":48213,\"name\":\"Standard shelf\",\"price\":{\"amount\":129.95,\"currency\":\"EUR\"},\"in_stock\":true},"#,
    r#"{\"event\":\"order.shipped\",\"at\":\"2026-11-03T08:14:22Z\",\"carrier\":\"DHL\",\"parcels\":[1,2,3],\"note\":null},"#,
    r#"{\"path\":\"src/main.rs\",\"lines\":[120,164],\"matches\":7,\"score\":0.8125,\"language\":\"rust\"},"#,
];

/// About the length of one turn of a conversation, bytes.
const TURN: usize = 2000;

/// Returns a conversation of exactly `size` bytes, with these members beside the messages.
pub(crate) fn body(text: Text, size: usize, members: &str) -> String {
    let mut body = match text {
        Text::Agent => format!("{{{members},{MESSAGES}"),
        _ => format!("{{{MESSAGES}"),
    };
    let end = match text {
        Text::Agent => r#""}]}"#.to_owned(),
        _ => format!(r#""}}],{members}}}"#),
    };
    // Room for the change of a turn.
    let room = size.saturating_sub(end.len() + LONGEST_CHANGE);
    let (mut turn, mut turns) = (0, 0);
    for number in 0.. {
        let piece = piece(text, turns, number);
        if turn > TURN {
            turn = 0;
            turns += 1;
            body.push_str(&change(text, turns));
        }
        if body.len() + piece.len() > room {
            break;
        }
        body.push_str(piece);
        turn += piece.len();
    }
    body.extend(std::iter::repeat_n('.', size.saturating_sub(body.len() + end.len())));
    body + &end
}

const MESSAGES: &str =
    r#""messages":[{"role":"system","content":"You are a careful assistant."},{"role":"user","content":""#;

/// Longest text between two turns, bytes.
const LONGEST_CHANGE: usize = 256;

/// Returns the text that ends one turn and begins the next.
fn change(text: Text, turns: usize) -> String {
    if text != Text::Agent {
        let role = if turns.is_multiple_of(2) { "user" } else { "assistant" };
        return format!(r#""}},{{"role":"{role}","content":""#);
    }
    match turns % 3 {
        0 => r#""},{"role":"user","content":""#.to_owned(),
        1 => r#""},{"role":"assistant","content":""#.to_owned(),
        _ => format!(
            r#"","tool_calls":[{{"id":"call_{turns:06}","type":"function","function":{{"name":"search","arguments":"{{\"query\":\"orders\",\"limit\":{turns}}}"}}}}]}},{{"role":"tool","tool_call_id":"call_{turns:06}","content":""#
        ),
    }
}

fn piece(text: Text, turns: usize, number: usize) -> &'static str {
    let of = |pieces: &[&'static str]| pieces.get(number % pieces.len()).copied().unwrap_or_default();
    match text {
        Text::Mixed => of(&MIXED),
        Text::Prose => of(&PROSE),
        Text::Code => of(&CODE),
        Text::Json => of(&JSON),
        Text::Agent => match turns % 3 {
            0 => of(&MIXED),
            1 if number.is_multiple_of(2) => of(&PROSE),
            1 => of(&CODE),
            _ => of(&JSON),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const ALL: [Text; 5] = [Text::Mixed, Text::Prose, Text::Code, Text::Json, Text::Agent];

    #[test]
    fn bodies_have_their_exact_size_and_are_conversations() {
        for text in ALL {
            for size in [500, 10_000, 100_000, 1_000_000] {
                let body = body(text, size, r#""model":"chat""#);
                assert_eq!(body.len(), size, "{text:?}");
                let value: Value = serde_json::from_str(&body).unwrap();
                assert_eq!(value["model"], "chat");
                assert!(value["messages"].as_array().unwrap().len() >= 2);
                assert_eq!(body.find("messages") < body.find(r#""model""#), text != Text::Agent);
            }
        }
    }

    #[test]
    fn an_agent_calls_tools_and_its_text_has_escapes() {
        let body = body(Text::Agent, 100_000, r#""model":"chat""#);
        let value: Value = serde_json::from_str(&body).unwrap();
        let roles: Vec<&str> =
            value["messages"].as_array().unwrap().iter().map(|one| one["role"].as_str().unwrap()).collect();
        assert!(roles.contains(&"tool") && body.contains("tool_calls"));
        let escapes = body.matches('\\').count() * 100 / body.len();
        assert!((3..=6).contains(&escapes), "{escapes} %");
    }
}
