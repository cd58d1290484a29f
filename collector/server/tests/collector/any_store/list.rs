//! Filters, pages and cursors.

use crate::client::Client;
use crate::process::Collector;
use crate::records::{BASE_US, attempt, batch, batch_of, record};
use headgate_record::{AttemptKind, AttemptRecord, Cost, Decision, EndedBy, INGEST_PATH, RejectedBy, RequestRecord};
use serde_json::{Value, json};

fn seqs(reply: &Value) -> Vec<u64> {
    let data = reply["data"].as_array().unwrap();
    data.iter().map(|r| r["seq"].as_u64().unwrap()).collect()
}

/// Returns two records that differ in every filtered value: 1 is plain, 2 is the other.
fn pair() -> [RequestRecord; 2] {
    let mut other = record("n", "b", 2);
    other.started_at = BASE_US + 3_600_000_000;
    other.config_revision = "rev-8".to_owned();
    other.environment = "staging".to_owned();
    other.surface = "embeddings".to_owned();
    other.requested_model = Some("embed".to_owned());
    other.status = 429;
    other.ended_by = EndedBy::Gateway;
    other.rejected_by = Some(RejectedBy::Gateway);
    other.error_code = Some("rate_limit_exceeded".to_owned());
    other.attempts = vec![attempt(), AttemptRecord { kind: AttemptKind::Failover, ..attempt() }];
    other.duration_us = 2_500_000;
    other.time_to_first_token_us = Some(400_000);
    other.cost = Some(Cost { nano_usd: 1_000_000_000, price_revision: "2026-01".to_owned(), assumed: false });
    other.decisions.push(Decision {
        stage: "limits".to_owned(),
        policy_id: Some("per-key".to_owned()),
        ..Decision::default()
    });
    other.client.tags = [("app".to_owned(), "B\u{fc}ro".to_owned()), ("ticket".to_owned(), "T-1".to_owned())].into();
    if let Some(served) = &mut other.served_by {
        served.provider = "local".to_owned();
        served.model = "qwen3".to_owned();
    }
    if let Some(caller) = &mut other.caller {
        caller.key_id = "robot".to_owned();
        caller.owner = Some("r\u{e9}mi & co".to_owned());
        caller.team = Some("ops".to_owned());
        caller.project = Some("night".to_owned());
    }
    [record("n", "b", 1), other]
}

#[test]
fn each_filter_finds_exactly_its_records() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let records = pair().map(|record| serde_json::to_string(&record).unwrap());
    collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap();
    collector.ingest().post(INGEST_PATH, &batch_of("m", "c", 3..=3)).unwrap();
    let cases: [(&str, &[u64]); 61] = [
        ("", &[3, 2, 1]),
        ("order=asc", &[1, 2, 3]),
        ("status=429", &[2]),
        ("status=0", &[]),
        ("status_class=4xx", &[2]),
        ("status_class=2xx", &[3, 1]),
        ("surface=embeddings", &[2]),
        ("requested_model=embed", &[2]),
        ("served_model=qwen3", &[2]),
        ("provider=local", &[2]),
        ("key_id=robot", &[2]),
        ("owner=r%C3%A9mi+%26%20co", &[2]),
        ("team=ops", &[2]),
        ("project=night", &[2]),
        ("project=assistant&order=asc", &[1, 3]),
        ("environment=staging", &[2]),
        ("stream=true", &[2]),
        ("stream=false", &[3, 1]),
        ("rejected_by=gateway", &[2]),
        ("rejected_by=provider", &[]),
        ("ended_by=gateway", &[2]),
        ("error_code=rate_limit_exceeded", &[2]),
        ("config_revision=rev-8", &[2]),
        ("failover=true", &[2]),
        ("failover=false", &[3, 1]),
        ("node=m", &[3]),
        ("node=n&status_class=2xx&stream=false", &[1]),
        ("key_id=nobody", &[]),
        ("from=2026-01-01T01:00:00Z", &[2]),
        ("from=2026-01-01T02:00:00%2B01:00", &[2]),
        ("to=2026-01-01T01:00:00Z", &[3, 1]),
        ("from=2026-01-01&to=2026-01-02", &[3, 2, 1]),
        ("from=2026-01-02", &[]),
        ("from=1767225600001000&to=1767225600001001", &[1]),
        ("from=1767225600001000&to=1767225600003001&order=asc&status_class=2xx", &[1, 3]),
        ("to=1767225600003000&key_id=robot", &[]),
        ("latency_ms%5Bgte%5D=2500", &[2]),
        ("latency_ms[gte]=2500.001", &[]),
        ("latency_ms[lte]=812.345", &[3, 1]),
        ("latency_ms[gte]=100&latency_ms[lte]=1000", &[3, 1]),
        ("time_to_first_token_ms[lte]=400", &[2]),
        ("time_to_first_token_ms[gte]=0", &[2]),
        ("cost_usd[gte]=1", &[2]),
        ("cost_usd[gte]=0.0045&cost_usd[lte]=0.0045", &[3, 1]),
        ("cost_usd[lte]=0.004499999", &[]),
        ("policy_id=per-key", &[2]),
        ("policy_id=alice-laptop", &[3, 2, 1]),
        ("policy_id=nobody", &[]),
        ("tag[app]=B%C3%BCro", &[2]),
        ("tag[app]=B%C3%BCro&tag[ticket]=T-1", &[2]),
        ("tag[app]=other", &[]),
        ("q=QWEN", &[2]),
        ("q=b%C3%9CRO", &[2]),
        ("q=t-1", &[2]),
        ("q=MI+%26%20CO", &[2]),
        ("q=chat_compl", &[3, 1]),
        ("q=key-", &[3, 1]),
        ("q=nothing+like+it", &[]),
        ("q=gpt&key_id=key-3", &[3]),
        ("q=%25", &[]),
        ("config_revision=rev-8&status_class=4xx&failover=true&q=embed", &[2]),
    ];
    let mut owner = collector.owner();
    for (query, expected) in cases {
        let reply = owner.get(&format!("/v1/requests?{query}")).unwrap();
        assert_eq!(reply.status, 200, "{query}: {}", reply.text());
        assert_eq!(seqs(&reply.json()), expected, "{query}");
        let counted = owner.get(&format!("/v1/requests?total=true&limit=1&{query}")).unwrap().json();
        assert_eq!(counted["total"], expected.len(), "{query}");
        let filter = query.replace("order=asc", "").replace("&&", "&");
        let facets = owner.get(&format!("/v1/requests/facets?{}", filter.trim_matches('&'))).unwrap().json();
        assert_eq!(facets["total"], expected.len(), "{query}: {facets}");
    }
}

