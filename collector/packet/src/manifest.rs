//! The manifest: what a packet says about itself, for programs.

use crate::control_totals::ControlTotals;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The kind of a packet, by what it proves about the request log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Every record between its first and its last position is in it, and that is proven.
    Whole,
    /// It has the records that match filters. That each is in the log is proven, and how many others there are; that the others do not
    /// match is not.
    Filtered,
}

/// The request that made a packet. Times are µs since the Unix epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The beginning of the period.
    pub from: i64,
    /// The end of the period, exclusive.
    pub to: i64,
    /// Filters on records: names as in the query of `GET /v1/requests`, each with the values of which any matches.
    pub filters: BTreeMap<String, Vec<String>>,
    /// The parts beside those that every packet has.
    pub sections: Vec<String>,
    /// Id of the record of the sample trace; without it, the first record of the packet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_request: Option<String>,
    /// Fields whose values are replaced by pseudonyms.
    #[serde(default)]
    pub redact: Vec<String>,
}

/// Positions between the first and the last entry of the packet that have no line in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// Entries that the filters leave out, or that are deleted where there are filters.
    pub not_matched: u64,
    /// Entries that retention has deleted, or that are lost.
    pub deleted: u64,
    /// Entries whose bytes are not those that were stored.
    pub damaged: u64,
}

impl Outside {
    /// Returns the sum.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.not_matched.saturating_add(self.deleted).saturating_add(self.damaged)
    }
}

/// One log in a packet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPart {
    /// The size of the tree under the checkpoint.
    pub size: u64,
    /// The index of the first entry in the packet; the index of an entry is its position minus 1.
    pub first: u64,
    /// The index behind the last entry in the packet.
    pub end: u64,
    /// Entries in the packet.
    pub lines: u64,
    /// Of these, entries of the period. The others were stored between entries of the period.
    pub in_period: u64,
    /// Positions between `first` and `end` without a line.
    pub outside: Outside,
    /// When the checkpoint was signed, RFC 3339; absent if it is not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<String>,
    /// Size of the tree at the packet before, from which growth is proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grown_from: Option<u64>,
}

/// The comparison of a packet's totals with the usage that was counted when the records were stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// The sums of usage, without records behind the checkpoint; `None` if they cannot be compared.
    pub usage: Option<ControlTotals>,
    /// Whether both agree; `None` if they cannot be compared.
    pub agrees: Option<bool>,
    /// The reason why they differ or cannot be compared.
    pub remark: String,
}

/// Whether the log has all records of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CompletenessVerdict {
    /// Nothing is known to be missing.
    Complete,
    /// What is missing is known and counted.
    CompleteExcept,
    /// It is not known how much is missing.
    CannotBeSaid,
}

impl CompletenessVerdict {
    /// Returns the verdict in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Complete => "Complete",
            Self::CompleteExcept => "Complete except",
            Self::CannotBeSaid => "Cannot be said because",
        }
    }
}

/// The statement on completeness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completeness {
    /// The verdict.
    pub verdict: CompletenessVerdict,
    /// What is missing, or why it is not known.
    pub reasons: Vec<String>,
    /// What was looked at.
    pub basis: Vec<String>,
}

/// A file of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketFile {
    /// Its name.
    pub name: String,
    /// Its rows, without a header line; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`crate::FORMAT`].
    pub format: String,
    /// The kind.
    pub kind: Kind,
    /// The name of the logs: the first part of their origins.
    pub name: String,
    /// The public key that signs, as the packet says; nothing if it is not signed.
    pub key: Option<String>,
    /// The witnesses that have confirmed the checkpoint of the request log, by the names of their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<String>,
    /// The places outside that hold a checkpoint on which the log of this packet builds, by their names in the settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anchors: Vec<String>,
    /// The version of the program that made it.
    pub made_by: String,
    /// The request.
    pub scope: Scope,
    /// The actor that asked for it, as audit entries name one.
    pub requested_by: Value,
    /// The state that the packet shows, RFC 3339: when the checkpoint of the request log was signed.
    pub as_of: Option<String>,
    /// The request log.
    pub requests: LogPart,
    /// The audit log, if it was asked for.
    pub audit: Option<LogPart>,
    /// Sums over the records of the period.
    pub totals: ControlTotals,
    /// Their comparison with usage.
    pub reconciliation: Reconciliation,
    /// Whether the log has all records of the period.
    pub completeness: Completeness,
    /// The files, but for this one, the page and the sums.
    pub files: Vec<PacketFile>,
}
