//! Names of revisions, and the parameters of the paths below `/v1/policy`.

use crate::values::{ParamValue, param_values};
use headgate_collector_store::PolicyName;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Length of a config revision, characters.
const CONFIG_CHARS: usize = 16;

param_values!(Revision, ConfigRevision);

/// The parameters of `GET /v1/policy/{rev}/diff`.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct DiffParams {
    /// Compare with this revision instead of the one before.
    pub(super) from: Option<Revision>,
}

/// The parameters of `PUT /v1/policy` and `POST /v1/policy/rollback`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct ApplyOptions {
    /// Only return the changes, and apply none.
    pub(super) dry_run: bool,
    /// The config revision that `headgate` computes for the policy; refused if it differs here.
    pub(super) config_revision: Option<ConfigRevision>,
}

/// A revision by its number, or by its config revision: the 16 hex digits that records carry.
#[derive(Debug)]
pub(crate) struct Revision(pub(super) PolicyName);

impl ParamValue for Revision {
    fn read(text: &str) -> Result<Self, String> {
        let named = revision(text).map(Self);
        named.ok_or_else(|| "must be a revision's number or config revision".to_owned())
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": "^([1-9][0-9]{0,14}|[0-9a-f]{16})$", "examples": ["1"]})
    }
}

/// The config revision that records carry.
#[derive(Debug)]
pub(crate) struct ConfigRevision(pub(super) String);

impl ParamValue for ConfigRevision {
    fn read(text: &str) -> Result<Self, String> {
        let known = is_config_revision(text).then(|| Self(text.to_owned()));
        known.ok_or_else(|| "must be 16 hex digits in lower case".to_owned())
    }

    fn schema() -> Value {
        json!({"type": "string", "pattern": "^[0-9a-f]{16}$", "examples": ["0123456789abcdef"]})
    }
}

/// Parses the name of a revision.
pub(super) fn revision(text: &str) -> Option<PolicyName> {
    if is_config_revision(text) {
        return Some(PolicyName::Config(text.to_owned()));
    }
    let digits = (1..CONFIG_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(PolicyName::Number)
}

fn is_config_revision(text: &str) -> bool {
    text.len() == CONFIG_CHARS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::{PolicyName, revision};

    #[test]
    fn revisions_have_a_number_and_a_config_name() {
        assert_eq!(revision("17"), Some(PolicyName::Number(17)));
        let config = "0123456789abcdef";
        assert_eq!(revision(config), Some(PolicyName::Config(config.to_owned())));
        for odd in ["", "-1", "+1", "1.0", "0123456789ABCDEF", "0123456789abcde", "01234567890abcdef", "é"] {
            assert_eq!(revision(odd), None, "{odd}");
        }
    }
}