#[test]
fn facets_leave_their_own_filter_aside() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let records = pair().map(|record| serde_json::to_string(&record).unwrap());
    collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap();
    collector.ingest().post(INGEST_PATH, &batch_of("m", "c", 3..=12)).unwrap();
    let mut owner = collector.owner();
    let facets = owner.get("/v1/requests/facets").unwrap().json();
    let values = |name: &str| facets["facets"][name]["values"].clone();
    assert_eq!(facets["total"], 12);
    assert_eq!(values("status"), json!([{"value": "200", "count": 11}, {"value": "429", "count": 1}]));
    assert_eq!(values("status_class"), json!([{"value": "2xx", "count": 11}, {"value": "4xx", "count": 1}]));
    assert_eq!(values("stream"), json!([{"value": "false", "count": 6}, {"value": "true", "count": 6}]));
    assert_eq!(values("policy_id"), json!([{"value": "alice-laptop", "count": 12}, {"value": "per-key", "count": 1}]));
    assert_eq!(values("rejected_by"), json!([{"value": "gateway", "count": 1}]));
    assert_eq!(facets["facets"]["key_id"]["distinct"], 12);
    let some =
        owner.get("/v1/requests/facets?provider=openai&stream=true&facets=provider,stream,tag,team").unwrap().json();
    assert_eq!(some["total"], 5);
    assert_eq!(
        some["facets"]["provider"]["values"],
        json!([{"value": "openai", "count": 5}, {"value": "local", "count": 1}])
    );
    assert_eq!(
        some["facets"]["stream"]["values"],
        json!([{"value": "false", "count": 6}, {"value": "true", "count": 5}])
    );
    assert_eq!(some["facets"]["tag"], json!({"distinct": 0, "values": []}));
    assert_eq!(some["facets"].as_object().unwrap().len(), 4);
    let bad = owner.get("/v1/requests/facets?facets=provider,secret").unwrap();
    assert_eq!((bad.status, &bad.json()["error"]["param"]), (400, &json!("facets")));
}

#[test]
fn a_status_of_a_facet_finds_its_count() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let statuses = [200, 204, 404, 600, 999, 0];
    let with_status = |(seq, status)| {
        let mut record = record("n", "b", seq);
        record.status = status;
        serde_json::to_string(&record).unwrap()
    };
    let records: Vec<_> = (1..).zip(statuses).map(with_status).collect();
    let ack = collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap().json();
    assert_eq!(ack["stored"], 6, "{ack}");
    let mut owner = collector.owner();
    let facets = owner.get("/v1/requests/facets?facets=status,status_class").unwrap().json();
    for (name, distinct) in [("status", 6), ("status_class", 4)] {
        let facet = &facets["facets"][name];
        assert_eq!(facet["distinct"], distinct, "{facet}");
        for value in facet["values"].as_array().unwrap() {
            let query = format!("/v1/requests?total=true&{name}={}", value["value"].as_str().unwrap());
            assert_eq!(owner.get(&query).unwrap().json()["total"], value["count"], "{query}");
        }
    }
}

