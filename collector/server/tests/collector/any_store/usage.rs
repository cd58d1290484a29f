//! Usage: rollups always agree with the records.

use crate::client::{Client, Reply};
use crate::process::Collector;
use crate::records::{BASE_US, batch, batch_of, record};
use headgate_record::{EndedBy, INGEST_PATH, RejectedBy, RequestRecord, ServedBy, UsageSource};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ALL_TIME: &str = "from=2025-12-01&to=2026-03-01";

/// Returns the number of counted requests over all time.
pub(crate) fn requests(collector: &Collector) -> u64 {
    let reply = collector.owner().get("/v1/usage?from=2026-01-01&to=2026-02-01&bucket=month&total=true").unwrap();
    let body = reply.json();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let total = body["total"]["requests"].as_u64().unwrap();
    assert_eq!(sum(&body, "requests"), total, "the bucket and the total come of different spans");
    total
}

fn sum(body: &Value, counter: &str) -> u64 {
    let buckets = body["data"].as_array().unwrap().iter();
    buckets.flat_map(|bucket| bucket["results"].as_array().unwrap()).map(|one| one[counter].as_u64().unwrap()).sum()
}

fn send(ingest: &mut Client, boot: &str, records: &[RequestRecord]) {
    let json: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    let reply = ingest.post(INGEST_PATH, &batch("n", boot, 0, &json)).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
}

fn get(owner: &mut Client, query: &str) -> Value {
    let reply = owner.get(&format!("/v1/usage?{query}")).unwrap();
    assert_eq!(reply.status, 200, "{query}: {}", reply.text());
    reply.json()
}

fn any_record() -> impl Strategy<Value = RequestRecord> {
    let numbers = (0..60 * 86_400_000_u64, 0..90_000_000_u64, 0..5_000_u64, 0..1_u64 << 40);
    let picks = (0..6_usize, 0..4_usize, 0..3_usize, 0..3_usize, any::<bool>(), any::<bool>());
    (numbers, picks).prop_map(|((at_ms, duration, tokens, nano), (outcome, team, model, key, estimated, first))| {
        let mut one = record("n", "b", 1);
        one.started_at = BASE_US - 5 * 86_400_000_000 + at_ms * 1_000;
        one.duration_us = duration;
        one.time_to_first_token_us = first.then_some(duration / 3);
        (one.status, one.rejected_by) = [
            (200, None),
            (200, None),
            (429, Some(RejectedBy::Gateway)),
            (503, Some(RejectedBy::Provider)),
            (0, None),
            (429, Some(RejectedBy::Host)),
        ][outcome];
        one.ended_by = if one.status == 0 { EndedBy::Client } else { EndedBy::Complete };
        let model = ["gpt-5.2", "qwen3", "\u{fc}"][model].to_owned();
        one.served_by = (one.status == 200).then(|| ServedBy { provider: "openai".to_owned(), model });
        if let Some(caller) = &mut one.caller {
            caller.team = [None, Some("a"), Some("b"), Some("=1+1")][team].map(str::to_owned);
            caller.key_id = format!("key-{key}");
            caller.application = (key > 0).then(|| format!("app-{}", team));
            caller.cost_center = (team > 1).then(|| format!("cc-{}", tokens % 2));
            caller.tenant = Some(format!("tenant-{}", outcome / 2));
        }
        one.config_revision = format!("rev-{}", (key + outcome) % 3);
        if let (Some(usage), Some(cost)) = (&mut one.usage, &mut one.cost) {
            (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens) = (tokens, tokens / 2, tokens / 3);
            usage.source = if estimated { UsageSource::Estimated } else { UsageSource::Reported };
            (cost.nano_usd, cost.assumed) = (nano, key == 0);
        }
        one
    })
}

type Of = fn(&RequestRecord) -> u64;

const SUMS: [(&str, Of); 12] = [
    ("requests", |_| 1),
    ("errors", |r| u64::from(r.status >= 400)),
    ("rejected_by_gateway", |r| u64::from(r.rejected_by == Some(RejectedBy::Gateway))),
    ("rejected_by_provider", |r| u64::from(r.rejected_by == Some(RejectedBy::Provider))),
    ("rejected_by_host", |r| u64::from(r.rejected_by == Some(RejectedBy::Host))),
    ("ended_by_client", |r| u64::from(r.ended_by == EndedBy::Client)),
    ("input_tokens", |r| r.usage.unwrap().input_tokens),
    ("cached_input_tokens", |r| r.usage.unwrap().cached_input_tokens),
    ("output_tokens", |r| r.usage.unwrap().output_tokens),
    ("cost_nano_usd", |r| r.cost.as_ref().unwrap().nano_usd),
    ("estimated_requests", |r| u64::from(r.usage.unwrap().source == UsageSource::Estimated)),
    ("unpriced_cost_nano_usd", |r| if r.cost.as_ref().unwrap().assumed { cost_of(r) } else { 0 }),
];

