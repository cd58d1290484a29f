//! The messages by which a data plane delivers records to the collector.
//!
//! Records stay raw JSON in a batch, so that one bad record can be refused by itself while the rest is kept.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Path of the collector's route for batches.
pub const INGEST_PATH: &str = "/v1/ingest/requests";

/// Path of the collector's route for records in the lines of a proxy's own logger.
pub const LINES_PATH: &str = "/v1/ingest/lines";

/// `POST /v1/ingest/requests`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch<'a> {
    /// The sending proxy.
    pub node: String,
    /// The sending worker's boot.
    pub boot: String,
    /// Records of this boot that were dropped so far because the queue was full. Each has a `seq` that never comes.
    pub dropped: u64,
    /// The records, each still as its bytes.
    #[serde(borrow)]
    pub records: Vec<&'a RawValue>,
}

/// The collector's 200: every record that is not refused is on disk, now or from an earlier delivery.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Acknowledgement {
    /// Records that are on disk because of this batch.
    pub stored: u64,
    /// Records that were on disk already.
    pub duplicates: u64,
    /// Records that can never be stored; sending them again does not help.
    pub refused: Vec<Refusal>,
}

/// A refused record.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Refusal {
    /// Position in the batch, from 0.
    pub index: u64,
    /// The record's `seq`, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// The reason, without any value of the record.
    pub reason: String,
}
