//! What a data plane says about itself now and then, so that one that has fallen silent can be told from one that is idle.

use serde::{Deserialize, Serialize};

/// Where the collector takes heartbeats.
pub const HEARTBEAT_PATH: &str = "/v1/heartbeat";

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
    /// `seq` of the last record that was numbered; 0 before the first. Tells of records that are missing at the end, which
    /// no later record shows.
    pub last_seq: u64,
    /// Requests that this worker has admitted and not yet numbered: each gets its record when it ends. What a worker that dies
    /// had under way is lost without a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<u64>,
    /// Whether this is the worker's last heartbeat: `last_seq` is final, and `queued` is what it could not deliver.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ending: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
