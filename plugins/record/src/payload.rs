//! The payload of a request, in numbers.

use crate::vocabulary::vocabulary;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Facts about the payload in numbers, and at most a keyed fingerprint of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PayloadFacts {
    /// Always `metadata_only`: the type has no field for content.
    pub mode: PayloadMode,
    /// Bytes of the request's body as the client sent it.
    pub request_bytes: u64,
    /// Bytes of the response's body as the provider sent it.
    pub response_bytes: u64,
    /// HMAC-SHA-256 of the request's body under `logging.fingerprint_key`, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_fingerprint: Option<String>,
    /// HMAC-SHA-256 of the provider's response body under `logging.fingerprint_key`, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_fingerprint: Option<String>,
    /// Content parts that are not text: images, audio, files.
    #[serde(default)]
    pub attachments: u32,
    /// Number of replaced findings by kind, in the request and in the answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redactions: BTreeMap<String, u32>,
}

vocabulary! {
    /// The parts of the payload that the record keeps.
    PayloadMode {
        /// Numbers only.
        #[default]
        MetadataOnly = "metadata_only",
    }
}