#[test]
fn a_facet_shows_the_most_frequent_names() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let with_model = |seq: u64| {
        let mut record = record("n", "b", seq);
        // The last one is as frequent as ten others.
        record.requested_model = Some(format!("model-{:03}", if seq > 250 { 250 } else { seq }));
        record.client.tags = [("model".to_owned(), format!("{}", seq.min(250)))].into();
        serde_json::to_string(&record).unwrap()
    };
    let records: Vec<_> = (1..=259).map(with_model).collect();
    collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &records)).unwrap();
    let facets = collector.owner().get("/v1/requests/facets?facets=requested_model,tag").unwrap().json();
    for (name, first) in [("requested_model", "model-250"), ("tag", "model=250")] {
        let facet = &facets["facets"][name];
        assert_eq!((&facet["distinct"], facet["values"].as_array().unwrap().len()), (&json!(250), 100));
        assert_eq!(facet["values"][0], json!({"value": first, "count": 10}));
        assert_eq!(facet["values"][99]["count"], 1);
    }
}

#[test]
fn an_export_is_complete_in_each_format() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=1200)).unwrap();
    let mut owner = collector.owner();
    let json = owner.get("/v1/requests.json?stream=true&order=asc").unwrap();
    assert_eq!(seqs(&json.json()), (1..=1200).filter(|seq| seq % 2 == 0).collect::<Vec<_>>());
    let lines = owner.get("/v1/requests.ndjson").unwrap();
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let read = lines
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap())
        .collect::<Vec<_>>();
    assert_eq!(read, (1..=1200).rev().collect::<Vec<_>>());
    let sheet = owner.get("/v1/requests.csv?limit=2").unwrap();
    let rows: Vec<Vec<String>> =
        sheet.text().lines().map(|line| line.split(',').map(str::to_owned).collect()).collect();
    assert_eq!((rows.len(), &rows[0][0][..], &rows[1][4][..]), (3, "started_at", "1200"));
    assert_eq!(rows[1][0], "2026-01-01T00:00:01.2Z");
    assert!(rows.iter().all(|row| row.len() == rows[0].len()));
    assert_eq!(owner.get("/v1/requests.ndjson?key_id=nobody").unwrap().text(), "");
    assert_eq!(owner.get("/v1/requests.json?key_id=nobody").unwrap().json()["data"], serde_json::json!([]));
    assert_eq!(owner.get("/v1/requests.csv?after=c1_1").unwrap().status, 400);
    let log = owner.get("/v1/audit?event_types[]=requests.exported").unwrap().json();
    assert_eq!(log["data"].as_array().unwrap().len(), 5);
    assert_eq!(log["data"][4]["resource"]["name"], "json stream=true&order=asc");
}

#[test]
fn pages_lead_back_to_their_start() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=20)).unwrap();
    let mut owner = collector.owner();
    for (order, pages) in
        [("desc", [[20, 19, 18], [17, 16, 15], [14, 13, 12]]), ("asc", [[1, 2, 3], [4, 5, 6], [7, 8, 9]])]
    {
        let mut get = |place: String| owner.get(&format!("/v1/requests?limit=3&order={order}{place}")).unwrap().json();
        let cursor = |page: &Value, name: &str, way: &str| format!("&{way}={}", page[name].as_str().unwrap());
        let first = get(String::new());
        assert_eq!(first["previous"], Value::Null);
        let second = get(cursor(&first, "next", "after"));
        let third = get(cursor(&second, "next", "after"));
        assert_eq!([&first, &second, &third].map(seqs), pages);
        let back = get(cursor(&third, "previous", "before"));
        assert_eq!((seqs(&back), &back["has_more"]), (pages[1].to_vec(), &json!(true)));
        let start = get(cursor(&back, "previous", "before"));
        assert_eq!((seqs(&start), &start["previous"]), (pages[0].to_vec(), &Value::Null));
        assert_eq!(seqs(&get(cursor(&start, "next", "after"))), pages[1]);
        let between = get(cursor(&first, "next", "after") + &cursor(&third, "previous", "before"));
        assert_eq!((seqs(&between), &between["has_more"]), (pages[1].to_vec(), &json!(false)));
    }
}

