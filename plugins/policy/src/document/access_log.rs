//! The fields that the filter hands to the proxy's own access log.

use serde::{Deserialize, Serialize};

/// A field. The proxy's log reads it as `%FILTER_STATE(wasm.headgate_NAME:PLAIN)%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessLogField {
    /// Id of the request, as in its record.
    RequestId,
    /// Alias that it asked for, if the policy has it.
    Model,
    /// Provider that answered.
    Provider,
    /// Model of the provider that answered.
    ServedModel,
    /// Id of the caller's key.
    Key,
    /// Tokens of the prompt.
    InputTokens,
    /// Tokens of the answer.
    OutputTokens,
    /// Cost in US dollars.
    CostUsd,
    /// The decision that weighs most: verdict, stage, rule and reason.
    Decision,
}

impl AccessLogField {
    /// All fields, with the name of each.
    pub const ALL: [(Self, &str); 9] = [
        (Self::RequestId, "request_id"),
        (Self::Model, "model"),
        (Self::Provider, "provider"),
        (Self::ServedModel, "served_model"),
        (Self::Key, "key"),
        (Self::InputTokens, "input_tokens"),
        (Self::OutputTokens, "output_tokens"),
        (Self::CostUsd, "cost_usd"),
        (Self::Decision, "decision"),
    ];

    /// Returns the field with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, one)| *one == name).map(|(field, _)| field)
    }

    /// Returns the property under which the filter sets it.
    #[must_use]
    pub const fn property(self) -> &'static str {
        match self {
            Self::RequestId => "headgate_request_id",
            Self::Model => "headgate_model",
            Self::Provider => "headgate_provider",
            Self::ServedModel => "headgate_served_model",
            Self::Key => "headgate_key",
            Self::InputTokens => "headgate_input_tokens",
            Self::OutputTokens => "headgate_output_tokens",
            Self::CostUsd => "headgate_cost_usd",
            Self::Decision => "headgate_decision",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_one_name_everywhere() {
        for (field, name) in AccessLogField::ALL {
            assert_eq!(AccessLogField::named(name), Some(field));
            assert_eq!(field.property(), format!("headgate_{name}"));
            assert_eq!(serde_json::to_value(field).unwrap(), name);
        }
        assert_eq!(AccessLogField::named("prompt"), None);
    }
}
