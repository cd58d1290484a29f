//! The sizes of a request that limits reserve.

#![allow(clippy::unwrap_used, reason = "this is a test")]

use headgate_exchange::{Field, RequestScan, ScanErrorKind, Surface, scan_request};

fn scan_as(surface: Surface, members: &str) -> RequestScan {
    scan_request(surface, format!(r#"{{"model":"m",{members}}}"#).as_bytes()).unwrap()
}

fn scan(members: &str) -> RequestScan {
    scan_as(Surface::ChatCompletions, members)
}

#[test]
fn limits_count_in_any_spelling() {
    for limit in ["6000", "6000.0", "\"6000\"", "6e3", "6.0E+3", "\"6e3\""] {
        for name in ["max_tokens", "max_completion_tokens", "max\\u005ftokens"] {
            let scan = scan(&format!(r#""{name}":{limit}"#));
            assert_eq!((scan.max_output_tokens, scan.odd_number), (Some(6_000), None), "{name} {limit}");
        }
        let odd_name = scan(&format!(r#""Max_Tokens":{limit}"#));
        assert_eq!((odd_name.max_output_tokens, odd_name.min_output_tokens), (None, 6_000), "{limit}");
    }
}

#[test]
fn of_several_limits_the_largest_stands() {
    assert_eq!(scan(r#""max_tokens":1,"max_completion_tokens":900"#).max_output_tokens, Some(900));
    let lowered = scan(r#""Max_Tokens":1,"max_tokens":900"#);
    assert_eq!((lowered.max_output_tokens, lowered.min_output_tokens), (Some(900), 1));
}

#[test]
fn null_and_zero_are_no_limits() {
    for none in ["null", "0", "0.0", "-0"] {
        let scan = scan(&format!(r#""max_tokens":{none}"#));
        assert_eq!((scan.max_output_tokens, scan.odd_number), (None, None), "{none}");
    }
}

#[test]
fn other_values_are_errors() {
    for odd in ["-1", "1.5", "\"many\"", "true", "[6000]", "{}", "\"\""] {
        for (name, field) in [("max_tokens", Field::MaxTokens), ("n", Field::N), ("Max_Tokens", Field::MaxTokens)] {
            let error = scan(&format!(r#""{name}":{odd}"#)).odd_number.unwrap();
            assert_eq!(error.kind, ScanErrorKind::InvalidType(field), "{name} {odd}");
        }
    }
}

#[test]
fn every_answer_that_is_generated_counts() {
    for (members, choices) in [
        (r#""n":128.0"#, 128),
        (r#""n":"128""#, 128),
        (r#""best_of":20,"n":2"#, 20),
        (r#""N":7"#, 7),
        (r#""n":null"#, 1),
    ] {
        assert_eq!(scan_as(Surface::Completions, members).choices, choices, "{members}");
    }
}

#[test]
fn a_budget_of_thinking_counts() {
    let thinking = scan_as(Surface::Messages, r#""max_tokens":9,"thinking":{"type":"enabled","budget_tokens":3e4}"#);
    assert_eq!((thinking.max_output_tokens, thinking.min_output_tokens), (Some(9), 30_000));
    assert!(thinking.asks_for_reasoning);
    assert_eq!(scan(r#""reasoning":{"max_tokens":500}"#).min_output_tokens, 500);
    assert!(scan(r#""reasoning_effort":"high""#).asks_for_reasoning);
    assert!(!scan(r#""temperature":1"#).asks_for_reasoning);
}

#[test]
fn token_ids_count_one_by_one() {
    for (surface, members, ids) in [
        (Surface::Completions, r#""prompt":[1,2,3]"#, 3),
        (Surface::Completions, r#""prompt":[[1,2],[3, 4 , 5]]"#, 5),
        (Surface::Embeddings, r#""input":[[10],[],[7]]"#, 2),
        (Surface::Embeddings, r#""input":["text"]"#, 0),
    ] {
        assert_eq!(scan_as(surface, members).token_ids, ids, "{members}");
    }
}

#[test]
fn all_text_counts() {
    for members in [
        r#""tools":[{"type":"function","function":{"name":"f","description":"TEXT"}}]"#,
        r#""functions":[{"name":"f","description":"TEXT"}]"#,
        r#""messages":[{"role":"assistant","content":"","reasoning_content":"TEXT"}]"#,
        r#""messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"TEXT"}}]}]"#,
        r#""messages":[{"role":"user","content":[{"type":"note","note":"TEXT"}]}]"#,
        r#""response_format":{"type":"json_schema","json_schema":{"description":"TEXT"}}"#,
        r#""Messages":[{"role":"user","content":"TEXT"}]"#,
        r#""suffix":"TEXT""#,
        r#""a_new_field":{"text":"TEXT"}"#,
    ] {
        let long = scan(&members.replace("TEXT", &"x".repeat(40_000)));
        assert!((40_000..40_200).contains(&long.more_text_bytes), "{} {members}", long.more_text_bytes);
    }
    for members in [
        r#""system":[{"type":"text","text":""}],"tools":[{"name":"f","description":"TEXT"}]"#,
        r#""messages":[{"role":"assistant","content":[{"type":"tool_use","id":"1","name":"f","input":{"a":"TEXT"}}]}]"#,
    ] {
        let long = scan_as(Surface::Messages, &members.replace("TEXT", &"x".repeat(40_000)));
        assert!((40_000..40_200).contains(&long.more_text_bytes), "{} {members}", long.more_text_bytes);
    }
}

#[test]
fn attachments_are_no_text() {
    let data = "x".repeat(40_000);
    let image = scan(&format!(
        r#""messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}]}}]"#
    ));
    assert!(image.more_text_bytes < 100 && image.attachments == 1);
    let blocks = scan_as(
        Surface::Messages,
        &format!(
            r#""messages":[{{"role":"user","content":[{{"type":"image","source":{{"type":"base64","data":"{data}"}}}}]}}]"#
        ),
    );
    assert!(blocks.more_text_bytes < 100 && blocks.attachments == 1);
}

#[test]
fn input_from_elsewhere_is_known() {
    for members in [
        r#""web_search_options":{}"#,
        r#""tools":[{"type":"web_search"}]"#,
        r#""messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}]"#,
    ] {
        assert!(scan(members).brings_more_input, "{members}");
    }
    for members in [r#""temperature":1,"user":"u""#, r#""tools":[{"type":"function","function":{}}]"#] {
        assert!(!scan(members).brings_more_input, "{members}");
    }
}
