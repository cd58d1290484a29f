//! Control paths for tests, on the provider's port.
//!
//! `GET /_seen` lists the last requests with headers and body; `DELETE /_seen` removes them and resets the count of aborts.
//! `POST /_script` queues exact answers, `DELETE /_script` drops them. `GET /_aborted` counts the clients that left before
//! the end of their answer.

use crate::ledger::Ledger;
use crate::request::Request;
use crate::script::{Script, Scripted};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SEEN: usize = 1000;
const SEEN_BYTES: usize = 256 << 20;

/// State of one provider.
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) ledger: Ledger,
    inner: Mutex<State>,
}

#[derive(Default)]
struct State {
    answers: u64,
    aborted: u64,
    seen: VecDeque<Seen>,
    seen_bytes: usize,
    script: VecDeque<Scripted>,
    failures: HashMap<String, u32>,
}

struct Seen {
    number: u64,
    request: Request,
    aborted: bool,
}

impl Shared {
    pub(crate) fn new(name: String, ledger: Ledger) -> Self {
        Self { name, ledger, inner: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of the next answer.
    pub(crate) fn number(&self) -> u64 {
        let mut state = self.state();
        state.answers += 1;
        state.answers
    }

    /// Returns the next queued answer.
    pub(crate) fn scripted(&self) -> Option<Scripted> {
        self.state().script.pop_front()
    }

    /// Counts a request for this name, and returns the number of earlier ones.
    pub(crate) fn failures(&self, model: &str) -> u32 {
        let mut state = self.state();
        let count = state.failures.entry(model.to_owned()).or_default();
        *count = count.saturating_add(1);
        count.saturating_sub(1)
    }

    /// Keeps a request, and drops the oldest when there are too many or too large ones.
    pub(crate) fn see(&self, number: u64, request: Request) {
        let mut state = self.state();
        state.seen_bytes += request.body.len();
        state.seen.push_back(Seen { number, request, aborted: false });
        while state.seen.len() > SEEN || (state.seen_bytes > SEEN_BYTES && state.seen.len() > 1) {
            let gone = state.seen.pop_front().map_or(0, |seen| seen.request.body.len());
            state.seen_bytes -= gone;
        }
    }

    /// Notes that the client left before the end of the answer.
    pub(crate) fn aborted(&self, number: u64) {
        let mut state = self.state();
        state.aborted += 1;
        if let Some(seen) = state.seen.iter_mut().rev().find(|seen| seen.number == number) {
            seen.aborted = true;
        }
    }

    /// Returns status and body of a control request, or `None` for a request to the provider.
    pub(crate) fn control(&self, request: &Request) -> Option<(u16, Value)> {
        let mut state = self.state();
        Some(match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/_seen") => (200, state.seen.iter().map(Seen::json).collect()),
            ("DELETE", "/_seen") => {
                (state.seen, state.seen_bytes, state.aborted) = Default::default();
                (200, json!({}))
            }
            ("GET", "/_aborted") => (200, json!({"aborted": state.aborted})),
            ("POST", "/_script") => match serde_json::from_slice::<Script>(&request.body) {
                Ok(script) => {
                    state.script.extend(script.responses);
                    (200, json!({"queued": state.script.len()}))
                }
                Err(error) => (400, json!({"error": error.to_string()})),
            },
            ("DELETE", "/_script") => {
                state.script.clear();
                (200, json!({}))
            }
            (_, path) if path.starts_with("/_") => (404, json!({"error": "no such control path"})),
            _ => return None,
        })
    }
}

impl Seen {
    fn json(&self) -> Value {
        let body = &self.request.body;
        json!({
            "number": self.number,
            "method": self.request.method,
            "path": self.request.path,
            "headers": self.request.headers,
            "body_base64": STANDARD.encode(body),
            "body_length": body.len(),
            "aborted": self.aborted,
        })
    }
}
