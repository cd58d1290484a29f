//! Plays the case files, each in a process that has just begun.

use super::filter::{Configuration, Log};
use super::stream::{Shared, Stream};
use super::tries::{Answer, Patience, Router, by_name, fields};
use super::{DEFAULT_AT, begin_at, pass_us};
use headgate_policy::document::{Document, most_retries};
use headgate_simulation::{Case, CheckAct, Failure, Outcome, compare};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

type Split<'a> = &'a dyn Fn(&[u8]) -> Vec<Vec<u8>>;

/// Paths of a record that are of the run.
const OF_THE_RUN: [&str; 5] = ["id", "span_id", "parent_span_id", "duration_us", "latency_us"];

/// Envoy's response flag of an answer that its provider has broken off.
const PROVIDER_TERMINATION: u64 = 0x40;

/// Envoy with one policy, after its start.
struct Proxy {
    gate: Configuration,
    clusters: BTreeMap<String, Configuration>,
    log: Log,
    retries: u32,
    connections: Cell<u64>,
}

impl Proxy {
    fn start(document: &Document) -> Self {
        let gate = Configuration::new("gate", &serde_json::to_string(document).unwrap()).unwrap();
        let attempt = |name: &str| Configuration::new("attempt", &format!("{{\"provider\":\"{name}\"}}")).unwrap();
        let clusters = document.providers.iter().map(|one| (one.name.clone(), attempt(&one.name))).collect();
        let retries = most_retries(&document.models);
        Self { gate, clusters, log: Log::new(), retries, connections: Cell::new(0) }
    }

    /// Plays a request. Returns its outcome, and what did not fit the case.
    fn serve(&self, case: &Case, split: Split<'_>, client: &Patience) -> (Outcome, Vec<String>) {
        let shared = Rc::new(Shared::default());
        *shared.request.borrow_mut() = request(case);
        let stream = Stream::new(&shared);
        self.gate.filter(&stream);
        let mut router = Router {
            clusters: &self.clusters,
            log: &self.log,
            acts: case.providers.clone().into(),
            split,
            seen: Vec::new(),
            faults: Vec::new(),
            retries: self.retries,
            connections: &self.connections,
            client,
            left: Vec::new(),
        };
        let body = case.request.body.as_deref().map(str::as_bytes);
        let passes = admit(&stream, body, &case.checks, split, client);
        let body = body.map(|_| stream.take(0));
        let answered = stream.reply.take();
        let outcome = match answered {
            Some((status, head, body)) => {
                let mut outcome = outcome(u16::try_from(status).unwrap(), body);
                outcome.headers.extend(by_name(&head.into()));
                outcome
            }
            None if passes && client.stays() => {
                let answer = router.route(&shared, body.as_deref());
                answer.map_or_else(Outcome::default, |answer| respond(&stream, answer, client))
            }
            None => Outcome::default(),
        };
        pass_us(50);
        stream.complete();
        // Envoy lets go of a client before or after its try.
        if case.providers.len().is_multiple_of(2) {
            router.left.drain(..).for_each(|stream| stream.destroy());
        }
        stream.destroy();
        router.left.iter().for_each(|stream| stream.destroy());
        if !router.acts.is_empty() {
            router.faults.push(format!("{} acts were not played", router.acts.len()));
        }
        let record = self.record();
        let aside = record.is_empty();
        (Outcome { upstream: router.seen, record, aside, ..outcome }, router.faults)
    }

    /// Returns the record of the last request, as it is sent to the collector; empty if there is none.
    fn record(&self) -> Vec<u8> {
        // Counts and heartbeats go first. The tick comes soon after an answer.
        let mut pause_us = 2_000_000;
        for _ in 0..20 {
            pass_us(pause_us);
            self.gate.tick();
            let calls = self.gate.root.take_calls();
            pause_us = if calls.is_empty() { 2_000_000 } else { 1_000 };
            for call in calls {
                self.gate.answer(&call, Some("200"));
                if call.path == headgate_record::INGEST_PATH {
                    let batch: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
                    return batch["records"][0].to_string().into_bytes();
                }
            }
        }
        Vec::new()
    }
}

fn outcome(status: u16, body: Vec<u8>) -> Outcome {
    let headers = BTreeMap::from([(":status".to_owned(), status.to_string())]);
    Outcome { status, headers, body, ..Outcome::default() }
}

fn request(case: &Case) -> super::host::Fields {
    let request = &case.request;
    let mut head = vec![
        (b":method".to_vec(), request.method.clone().into_bytes()),
        (b":path".to_vec(), request.path.clone().into_bytes()),
        (b":authority".to_vec(), b"gateway.example".to_vec()),
    ];
    head.append(&mut fields(request.fields()));
    head
}

/// Gives the request to the gate. Returns whether it goes on.
fn admit(stream: &Stream, body: Option<&[u8]>, checks: &[CheckAct], split: Split<'_>, client: &Patience) -> bool {
    let mut goes_on = stream.request_headers(body.is_none());
    let chunks = body.map(split).unwrap_or_default();
    let last = chunks.len().saturating_sub(1);
    for (at, chunk) in chunks.iter().enumerate() {
        if stream.reply.borrow().is_some() || !client.stays() {
            return false;
        }
        stream.receive(0, chunk);
        goes_on = stream.request_body(at == last);
        stream.keep(0);
    }
    if chunks.is_empty() && body.is_some() {
        goes_on = stream.request_body(true);
    }
    let mut checks = checks.iter();
    loop {
        let open = stream.callouts.take();
        if open.is_empty() {
            return goes_on || stream.continued.get();
        }
        for callout in open {
            if !client.stays() {
                return false;
            }
            // The module asks whether the collector is there; it is not.
            let check = if callout.path == "/healthz" { None } else { checks.next() };
            match check {
                Some(CheckAct { fails: None, status, body }) => {
                    stream.callout_done(callout.number, Some((*status, body.as_bytes())));
                }
                check => {
                    let waits = check.is_some_and(|check| check.fails == Some(Failure::Timeout));
                    pass_us(if waits { callout.timeout_ms * 1_000 } else { 300 });
                    stream.callout_done(callout.number, None);
                }
            }
        }
    }
}

