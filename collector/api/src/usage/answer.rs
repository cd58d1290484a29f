//! A page of usage as JSON.

use super::parameters::{UsageRequest, cursor, groups};
use crate::error::ApiError;
use crate::openapi::{self, Schemas, object};
use headgate_collector_store::{Counter, Histogram, Totals, UsageBucket, UsagePage, UsageRow};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

/// The reported percentiles.
pub(super) const PERCENTILES: [(&str, u32); 4] = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)];

/// Returns the histograms by name.
pub(super) fn histograms(totals: &Totals) -> [(&'static str, &Histogram); 2] {
    [("duration_us", &totals.duration), ("time_to_first_token_us", &totals.first_token)]
}

/// Returns the schema of the answer.
pub(crate) fn described(_: &mut Schemas) -> Value {
    let whole = json!({"type": "integer", "minimum": 0, "maximum": u64::MAX});
    let maybe = json!({"type": ["integer", "null"], "minimum": 0, "maximum": u64::MAX, "description": "µs, give or take 3.2 %"});
    let percentiles = PERCENTILES.map(|(name, _)| (name, maybe.clone()));
    let percentiles = object(&percentiles.into_iter().chain([("count", whole.clone())]).collect::<Vec<_>>());
    let mut members: Vec<_> = Counter::ALL.iter().map(|counter| (counter.name(), whole.clone())).collect();
    members.extend([("duration_us?", percentiles.clone()), ("time_to_first_token_us?", percentiles)]);
    let total = object(&members);
    let by: Vec<_> = groups().map(|by| (format!("{}?", by.name), group(by.name))).collect();
    members.extend(by.iter().map(|(name, schema)| (name.as_str(), schema.clone())));
    members.push(("object", json!({"const": "usage.result"})));
    let second = json!({"type": "integer", "description": "s since 1970"});
    let bucket = object(&[
        ("object", json!({"const": "bucket"})),
        ("start_time", second.clone()),
        ("end_time", second),
        ("results", json!({"type": "array", "items": object(&members)})),
    ]);
    object(&[
        ("object", json!({"const": "page"})),
        ("data", json!({"type": "array", "items": bucket})),
        ("has_more", json!({"type": "boolean"})),
        ("next_page", openapi::cursor()),
        ("total?", total),
    ])
}

fn group(name: &str) -> Value {
    let kind = if name == "status" { "integer" } else { "string" };
    json!({"type": [kind, "null"], "description": "Where it is grouped by; null where a record has none."})
}

/// Returns the body of an answer. It is written directly: a tree of values for ten thousand results takes longer than their
/// reading.
pub(super) fn page(page: &UsagePage, total: Option<&Totals>, request: &UsageRequest) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(&Page { page, total, request }).map_err(|_| ApiError::internal())
}

struct Page<'a> {
    page: &'a UsagePage,
    total: Option<&'a Totals>,
    request: &'a UsageRequest,
}

impl Serialize for Page<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let buckets: Vec<_> = self.page.buckets.iter().map(|bucket| Bucket { bucket, request: self.request }).collect();
        let mut map = out.serialize_map(None)?;
        map.serialize_entry("object", "page")?;
        map.serialize_entry("data", &buckets)?;
        map.serialize_entry("has_more", &self.page.next.is_some())?;
        map.serialize_entry("next_page", &self.page.next.map(cursor))?;
        if let Some(totals) = self.total {
            map.serialize_entry("total", &CountedRow { row: None, totals, request: self.request })?;
        }
        map.end()
    }
}

struct Bucket<'a> {
    bucket: &'a UsageBucket,
    request: &'a UsageRequest,
}

impl Serialize for Bucket<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let result = |row| CountedRow { row: Some(row), totals: &row.totals, request: self.request };
        let results: Vec<_> = self.bucket.rows.iter().map(result).collect();
        let mut map = out.serialize_map(Some(4))?;
        map.serialize_entry("object", "bucket")?;
        map.serialize_entry("start_time", &self.bucket.start)?;
        map.serialize_entry("end_time", &self.bucket.end)?;
        map.serialize_entry("results", &results)?;
        map.end()
    }
}

/// A result or the total.
struct CountedRow<'a> {
    row: Option<&'a UsageRow>,
    totals: &'a Totals,
    request: &'a UsageRequest,
}

impl Serialize for CountedRow<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        if let Some(row) = self.row {
            map.serialize_entry("object", "usage.result")?;
            for (name, value) in self.request.groups.iter().map(|group| group.name).zip(&row.values) {
                // A status is a number in records, so it is one here too.
                let status = value.as_deref().filter(|_| name == "status").and_then(|text| text.parse::<u16>().ok());
                match status {
                    Some(status) => map.serialize_entry(name, &status)?,
                    None => map.serialize_entry(name, value)?,
                }
            }
        }
        for counter in Counter::ALL {
            map.serialize_entry(counter.name(), &self.totals.get(*counter))?;
        }
        if self.request.query.percentiles {
            for (name, histogram) in histograms(self.totals) {
                map.serialize_entry(name, &Percentiles(histogram))?;
            }
        }
        map.end()
    }
}

struct Percentiles<'a>(&'a Histogram);

impl Serialize for Percentiles<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        map.serialize_entry("count", &self.0.total())?;
        for (name, hundredths) in PERCENTILES {
            map.serialize_entry(name, &self.0.percentile(hundredths))?;
        }
        map.end()
    }
}