fn cost_of(record: &RequestRecord) -> u64 {
    record.cost.as_ref().unwrap().nano_usd
}

/// Returns the value of a group, read from the record itself.
fn value(record: &RequestRecord, group: &str) -> Value {
    let caller = record.caller.as_ref().unwrap();
    match group {
        "team" => json!(caller.team),
        "key_id" => json!(caller.key_id),
        "served_model" => json!(record.served_by.as_ref().map(|served| &served.model)),
        "application" => json!(caller.application),
        "cost_center" => json!(caller.cost_center),
        "tenant" => json!(caller.tenant),
        "config_revision" => json!(record.config_revision),
        "status" => json!(record.status),
        _ => json!((record.status > 0).then(|| format!("{}xx", record.status / 100))),
    }
}

/// Returns the start of a record's bucket, by the calendar alone.
fn bucket(record: &RequestRecord, zone: &TimeZone, width: &str) -> i64 {
    let at = Timestamp::from_microsecond(i64::try_from(record.started_at).unwrap()).unwrap().to_zoned(zone.clone());
    let start = match width {
        "hour" => at.round(jiff::ZonedRound::new().smallest(jiff::Unit::Hour).mode(jiff::RoundMode::Floor)).unwrap(),
        "day" => at.start_of_day().unwrap(),
        _ => at.first_of_month().unwrap().start_of_day().unwrap(),
    };
    start.timestamp().as_second()
}

/// Returns the exact percentile, by nearest rank.
fn exact(values: &mut [u64], hundredths: usize) -> u64 {
    values.sort_unstable();
    values[(values.len() * hundredths).div_ceil(100) - 1]
}

