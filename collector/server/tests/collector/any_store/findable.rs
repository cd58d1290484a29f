//! Every filter against a literal evaluation of the records: pages, totals, facets and exports agree with it.

use crate::client::Client;
use crate::process::Collector;
use crate::random::{Random, rounds};
use crate::records::{BASE_US, attempt, batch, record};
use headgate_record::{
    AttemptError, AttemptKind, AttemptRecord, Cost, Decision, EndedBy, EstimateReason, INGEST_PATH, RejectedBy,
    RequestRecord, RequestSource, Usage, UsageSource,
};
use serde_json::Value;

/// A full segment, and the start of another.
const RECORDS: u64 = 16_384 + 300;
const ROUNDS: (u64, u64) = (8, 25);

/// The values of a record for a filter; none if absent.
type Values = fn(&RequestRecord) -> Vec<String>;

fn some(text: Option<&String>) -> Vec<String> {
    text.into_iter().cloned().collect()
}

/// All filters that compare values, by name.
const FILTERS: [(&str, Values); 48] = [
    ("id", |r| vec![r.id.clone()]),
    ("trace_id", |r| some(r.trace_id.as_ref())),
    ("provider_request_id", |r| some(r.provider_request_id.as_ref())),
    ("session_id", |r| some(r.client.session_id.as_ref())),
    ("end_user", |r| some(r.client.end_user.as_ref())),
    ("agent_id", |r| some(r.client.agent_id.as_ref())),
    ("user_agent", |r| some(r.client.user_agent.as_ref())),
    ("key_id", |r| r.caller.iter().map(|c| c.key_id.clone()).collect()),
    ("owner", |r| some(r.caller.as_ref().and_then(|c| c.owner.as_ref()))),
    ("team", |r| some(r.caller.as_ref().and_then(|c| c.team.as_ref()))),
    ("project", |r| some(r.caller.as_ref().and_then(|c| c.project.as_ref()))),
    ("application", |r| some(r.caller.as_ref().and_then(|c| c.application.as_ref()))),
    ("cost_center", |r| some(r.caller.as_ref().and_then(|c| c.cost_center.as_ref()))),
    ("tenant", |r| some(r.caller.as_ref().and_then(|c| c.tenant.as_ref()))),
    ("finish_reason", |r| some(r.finish_reason.as_ref())),
    ("attempt_provider", |r| r.attempts.iter().map(|a| a.provider.clone()).collect()),
    ("attempt_error", |r| r.attempts.iter().filter_map(|a| a.error.map(|e| e.as_str().to_owned())).collect()),
    ("surface", |r| vec![r.surface.clone()]),
    ("environment", |r| vec![r.environment.clone()]),
    ("config_revision", |r| vec![r.config_revision.clone()]),
    ("node", |r| vec![r.node.clone()]),
    ("requested_model", |r| some(r.requested_model.as_ref())),
    ("served_model", |r| r.served_by.iter().map(|s| s.model.clone()).collect()),
    ("provider", |r| r.served_by.iter().map(|s| s.provider.clone()).collect()),
    ("error_code", |r| some(r.error_code.as_ref())),
    ("rejected_by", |r| r.rejected_by.iter().map(|by| by.as_str().to_owned()).collect()),
    ("ended_by", |r| vec![r.ended_by.as_str().to_owned()]),
    ("retention_class", |r| vec![r.retention_class.clone()]),
    ("policy_id", |r| r.decisions.iter().filter_map(|d| d.policy_id.clone()).collect()),
    ("parent_span_id", |r| some(r.parent_span_id.as_ref())),
    ("response_model", |r| some(r.response_model.as_ref())),
    ("requested_service_tier", |r| some(r.requested_service_tier.as_ref())),
    ("service_tier", |r| some(r.service_tier.as_ref())),
    ("requested_speed", |r| some(r.requested_speed.as_ref())),
    ("speed", |r| some(r.speed.as_ref())),
    ("provider_error", |r| r.attempts.iter().filter_map(|a| a.provider_error.clone()).collect()),
    ("estimate_reason", |r| r.usage.and_then(|u| u.estimate_reason).iter().map(|e| e.as_str().to_owned()).collect()),
    ("stage", |r| r.decisions.iter().map(|d| d.stage.clone()).collect()),
    ("usage_source", |r| r.usage.iter().map(|u| u.source.as_str().to_owned()).collect()),
    ("source", |r| r.caller.iter().map(|c| c.source.as_str().to_owned()).collect()),
    ("price_revision", |r| r.cost.iter().map(|c| c.price_revision.clone()).collect()),
    ("assumed", |r| vec![r.cost.as_ref().is_some_and(|c| c.assumed).to_string()]),
    ("stream", |r| vec![r.stream.to_string()]),
    ("failover", |r| vec![r.attempts.iter().any(|a| a.kind == AttemptKind::Failover).to_string()]),
    ("status", |r| vec![r.status.to_string()]),
    ("status_class", |r| vec![format!("{}xx", r.status / 100)]),
    ("outcome", |r| vec![outcome(r).to_owned()]),
    ("any_id", |r| {
        let ids = [Some(&r.id), r.trace_id.as_ref(), r.provider_request_id.as_ref(), r.client.session_id.as_ref()];
        ids.into_iter().flatten().cloned().collect()
    }),
];

