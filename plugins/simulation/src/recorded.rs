//! A stored record, as far as a replay and the words of an outcome need it.

use headgate_exchange::{Dialect, RequestScan, Surface, UsageAsk};
use headgate_record::{Cost, Decision, ModelUsage, ServedBy, Usage, Verdict};
use serde::Deserialize;
use std::collections::BTreeMap;

/// See the module's text. Other members of a record are ignored.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) id: String,
    pub(crate) started_at: u64,
    #[serde(default)]
    pub(crate) duration_us: u64,
    #[serde(default)]
    pub(crate) caller: Option<RecordedCaller>,
    #[serde(default)]
    pub(crate) client: RecordedClient,
    pub(crate) surface: String,
    #[serde(default)]
    pub(crate) requested_model: Option<String>,
    #[serde(default)]
    pub(crate) served_by: Option<ServedBy>,
    #[serde(default)]
    pub(crate) requested_service_tier: Option<String>,
    #[serde(default)]
    pub(crate) service_tier: Option<String>,
    #[serde(default)]
    pub(crate) requested_speed: Option<String>,
    #[serde(default)]
    pub(crate) speed: Option<String>,
    #[serde(default)]
    pub(crate) stream: bool,
    #[serde(default)]
    pub(crate) attempts: Vec<RecordedAttempt>,
    #[serde(default)]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) decisions: Vec<Decision>,
    #[serde(default)]
    pub(crate) error_code: Option<String>,
    #[serde(default)]
    pub(crate) rejected_by: Option<String>,
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
    #[serde(default)]
    pub(crate) other_models: Vec<ModelUsage>,
    #[serde(default)]
    pub(crate) cost: Option<Cost>,
    #[serde(default)]
    pub(crate) payload: RecordedPayload,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RecordedCaller {
    pub(crate) key_id: String,
    #[serde(default)]
    pub(crate) team: Option<String>,
    #[serde(default)]
    pub(crate) known_by: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct RecordedClient {
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RecordedAttempt {
    pub(crate) provider: String,
    pub(crate) model: String,
    #[serde(default)]
    pub(crate) error: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct RecordedPayload {
    #[serde(default)]
    pub(crate) request_bytes: u64,
    #[serde(default)]
    pub(crate) attachments: u32,
}

impl Recorded {
    /// Returns the API operation, unless it is none of the models.
    pub(crate) fn operation(&self) -> Option<Surface> {
        use Surface::{ChatCompletions, Completions, CountTokens, Embeddings, Messages};
        let all = [ChatCompletions, Completions, Embeddings, Messages, CountTokens];
        all.into_iter().find(|surface| surface.as_str() == self.surface)
    }

    /// Returns the facts that a body would have. Its length stands for the length of its text.
    pub(crate) fn scan(&self, surface: Surface) -> RequestScan {
        RequestScan {
            surface,
            model: self.requested_model.clone().unwrap_or_default(),
            model_span: 0..0,
            stream: self.stream,
            usage_ask: UsageAsk::Asked,
            max_output_tokens: None,
            min_output_tokens: 0,
            odd_number: None,
            service_tier: self.requested_service_tier.clone(),
            speed: self.requested_speed.clone(),
            reroute: None,
            choices: 1,
            more_text_bytes: 0,
            token_ids: 0,
            brings_more_input: true,
            asks_for_reasoning: false,
            text_bytes: self.payload.request_bytes,
            attachments: self.payload.attachments,
        }
    }

    /// Returns the path of the operation at the gateway.
    pub(crate) fn path(surface: Surface) -> String {
        [surface.own_prefix(), surface.provider_suffix()].concat()
    }

    /// Returns the decision that refused the request, if one did.
    pub(crate) fn refusal(&self) -> Option<&Decision> {
        let by_gateway = self.rejected_by.as_deref() == Some("gateway");
        self.decisions.iter().rev().find(|decision| by_gateway && decision.verdict == Verdict::Deny)
    }

    /// Returns whether a provider failed to answer at this target.
    pub(crate) fn failed_at(&self, provider: &str, model: &str) -> bool {
        let here = |attempt: &&RecordedAttempt| attempt.provider == provider && attempt.model == model;
        let served = self.served_by.as_ref().is_some_and(|one| one.provider == provider && one.model == model);
        !served && self.attempts.iter().filter(here).any(|attempt| attempt.error.is_some())
    }

    /// Returns the header that tells Anthropic's clients from others.
    pub(crate) fn is_anthropic(surface: Surface) -> bool {
        surface.dialect() == Dialect::Anthropic
    }
}
