//! A page of usage as JSON.

use super::parameters::{Wanted, cursor, groups};
use crate::http::openapi::{self, Schemas, object};
use crate::store::{Counter, Histogram, Totals, UsageBucket, UsagePage, UsageRow};
use serde_json::{Map, Value, json};

/// Percentiles that are told.
pub(super) const PERCENTILES: [(&str, u32); 4] = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)];

/// The histograms by name.
pub(super) fn histograms(totals: &Totals) -> [(&'static str, &Histogram); 2] {
    [("duration_us", &totals.duration), ("time_to_first_token_us", &totals.first_token)]
}

/// What an answer looks like.
pub(in crate::http) fn described(_: &mut Schemas) -> Value {
    let whole = json!({"type": "integer", "minimum": 0, "maximum": u64::MAX});
    let maybe = json!({"type": ["integer", "null"], "minimum": 0, "maximum": u64::MAX, "description": "µs, give or take 3.2 %"});
    let told = PERCENTILES.map(|(name, _)| (name, maybe.clone()));
    let percentiles = object(&told.into_iter().chain([("count", whole.clone())]).collect::<Vec<_>>());
    let mut members: Vec<_> = Counter::ALL.iter().map(|counter| (counter.name(), whole.clone())).collect();
    members.extend([("duration_us?", percentiles.clone()), ("time_to_first_token_us?", percentiles)]);
    let total = object(&members);
    let by: Vec<_> = groups().map(|(name, _)| (format!("{name}?"), group(name))).collect();
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

/// The body of an answer.
pub(super) fn page(page: &UsagePage, total: Option<&Totals>, wanted: &Wanted) -> Vec<u8> {
    let buckets: Vec<_> = page.buckets.iter().map(|one| bucket(one, wanted)).collect();
    let mut body = json!({
        "object": "page",
        "data": buckets,
        "has_more": page.next.is_some(),
        "next_page": page.next.map(cursor),
    });
    if let (Some(total), Some(body)) = (total, body.as_object_mut()) {
        body.insert("total".to_owned(), Value::Object(counted(total, wanted)));
    }
    body.to_string().into_bytes()
}

fn bucket(bucket: &UsageBucket, wanted: &Wanted) -> Value {
    let results: Vec<_> = bucket.rows.iter().map(|row| result(row, wanted)).collect();
    json!({"object": "bucket", "start_time": bucket.start, "end_time": bucket.end, "results": results})
}

fn result(row: &UsageRow, wanted: &Wanted) -> Value {
    let mut all = Map::new();
    all.insert("object".to_owned(), json!("usage.result"));
    for ((name, _), value) in wanted.groups.iter().zip(&row.values) {
        // A status is a number in a record, and here too.
        let status = value.as_deref().filter(|_| *name == "status").and_then(|status| status.parse::<u16>().ok());
        all.insert((*name).to_owned(), status.map_or_else(|| json!(value), |status| json!(status)));
    }
    all.extend(counted(&row.totals, wanted));
    Value::Object(all)
}

fn counted(totals: &Totals, wanted: &Wanted) -> Map<String, Value> {
    let sums = Counter::ALL.iter().map(|counter| (counter.name().to_owned(), json!(totals.get(*counter))));
    let mut all: Map<String, Value> = sums.collect();
    if wanted.query.percentiles {
        all.extend(histograms(totals).map(|(name, histogram)| (name.to_owned(), percentiles(histogram))));
    }
    all
}

fn percentiles(histogram: &Histogram) -> Value {
    let told = PERCENTILES.map(|(name, hundredths)| (name.to_owned(), json!(histogram.percentile(hundredths))));
    let mut all: Map<String, Value> = told.into_iter().collect();
    all.insert("count".to_owned(), json!(histogram.total()));
    Value::Object(all)
}
