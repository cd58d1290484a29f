//! The state that a data plane reports regularly, so that a silent one can be told from an idle one.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Path of the collector's route for heartbeats.
pub const HEARTBEAT_PATH: &str = "/v1/heartbeat";

/// The reason for which a proxy refused a request or a connection by itself, before any filter ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ProxyRefusal {
    /// Bytes that are not HTTP, in a request or on a connection without one.
    CodecError,
    /// More or larger headers than the listener accepts.
    HeaderLimit,
    /// HTTP/1.0 or older.
    Http10,
    /// A WebSocket or another upgrade.
    Upgrade,
    /// The proxy's memory is full.
    Overload,
    /// A connection whose TLS handshake failed: no or another certificate of a client, no TLS at all, or an old version.
    Tls,
    /// Anything else.
    #[serde(other)]
    Other,
}

impl ProxyRefusal {
    /// Returns all classes.
    pub const ALL: [Self; 7] =
        [Self::CodecError, Self::HeaderLimit, Self::Http10, Self::Upgrade, Self::Overload, Self::Tls, Self::Other];

    /// Returns the name as it is serialized.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CodecError => "codec_error",
            Self::HeaderLimit => "header_limit",
            Self::Http10 => "http10",
            Self::Upgrade => "upgrade",
            Self::Overload => "overload",
            Self::Tls => "tls",
            Self::Other => "other",
        }
    }
}

/// `POST /v1/heartbeat`: the state of one worker of a data plane. Sent about every ten seconds; answered with 204.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// The sending proxy, as in its records.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub node: String,
    /// The sending worker's boot, as in its records.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub boot: String,
    /// Version of the filter, such as `0.1.0`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub version: String,
    /// Revision of the policy that decides now, as in its records.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub config_revision: String,
    /// Since the worker's VM started, s.
    pub uptime_s: u64,
    /// Records that wait to be delivered.
    pub queued: u64,
    /// Records of this boot that were dropped so far because the queue was full.
    pub dropped: u64,
    /// `seq` of the last numbered record; 0 before the first. Shows records that are missing at the end, which no later
    /// record can show.
    pub last_seq: u64,
    /// Requests that this worker has admitted and not yet numbered: each gets its record when it ends. If the worker dies,
    /// they are lost without a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<u64>,
    /// Requests and connections that the proxy refused by itself on this worker, by class. A refused request has a record
    /// too; a connection that ended before its first request has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused_by_proxy: BTreeMap<ProxyRefusal, u64>,
    /// Whether this is the worker's last heartbeat: `last_seq` is final, and `queued` records could not be delivered.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ending: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::ProxyRefusal;

    #[test]
    fn refusals_are_named_as_serialized() {
        for class in ProxyRefusal::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
        assert_eq!(serde_json::from_str::<ProxyRefusal>("\"later\"").unwrap(), ProxyRefusal::Other);
    }
}
