//! Reports of counts and their answers: `POST /v1/limits/sync`, JSON both ways.
//!
//! A report has the additions since the last one that was answered, numbered within the proxy's boot. A report that
//! is not answered is sent again as it was, and a collector that had counted it already answers without counting it
//! twice. So neither a lost report nor a lost answer makes a count wrong.

use crate::rule::{Rule, SEPARATOR};
use serde::{Deserialize, Serialize};

/// Version of these shapes.
pub const SYNC_SCHEMA: u8 = 1;
/// Path of the collector for reports.
pub const SYNC_PATH: &str = "/v1/limits/sync";

/// A proxy's report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`SYNC_SCHEMA`].
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1)))]
    pub schema: u8,
    /// The proxy, as it names itself.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub node: String,
    /// UUIDv7 of the worker that reports.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub boot: String,
    /// The process of the proxy: its workers, and those that follow one that died, say the same. Absent, the boot stands for
    /// it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    pub process: String,
    /// Uptime of that process, ms.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub uptime_ms: u64,
    /// Pause between two reports, ms.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interval_ms: u64,
    /// The proxy ends: this is its last report, and it needs its shares no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ending: bool,
    /// 1, 2, 3 … within the boot.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 9_223_372_036_854_775_807_u64)))]
    pub seq: u64,
    /// It speaks for its whole proxy; otherwise it only hands over counts that lost their place.
    pub whole: bool,
    /// Revision of the policy.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub revision: String,
    /// `cursor` of the last answer; 0 asks for all that counts now.
    pub cursor: u64,
    /// The rules, where the collector asked for them or may not know them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<Rule>>,
    /// The additions.
    #[cfg_attr(feature = "schema", schemars(length(max = 22_000)))]
    pub rows: Vec<ReportRow>,
}

impl Report {
    /// The name under which shares are given.
    #[must_use]
    pub fn proxy(&self) -> &str {
        if self.process.is_empty() { &self.boot } else { &self.process }
    }
}

/// One count in a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReportRow {
    /// Id of the rule.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 256)))]
    pub rule: String,
    /// [`crate::Meter::name`].
    pub meter: String,
    /// The values of the rule's `per`, in its order; a missing value is empty.
    #[cfg_attr(feature = "schema", schemars(length(max = 8)))]
    pub subject: Vec<String>,
    /// First second of the window.
    #[cfg_attr(feature = "schema", schemars(range(max = 4_102_444_800_u64)))]
    pub start: u64,
    /// First second after it; absent if it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
    /// The bound of the rule.
    pub max: u64,
    /// Added since the last report.
    pub used: u64,
    /// Reserved at the moment.
    pub open: u64,
    /// Largest amount that this proxy's share was too small for; 0 if there was none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wanted: u64,
    /// Nothing goes on here: the share is given back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub idle: bool,
    /// The window is over: there is nothing to share.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The collector's answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reply {
    /// The report that is answered.
    pub seq: u64,
    /// To be sent with the next report.
    pub cursor: u64,
    /// Proxies that have reported lately, this one included.
    pub proxies: u64,
    /// It does not know the rules of this revision.
    #[serde(default)]
    pub rules_wanted: bool,
    /// One for each row of the report, in its order; then the use of other proxies.
    pub rows: Vec<ReplyRow>,
}

/// One count in an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplyRow {
    /// Id of the rule.
    pub rule: String,
    /// [`crate::Meter::name`].
    pub meter: String,
    /// The values of the rule's `per`.
    pub subject: Vec<String>,
    /// First second of the window.
    pub start: u64,
    /// Used in it by all proxies, as far as they have reported.
    pub total: u64,
    /// Reserved by the other proxies.
    pub others_open: u64,
    /// The amount that this proxy may add before it reports again; absent means that it keeps the share it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<u64>,
    /// Among how many proxies the rest is shared.
    pub peers: u64,
    /// If the share is smaller than wanted: the time until there may be more, ms.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wait_ms: u64,
    /// Thresholds that have been told of, one bit each.
    #[serde(default)]
    pub told: u64,
}

/// A subject's parts.
pub(crate) fn parts(subject: &[u8]) -> Vec<String> {
    subject.split(|byte| *byte == SEPARATOR).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// A subject from its parts.
pub(crate) fn subject(parts: &[String]) -> Vec<u8> {
    parts.join("\u{1f}").into_bytes()
}
