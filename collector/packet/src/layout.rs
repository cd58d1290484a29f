//! The names of the files in a packet.

/// The form of packets that this crate writes and checks.
pub const FORMAT: &str = "headgate-packet/v1";

/// The page for people.
pub const PAGE: &str = "index.html";
/// The scope, the ranges, the totals and the files, for programs.
pub const MANIFEST: &str = "manifest.json";
/// SHA-256 of every other file but the note, as `sha256sum -c` reads it.
pub const SUMS: &str = "SHA256SUMS";
/// The signed note over [`SUMS`].
pub const NOTE: &str = "SHA256SUMS.note";

/// The records: the stored bytes, a record a line.
pub const REQUESTS: &str = "data/requests.ndjson";
/// The same records for people.
pub const REQUESTS_CSV: &str = "data/requests.csv";
/// The audit entries: the stored bytes, an entry a line.
pub const AUDIT: &str = "data/audit.ndjson";
/// The same entries for people.
pub const AUDIT_CSV: &str = "data/audit.csv";
/// Usage by day, model and provider.
pub const USAGE: &str = "data/usage.csv";
/// Records that are missing or came late.
pub const GAPS: &str = "data/gaps.json";
/// Entries that are altered or lost on disk.
pub const DAMAGE: &str = "data/damage.json";
/// Rules of retention and legal holds.
pub const RETENTION: &str = "data/retention.json";
/// Roles, tokens without their text, and who read the logs.
pub const ACCESS: &str = "data/access.json";
/// Entries that were deleted before a forwarder had delivered them.
pub const DELIVERIES: &str = "data/deliveries.json";
/// Where the entries come from.
pub const SOURCES: &str = "data/sources.json";
/// The meaning of each field of a record.
pub const FIELDS: &str = "data/fields.csv";
/// The changes of each policy revision of the period, by resource.
pub const POLICY_DIFFS: &str = "policies/diffs.json";

/// The checkpoint of the request log, a signed note.
pub const REQUESTS_CHECKPOINT: &str = "proofs/requests.checkpoint";
/// The heads of the subtrees that have no record of the packet.
pub const REQUESTS_NODES: &str = "proofs/requests.nodes";
/// The proof that the request log has only grown since the packet before.
pub const REQUESTS_GROWTH: &str = "proofs/requests.growth.json";
/// The checkpoint of the audit log, a signed note.
pub const AUDIT_CHECKPOINT: &str = "proofs/audit.checkpoint";
/// The heads of the subtrees that have no audit entry of the packet.
pub const AUDIT_NODES: &str = "proofs/audit.nodes";
/// The proof that the sample record is in the log.
pub const SAMPLE_PROOF: &str = "proofs/sample.tlog-proof";

/// The checkpoints that outside parties hold: a list of [`crate::HeldOutside`].
pub const OUTSIDE: &str = "proofs/outside.json";

/// Returns the name of the checkpoint that an outside party holds.
#[must_use]
pub fn outside_checkpoint(log: &str, anchor: &str) -> String {
    format!("proofs/outside/{log}.{anchor}.checkpoint")
}

/// Returns the name of an authority's reply over that checkpoint.
#[must_use]
pub fn outside_token(log: &str, anchor: &str) -> String {
    format!("proofs/outside/{log}.{anchor}.tsr")
}

/// Returns the name of a policy revision's file.
#[must_use]
pub fn policy_file(revision: i64) -> String {
    format!("policies/{revision}.json")
}
