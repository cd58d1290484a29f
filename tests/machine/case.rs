//! The case file. Adding a case needs no Rust: drop a YAML file into `tests/cases`.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What the client sends.
    pub request: Request,
    /// What the providers do, one act per try, in order.
    #[serde(default)]
    pub providers: Vec<ProviderAct>,
    /// What those answer who are asked about the request, in the order of the guardrails that ask.
    #[serde(default)]
    pub checks: Vec<CheckAct>,
    /// What must come of it.
    pub expect: Expect,
    /// Why this case cannot run through a real Envoy, if it cannot.
    #[serde(default)]
    pub machine_only: Option<String>,
}

/// The client's request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Default `POST`.
    #[serde(default = "post")]
    pub method: String,
    /// Default `/v1/chat/completions`.
    #[serde(default = "chat")]
    pub path: String,
    /// Word behind `hg-test-`, sent as a bearer token; null sends none.
    #[serde(default = "alice")]
    pub key: Option<String>,
    /// More headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The very bytes; absent means no body.
    #[serde(default)]
    pub body: Option<String>,
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

/// What a provider does with one try.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderAct {
    /// Which provider the try must go to.
    pub provider: String,
    /// It never answers, for this reason.
    #[serde(default)]
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
    /// It breaks off after the body instead of ending it.
    #[serde(default)]
    pub breaks_off: bool,
}

fn ok() -> u16 {
    200
}

/// What somebody answers who is asked about a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckAct {
    /// There is no answer, for this reason.
    #[serde(default)]
    pub fails: Option<Failure>,
    /// Status of the answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// Body of the answer.
    #[serde(default)]
    pub body: String,
}

/// Why a try brings no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
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
    /// The head of an answer, then nothing within the first-byte timeout.
    Silence,
}

/// What must come of it. What is not named is not compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Status the client sees.
    pub status: u16,
    /// Headers the client sees; null: must not be there.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// The very bytes the client gets.
    #[serde(default)]
    pub body: Option<String>,
    /// Parts of the JSON the client gets.
    #[serde(default)]
    pub json: Option<Value>,
    /// What the providers received, one per try.
    #[serde(default)]
    pub upstream: Option<Vec<ExpectUpstream>>,
    /// Parts of the record; null: there is none.
    pub record: Value,
}

/// What a provider received.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectUpstream {
    /// Path with query.
    #[serde(default)]
    pub path: Option<String>,
    /// Headers; null: must not be there.
    #[serde(default)]
    pub headers: BTreeMap<String, Option<String>>,
    /// The very bytes.
    #[serde(default)]
    pub body: Option<String>,
}

/// All cases under a folder, with their paths.
#[must_use]
pub fn load_all(folder: &Path) -> Vec<(PathBuf, Case)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
            } else {
                vec![]
            }
        })
        .collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), load(&path))).collect()
}

fn load(path: &Path) -> Case {
    let text = std::fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
