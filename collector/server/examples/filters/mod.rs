//! Measures every kind of filter over all records: pages by a rare value, by a value that no record has, by several values and
//! by their negation, and totals.
//!
//! A page by a frequent value ends after a few blocks, so the rare and the absent value show the cost of a filter.

use crate::measured::{Client, Outcome};
use headgate_collector_types::clock::Stopwatch;
use headgate_record::{AttemptError, AttemptKind, AttemptRecord, RequestRecord, RequestSource, UsageSource};
use std::time::Duration;

/// Target time of a page, ms.
const AIM_MS: u32 = 200;

/// Name of a filter, a rare value, a frequent one, and one that no record has.
const FILTERS: [(&str, &str, &str, &str); 23] = [
    (
        "trace_id",
        "00000000000000000000000000000077",
        "00000000000000010000000000000001",
        "f0000000000000000000000000000000",
    ),
    ("provider_request_id", "req_0_77", "req_1_1", "req_nobody"),
    ("session_id", "session-77", "session-1", "session-nobody"),
    ("end_user", "user-77", "user-1", "user-nobody"),
    ("application", "app-rare", "app-1", "nobody"),
    ("cost_center", "cc-rare", "cc-1", "nobody"),
    ("tenant", "tenant-rare", "tenant-1", "nobody"),
    ("finish_reason", "content_filter", "stop", "nobody"),
    ("attempt_provider", "spare", "openai", "nobody"),
    ("attempt_error", "connect", "timeout", "reset"),
    ("key_id", "key-77", "key-1", "nobody"),
    ("owner", "owner-7", "owner-1", "nobody"),
    ("team", "team-7", "team-1", "nobody"),
    ("served_model", "qwen3-32b", "gpt-5.2", "nobody"),
    ("node", "node-1", "node-0", "nobody"),
    ("status", "503", "200", "599"),
    ("status_class", "5xx", "2xx", "1xx"),
    ("policy_id", "per-key", "alice-laptop", "nobody"),
    ("usage_source", "estimated", "reported", "estimated"),
    ("source", "playground", "key", "key"),
    ("failover", "true", "false", "true"),
    ("assumed", "true", "false", "true"),
    ("stream", "true", "false", "true"),
];

/// Gives a record ids and names that the filters match; a few records in 100,000 have the rare ones.
pub(crate) fn named(mut one: RequestRecord, sender: u64) -> RequestRecord {
    let seq = one.seq;
    let rare = seq % 50_000 == 77;
    let pick = |name: &str, of: u64| if rare { format!("{name}-rare") } else { format!("{name}-{}", seq % of) };
    one.trace_id = Some(format!("{sender:016x}{seq:016x}"));
    one.provider_request_id = Some(format!("req_{sender}_{seq}"));
    one.client.session_id = Some(format!("session-{}", seq % 20_011));
    one.client.end_user = Some(format!("user-{}", seq % 5_003));
    if let Some(caller) = &mut one.caller {
        caller.application = Some(pick("app", 20));
        caller.cost_center = Some(pick("cc", 10));
        caller.tenant = Some(pick("tenant", 40));
    }
    if rare {
        one.caller.iter_mut().for_each(|caller| caller.source = RequestSource::Playground);
        one.finish_reason = Some("content_filter".to_owned());
        let spare = one.attempts.iter().map(|first| AttemptRecord {
            provider: "spare".to_owned(),
            kind: AttemptKind::Failover,
            error: Some(AttemptError::Connect),
            ..first.clone()
        });
        one.attempts = one.attempts.iter().cloned().chain(spare).collect();
        one.usage.iter_mut().for_each(|usage| usage.source = UsageSource::Estimated);
        one.cost.iter_mut().for_each(|cost| cost.assumed = true);
    }
    one
}

/// Prints the time of each query, including its audit entry.
pub(crate) fn measure(client: &mut Client) -> Outcome<()> {
    println!(
        "\n{:>22}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "ms of a page by", "rare", "absent", "two", "not", "not rare", "total"
    );
    let mut slowest = Duration::ZERO;
    for (name, rare, frequent, absent) in FILTERS {
        let questions = [
            format!("requests?{name}={rare}"),
            format!("requests?{name}={absent}"),
            format!("requests?{name}={rare}&{name}={frequent}"),
            format!("requests?{name}[not]={frequent}"),
            format!("requests?{name}[not]={rare}"),
            format!("requests?total=true&{name}={rare}"),
        ];
        print!("{name:>22}");
        for question in questions {
            let time = asked(client, &question)?;
            slowest = slowest.max(time);
            print!("{:>10.1}", time.as_secs_f64() * 1_000.0);
        }
        println!();
    }
    let page = client.get("/v1/requests?limit=1&order=asc")?.json();
    let id = page["data"][0]["id"].as_str().unwrap_or_default().to_owned();
    for question in [format!("requests/{id}"), format!("requests?id={id}"), format!("requests?id[not]={id}")] {
        println!(
            "{:>22}{:>10.1}",
            question.split(&id).next().unwrap_or_default(),
            asked(client, &question)?.as_secs_f64() * 1_000.0
        );
    }
    println!("the slowest: {:.1} ms, aim {AIM_MS} ms", slowest.as_secs_f64() * 1_000.0);
    Ok(())
}

/// Returns the time of a query.
fn asked(client: &mut Client, question: &str) -> Outcome<Duration> {
    let watch = Stopwatch::start();
    let reply = client.get(&format!("/v1/{question}"))?;
    match reply.status {
        200 => Ok(watch.elapsed()),
        status => Err(format!("{question}: status {status}: {}", reply.text()).into()),
    }
}
