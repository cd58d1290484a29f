//! The outcome of a request: the client's answer, the providers' requests, the record, and the steps between them.

use crate::case::ProviderAct;
use crate::step::TimedStep;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The outcome of a request.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Status that the client receives.
    pub status: u16,
    /// Headers that the client receives.
    pub headers: BTreeMap<String, String>,
    /// Body that the client receives.
    pub body: Vec<u8>,
    /// The requests to providers, one per try.
    pub upstream: Vec<Upstream>,
    /// The acts of the providers, one per try.
    pub acts: Vec<ProviderAct>,
    /// The record as it is written, a [`headgate_record::RequestRecord`] as JSON; empty if the stages write none.
    pub record: Vec<u8>,
    /// Whether the record is not kept, because the request was not for a model.
    pub aside: bool,
    /// Says which acts of the case were not played, though each should have been.
    pub unplayed: Option<String>,
    /// The steps, in order, if they were asked for.
    pub steps: Vec<TimedStep>,
}

/// A request that a provider received.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Cluster it went to.
    pub provider: String,
    /// Headers, including `:path`.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Vec<u8>,
}

impl Outcome {
    /// Returns the record; null if there is none.
    #[must_use]
    pub fn record(&self) -> Value {
        serde_json::from_slice(&self.record).unwrap_or_default()
    }

    /// Returns all of it as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let upstream: Vec<Value> = self
            .upstream
            .iter()
            .map(|one| json!({"provider": one.provider, "headers": one.headers, "body": text(&one.body)}))
            .collect();
        json!({
            "status": self.status,
            "headers": self.headers,
            "body": text(&self.body),
            "upstream": upstream,
            "acts": self.acts,
            "record": self.record(),
            "aside": self.aside,
            "steps": self.steps,
        })
    }
}

/// Returns bytes as text; those that are no UTF-8 are replaced.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
