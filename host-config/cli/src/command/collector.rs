//! The client of the collector for `apply`, `diff` and `rollback`.
//!
//! Its token is read from an environment variable and never taken as an argument, where every user of the machine could
//! see it. Text from the collector is printed without characters that control a terminal.

mod answer;

use answer::Refusal;
pub(super) use answer::{Outcome, Planes, Revision};

use crate::exit::{CONFLICT, Failure, Stop};
use crate::output::say;
use clap::Args;
use headgate_config::scalar;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io::ErrorKind;
use std::time::Duration;
use ureq::http::{HeaderValue, Request};

/// Longest time for one call: a very large policy is checked and written within it.
const CALL_TIME: Duration = Duration::from_secs(120);
/// Largest answer, bytes.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// Number of busy answers in a row after which a call fails.
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

/// The reason for a change, for the audit log of the collector.
#[derive(Debug, Args)]
pub(super) struct Justification {
    /// The reason for this change, for the audit log.
    #[arg(long, value_name = "TEXT", value_parser = visible)]
    reason: Option<String>,
    /// The ticket or change request of this change, for the audit log.
    #[arg(long, value_name = "TEXT", value_parser = visible)]
    ticket: Option<String>,
    /// The person who approved this change, for the audit log.
    #[arg(long, value_name = "TEXT", value_parser = visible)]
    approved_by: Option<String>,
}

impl Justification {
    fn headers(&self) -> Vec<(&'static str, HeaderValue)> {
        let all = [
            ("x-headgate-reason", &self.reason),
            ("x-headgate-ticket", &self.ticket),
            ("x-headgate-approved-by", &self.approved_by),
        ];
        let header = |text: &String| HeaderValue::from_bytes(text.as_bytes()).ok();
        all.into_iter().filter_map(|(name, text)| Some((name, header(text.as_ref()?)?))).collect()
    }
}

/// Checks a text that goes into a header and is shown on pages.
fn visible(text: &str) -> Result<String, String> {
    if text.chars().count() > 256 || text.chars().any(char::is_control) {
        return Err("it must have at most 256 characters, and no control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// A client of the collector.
#[derive(Debug)]
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    authorization: String,
    /// The reason for changes.
    justification: Vec<(&'static str, HeaderValue)>,
    /// The variable of the token.
    token_env: String,
}

/// An answer of the collector.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Number of the revision that the answer is about.
    pub(super) number: Option<i64>,
    pub(super) body: Vec<u8>,
    /// Advice for a refusal.
    hint: String,
}

impl Connection {
    pub(super) fn open(&self) -> Result<Client, Stop> {
        let address = scalar::url(&self.collector).map_err(|wrong| {
            Stop::of_arguments(format!("--collector: {}; write `https://host[:port][/path]`\n", wrong.message))
        })?;
        let name = &self.token_env;
        let token = std::env::var(name).unwrap_or_default();
        if token.trim().is_empty() {
            return Err(format!(
                "{name} is not set. Set it to a token with role admin or owner, from `headgate-collector token new --role admin`; \
                 --token-env names another variable.\n"
            )
            .into());
        }
        if !token.trim().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "{name} is not a token: it contains spaces or other characters that no token has. Set it again.\n"
            )
            .into());
        }
        if address.is_exposed() {
            say("warning: the token and the policy are sent to the collector without encryption; use https://\n");
        }
        let scheme = if address.tls { "https" } else { "http" };
        Ok(Client {
            agent: headgate_http_client::agent(concat!("headgate/", env!("CARGO_PKG_VERSION")), CALL_TIME),
            url: format!("{scheme}://{}{}", address.authority, address.path),
            authorization: format!("Bearer {}", token.trim()),
            justification: Vec::new(),
            token_env: name.clone(),
        })
    }
}

impl Client {
    /// Returns the client that states this reason for its changes.
    pub(super) fn stating(self, justification: &Justification) -> Self {
        Self { justification: justification.headers(), ..self }
    }