/// Passes an answer through the gate to the client.
fn respond(stream: &Stream, answer: Answer, client: &Patience) -> Outcome {
    let whole = answer.chunks.is_empty() && answer.ends;
    stream.response_headers(whole);
    let mut body = Vec::new();
    let last = answer.chunks.len().saturating_sub(1);
    for (at, chunk) in answer.chunks.iter().enumerate() {
        pass_us(10);
        stream.receive(2, chunk);
        let goes_on = stream.response_body(answer.ends && at == last);
        if goes_on {
            body.append(&mut stream.take(2))
        } else {
            stream.keep(2)
        }
        if !goes_on && stream.continued_response.replace(false) {
            body.append(&mut stream.take(2));
        }
        if stream.reset.get() || !client.stays() {
            break;
        }
        pass_us(100_000);
        stream.tick();
        if stream.continued_response.replace(false) {
            body.append(&mut stream.take(2));
        }
    }
    if !answer.ends {
        stream.shared.flags.set(PROVIDER_TERMINATION);
    }
    let head = by_name(&stream.shared.response);
    let status = head.get(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
    Outcome { headers: head, ..outcome(status, body) }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the policy of the cases, with made-up keys and a collector.
fn document() -> Document {
    let yaml = std::fs::read_to_string(root().join("tests/cases/gateway.yaml")).unwrap();
    let yaml = format!("{yaml}\ncollector: {{url: \"http://127.0.0.1:9\"}}\n");
    let compiled = headgate_config::compile(&yaml, "gateway.yaml", DEFAULT_AT / 1_000_000).unwrap();
    headgate_simulation::with_made_up_keys(compiled.document)
}

#[allow(unsafe_code, reason = "credentials come from the environment; nothing else in this test runs yet")]
fn set_secrets() {
    for name in ["ALPHA_API_KEY", "BETA_API_KEY"] {
        // SAFETY: no other thread has begun.
        unsafe { std::env::set_var(name, format!("secret-of-{name}")) }
    }
}

/// Plays all cases with `play`, which returns what is wrong. Each has a thread of its own, so that nothing is left of the one before.
fn failures(play: fn(&Document, &Case) -> Vec<String>) -> Vec<String> {
    set_secrets();
    let document = document();
    let cases = headgate_tests::load_all(&root().join("tests/cases"));
    // A lost connection has served another request before.
    let alone =
        cases.into_iter().filter(|(_, case)| !case.providers.iter().any(|act| act.fails == Some(Failure::Lost)));
    let each = alone.filter_map(|(path, case)| {
        let document = document.clone();
        let played = std::thread::spawn(move || {
            begin_at(case.at.map_or(DEFAULT_AT, |at_s| at_s * 1_000_000));
            play(&document, &case)
        });
        let faults = played.join().unwrap_or_else(|_| vec!["a panic".to_owned()]);
        let lines: String = faults.iter().map(|fault| format!("\n  {fault}")).collect();
        (!lines.is_empty()).then(|| format!("{}{lines}", path.display()))
    });
    each.collect()
}

/// Plays a case to its end.
fn whole(document: &Document, case: &Case, split: Split<'_>) -> Vec<String> {
    let stays = Patience(Cell::new(usize::MAX));
    let (outcome, mut faults) = Proxy::start(document).serve(case, split, &stays);
    let differing = compare(case, &outcome).into_iter().map(|difference| difference.to_string());
    faults.extend(differing.filter(|one| !OF_THE_RUN.iter().any(|name| one.contains(&format!(".{name}:")))));
    faults
}

/// Plays a case again and again, with a client that leaves one step later each time. Returns what is left behind.
fn left_early(document: &Document, case: &Case) -> Vec<String> {
    let proxy = Proxy::start(document);
    for steps in 0.. {
        let client = Patience(Cell::new(steps));
        let (outcome, _) = proxy.serve(case, &|body| vec![body.to_vec()], &client);
        if crate::gates::open() > 0 {
            return vec![format!("a gate is open after {steps} steps")];
        }
        let is_recorded = !outcome.record.is_empty() || case.expect.record.is_null();
        if steps > 2 && !is_recorded {
            return vec![format!("no record after {steps} steps")];
        }
        if client.0.get() > 0 {
            break;
        }
    }
    Vec::new()
}

/// The module's own hook for panics tells no texts, so they are printed first.
#[allow(clippy::print_stderr, reason = "the failures")]
fn assert_none(failures: &[String]) {
    failures.iter().for_each(|failure| eprintln!("{failure}"));
    assert!(failures.is_empty(), "cases failed");
}

#[test]
fn every_case_has_its_outcome_through_the_hooks() {
    assert_none(&failures(|document, case| whole(document, case, &|body| vec![body.to_vec()])));
}

#[test]
fn every_case_has_its_outcome_through_the_hooks_byte_by_byte() {
    assert_none(&failures(|document, case| {
        whole(document, case, &|body| body.iter().map(|byte| vec![*byte]).collect())
    }));
}

#[test]
fn clients_may_leave_at_any_step() {
    assert_none(&failures(left_early));
}
