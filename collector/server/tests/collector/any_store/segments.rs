//! Answers from columns equal those from reading every record: in sealed segments, in the growing one, and at the seam between
//! them.

use crate::client::Client;
use crate::process::Collector;
use crate::records::{BASE_US, batch, record};
use headgate_record::{AttemptKind, INGEST_PATH, RequestRecord};

/// Two segments and a part of a third.
const RECORDS: u64 = 2 * 16_384 + 3_000;
const BATCH: u64 = 500;

/// Returns a record with independently varied members.
fn varied(seq: u64) -> RequestRecord {
    let mixed = (seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (seq >> 3)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let random = mixed ^ (mixed >> 29) ^ (mixed >> 47);
    let pick = |shift: u32, of: u64| (random >> shift) % of;
    let mut varied = record("n", "b", seq);
    varied.status = [200, 200, 200, 429, 503][usize::try_from(pick(3, 5)).unwrap()];
    varied.started_at = BASE_US + seq * 1000 + pick(11, 5_000_000);
    varied.duration_us = pick(17, 3_000_000);
    varied.time_to_first_token_us = (pick(23, 3) > 0).then(|| pick(29, 900_000));
    if let Some(cost) = &mut varied.cost {
        cost.nano_usd = pick(31, 1 << 33);
    }
    if let Some(usage) = &mut varied.usage {
        // More values than a column of few values can hold, and some zeros.
        usage.input_tokens = pick(13, 20_000).saturating_sub(500);
    }
    if pick(19, 7) == 0 {
        varied.cost = None;
    }
    if let Some(caller) = &mut varied.caller {
        // More values than a column of few values can hold.
        caller.key_id = format!("key-{}", pick(37, 6_000));
    }
    varied.attempts[0].kind = if pick(41, 50) == 0 { AttemptKind::Failover } else { AttemptKind::First };
    if pick(43, 1000) == 0 {
        varied.client.tags.insert("rare".to_owned(), format!("Tag-{}", pick(47, 3)));
    }
    if seq >= 20_000 {
        varied.config_revision = "rev-8".to_owned();
    }
    varied
}

fn tag(record: &RequestRecord) -> &str {
    record.client.tags.get("rare").map_or("", String::as_str)
}

fn key(record: &RequestRecord) -> &str {
    record.caller.as_ref().map_or("", |caller| caller.key_id.as_str())
}

/// Compares each bar of a histogram with the records that started in it.
fn assert_bars(owner: &mut Client, query: &str, matching: &[&RequestRecord], most: u64) {
    let found = owner.get(&format!("/v1/requests/histogram?bars={most}&{query}")).unwrap().json();
    let width = found["width_us"].as_u64().unwrap();
    let mut counted = 0;
    for bar in found["bars"].as_array().unwrap() {
        let start = bar["start"].as_u64().unwrap();
        let inside: Vec<_> = matching.iter().filter(|r| (start..start + width).contains(&r.started_at)).collect();
        let cost: u64 = inside.iter().filter_map(|r| r.cost.as_ref()).map(|cost| cost.nano_usd).sum();
        let tokens: u64 = inside.iter().filter_map(|r| r.usage.as_ref()).map(|usage| usage.input_tokens).sum();
        let expected = [inside.len() as u64, cost, tokens];
        let told = ["requests", "cost_nano_usd", "input_tokens"].map(|name| bar[name].as_u64().unwrap());
        assert_eq!(told, expected, "{query}: {most} bars from {start}");
        counted += inside.len();
    }
    assert_eq!(counted, matching.len(), "{query}: {most} bars");
}

type Holds = fn(&RequestRecord) -> bool;

const CASES: [(&str, Holds); 14] = [
    ("", |_| true),
    ("status=503", |r| r.status == 503),
    ("status_class=2xx&failover=true", |r| r.status == 200 && r.attempts[0].kind == AttemptKind::Failover),
    ("key_id=key-77", |r| key(r) == "key-77"),
    ("config_revision=rev-7", |r| r.config_revision == "rev-7"),
    ("config_revision=rev-8&stream=true", |r| r.config_revision == "rev-8" && r.stream),
    ("latency_ms[gte]=2990", |r| r.duration_us >= 2_990_000),
    ("time_to_first_token_ms[lte]=1.5", |r| r.time_to_first_token_us.is_some_and(|us| us <= 1_500)),
    ("cost_usd[gte]=8&status=429", |r| r.cost.as_ref().is_some_and(|c| c.nano_usd >= 8_000_000_000) && r.status == 429),
    ("tag[rare]=Tag-1", |r| tag(r) == "Tag-1"),
    ("q=tag-2", |r| tag(r) == "Tag-2"),
    ("q=KEY-599", |r| key(r).contains("key-599")),
    ("from=1767225620000000&to=1767225621000000", |r| {
        (BASE_US + 20_000_000..BASE_US + 21_000_000).contains(&r.started_at)
    }),
    ("to=1767225602500000&status=200", |r| r.started_at < BASE_US + 2_500_000 && r.status == 200),
];

fn walk(owner: &mut Client, query: &str) -> Vec<u64> {
    let mut found = Vec::new();
    let mut after = String::new();
    loop {
        let page = owner.get(&format!("/v1/requests?limit=500&{query}{after}")).unwrap().json();
        found.extend(page["data"].as_array().unwrap().iter().map(|r| r["seq"].as_u64().unwrap()));
        if page["has_more"] != true {
            return found;
        }
        after = format!("&after={}", page["next"].as_str().unwrap());
    }
}

#[test]
fn columns_answer_as_every_record_does() {
    let root = tempfile::tempdir().unwrap();
    let mut collector = Collector::start(root.path());
    let records: Vec<RequestRecord> = (1..=RECORDS).map(varied).collect();
    for (place, some) in records.chunks(usize::try_from(BATCH).unwrap()).enumerate() {
        if place == 32 {
            collector.kill();
            collector = Collector::start(root.path());
        }
        let json: Vec<String> = some.iter().map(|r| serde_json::to_string(r).unwrap()).collect();
        let reply = collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &json)).unwrap();
        assert_eq!(reply.json()["stored"], some.len(), "{}", reply.text());
    }
    let mut owner = collector.owner();
    for (query, holds) in CASES {
        let mut expected: Vec<u64> = records.iter().filter(|r| holds(r)).map(|r| r.seq).collect();
        assert!(!expected.is_empty(), "{query} finds nothing to compare");
        let facets = owner.get(&format!("/v1/requests/facets?facets=status,key_id,tag&{query}")).unwrap().json();
        assert_eq!(facets["total"], expected.len(), "{query}");
        assert_eq!(walk(&mut owner, &format!("order=asc&{query}")), expected, "{query}");
        let matching: Vec<_> = records.iter().filter(|r| holds(r)).collect();
        for bars in [1, 7, 240] {
            assert_bars(&mut owner, query, &matching, bars);
        }
        expected.reverse();
        assert_eq!(walk(&mut owner, query), expected, "{query}");
        if !query.contains("status") {
            let limited = records.iter().filter(|r| holds(r) && r.status == 429).count();
            let values = facets["facets"]["status"]["values"].as_array().unwrap();
            let told =
                values.iter().find(|value| value["value"] == "429").map_or(0, |value| value["count"].as_u64().unwrap());
            assert_eq!(told, limited as u64, "{query}");
        }
    }
    let keys = owner.get("/v1/requests/facets?facets=key_id").unwrap().json();
    let first = &keys["facets"]["key_id"]["values"][0];
    let most = records.iter().filter(|r| key(r) == first["value"]).count();
    assert_eq!(first["count"], most);
}
