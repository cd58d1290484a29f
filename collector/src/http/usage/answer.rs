//! A page of usage as JSON.

use super::parameters::{Wanted, cursor};
use crate::store::{Counter, Histogram, Totals, UsageBucket, UsagePage, UsageRow};
use serde_json::{Map, Value, json};

/// Percentiles that are told.
pub(super) const PERCENTILES: [(&str, u32); 4] = [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)];

/// The histograms by name.
pub(super) fn histograms(totals: &Totals) -> [(&'static str, &Histogram); 2] {
    [("duration_us", &totals.duration), ("time_to_first_token_us", &totals.first_token)]
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
