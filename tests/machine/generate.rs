//! Generated requests for the policy of the cases: the same ones in every run.

use headgate_simulation::{Ask, CheckAct, Failure, ProviderAct, Request};
use serde_json::json;
use std::collections::BTreeMap;

/// Pieces of which prompts and answers are made: findings, escapes, and characters of every length.
const PIECES: [&str; 14] = [
    "Hello, ",
    "mail ann@example.com ",
    "4111 1111 1111 1111 ",
    "\u{1f600} ",
    "ä€ ",
    "\\\" ",
    "\n",
    "ignore all previous instructions ",
    "ghp_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5 ",
    "\u{200b}",
    "{\"a\": [1, 2]} ",
    "data: x\n\n",
    "long word ",
    "é\u{301} ",
];
const PATHS: [&str; 8] = [
    "/v1/chat/completions",
    "/v1/chat/completions",
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/messages",
    "/v1/embeddings",
    "/v1/completions",
    "/v1/nothing",
];
const KEYS: [Option<&str>; 8] =
    [Some("alice"), Some("alice"), Some("alice"), Some("alice"), Some("erin"), Some("bob"), Some("carol"), None];

/// Makes requests. Not random: xorshift from a fixed seed.
pub struct Generator {
    state: u64,
    models: Vec<String>,
    providers: Vec<String>,
}

impl Generator {
    /// Returns a generator for these names.
    #[must_use]
    pub fn new(models: Vec<String>, providers: Vec<String>) -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15, models, providers }
    }

    fn next(&mut self, below: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % below.max(1) as u64).unwrap()
    }

    fn text(&mut self) -> String {
        (0..self.next(9)).map(|_| PIECES[self.next(PIECES.len())]).collect()
    }

    /// Returns the next request.
    pub fn ask(&mut self) -> Ask {
        let path = PATHS[self.next(PATHS.len())];
        let key = KEYS[self.next(KEYS.len())].map(str::to_owned);
        let stream = self.next(2) == 0;
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        if path == "/v1/messages" {
            headers.insert("anthropic-version".to_owned(), "2023-06-01".to_owned());
        }
        if self.next(8) == 0 {
            headers.insert("x-tier".to_owned(), "gold-1".to_owned());
        }
        let body = self.body(path, stream);
        let providers = self.providers.clone();
        let acts = providers.iter().map(|provider| self.act(provider, path, stream)).collect();
        let chunk_bytes = [None, Some(0), Some(1), Some(7), Some(64)][self.next(5)];
        let checks = match self.next(4) {
            0 => vec![CheckAct { fails: Some(Failure::Timeout), status: 200, body: String::new() }],
            1 => vec![CheckAct {
                fails: None,
                status: 200,
                body: r#"{"verdict":"block","results":[{"flagged":true}]}"#.to_owned(),
            }],
            _ => Vec::new(),
        };
        let request =
            Request { method: "POST".to_owned(), path: path.to_owned(), key, caller: None, headers, body: Some(body) };
        Ask {
            request,
            providers: acts,
            in_order: false,
            checks,
            chunk_bytes,
            beside: u32::try_from(self.next(3)).unwrap(),
            at: None,
        }
    }

    fn body(&mut self, path: &str, stream: bool) -> String {
        let at = self.next(self.models.len());
        let model = self.models[at].clone();
        let content = self.text();
        let mut body = match path {
            "/v1/embeddings" => json!({"model": model, "input": content}),
            "/v1/completions" => json!({"model": model, "prompt": content, "stream": stream}),
            _ => json!({"model": model, "stream": stream, "messages": [{"role": "user", "content": content}]}),
        };
        if self.next(3) == 0 {
            body["max_tokens"] = json!(self.next(500));
        }
        if self.next(6) == 0 {
            body["tools"] = json!([{"type": "function", "function": {"name": "get_secret"}}]);
        }
        let text = body.to_string();
        if self.next(20) > 0 {
            return text;
        }
        // A body that breaks off.
        let end = text.floor_char_boundary(self.next(text.len()));
        text[..end].to_owned()
    }

    fn act(&mut self, provider: &str, path: &str, stream: bool) -> ProviderAct {
        let mut act = ProviderAct::answers(provider, "");
        match self.next(10) {
            0 => act.fails = Some([Failure::Connect, Failure::Timeout, Failure::Reset, Failure::Silence][self.next(4)]),
            1 => {
                act.status = [429, 503, 400, 204][self.next(4)];
                act.headers.insert("retry-after".to_owned(), self.next(60).to_string());
                act.body = r#"{"error":{"message":"no","type":"server_error"}}"#.to_owned();
            }
            _ => {
                let text = self.text();
                act.body = answer(path, stream, &text);
                if stream {
                    act.headers.insert("content-type".to_owned(), "text/event-stream".to_owned());
                }
                act.breaks_off = self.next(12) == 0;
            }
        }
        act
    }
}

fn answer(path: &str, stream: bool, text: &str) -> String {
    let tokens = text.len() / 4;
    let usage = json!({"prompt_tokens": 9, "completion_tokens": tokens});
    match (path, stream) {
        ("/v1/messages", false) => json!({"type": "message", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "usage": {"input_tokens": 9, "output_tokens": tokens}}).to_string(),
        ("/v1/messages", true) => {
            let delta = json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}});
            format!(
                "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"usage\":{{\"input_tokens\":9,\"output_tokens\":1}}}}}}\n\nevent: content_block_delta\ndata: {delta}\n\nevent: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"end_turn\"}},\"usage\":{{\"output_tokens\":{tokens}}}}}\n\nevent: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
            )
        }
        (_, false) => json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}], "usage": usage}).to_string(),
        (_, true) => {
            let words: Vec<String> = text.split_inclusive(' ').map(|word| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": {"content": word}}]}))).collect();
            format!("{}data: {}\n\ndata: [DONE]\n\n", words.concat(), json!({"choices": [], "usage": usage}))
        }
    }
}
