//! A canary in every place of a request and of an answer that a model or a client reads is found by the walk.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test may panic, that is how it fails")]

use headgate_exchange::{Texts, answer_texts, request_texts};

const CANARY: &str = "ann@example.com";

/// Requests with `@` in the place of the canary.
#[rustfmt::skip]
static REQUESTS: &[&str] = &[
    r#"{"messages":[{"role":"system","content":"@"}]}"#,
    r#"{"messages":[{"role":"developer","content":[{"type":"text","text":"@"}]}]}"#,
    r#"{"messages":[{"role":"user","name":"@","content":"x"}]}"#,
    r#"{"messages":[{"role":"assistant","refusal":"@"}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"refusal","refusal":"@"}]}]}"#,
    r#"{"messages":[{"role":"assistant","reasoning_content":"@"}]}"#,
    r#"{"messages":[{"role":"assistant","reasoning_details":[{"type":"reasoning.text","text":"@"}]}]}"#,
    r#"{"messages":[{"role":"assistant","reasoning_details":[{"type":"reasoning.encrypted","data":"@"}]}]}"#,
    r#"{"messages":[{"role":"assistant","function_call":{"name":"f","arguments":"{\"a\":\"@\"}"}}]}"#,
    r#"{"messages":[{"role":"assistant","function_call":{"name":"@","arguments":"{}"}}]}"#,
    r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"@\":1}"}}]}]}"#,
    r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"@","type":"function","function":{"name":"f","arguments":"{}"}}]}]}"#,
    r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"call_1","type":"custom","custom":{"name":"f","input":"@"}}]}]}"#,
    r#"{"messages":[{"role":"tool","tool_call_id":"call_@","content":"x"}]}"#,
    r#"{"messages":[{"role":"tool","tool_call_id":"call_1","content":[{"type":"text","text":"@"}]}]}"#,
    r#"{"messages":[{"role":"function","name":"f","content":"@"}]}"#,
    r#"{"messages":[{"role":"@","content":"x"}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x.test/@"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:text/plain,@"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x","detail":"@"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"@","format":"wav"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"QUJD","format":"@"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"QUJD","format":"wav","transcript":"@"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"filename":"@","file_data":"QUJD"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"@"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"@","text":"x"}]}]}"#,
    r#"{"messages":[{"role":"user","content":{"@":"x"}}]}"#,
    r#"{"messages":[{"role":"user","content":[["@"]]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"content":[{"content":"@"}]}]}]}"#,
    r#"{"messages":[{"audio":{"id":"@"},"role":"assistant"}]}"#,
    r#"{"messages":{"role":"user","content":"@"}}"#,
    r#"{"messages":"@"}"#,
    r#"{"Messages":[{"Role":"user","Content":"@"}]}"#,
    r#"{"prediction":{"type":"content","content":"@"}}"#,
    r#"{"prediction":{"type":"content","content":[{"type":"text","text":"@"}]}}"#,
    r#"{"system":"@"}"#,
    r#"{"system":[{"type":"text","text":"@","cache_control":{"type":"ephemeral"}}]}"#,
    r#"{"system":[{"type":"text","text":"x","cache_control":{"type":"@"}}]}"#,
    r#"{"instructions":"@"}"#,
    r#"{"input":"@"}"#,
    r#"{"input":["@"]}"#,
    r#"{"input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"@"}]}]}"#,
    r#"{"input":[{"type":"function_call_output","call_id":"call_1","output":"@"}]}"#,
    r#"{"prompt":"@"}"#,
    r#"{"prompt":["x","@"]}"#,
    r#"{"prompt":[["@"]]}"#,
    r#"{"suffix":"@"}"#,
    r#"{"stop":"@"}"#,
    r#"{"stop":["x","@"]}"#,
    r#"{"stop_sequences":["@"]}"#,
    r#"{"logit_bias":{"@":1}}"#,
    r#"{"tool_choice":"@"}"#,
    r#"{"tool_choice":{"type":"function","function":{"name":"@"}}}"#,
    r#"{"tool_choice":{"type":"tool","name":"@"}}"#,
    r#"{"tool_choice":{"type":"@"}}"#,
    r#"{"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"@"}}]}}}"#,
    r#"{"function_call":{"name":"@"}}"#,
    r#"{"functions":[{"name":"@","parameters":{}}]}"#,
    r#"{"functions":[{"name":"f","description":"@","parameters":{}}]}"#,
    r#"{"tools":[{"type":"function","function":{"name":"f","description":"@"}}]}"#,
    r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"@":{"type":"string"}}}}}]}"#,
    r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"a":{"type":"string","enum":["@"]}}}}}]}"#,
    r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"properties":{"a":{"type":"@"}}}}}]}"#,
    r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"required":["@"]}}}]}"#,
    r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"$defs":{"@":{}}}}}]}"#,
    r##"{"tools":[{"type":"function","function":{"name":"f","parameters":{"$ref":"#/$defs/@"}}}]}"##,
    r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"title":"@","default":"x"}}}]}"#,
    r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"examples":["@"]}}}]}"#,
    r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"pattern":"@"}}}]}"#,
    r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"id":"@"}}}]}"#,
    r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"format":"@"}}}]}"#,
    r#"{"tools":[{"type":"custom","custom":{"name":"f","format":{"type":"grammar","grammar":{"syntax":"lark","definition":"@"}}}}]}"#,
    r#"{"tools":[{"name":"f","input_schema":{"properties":{"a":{"const":"@"}}}}]}"#,
    r#"{"tools":[{"name":"f","input_schema":{},"input_examples":[{"a":"@"}]}]}"#,
    r#"{"tools":[{"type":"web_search_20250305","name":"web_search","allowed_domains":["@"]}]}"#,
    r#"{"tools":[{"type":"web_search_20250305","name":"web_search","user_location":{"type":"approximate","city":"@"}}]}"#,
    r#"{"tools":[{"type":"@"}]}"#,
    r#"{"mcp_servers":[{"type":"url","url":"https://@/","name":"n"}]}"#,
    r#"{"mcp_servers":[{"type":"url","url":"https://x/","name":"@"}]}"#,
    r#"{"mcp_servers":[{"type":"url","url":"https://x/","name":"n","authorization_token":"@"}]}"#,
    r#"{"web_search_options":{"user_location":{"approximate":{"city":"@"}}}}"#,
    r#"{"response_format":{"type":"json_schema","json_schema":{"name":"@","schema":{}}}}"#,
    r#"{"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"@","schema":{}}}}"#,
    r#"{"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"title":"@"}}}}"#,
    r#"{"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"properties":{"@":{}}}}}}"#,
    r#"{"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"enum":["@"]}}}}"#,
    r#"{"response_format":{"type":"@"}}"#,
    r#"{"output_config":{"format":{"type":"json_schema","schema":{"description":"@"}}}}"#,
    r#"{"reasoning_effort":"@"}"#,
    r#"{"verbosity":"@"}"#,
    r#"{"modalities":["@"]}"#,
    r#"{"audio":{"voice":"@","format":"wav"}}"#,
    r#"{"thinking":{"type":"@"}}"#,
    r#"{"container":{"id":"@","skills":[]}}"#,
    r#"{"container":"@"}"#,
    r#"{"context_management":{"edits":[{"type":"@"}]}}"#,
    r#"{"context_management":{"edits":[{"type":"compact_20260112","instructions":"@"}]}}"#,
    r#"{"extra":{"deep":{"@":1}}}"#,
    r#"{"@":1}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"@"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"@"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"content","content":[{"type":"text","text":"@"}]}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"https://x/@"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"document","title":"@","source":{"type":"file","file_id":"x"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"document","context":"@","source":{"type":"file","file_id":"x"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"text","media_type":"@","data":"x"}}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"@"}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_@","content":"x"}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"document","source":{"type":"text","data":"@"}}]}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"tool_result","content":[{"type":"text","text":"@"}]}]}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"search_result","source":"@","title":"t","content":[]}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"search_result","source":"s","title":"t","content":[{"type":"text","text":"@"}]}]}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"@","input":{}}]}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"f","input":{"@":1}}]}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"@","signature":"s"}]}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"x","signature":"@"}]}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"redacted_thinking","data":"@"}]}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":"x","citations":[{"type":"char_location","cited_text":"@"}]}]}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"mcp_tool_use","server_name":"@","name":"f","input":{}}]}]}"#,
    r#"{"messages":[{"role":"assistant","content":[{"type":"web_search_tool_result","content":[{"type":"web_search_result","title":"@","encrypted_content":"x"}]}]}]}"#,
    r#"{"messages":[{"role":"user","content":"x","cache_control":{"type":"ephemeral","ttl":"@"}}]}"#,
    r#"{"messages":[{"role":"user","status":"@","content":"x"}]}"#,
    r#"{"messages":[{"role":"user","metadata":{"a":"@"},"content":"x"}]}"#,
    r#"{"messages":[{"role":"user","user":"@","model":"x","content":"x"}]}"#,
    r#"{"messages":[{"role":"user","model":"@","content":"x"}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"text","text":"x","logprobs":"@"}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"text","index":"@"}]}]}"#,
    r#"{"messages":[{"role":"user","content":[{"type":"text","finish_reason":"@"}]}]}"#,
    r#"{"choices":[{"finish_reason":"@"}]}"#,
    r#"{"usage":{"a":"@"}}"#,
    r#"{"metadata":{"a":"@"}}"#,
    r#"{"metadata":{"@":"a"}}"#,
    r#"{"metadata":{"user_id":"@"}}"#,
    r#"{"user":"@"}"#,
    r#"{"safety_identifier":"@"}"#,
    r#"{"prompt_cache_key":"@"}"#,
    r#"{"prompt_cache_retention":"@"}"#,
    r#"{"previous_response_id":"resp_@"}"#,
    r#"{"service_tier":"@"}"#,
    r#"{"encoding_format":"@"}"#,
    r#"{"n":"@"}"#,
    r#"{"temperature":"@"}"#,
    r#"{"stream_options":{"a":"@"}}"#,
    r#"{"plugins":[{"id":"web","search_prompt":"@"}]}"#,
];

