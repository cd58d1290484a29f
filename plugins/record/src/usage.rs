//! The tokens of a request, and its cost.

use crate::json_object::JsonObject;
use crate::vocabulary::vocabulary;
use serde::{Deserialize, Serialize};

/// Token counts. `cached_input_tokens` and `cache_write_input_tokens` are parts of `input_tokens`,
/// `cache_write_1h_input_tokens` is part of the latter, `reasoning_tokens` part of `output_tokens`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Of the input, read from the provider's cache.
    #[serde(default)]
    pub cached_input_tokens: u64,
    /// Of the input, written to the provider's cache; absent when none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_input_tokens: u64,
    /// Of these, to be kept for an hour; absent when none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_1h_input_tokens: u64,
    /// Of the output, spent on reasoning.
    #[serde(default)]
    pub reasoning_tokens: u64,
    /// Whether the provider reported the counts or they are estimated.
    pub source: UsageSource,
    /// The reason why it is an estimate; absent when the provider's counts are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_reason: Option<EstimateReason>,
}

impl Usage {
    /// Writes the members.
    pub fn write(&self, member: &mut JsonObject<'_>) {
        member.value("input_tokens", &self.input_tokens);
        member.value("output_tokens", &self.output_tokens);
        member.value("cached_input_tokens", &self.cached_input_tokens);
        member.nonzero("cache_write_input_tokens", self.cache_write_input_tokens);
        member.nonzero("cache_write_1h_input_tokens", self.cache_write_1h_input_tokens);
        member.value("reasoning_tokens", &self.reasoning_tokens);
        member.word("source", self.source.as_str());
        member.some_text("estimate_reason", self.estimate_reason.map(EstimateReason::as_str));
    }
}

vocabulary! {
    /// The source of token counts.
    UsageSource {
        /// The provider reported them.
        #[default]
        Reported = "reported",
        /// They are estimated from bytes, because the provider did not report usable ones.
        Estimated = "estimated",
    }
}

vocabulary! {
    /// The reason why token counts are an estimate.
    EstimateReason {
        /// The answer was complete and reported no usage.
        #[default]
        NotReported = "not_reported",
        /// The answer reported counts of zero although it had text.
        Zero = "zero",
        /// The answer reported counts that its bytes, or the model's limits, do not allow.
        Implausible = "implausible",
        /// The answer could not be read: it was compressed or not in the format of its API.
        Unreadable = "unreadable",
        /// The answer ended before it reported its usage.
        EndedEarly = "ended_early",
    }
}

/// The usage of a model other than the one that served the request. The fields are as in [`Usage`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelUsage {
    /// The provider's model name.
    pub model: String,
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer.
    pub output_tokens: u64,
    /// Of the input, read from the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cached_input_tokens: u64,
    /// Of the input, written to the provider's cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_input_tokens: u64,
    /// Of these, to be kept for an hour.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write_1h_input_tokens: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The cost of a request. Integer nano-USD: 1 USD = 1 000 000 000.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// Nano-USD.
    pub nano_usd: u64,
    /// The price list.
    pub price_revision: String,
    /// Whether the model had no price of its own and the highest known price of its provider was used.
    #[serde(default)]
    pub assumed: bool,
}

impl Cost {
    /// Writes the members.
    pub fn write(&self, member: &mut JsonObject<'_>) {
        member.value("nano_usd", &self.nano_usd);
        member.text("price_revision", &self.price_revision);
        member.value("assumed", &self.assumed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same<T: Serialize>(value: &T, write: impl FnOnce(&mut JsonObject<'_>)) {
        let mut out = Vec::new();
        JsonObject::write(&mut out, write);
        assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(value).unwrap());
    }

    #[test]
    fn members_are_written_as_serde_writes_them() {
        for count in [0, 7] {
            for estimate_reason in EstimateReason::ALL.iter().copied().map(Some).chain([None]) {
                let usage = Usage {
                    input_tokens: 1,
                    output_tokens: 2,
                    cached_input_tokens: count,
                    cache_write_input_tokens: count,
                    cache_write_1h_input_tokens: count,
                    reasoning_tokens: count,
                    source: if estimate_reason.is_some() { UsageSource::Estimated } else { UsageSource::Reported },
                    estimate_reason,
                };
                same(&usage, |member| usage.write(member));
            }
            let cost = Cost { nano_usd: count, price_revision: "a\"b".to_owned(), assumed: count > 0 };
            same(&cost, |member| cost.write(member));
        }
    }
}
