//! The bytes that the provider sends, read by a plain client.

use serde_json::{Value, json};
use std::error::Error;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

struct Provider {
    child: Child,
    address: String,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn start(extra: &[&str]) -> Outcome<Provider> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headgate-mock-provider"));
    let mut child = command.args(["--name", "alpha"]).args(extra).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
    let address = line.trim().rsplit_once("http://").ok_or("no address")?.1.to_owned();
    Ok(Provider { child, address })
}

struct Answer {
    head: String,
    body: Vec<u8>,
    /// The end of reading, if it was not a clean one.
    broken: Option<ErrorKind>,
}

impl Answer {
    fn json(&self) -> Outcome<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Provider {
    fn send(&self, method: &str, path: &str, body: &str) -> Outcome<Answer> {
        let mut stream = TcpStream::connect(&self.address)?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut raw = Vec::new();
        let broken = stream.read_to_end(&mut raw).err().map(|e| e.kind());
        let at = raw.windows(4).position(|w| w == b"\r\n\r\n").map_or(raw.len(), |at| at + 4);
        let body = raw.split_off(at);
        let head = String::from_utf8_lossy(&raw).into_owned();
        let body = if head.contains("chunked") { unchunk(&body).0 } else { body };
        Ok(Answer { head, body, broken })
    }

    fn chat(&self, body: &Value) -> Outcome<Answer> {
        self.send("POST", "/any/v1/chat/completions", &body.to_string())
    }

    fn json(&self, method: &str, path: &str, body: &Value) -> Outcome<Value> {
        self.send(method, path, &body.to_string())?.json()
    }
}

/// Returns the body and the number of its chunks.
fn unchunk(mut rest: &[u8]) -> (Vec<u8>, usize) {
    let (mut body, mut chunks) = (Vec::new(), 0);
    while let Some(line) = rest.windows(2).position(|w| w == b"\r\n") {
        let (digits, after) = rest.split_at(line);
        let size = std::str::from_utf8(digits).ok().and_then(|d| usize::from_str_radix(d, 16).ok()).unwrap_or(0);
        let Some((data, next)) = after.get(2..).and_then(|a| a.split_at_checked(size)).filter(|_| size > 0) else {
            break;
        };
        body.extend_from_slice(data);
        chunks += 1;
        rest = next.get(2..).unwrap_or_default();
    }
    (body, chunks)
}

fn events(text: &str) -> Vec<Value> {
    let data = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

#[test]
fn json_answers_have_model_and_usage() -> Outcome {
    let answer = start(&[])?.chat(&json!({"model": "gpt-5.2", "messages": []}))?;
    assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n") && answer.head.contains("x-request-id: req_alpha_1\r\n"));
    let body = answer.json()?;
    assert_eq!(body["model"], "gpt-5.2");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 4);
    assert_eq!(body["usage"]["completion_tokens_details"]["reasoning_tokens"], 2);
    Ok(())
}

#[test]
fn a_stream_reports_usage_only_when_asked() -> Outcome {
    let provider = start(&[])?;
    let mut request = json!({"model": "ok", "stream": true, "messages": []});
    let plain = provider.chat(&request)?.text();
    assert!(plain.ends_with("data: [DONE]\n\n") && !plain.contains("usage"));
    request["stream_options"] = json!({"include_usage": true});
    let chunks = events(&provider.chat(&request)?.text());
    let (last, others) = chunks.split_last().ok_or("no events")?;
    assert_eq!((&last["choices"], &last["usage"]["total_tokens"]), (&json!([]), &json!(18)));
    assert!(others.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some()));
    Ok(())
}

#[test]
fn offered_tools_are_called() -> Outcome {
    let provider = start(&[])?;
    let mut request = json!({"model": "ok", "tools": [{"type": "function", "function": {"name": "weather"}}]});
    let message = provider.chat(&request)?.json()?["choices"][0]["message"]["tool_calls"][0]["function"].clone();
    request["stream"] = json!(true);
    let pieces: Vec<Value> = events(&provider.chat(&request)?.text());
    let function = |chunk: &Value| chunk["choices"][0]["delta"]["tool_calls"][0]["function"].clone();
    let arguments: String =
        pieces.iter().filter_map(|c| function(c)["arguments"].as_str().map(str::to_owned)).collect();
    assert_eq!((&message["name"], &message["arguments"]), (&json!("weather"), &json!(arguments)));
    Ok(())
}