/// Answers and events, likewise.
#[rustfmt::skip]
static ANSWERS: &[&str] = &[
    r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"@"}}]}"#,
    r#"{"choices":[{"index":0,"message":{"content":[{"type":"text","text":"@"}]}}]}"#,
    r#"{"choices":[{"index":0,"message":{"refusal":"@"}}]}"#,
    r#"{"choices":[{"index":0,"message":{"reasoning":"@"}}]}"#,
    r#"{"choices":[{"index":0,"message":{"annotations":[{"type":"url_citation","url_citation":{"url":"https://x/@","title":"t"}}]}}]}"#,
    r#"{"choices":[{"index":0,"message":{"audio":{"id":"a","transcript":"@","data":"QUJD"}}}]}"#,
    r#"{"choices":[{"index":0,"message":{"function_call":{"name":"@","arguments":"{}"}}}]}"#,
    r#"{"choices":[{"index":0,"message":{"function_call":{"name":"f","arguments":"{\"a\":\"@\"}"}}}]}"#,
    r#"{"choices":[{"index":0,"message":{"tool_calls":[{"function":{"name":"@","arguments":"{}"}}]}}]}"#,
    r#"{"choices":[{"index":0,"message":{"tool_calls":[{"type":"custom","custom":{"name":"f","input":"@"}}]}}]}"#,
    r#"{"choices":[{"index":0,"text":"@"}]}"#,
    r#"{"choices":[{"index":0,"delta":{"content":"@"}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","text":"@"}]}}]}"#,
    r#"{"choices":[{"index":0,"delta":{"images":[{"type":"image_url","image_url":{"url":"https://x/@"}}]}}]}"#,
    r#"{"choices":[{"index":0,"unknown":"@"}]}"#,
    r#"{"unknown":"@"}"#,
    r#"{"error":{"message":"@"}}"#,
    r#"{"content":[{"type":"text","text":"@"}]}"#,
    r#"{"content":[{"type":"text","text":"x","citations":[{"cited_text":"@","document_title":"t"}]}]}"#,
    r#"{"content":[{"type":"thinking","thinking":"@"}]}"#,
    r#"{"content":[{"type":"tool_use","id":"t","name":"@","input":{}}]}"#,
    r#"{"content":[{"type":"tool_use","id":"t","name":"f","input":{"@":1}}]}"#,
    r#"{"content":[{"type":"web_search_tool_result","content":[{"type":"web_search_result","title":"@"}]}]}"#,
    r#"{"content":[{"type":"code_execution_tool_result","content":{"type":"code_execution_result","stdout":"@"}}]}"#,
    r#"{"content":[],"stop_sequence":"@"}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"@","input":{}}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"@"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"@"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":\"@"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"cited_text":"@"}}}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":"stop_sequence","stop_sequence":"@"}}"#,
    r#"{"type":"error","error":{"type":"api_error","message":"@"}}"#,
];