fn outcome(record: &RequestRecord) -> &'static str {
    let is_whole = record.ended_by == EndedBy::Complete;
    match record.rejected_by {
        Some(RejectedBy::Gateway) => "refused",
        _ if record.ended_by == EndedBy::Client => "aborted",
        _ if is_whole && record.status >= 100 && record.status < 400 => "success",
        _ => "error",
    }
}

/// Returns the sums of records as the API words them.
pub(crate) fn sums<'r>(records: impl Iterator<Item = &'r RequestRecord>) -> Value {
    let mut sums = std::collections::BTreeMap::from(
        ["requests", "success", "refused", "error", "aborted", "cost_nano_usd", "input_tokens", "output_tokens"]
            .map(|name| (name, 0_u64)),
    );
    let mut add = |name: &'static str, count: u64| *sums.get_mut(name).unwrap() += count;
    for record in records {
        add("requests", 1);
        add(outcome(record), 1);
        add("cost_nano_usd", record.cost.as_ref().map_or(0, |cost| cost.nano_usd));
        add("input_tokens", record.usage.map_or(0, |usage| usage.input_tokens));
        add("output_tokens", record.usage.map_or(0, |usage| usage.output_tokens));
    }
    serde_json::to_value(sums).unwrap()
}

fn varied(random: &mut Random, seq: u64) -> RequestRecord {
    let mut one = record("n", "b", seq);
    one.started_at = BASE_US + seq * 1_000;
    one.trace_id = (random.below(3) > 0).then(|| format!("{seq:032x}"));
    one.provider_request_id = (random.below(3) > 0).then(|| format!("req_{seq} \u{fc}=+"));
    one.parent_span_id = one.trace_id.as_ref().map(|_| format!("{seq:016x}"));
    one.response_model = (random.below(2) > 0).then(|| format!("gpt-5.2-2026-0{}", random.below(4)));
    one.requested_service_tier = (random.below(3) == 0).then(|| "priority".to_owned());
    one.service_tier =
        (random.below(3) > 0).then(|| ["default", "priority", "flex"][random.below(3) as usize].to_owned());
    (one.requested_speed, one.speed) =
        (one.service_tier.as_ref().map(|_| "fast".to_owned()), one.requested_service_tier.clone());
    one.client.session_id = (random.below(2) > 0).then(|| format!("session {}", random.below(2_000)));
    one.client.end_user = (random.below(2) > 0).then(|| format!("user-{}", random.below(700)));
    one.client.agent_id = (random.below(5) == 0).then(|| format!("agent-{}", random.below(9)));
    one.client.user_agent = Some(format!("client-{}", random.below(3)));
    if random.below(9) == 0 {
        one.caller = None;
    }
    if let Some(caller) = &mut one.caller {
        caller.application = (random.below(2) > 0).then(|| format!("app-{}", random.below(5)));
        caller.cost_center = (random.below(3) > 0).then(|| format!("cc {}", random.below(4)));
        caller.source = RequestSource::ALL[random.below(2) as usize];
        caller.tenant = (random.below(3) > 0).then(|| format!("tenant-{}", random.below(3)));
        // The same name in several columns.
        caller.team =
            (random.below(4) > 0).then(|| ["search", "app-1", "openai", "cc 1"][random.below(4) as usize].to_owned());
    }
    one.finish_reason =
        (random.below(4) > 0).then(|| ["stop", "length", "tool_calls"][random.below(3) as usize].to_owned());
    one.attempts = (0..random.below(4)).map(|n| tried(random, n)).collect();
    one.status = [200, 200, 200, 204, 429, 503, 0, 999][random.below(8) as usize];
    one.ended_by = EndedBy::ALL[random.below(4) as usize];
    one.rejected_by = (one.status >= 400).then(|| RejectedBy::ALL[random.below(2) as usize]);
    one.error_code = (one.status == 429).then(|| "rate_limit_exceeded".to_owned());
    one.config_revision = format!("rev-{}", random.below(3));
    one.stream = random.below(2) > 0;
    one.usage =
        (random.below(4) > 0).then(|| Usage { source: UsageSource::ALL[random.below(2) as usize], ..Usage::default() });
    if let Some(usage) = &mut one.usage {
        (usage.input_tokens, usage.output_tokens) = (random.below(200_000), random.below(4_000));
        usage.estimate_reason =
            (usage.source == UsageSource::Estimated).then(|| EstimateReason::ALL[random.below(5) as usize]);
    }
    one.cost = one.usage.map(|_| Cost {
        nano_usd: seq,
        price_revision: format!("p{}", random.below(2)),
        assumed: random.below(5) == 0,
    });
    if random.below(3) == 0 {
        let policy_id = (random.below(2) > 0).then(|| "per-key".to_owned());
        one.decisions.push(Decision { stage: "limits".to_owned(), policy_id, ..Decision::default() });
    }
    one
}