fn assert_like(records: &[&RequestRecord], result: &Value, context: &str) {
    for (name, of) in SUMS {
        assert_eq!(result[name], records.iter().map(|record| of(record)).sum::<u64>(), "{context}: {name}");
    }
    let mut durations: Vec<u64> = records.iter().map(|record| record.duration_us).collect();
    for (name, hundredths) in [("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99)] {
        let (exact, told) = (exact(&mut durations, hundredths), result["duration_us"][name].as_u64().unwrap());
        assert!(told.abs_diff(exact) <= exact / 32, "{context}: {name} {told} {exact}");
    }
    let first = records.iter().filter(|record| record.time_to_first_token_us.is_some()).count();
    assert_eq!(result["time_to_first_token_us"]["count"], first, "{context}");
    assert_eq!(result["time_to_first_token_us"]["p50"].is_null(), first == 0, "{context}");
}

/// Compares one query with the records themselves.
fn check(owner: &mut Client, records: &[RequestRecord], (zone, width, groups): (&str, &str, &[&str])) {
    let by: String = groups.iter().map(|group| format!("&group_by[]={group}")).collect();
    // The period has margins around the records, since the year of a zone does not begin when that of UTC does.
    let query = format!("from=2025-12-01&to=2026-03-15&time_zone={zone}&bucket={width}{by}&limit=1000&total=true");
    let mut pages = vec![get(owner, &query)];
    while let Some(next) = pages.last().unwrap()["next_page"].as_str() {
        let next = get(owner, &format!("{query}&page={next}"));
        pages.push(next);
    }
    let zone = TimeZone::get(zone).unwrap();
    let mut expected = BTreeMap::<String, Vec<&RequestRecord>>::new();
    for record in records {
        let values: Vec<Value> = groups.iter().map(|group| value(record, group)).collect();
        expected.entry(json!([bucket(record, &zone, width), values]).to_string()).or_default().push(record);
    }
    for bucket in pages.iter().flat_map(|page| page["data"].as_array().unwrap()) {
        for result in bucket["results"].as_array().unwrap() {
            let values: Vec<&Value> = groups.iter().map(|group| &result[*group]).collect();
            let key = json!([bucket["start_time"], values]).to_string();
            let there = expected.remove(&key).unwrap_or_else(|| panic!("{query}: nothing is in {key}"));
            assert_like(&there, result, &format!("{query}: {key}"));
        }
    }
    assert_eq!(expected.keys().collect::<Vec<_>>(), Vec::<&String>::new(), "{query}: left out");
    if !records.is_empty() {
        assert_like(&records.iter().collect::<Vec<_>>(), &pages[0]["total"], &query);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]
    #[test]
    fn usage_equals_the_sum_of_the_export(mut records in prop::collection::vec(any_record(), 1..150)) {
        let root = tempfile::tempdir().unwrap();
        let collector = Collector::start(root.path());
        for (one, seq) in records.iter_mut().zip(1..) {
            (one.seq, one.id) = (seq, crate::records::id("b", seq));
        }
        let mut ingest = collector.ingest();
        // Late and early ones mixed, some batches twice.
        for some in records.chunks(40) {
            send(&mut ingest, "b", some);
            send(&mut ingest, "b", &some[..some.len() / 2]);
        }
        let mut owner = collector.owner();
        let exported = owner.get("/v1/requests.ndjson").unwrap().text();
        let exported: Vec<RequestRecord> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(exported.len(), records.len());
        for ask in [
            ("UTC", "day", &["team"] as &[&str]),
            ("UTC", "month", &["team", "served_model", "status"]),
            ("Europe/Berlin", "day", &["key_id", "status_class"]),
            ("Asia/Kathmandu", "month", &["served_model", "tenant"]),
            ("UTC", "day", &["cost_center", "application"]),
            ("UTC", "month", &["config_revision"]),
            ("America/St_Johns", "hour", &[]),
        ] {
            check(&mut owner, &exported, ask);
        }
    }
}

#[test]
fn a_filter_counts_in_usage_as_in_the_log() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut other = record("n", "b", 2);
    (other.status, other.surface, other.environment) = (429, "embeddings".to_owned(), "staging".to_owned());
    other.requested_model = Some("embed".to_owned());
    other.served_by = Some(ServedBy { provider: "local".to_owned(), model: "qwen3".to_owned() });
    if let Some(caller) = &mut other.caller {
        caller.key_id = "robot".to_owned();
        caller.owner = Some("r\u{e9}mi & co".to_owned());
        (caller.team, caller.project) = (Some("ops".to_owned()), Some("night".to_owned()));
        (caller.application, caller.cost_center) = (Some("night-shift".to_owned()), Some("cc-7".to_owned()));
        caller.tenant = Some("acme".to_owned());
    }
    other.config_revision = "rev-8".to_owned();
    send(&mut collector.ingest(), "b", &[record("n", "b", 1), other, record("n", "b", 3)]);
    let mut owner = collector.owner();
    for (filter, expected) in [
        ("status=429", 1),
        ("status_class=2xx", 2),
        ("surface=embeddings", 1),
        ("environment=staging", 1),
        ("requested_model=embed", 1),
        ("served_model=gpt-5.2", 2),
        ("provider=local", 1),
        ("key_id=robot", 1),
        ("owner=r%C3%A9mi+%26%20co", 1),
        ("team=ops", 1),
        ("project=assistant", 2),
        ("project=assistant&team=ops", 0),
        ("team=nobody", 0),
        ("team[not]=ops", 2),
        ("team[not]=nobody", 3),
        ("team=ops&team=team-1", 2),
        ("team[not]=ops&team[not]=team-1", 1),
        ("status=429&status=200", 3),
        ("status_class[not]=4xx", 2),
        ("application=night-shift", 1),
        ("application[not]=night-shift", 2),
        ("cost_center=cc-7", 1),
        ("tenant=acme", 1),
        ("config_revision=rev-8", 1),
        ("config_revision=rev-8&config_revision=rev-7", 3),
        ("config_revision[not]=rev-8&provider[not]=local", 2),
        ("from=2026-01-01T00:15:00Z", 0),
        ("to=2026-01-01T00:15:00Z", 3),
        ("time_zone=Asia/Kolkata", 3),
    ] {
        let times: String = ["from=2025-12-01", "to=2026-03-01"]
            .into_iter()
            .filter(|time| !filter.starts_with(&time[..3]))
            .map(|time| format!("&{time}"))
            .collect();
        let body = get(&mut owner, &format!("{filter}{times}&total=true&limit=100"));
        assert_eq!((sum(&body, "requests"), &body["total"]["requests"]), (expected, &json!(expected)), "{filter}");
    }
}