fn shows(found: Option<Texts<'_>>) -> bool {
    found.is_some_and(|found| found.texts.iter().any(|text| text.unescaped_text().text.contains(CANARY)))
}

#[test]
fn every_place_of_a_request_is_read() {
    let bodies = REQUESTS.iter().map(|body| body.replace('@', CANARY));
    let unseen: Vec<String> = bodies.filter(|body| !shows(request_texts(body.as_bytes()))).collect();
    assert!(unseen.is_empty(), "{unseen:#?}");
}

#[test]
fn every_place_of_an_answer_is_read() {
    let bodies = ANSWERS.iter().map(|body| body.replace('@', CANARY));
    let unseen: Vec<String> = bodies.filter(|body| !shows(answer_texts(body.as_bytes()))).collect();
    assert!(unseen.is_empty(), "{unseen:#?}");
}

/// Long base64 hides nothing unless the type beside it is that of media and all of it is base64.
#[test]
fn base64_look_alikes_are_read() {
    let long = "QUJD".repeat(100);
    for value in
        [format!("{long} {CANARY}"), format!("{CANARY}{long}"), format!("data:image/png;base64,{long}={CANARY}")]
    {
        for place in [
            r#"{"type":"document","source":{"type":"base64","data":"@"}}"#,
            r#"{"type":"document","source":{"type":"text","data":"@"}}"#,
            r#"{"type":"image_url","image_url":{"url":"@"}}"#,
            r#"{"type":"input_audio","input_audio":{"data":"@"}}"#,
            r#"{"type":"file","file":{"file_data":"@"}}"#,
            r#"{"type":"thinking","thinking":"x","signature":"@"}"#,
            r#"{"type":"redacted_thinking","data":"@"}"#,
        ] {
            let body = format!(r#"{{"messages":[{{"role":"user","content":[{}]}}]}}"#, place.replace('@', &value));
            assert!(shows(request_texts(body.as_bytes())), "{body}");
        }
    }
}