fn tried(random: &mut Random, number: u64) -> AttemptRecord {
    let error = (random.below(2) > 0).then(|| AttemptError::ALL[random.below(8) as usize]);
    let kind = if number > 0 && random.below(2) > 0 { AttemptKind::Failover } else { AttemptKind::First };
    let provider_error = error.map(|_| format!("overloaded_{}", random.below(3)));
    AttemptRecord { provider: format!("provider-{}", random.below(3)), error, provider_error, kind, ..attempt() }
}

/// A filter with values, some of which occur in a record.
struct Wanted {
    name: &'static str,
    of: Values,
    values: Vec<String>,
    not: bool,
}

impl Wanted {
    fn random(random: &mut Random, records: &[RequestRecord]) -> Self {
        let (name, of) = FILTERS[random.below(FILTERS.len() as u64) as usize];
        let mut values = Vec::new();
        for _ in 0..=random.below(3) {
            values.extend(of(&records[random.below(records.len() as u64) as usize]));
        }
        // The class of an absent status cannot be requested.
        values.retain(|value| value != "0xx");
        if values.is_empty() {
            let pick = records.iter().flat_map(of).find(|value| value != "0xx");
            values.extend(pick);
        }
        // Each word of a list occurs once.
        values.sort();
        values.dedup();
        values.truncate(20);
        Self { name, of, values, not: random.below(3) == 0 }
    }

    fn holds(&self, record: &RequestRecord) -> bool {
        (self.of)(record).iter().any(|value| self.values.contains(value)) != self.not
    }

    fn text(&self) -> String {
        let name = if self.not { format!("{}[not]", self.name) } else { self.name.to_owned() };
        let mut text = form_urlencoded::Serializer::new(String::new());
        self.values.iter().for_each(|value| {
            text.append_pair(&name, value);
        });
        text.finish()
    }
}

fn stored(collector: &Collector, random: &mut Random) -> Vec<RequestRecord> {
    let records: Vec<_> = (1..=RECORDS).map(|seq| varied(random, seq)).collect();
    let mut ingest = collector.ingest();
    for some in records.chunks(1_000) {
        let lines: Vec<_> = some.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
        let ack = ingest.post(INGEST_PATH, &batch("n", "b", 0, &lines)).unwrap().json();
        assert_eq!(ack["stored"], some.len(), "{ack}");
    }
    records
}

#[test]
fn filters_agree_with_a_literal_evaluation() {
    let mut random = Random::seeded(Random::seed("HEADGATE_FILTER_SEED"));
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let records = stored(&collector, &mut random);
    let mut owner = collector.owner();
    for round in 0..rounds(ROUNDS.0, ROUNDS.1) {
        let mut wanted: Vec<Wanted> = Vec::new();
        for _ in 0..=random.below(2) {
            let one = Wanted::random(&mut random, &records);
            // The values of a filter are grouped.
            if !one.values.is_empty() && wanted.iter().all(|known| known.name != one.name) {
                wanted.push(one);
            }
        }
        let query = wanted.iter().map(Wanted::text).collect::<Vec<_>>().join("&");
        let expected: Vec<u64> = records
            .iter()
            .filter(|record| wanted.iter().all(|one| one.holds(record)))
            .map(|record| record.seq)
            .collect();
        let page = owner.get(&format!("/v1/requests?order=asc&limit=500&total=true&totals=true&{query}")).unwrap();
        assert_eq!(page.status, 200, "{query}: {}", page.text());
        let page = page.json();
        let shown: Vec<_> = page["data"].as_array().unwrap().iter().map(|r| r["seq"].as_u64().unwrap()).collect();
        assert_eq!(page["total"], expected.len(), "{query}");
        assert_eq!(shown, expected[..expected.len().min(500)], "{query}");
        let matching: Vec<_> = records.iter().filter(|record| wanted.iter().all(|one| one.holds(record))).collect();
        assert_eq!(page["totals"], sums(matching.iter().copied()), "{query}");
        assert_bars(&mut owner, &query, &matching, 1 + random.below(240));
        let facets = owner.get(&format!("/v1/requests/facets?facets=status,environment&{query}")).unwrap().json();
        assert_eq!(facets["total"], expected.len(), "{query}");
        for name in ["status", "environment"] {
            let values = facets["facets"][name]["values"].as_array().unwrap();
            let own = wanted.iter().any(|one| one.name.trim_end_matches("_class") == name);
            let sum: u64 = values.iter().map(|value| value["count"].as_u64().unwrap()).sum();
            assert!(own || sum == expected.len() as u64, "{query}: {values:?}");
        }
        let lines = owner.get(&format!("/v1/requests.ndjson?order=asc&{query}")).unwrap().text();
        let seqs = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap());
        assert!(seqs.eq(expected.iter().copied()), "{query}");
        if round % 4 == 0 {
            let sheet = owner.get(&format!("/v1/requests.csv?{query}")).unwrap().text();
            assert_eq!(sheet.lines().count(), expected.len() + 1, "{query}");
            let whole = owner.get(&format!("/v1/requests.json?{query}")).unwrap().json();
            assert_eq!(whole["data"].as_array().unwrap().len(), expected.len(), "{query}");
        }
    }
}