#[test]
fn messages_have_anthropic_format() -> Outcome {
    let provider = start(&[])?;
    let message = |body: Value| provider.send("POST", "/anthropic/v1/messages", &body.to_string());
    let whole = message(json!({"model": "ok", "messages": []}))?;
    assert!(whole.head.contains("request-id: req_alpha_") && !whole.head.contains("x-request-id"));
    let json = whole.json()?;
    assert_eq!((&json["model"], &json["stop_reason"]), (&json!("ok"), &json!("end_turn")));
    assert_eq!(json["usage"]["input_tokens"], 5);
    let text = message(json!({"model": "ok", "stream": true, "tools": [{"name": "weather"}]}))?.text();
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    let delta = "content_block_delta";
    let expected = [
        "message_start",
        "content_block_start",
        "ping",
        delta,
        delta,
        delta,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected);
    assert!(text.contains(r#""usage":{"output_tokens":7,"#) && text.contains(r#""stop_reason":"tool_use""#));
    let error = message(json!({"model": "status-529"}))?;
    assert_eq!(error.json()?["error"]["type"], "overloaded_error");
    let counted = provider.json("POST", "/v1/messages/count_tokens", &json!({"model": "ok"}))?;
    assert_eq!(counted, json!({"input_tokens": 11}));
    Ok(())
}

#[test]
fn misbehaviours_match_their_names() -> Outcome {
    let provider = start(&[])?;
    let ask = |model: &str| provider.chat(&json!({"model": model}));
    let limited = ask("status-429-retry-after-7")?;
    assert!(limited.head.starts_with("HTTP/1.1 429 ") && limited.head.contains("retry-after: 7\r\n"));
    assert_eq!(limited.json()?["error"]["code"], "rate_limit_exceeded");
    assert_eq!(ask("reset-before")?.broken, Some(ErrorKind::ConnectionReset));
    let closed = ask("close-before")?;
    assert_eq!((closed.head.as_str(), closed.broken), ("", None));
    let half = ask("half-json")?;
    assert!(half.json().is_err() && !half.head.contains(&format!("content-length: {}\r\n", half.body.len())));
    let honest = ask("half-json-ok")?;
    assert!(honest.json().is_err() && honest.head.contains(&format!("content-length: {}\r\n", honest.body.len())));
    assert!(ask("garbage")?.json().is_err());
    assert!(!ask("garbage-http")?.head.starts_with("HTTP"));
    assert!(ask("gzip")?.body.starts_with(&[0x1f, 0x8b]));
    assert!(ask("no-usage")?.json()?.get("usage").is_none());
    assert!(ask("big-100")?.body.len() > 100 << 10);
    assert!(ask("huge-header")?.head.len() > 70 << 10);
    Ok(())
}

#[test]
fn resets_come_after_three_chunks() -> Outcome {
    let answer = start(&[])?.chat(&json!({"model": "reset-mid-stream", "stream": true}))?;
    assert_eq!(answer.broken, Some(ErrorKind::ConnectionReset));
    assert_eq!(events(&answer.text()).len(), 3);
    Ok(())
}

#[test]
fn a_flaky_model_fails_its_number_of_times() -> Outcome {
    let provider = start(&[])?;
    let status =
        || Ok::<_, Box<dyn Error>>(provider.chat(&json!({"model": "flaky-2"}))?.head.get(9..12).map(str::to_owned));
    let seen = [status()?, status()?, status()?, status()?];
    assert_eq!(seen.map(Option::unwrap_or_default), ["503", "503", "200", "200"]);
    Ok(())
}

#[test]
fn scripted_answers_come_first_and_byte_for_byte() -> Outcome {
    let provider = start(&[])?;
    let chunks = json!(["data: {\"a\":", {"base64": "4pw="}, {"base64": "kw=="}, "}\n\n"]);
    let script = json!({"responses": [{"status": 201, "headers": {"x-a": "b"}, "chunks": chunks}, {"body": "half", "then": "reset"}]});
    assert_eq!(provider.json("POST", "/_script", &script)?["queued"], 2);
    let first = provider.chat(&json!({"model": "status-500"}))?;
    assert!(first.head.starts_with("HTTP/1.1 201 ") && first.head.contains("x-a: b\r\n"));
    assert_eq!(first.text(), "data: {\"a\":\u{2713}}\n\n");
    let second = provider.chat(&json!({"model": "ok"}))?;
    assert_eq!((second.text().as_str(), second.broken), ("half", Some(ErrorKind::ConnectionReset)));
    assert!(provider.chat(&json!({"model": "status-500"}))?.head.starts_with("HTTP/1.1 500 "));
    Ok(())
}

#[test]
fn requests_are_seen_as_they_came_in_chunks_too() -> Outcome {
    let provider = start(&[])?;
    let mut stream = TcpStream::connect(&provider.address)?;
    let chunked = "POST /v1/embeddings HTTP/1.1\r\nHost: a\r\nX-Twice: 1\r\nX-Twice: 2\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5\r\n{\"mod\r\nb\r\nel\":\"e\"}   \r\n0\r\n\r\n";
    stream.write_all(chunked.as_bytes())?;
    stream.read_exact(&mut [0; 12])?;
    let seen = provider.json("GET", "/_seen", &json!(null))?;
    assert_eq!(seen[0]["body_base64"], "eyJtb2RlbCI6ImUifSAgIA==");
    assert_eq!(seen[0]["headers"][2], json!(["X-Twice", "2"]));
    assert_eq!(provider.json("DELETE", "/_seen", &json!(null))?, json!({}));
    assert_eq!(provider.json("GET", "/_seen", &json!(null))?, json!([]));
    Ok(())
}

#[test]
fn a_client_that_leaves_in_mid_stream_is_counted() -> Outcome {
    let provider = start(&[])?;
    let body = r#"{"model":"stream-500-delay-5","stream":true}"#;
    let mut stream = TcpStream::connect(&provider.address)?;
    write!(stream, "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len())?;
    stream.read_exact(&mut [0; 12])?;
    drop(stream);
    while provider.json("GET", "/_aborted", &json!(null))?["aborted"] == 0 {
        std::thread::yield_now();
    }
    assert_eq!(provider.json("GET", "/_seen", &json!(null))?[0]["aborted"], true);
    Ok(())
}

#[test]
fn pipelined_requests_are_answered_in_order() -> Outcome {
    let provider = start(&[])?;
    let body = r#"{"model":"first"}"#;
    let one = format!("POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let two = one.replace("first", "other").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
    let mut stream = TcpStream::connect(&provider.address)?;
    stream.write_all((one + &two).as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    assert!(text.find(r#""model": "first""#).ok_or("first")? < text.find(r#""model": "other""#).ok_or("other")?);
    Ok(())
}

#[test]
fn the_fast_provider_answers_json_and_streams() -> Outcome {
    let provider = start(&["--fast"])?;
    assert_eq!(provider.chat(&json!({"model": "x"}))?.json()?["object"], "chat.completion");
    let request = json!({"model": "stream-50-delay-1", "stream": true, "stream_options": {"include_usage": true}});
    let chunks = events(&provider.chat(&request)?.text());
    assert_eq!((chunks.len(), &chunks[52]["usage"]["total_tokens"]), (53, &json!(18)));
    Ok(())
}

#[test]
fn fast_provider_reads_chunked_bodies() -> Outcome {
    let provider = start(&["--fast"])?;
    let text = "x".repeat(300_000);
    let chunk = format!(r#"{{"messages":"{text}","#);
    let last = r#""stream": true}"#;
    let mut stream = TcpStream::connect(&provider.address)?;
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         {:x}\r\n{chunk}\r\n{:x}\r\n{last}\r\n0\r\n\r\n",
        chunk.len(),
        last.len()
    )?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw)?;
    assert!(String::from_utf8(raw)?.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
    Ok(())
}
