//! The collector, as `apply`, `diff` and `rollback` speak to it.
//!
//! Its token is read from an environment variable and never taken as an argument, where every user of the machine could see
//! it. What the collector says is shown without what a terminal would obey.

mod answer;

pub(super) use answer::{Outcome, Planes, Refusal, Revision};

use super::{CONFLICT, Failure, Stop, say};
use clap::Args;
use headgate::{http, scalar};
use serde::de::DeserializeOwned;
use std::time::Duration;
use ureq::http::Request;

/// Longest time for one call: a very large policy is checked and written within it.
const CALL_TIME: Duration = Duration::from_secs(120);
/// Largest answer, bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// Calls that find the collector busy, in a row, before that is a failure.
const BUSY_TRIES: u32 = 5;
const BUSY_PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Connection {
    /// Address of the collector.
    #[arg(long, value_name = "URL")]
    collector: String,
    /// Environment variable with a token of role admin or owner.
    #[arg(long, value_name = "NAME", default_value = "HEADGATE_TOKEN")]
    token_env: String,
}

/// Speaks to the collector.
#[derive(Debug)]
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    authorization: String,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Number of the revision that the answer is about.
    pub(super) number: Option<i64>,
    pub(super) body: Vec<u8>,
}

impl Connection {
    pub(super) fn open(&self) -> Result<Client, Failure> {
        let address = scalar::url(&self.collector)
            .map_err(|wrong| format!("--collector: {}; write `https://host[:port][/path]`\n", wrong.message))?;
        let name = &self.token_env;
        let token = std::env::var(name).unwrap_or_default();
        if token.trim().is_empty() {
            return Err(format!(
                "{name} is not set: it holds a token of role admin or owner, which `headgate-collector token new --role admin` \
                 makes. --token-env names another variable.\n"
            ));
        }
        if address.is_exposed() {
            say("warning: the token and the policy travel to the collector in clear; use https://\n");
        }
        let scheme = if address.tls { "https" } else { "http" };
        Ok(Client {
            agent: http::agent(concat!("headgate/", env!("CARGO_PKG_VERSION")), CALL_TIME),
            url: format!("{scheme}://{}{}", address.authority, address.path),
            authorization: format!("Bearer {}", token.trim()),
        })
    }
}

impl Client {
    /// Reads.
    pub(super) fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.call("GET", path, None, "application/json", &[])
    }

    /// Changes what was made from the revision `base`; 0 for the first.
    pub(super) fn change(&self, method: &str, path: &str, base: i64, body: &Body<'_>) -> Result<Answer, Failure> {
        let condition = if base == 0 { ("if-none-match", "*".to_owned()) } else { ("if-match", format!("\"{base}\"")) };
        self.call(method, path, Some(condition), body.media_type, body.bytes)
    }

    fn call(
        &self,
        method: &str,
        path: &str,
        condition: Option<(&str, String)>,
        media_type: &str,
        body: &[u8],
    ) -> Result<Answer, Failure> {
        let mut tries = 0;
        loop {
            let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
            request = request.header("authorization", &self.authorization).header("content-type", media_type);
            if let Some((name, value)) = &condition {
                request = request.header(*name, value);
            }
            let request = request.body(body).map_err(|error| format!("the request cannot be made: {error}\n"))?;
            let answer = self.agent.run(request).map_err(|error| self.unreachable(method, &error))?;
            tries += 1;
            if answer.status() != 503 || tries >= BUSY_TRIES {
                return self.read(method, answer);
            }
            std::thread::sleep(BUSY_PAUSE);
        }
    }

    fn read(&self, method: &str, mut answer: ureq::http::Response<ureq::Body>) -> Result<Answer, Failure> {
        let tag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok());
        let number = tag.and_then(|tag| tag.trim_matches('"').parse().ok());
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let body = body.map_err(|error| self.unreachable(method, &error))?;
        Ok(Answer { status: answer.status().as_u16(), number, body })
    }

    fn unreachable(&self, method: &str, error: &ureq::Error) -> Failure {
        let sent = if method == "GET" {
            "Nothing was changed."
        } else {
            "Whether it took the change is not known. Run the same command again: what is in force already is not done twice."
        };
        format!("the collector at {} does not answer: {error}. {sent}\n", self.url)
    }
}

/// What is sent.
#[derive(Debug)]
pub(super) struct Body<'a> {
    pub(super) media_type: &'a str,
    pub(super) bytes: &'a [u8],
}

impl Answer {
    /// The body of an answer that says yes.
    pub(super) fn good<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        if self.status != 200 {
            return Err(self.refusal().into());
        }
        serde_json::from_slice(&self.body).map_err(|_| {
            Stop::from(
                "the collector's answer cannot be read: is it a headgate-collector of this version?\n".to_owned(),
            )
        })
    }

    pub(super) fn refusal(&self) -> Refusal {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| Refusal::of_status(self.status))
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        let code = if refusal.is_conflict() { CONFLICT } else { 1 };
        Self { text: refusal.text(), code }
    }
}
