//! Exact answers that a test queues: status, headers, a body or exact chunks, and the end of the connection.
//!
//! `{"responses":[{"status":200,"headers":{"content-type":"text/event-stream"},"chunks":["data: a\n\n",{"base64":"/w=="}],
//! "delay_ms":5,"chunk_delay_ms":2,"then":"reset"}]}`. All fields are optional. A body is framed by its length, chunks as a
//! chunked body with one write each. Headers that frame the message are used as given.

use crate::steps::{LAST_CHUNK, Step, chunk, head};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// `POST /_script`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    pub(crate) responses: Vec<Scripted>,
}

/// One answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scripted {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Bytes>,
    #[serde(default)]
    chunks: Option<Vec<Bytes>>,
    /// Delay before the first byte.
    #[serde(default)]
    delay_ms: u64,
    /// Delay between chunks, so that each arrives separately.
    #[serde(default = "chunk_delay")]
    chunk_delay_ms: u64,
    /// Whether nothing is written: only the delay and `then` take effect.
    #[serde(default)]
    silent: bool,
    /// The end of the connection, instead of keeping it open; a chunked body then has no end.
    #[serde(default)]
    then: Option<Then>,
}

/// Text, or `{"base64":"…"}` for other bytes, such as half a character.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Base64 { base64: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Then {
    Close,
    Reset,
    Hang,
}

fn ok() -> u16 {
    200
}

fn chunk_delay() -> u64 {
    2
}

impl Bytes {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Base64 { base64 } => STANDARD.decode(base64).unwrap_or_default(),
        }
    }
}

impl Scripted {
    pub(crate) fn steps(&self) -> Vec<Step> {
        let mut steps = vec![Step::Pause(Duration::from_millis(self.delay_ms))];
        match &self.chunks {
            _ if self.silent => {}
            Some(chunks) => self.chunked(chunks, &mut steps),
            None => self.whole(&mut steps),
        }
        let pause = Step::Pause(Duration::from_millis(self.chunk_delay_ms.max(20)));
        match self.then {
            Some(Then::Close) => steps.push(Step::Close),
            Some(Then::Reset) => steps.extend([pause, Step::Reset]),
            Some(Then::Hang) => steps.push(Step::Hang),
            None => {}
        }
        steps
    }

    fn whole(&self, steps: &mut Vec<Step>) {
        let body = self.body.as_ref().map(Bytes::bytes).unwrap_or_default();
        let head = self.head(("content-length", body.len().to_string()));
        steps.push(Step::Write([head, body].concat()));
    }

    fn chunked(&self, chunks: &[Bytes], steps: &mut Vec<Step>) {
        steps.push(Step::Write(self.head(("transfer-encoding", "chunked".into()))));
        for bytes in chunks {
            steps.push(Step::Pause(Duration::from_millis(self.chunk_delay_ms)));
            steps.push(Step::Write(chunk(&bytes.bytes())));
        }
        if self.then.is_none() {
            steps.push(Step::Write(LAST_CHUNK.into()));
        }
    }

    fn head(&self, framing: (&str, String)) -> Vec<u8> {
        let mut headers: Vec<(String, String)> = self.headers.clone().into_iter().collect();
        if !headers.iter().any(|(n, _)| ["content-length", "transfer-encoding"].contains(&n.to_lowercase().as_str())) {
            headers.push((framing.0.into(), framing.1));
        }
        head(self.status, &headers)
    }
}