#[test]
fn pages_continue_and_buckets_fit_the_period() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=9)).unwrap();
    let mut owner = collector.owner();
    let query = "from=2025-12-31T22:30:00Z&to=2026-01-01T01:15:00Z&bucket=hour";
    let whole = get(&mut owner, query);
    let at = |hours: i64, minutes: i64| 1_767_225_600 + hours * 3_600 + minutes * 60;
    let spans: Vec<_> = whole["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["start_time"].as_i64().unwrap(), one["end_time"].as_i64().unwrap()))
        .collect();
    assert_eq!(spans, [(at(-2, 30), at(-1, 0)), (at(-1, 0), at(0, 0)), (at(0, 0), at(1, 0)), (at(1, 0), at(1, 15))]);
    assert_eq!(
        (&whole["object"], &whole["has_more"], &whole["next_page"]),
        (&json!("page"), &json!(false), &Value::Null)
    );
    let mut together = Vec::new();
    let mut page = get(&mut owner, &format!("{query}&limit=1"));
    loop {
        together.extend(page["data"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_page"].as_str() else { break };
        page = get(&mut owner, &format!("{query}&limit=1&page={next}"));
    }
    assert_eq!(Value::Array(together), whole["data"]);
}

#[test]
fn bad_parameters_are_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let long = format!("team={}", "x".repeat(1_025));
    for (query, param) in [
        ("from=", "from"),
        ("from=yesterday", "from"),
        ("from=2026-01-01&from=2026-01-02", "from"),
        ("from=99999999999999999999", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-01-01&bucket=minute", "bucket"),
        ("from=2026-01-01&time_zone=Mars/Olympus", "time_zone"),
        ("from=2026-01-01&time_zone=../../etc/passwd", "time_zone"),
        ("from=2026-01-01&group_by[]=end_user", "group_by[]"),
        ("from=2026-01-01&group_by[]=team&group_by[]=team", "group_by[]"),
        ("from=2026-01-01&limit=0", "limit"),
        ("from=2026-01-01&limit=1001", "limit"),
        ("from=2026-01-01&page=u1_", "page"),
        ("from=2026-01-01&page=c1_1", "page"),
        ("from=2026-01-01&total=maybe", "total"),
        ("from=2026-01-01&status_class=10xx", "status_class"),
        ("from=2026-01-01&tag[a]=b", "tag[a]"),
        ("from=2026-01-01&node=n", "node"),
        ("from=2026-01-01&%3Cscript%3E=1", "?"),
        (&long, "team"),
    ] {
        let reply = owner.get(&format!("/v1/usage?{query}")).unwrap();
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!(param)), "{query}: {}", reply.text());
    }
    assert_eq!(owner.get("/v1/usage.csv?from=2026-01-01&limit=5").unwrap().status, 400);
}

#[test]
fn an_oversized_bucket_is_only_exported() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut ingest = collector.ingest();
    for first in (1..=10_001_u64).step_by(3_000) {
        let records: Vec<_> = (first..(first + 3_000).min(10_002))
            .map(|seq| {
                let mut one = record("n", "b", seq);
                one.caller.as_mut().unwrap().key_id = format!("key-{seq}");
                one
            })
            .collect();
        send(&mut ingest, "b", &records);
    }
    let mut owner = collector.owner();
    let query = format!("{ALL_TIME}&bucket=month&group_by[]=key_id");
    let refused = owner.get(&format!("/v1/usage?{query}")).unwrap();
    assert_eq!((refused.status, &refused.json()["error"]["code"]), (400, &json!("too_many_results")));
    assert_eq!(get(&mut owner, &format!("{query}&key_id=key-77"))["data"][1]["results"][0]["requests"], 1);
    assert_eq!(csv(&owner.get(&format!("/v1/usage.csv?{query}")).unwrap()).len(), 10_002);
}

fn csv(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.text().lines().map(str::to_owned).collect()
}