/// Compares each bar of a histogram with the records that started in it.
fn assert_bars(owner: &mut Client, query: &str, matching: &[&RequestRecord], most: u64) {
    let found = owner.get(&format!("/v1/requests/histogram?bars={most}&{query}")).unwrap().json();
    assert_eq!(found["total"], sums(matching.iter().copied()), "{query}");
    let (width, bars) = (found["width_us"].as_u64().unwrap(), found["bars"].as_array().unwrap());
    assert!(bars.len() as u64 <= most + 1, "{query}: {} bars of {most}", bars.len());
    for bar in bars {
        let start = bar["start"].as_u64().unwrap();
        let inside = matching.iter().filter(|record| (start..start + width).contains(&record.started_at));
        let mut expected = sums(inside.copied());
        expected["start"] = start.into();
        assert_eq!(*bar, expected, "{query}");
    }
}

#[test]
fn facets_count_the_values_of_the_new_filters() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let mut random = Random::seeded(7);
    let records: Vec<_> = (1..=400).map(|seq| varied(&mut random, seq)).collect();
    let lines: Vec<_> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    assert_eq!(collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &lines)).unwrap().json()["stored"], 400);
    let names = [
        "application",
        "cost_center",
        "tenant",
        "finish_reason",
        "attempt_provider",
        "attempt_error",
        "stage",
        "assumed",
        "response_model",
        "service_tier",
        "provider_error",
        "estimate_reason",
        "outcome",
    ];
    let facets = collector.owner().get(&format!("/v1/requests/facets?facets={}", names.join(","))).unwrap().json();
    for name in names {
        let (_, of) = FILTERS.iter().find(|(known, _)| *known == name).unwrap();
        for value in facets["facets"][name]["values"].as_array().unwrap() {
            let text = value["value"].as_str().unwrap().to_owned();
            let count = records.iter().filter(|record| of(record).contains(&text)).count();
            assert_eq!(value["count"], count, "{name}={text}");
        }
        assert!(facets["facets"][name]["distinct"].as_u64() >= Some(2), "{name}: {facets}");
    }
}

#[test]
fn unique_texts_are_no_names() {
    let root = tempfile::tempdir().unwrap();
    let collector = Collector::start(root.path());
    let names = |collector: &Collector| {
        let page = collector.owner().get("/metrics").unwrap().text();
        let line = page.lines().find(|line| line.starts_with("headgate_collector_names ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{page}"))
    };
    let send = |seqs: std::ops::RangeInclusive<u64>| {
        let one = |seq: u64| {
            let mut one = record("n", "b", seq);
            one.trace_id = Some(format!("{seq:032x}"));
            one.provider_request_id = Some(format!("req_{seq}"));
            one.client.session_id = Some(format!("session-{seq}"));
            one.client.end_user = Some(format!("user-{seq}"));
            one.client.agent_id = Some(format!("agent-{seq}"));
            one.parent_span_id = Some(format!("{seq:016x}"));
            one.requested_service_tier = Some(format!("tier-{seq}"));
            one.requested_speed = Some(format!("speed-{seq}"));
            serde_json::to_string(&one).unwrap()
        };
        let lines: Vec<_> = seqs.map(one).collect();
        assert_eq!(collector.ingest().post(INGEST_PATH, &batch("n", "b", 0, &lines)).unwrap().status, 200);
    };
    send(1..=400);
    let before = names(&collector);
    send(401..=900);
    assert_eq!(names(&collector), before);
}
