//! The case file: a client's request, the behaviour of each provider, and the expected outcome.

use crate::worker::made_up_key;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// The request of the client.
    pub request: Request,
    /// The answers of the providers, one act per try, in order.
    #[serde(default)]
    pub providers: Vec<ProviderAct>,
    /// The answers of external checks, in the order of the guardrails.
    #[serde(default)]
    pub checks: Vec<CheckAct>,
    /// The expected outcome.
    pub expect: Expect,
    /// When the request is made, s since the Unix epoch.
    #[serde(default)]
    pub at: Option<u64>,
    /// The reason, if this case cannot run through a real Envoy.
    #[serde(default)]
    pub machine_only: Option<String>,
}

/// The client's request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Default `POST`.
    #[serde(default = "post")]
    pub method: String,
    /// Default `/v1/chat/completions`.
    #[serde(default = "chat")]
    pub path: String,
    /// Id of a key of the policy. In its place `hg-test-ID` is sent, a made-up key whose hash the copy of the policy has; null
    /// sends none.
    #[serde(default = "alice")]
    pub key: Option<String>,
    /// The name of the caller that the proxy tells, where callers are known by a token or a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The exact bytes; without it there is no body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Request {
    /// Returns its headers: those of the case, the key and the length.
    #[must_use]
    pub fn fields(&self) -> Vec<(String, String)> {
        let mut fields: Vec<_> = self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        fields
            .extend(self.key.as_ref().map(|key| ("authorization".to_owned(), format!("Bearer {}", made_up_key(key)))));
        fields.extend(self.body.as_ref().map(|body| ("content-length".to_owned(), body.len().to_string())));
        fields
    }
}

fn post() -> String {
    "POST".to_owned()
}

fn chat() -> String {
    "/v1/chat/completions".to_owned()
}

#[allow(clippy::unnecessary_wraps, reason = "a default for an Option")]
fn alice() -> Option<String> {
    Some("alice".to_owned())
}

/// The behaviour of a provider in one try.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderAct {
    /// The provider to which the try must go.
    pub provider: String,
    /// The reason, if it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails: Option<Failure>,
    /// Status of its answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers of its answer.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body of its answer.
    #[serde(default)]
    pub body: String,
    /// Whether it breaks off after the body instead of ending it.
    #[serde(default)]
    pub breaks_off: bool,
}

impl ProviderAct {
    /// Returns an answer with status 200.
    #[must_use]
    pub fn answers(provider: &str, body: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            fails: None,
            status: 200,
            headers: [("content-type".to_owned(), "application/json".to_owned())].into(),
            body: body.to_owned(),
            breaks_off: false,
        }
    }
}

fn ok() -> u16 {
    200
}

/// The answer of an external check.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckAct {
    /// The reason, if there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails: Option<Failure>,
    /// Status of the answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Body of the answer.
    #[serde(default)]
    pub body: String,
}

/// The reason why a try has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// No connection.
    Connect,
    /// Nothing within the first-byte timeout.
    Timeout,
    /// Connection broken before a byte.
    Reset,
    /// The same, on a connection that has served other requests, or by a reset of the stream.
    Lost,
    /// The headers of an answer, then nothing within the first-byte timeout.
    Silence,
}

/// The expected outcome. Fields that are missing here are not compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Status that the client receives.
    pub status: u16,
    /// Headers that the client receives; null: the header must be absent.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// The exact bytes that the client receives.
    #[serde(default)]
    pub body: Option<String>,
    /// Parts of the JSON that the client receives.
    #[serde(default)]
    pub json: Option<Value>,
    /// The requests that providers received, one per try.
    #[serde(default)]
    pub upstream: Option<Vec<ExpectUpstream>>,
    /// Parts of the record; null: there is none.
    pub record: Value,
    /// The parts that differ on Apache APISIX.
    #[serde(default)]
    pub apisix: Option<ExpectOnApisix>,
}

/// Parts of an outcome that take the place of the others.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectOnApisix {
    /// The reason for the difference.
    pub because: String,
    /// Whether acts of the case are not played there.
    #[serde(default)]
    pub fewer_tries: bool,
    /// See [`Expect::status`].
    #[serde(default)]
    pub status: Option<u16>,
    /// See [`Expect::headers`].
    #[serde(default)]
    pub headers: Option<BTreeMap<String, Option<String>>>,
    /// Whether the body is another one, of which nothing is said.
    #[serde(default)]
    pub other_body: bool,
    /// See [`Expect::upstream`].
    #[serde(default)]
    pub upstream: Option<Vec<ExpectUpstream>>,
    /// See [`Expect::record`].
    #[serde(default)]
    pub record: Option<Value>,
    /// Whether there is no record at all.
    #[serde(default)]
    pub no_record: bool,
}

impl Expect {
    /// Returns the outcome on Apache APISIX.
    #[must_use]
    pub fn on_apisix(&self) -> Self {
        let mut expect = self.clone();
        let Some(apisix) = expect.apisix.take() else { return expect };
        expect.status = apisix.status.unwrap_or(expect.status);
        expect.headers = apisix.headers.unwrap_or(expect.headers);
        expect.record = apisix.record.unwrap_or(expect.record);
        expect.upstream = apisix.upstream.or(expect.upstream);
        if apisix.no_record {
            expect.record = Value::Null;
        }
        if apisix.other_body {
            (expect.body, expect.json) = (None, None);
        }
        expect
    }
}

/// A request that a provider received.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectUpstream {
    /// Path with query.
    #[serde(default)]
    pub path: Option<String>,
    /// Headers; null: the header must be absent.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// The exact bytes.
    #[serde(default)]
    pub body: Option<String>,
}

impl Failure {
    /// Returns the word of case files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Lost => "lost",
            Self::Silence => "silence",
        }
    }
}