#[test]
fn the_sheet_is_safe_and_ends_with_its_sum() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut formula = record("n", "b", 2);
    formula.caller.as_mut().unwrap().team = Some("=HYPERLINK(\"http://x\")".to_owned());
    formula.started_at += 40 * 86_400_000_000;
    send(&mut collector.ingest(), "b", &[record("n", "b", 1), formula]);
    let mut owner = collector.owner();
    let reply = owner.get(
        "/v1/usage.csv?from=2026-01-01&to=2026-03-01&bucket=day&time_zone=Europe/Berlin&group_by[]=team&total=true",
    );
    let reply = reply.unwrap();
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let lines = csv(&reply);
    let head = "start_time,end_time,team,requests,errors,rejected_by_gateway,rejected_by_provider,ended_by_client,\
        ended_by_provider,input_tokens,cached_input_tokens,cache_write_input_tokens,cache_write_1h_input_tokens,\
        output_tokens,reasoning_tokens,cost_nano_usd,estimated_requests,estimated_cost_nano_usd,unpriced_requests,\
        unpriced_cost_nano_usd,rejected_by_host,cost_usd,duration_us_p50,duration_us_p90,duration_us_p95,duration_us_p99,\
        time_to_first_token_us_p50,time_to_first_token_us_p90,time_to_first_token_us_p95,time_to_first_token_us_p99";
    let counts = |n: u64| format!("{n},0,0,0,0,0,{},0,0,0,{},0,{},0,0,0,0,0,", n * 1200, n * 340, n * 4_500_000);
    let times = "802815,802815,802815,802815,,,,";
    assert_eq!(
        lines,
        [
            head.to_owned(),
            format!("2026-01-01T00:00:00+01:00,2026-01-02T00:00:00+01:00,team-1,{}0.004500000,{times}", counts(1)),
            format!(
                "2026-02-10T00:00:00+01:00,2026-02-11T00:00:00+01:00,\"'=HYPERLINK(\"\"http://x\"\")\",{}0.004500000,{times}",
                counts(1)
            ),
            format!("2026-01-01T00:00:00+01:00,2026-03-01T00:00:00+01:00,total,{}0.009000000,{times}", counts(2)),
        ]
    );
}

#[test]
fn names_that_clients_invent_add_no_rows() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let records: Vec<_> = (1..=500)
        .map(|seq| {
            let mut one = record("n", "b", seq);
            one.caller = record("n", "b", 1).caller;
            one.requested_model = Some(format!("canary-model-{seq}"));
            (one.status, one.error_code) = (404, Some("model_not_found".to_owned()));
            one.client.end_user = Some(format!("canary-user-{seq}"));
            one.client.session_id = Some(format!("canary-session-{seq}"));
            one.client.tags = [("app".to_owned(), format!("canary-tag-{seq}"))].into();
            one
        })
        .collect();
    send(&mut collector.ingest(), "b", &records);
    let query = format!("{ALL_TIME}&bucket=month&group_by[]=requested_model&group_by[]=key_id");
    let mut owner = collector.owner();
    let body = get(&mut owner, &query);
    assert_eq!(body["data"][1]["results"].as_array().unwrap().len(), 1, "{body}");
    assert_eq!(body["data"][1]["results"][0]["requests"], 500);
    let sheet = owner.get(&format!("/v1/usage.csv?{query}")).unwrap().text();
    assert!(!format!("{body}{sheet}").contains("canary"), "{body}{sheet}");
    assert!(collector.terminate().success());
    let rows = crate::store::number(root.path(), "SELECT count(*) FROM usage_rollups");
    assert_eq!(rows, 2, "one for the quarter of an hour, one for the day");
}

#[test]
fn sums_saturate_at_the_largest_number() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut ingest = collector.ingest();
    for seq in 1..=3 {
        let mut one = record("n", "b", seq);
        one.duration_us = u64::MAX;
        one.usage.as_mut().unwrap().input_tokens = u64::MAX;
        one.cost.as_mut().unwrap().nano_usd = u64::MAX;
        send(&mut ingest, "b", &[one]);
    }
    let body = get(&mut collector.owner(), &format!("{ALL_TIME}&total=true"));
    assert_eq!(body["total"]["cost_nano_usd"], u64::MAX);
    assert_eq!((&body["total"]["requests"], &body["total"]["output_tokens"]), (&json!(3), &json!(1020)));
    let p50 = body["total"]["duration_us"]["p50"].as_u64().unwrap();
    assert!(p50.abs_diff(u64::MAX) <= u64::MAX / 32, "{p50}");
}

#[test]
fn reading_usage_is_in_the_audit_log() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    get(&mut owner, "from=2026-01-01&group_by[]=owner");
    csv(&owner.get("/v1/usage.csv?from=2026-01-01&group_by[]=owner").unwrap());
    let entries = owner.get("/v1/audit?event_types[]=usage.searched&event_types[]=usage.exported").unwrap().json();
    let told: Vec<_> = entries["data"].as_array().unwrap().iter().map(|one| (&one["type"], &one["resource"])).collect();
    assert_eq!(told.len(), 2, "{entries}");
    assert_eq!(told[0].0, "usage.exported");
    assert_eq!(told[1].1, &json!({"kind": "log", "id": "usage", "name": "from=2026-01-01&group_by[]=owner"}));
}