#[test]
fn a_bad_parameter_is_refused_by_name() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let twenty_one = vec!["team=a"; 21].join("&");
    let cases = [
        ("statsu=200", "statsu"),
        ("status=abc", "status"),
        ("status=99", "status"),
        ("status_class=2", "status_class"),
        ("stream=yes", "stream"),
        ("failover=1", "failover"),
        ("rejected_by=me", "rejected_by"),
        ("ended_by=", "ended_by"),
        ("order=up", "order"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        ("from=yesterday", "from"),
        ("to=99999999999999999999", "to"),
        ("after=x", "after"),
        ("after=c1_-1", "after"),
        ("limit=1&limit=2", "limit"),
        (&twenty_one, "team"),
        ("status_class[not]=2", "status_class[not]"),
        ("status[not]=abc", "status[not]"),
        ("latency_ms[not]=5", "latency_ms[not]"),
        ("latency_ms[gte][not]=5", "latency_ms[gte][not]"),
        ("from[not]=2026-01-01", "from[not]"),
        ("id=01890A5D-ac96-774b-bcce-b302099a8057", "id"),
        ("id[not]=x", "id[not]"),
        ("trace_id=abc", "trace_id"),
        ("trace_id=4bf92f3577b34da6a3ce929d0e0e473g", "trace_id"),
        ("parent_span_id=abc", "parent_span_id"),
        ("estimate_reason=guess", "estimate_reason"),
        ("attempt_error=broken", "attempt_error"),
        ("attempt_error[not]=broken", "attempt_error[not]"),
        ("usage_source=guessed", "usage_source"),
        ("assumed=1", "assumed"),
        ("session_id=", "session_id"),
        ("session_id[]=a", "session_id[]"),
        ("[not]=a", "[not]"),
        ("latency_ms=5", "latency_ms"),
        ("latency_ms[gte]=-5", "latency_ms[gte]"),
        ("latency_ms[near]=5", "latency_ms[near]"),
        ("cost_usd[gte]=1e3", "cost_usd[gte]"),
        ("tag[]=a", "tag[]"),
        ("facets=team", "facets"),
        ("after=c1_F", "after"),
        ("%1b%5b31m=1", "?"),
    ];
    let mut owner = collector.owner();
    for (query, param) in cases {
        let reply = owner.get(&format!("/v1/requests?{query}")).unwrap();
        assert_eq!(reply.status, 400, "{query}");
        assert_eq!(reply.json()["error"]["param"], param, "{query}");
    }
}

/// Reads all pages while new records arrive between them.
fn walk(owner: &mut Client, query: &str, mut between: impl FnMut()) -> Vec<u64> {
    let mut found = Vec::new();
    let mut path = format!("/v1/requests?{query}");
    loop {
        let page = owner.get(&path).unwrap().json();
        found.extend(seqs(&page));
        if page["has_more"] != true {
            return found;
        }
        path = format!("/v1/requests?{query}&after={}", page["next"].as_str().unwrap());
        between();
    }
}

#[test]
fn pages_are_exact_while_entries_arrive() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut ingest = collector.ingest();
    ingest.post(INGEST_PATH, &batch_of("n", "b", 1..=100)).unwrap();
    let mut owner = collector.owner();
    let mut newest = 100;
    let mut arrive = || {
        newest += 1;
        ingest.post(INGEST_PATH, &batch_of("n", "b", newest..=newest)).unwrap();
    };
    let down = walk(&mut owner, "limit=7", &mut arrive);
    assert_eq!(down, (1..=100).rev().collect::<Vec<_>>());
    let filtered = "limit=9&stream=true&to=2026-01-01T00:00:00.051Z";
    let some = walk(&mut owner, filtered, &mut arrive);
    assert_eq!(some, (1..=50).rev().filter(|seq| seq % 2 == 0).collect::<Vec<_>>());
    let up = walk(&mut owner, "limit=7&order=asc", &mut arrive);
    assert_eq!(up, (1..=newest).collect::<Vec<_>>());
}

#[test]
fn an_empty_log_can_be_followed() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut owner = collector.owner();
    let mut follow = |after: &str| owner.get(&format!("/v1/requests?order=asc{after}")).unwrap().json();
    let empty = follow("");
    assert_eq!((seqs(&empty), &empty["has_more"]), (vec![], &Value::Bool(false)));
    let cursor = format!("&after={}", empty["next"].as_str().unwrap());
    collector.ingest().post(INGEST_PATH, &batch_of("n", "b", 1..=2)).unwrap();
    let page = follow(&cursor);
    assert_eq!(seqs(&page), [1, 2]);
    let cursor = format!("&after={}", page["next"].as_str().unwrap());
    assert_eq!(follow(&cursor)["next"], page["next"]);
}