    /// Sends a request that reads.
    pub(super) fn get(&self, path: &str) -> Result<Answer, Failure> {
        let nothing = Body { media_type: "application/json", bytes: &[], may_change: false };
        self.call("GET", path, None, &nothing)
    }

    /// Sends a change that was made from the revision `base`; 0 for the first.
    pub(super) fn change(&self, method: &str, path: &str, base: i64, body: &Body<'_>) -> Result<Answer, Failure> {
        let condition = if base == 0 { ("if-none-match", "*".to_owned()) } else { ("if-match", format!("\"{base}\"")) };
        self.call(method, path, Some(condition), body)
    }

    fn call(
        &self,
        method: &str,
        path: &str,
        condition: Option<(&str, String)>,
        body: &Body<'_>,
    ) -> Result<Answer, Failure> {
        let mut tries = 0;
        loop {
            let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
            request = request.header("authorization", &self.authorization).header("content-type", body.media_type);
            if let Some((name, value)) = &condition {
                request = request.header(*name, value);
            }
            for (name, value) in self.justification.iter().filter(|_| body.may_change) {
                request = request.header(*name, value);
            }
            let request = request.body(body.bytes).map_err(|error| format!("the request cannot be made: {error}\n"))?;
            let answer = self.agent.run(request).map_err(|error| self.unreachable(body.may_change, &error))?;
            tries += 1;
            if answer.status() != 503 || tries >= BUSY_TRIES {
                return self.read(body.may_change, answer);
            }
            std::thread::sleep(BUSY_PAUSE);
        }
    }

    fn read(&self, may_change: bool, mut answer: ureq::http::Response<ureq::Body>) -> Result<Answer, Failure> {
        let tag = answer.headers().get("etag").and_then(|tag| tag.to_str().ok());
        let number = tag.and_then(|tag| tag.trim_matches('"').parse().ok());
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec();
        let body = body.map_err(|error| self.unreachable(may_change, &error))?;
        let status = answer.status().as_u16();
        Ok(Answer { status, number, body, hint: self.hint(status) })
    }

    fn hint(&self, status: u16) -> String {
        match status {
            401 | 403 => format!("The token was taken from {}; --token-env names another variable.\n", self.token_env),
            _ => String::new(),
        }
    }

    fn unreachable(&self, may_change: bool, error: &ureq::Error) -> Failure {
        let sent = if may_change && !never_arrived(error) {
            "It is not known whether the change was made. Run the same command again; it does not make the change twice."
        } else {
            "Nothing was changed. Check that it runs, and that --collector is its address, with https:// if it uses TLS."
        };
        format!("the collector at {} does not answer: {error}. {sent}\n", self.url)
    }
}

/// Returns whether the request certainly did not reach the collector.
fn never_arrived(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => true,
        ureq::Error::Io(error) => error.kind() == ErrorKind::ConnectionRefused,
        _ => false,
    }
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct Body<'a> {
    pub(super) media_type: &'a str,
    pub(super) bytes: &'a [u8],
    /// Whether the request can change anything.
    pub(super) may_change: bool,
}

impl Answer {
    /// Parses the body of a successful answer.
    pub(super) fn good<T: DeserializeOwned>(&self) -> Result<T, Stop> {
        if self.status != 200 {
            return Err(self.refused());
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

    /// Returns the body, for a program.
    pub(super) fn json(&self) -> String {
        serde_json::from_slice::<Value>(&self.body).map_or_else(|_| "null\n".to_owned(), |body| format!("{body:#}\n"))
    }

    /// Returns the refusal and its remedy.
    pub(super) fn refused(&self) -> Stop {
        let refusal = self.refusal();
        let nowhere = "Check that --collector is its address, without the path of a route.\n";
        let hint = if refusal.is_nowhere() { nowhere } else { &self.hint };
        let code = if refusal.is_conflict() { CONFLICT } else { 1 };
        Stop { text: format!("{}{hint}", refusal.text()), code }
    }
}
