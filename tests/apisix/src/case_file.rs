//! Plays a case file on the stand-in: its acts are the network.

use crate::client::ClientRequest;
use crate::network::{Network, Outgoing, Received};
use crate::nginx::Nginx;
use headgate_policy::document::Document;
use headgate_record::{EndedBy, RequestRecord};
use headgate_tests::{Case, CheckAct, Failure, Outcome, ProviderAct, Upstream};
use std::collections::VecDeque;

/// Paths of the external checks of the cases' policy.
const CHECKS: [&str; 2] = ["/moderations", "/hook"];

/// Streams of this API are no business of `ai-proxy-multi`.
const DIRECT: &str = "/v1/completions";

struct Acts<'a> {
    document: &'a Document,
    providers: VecDeque<ProviderAct>,
    checks: VecDeque<CheckAct>,
    seen: Vec<Upstream>,
    faults: Vec<String>,
    /// Acts may be left over, and tries of some providers be fewer.
    fewer: bool,
    split: &'a dyn Fn(&[u8]) -> Vec<Vec<u8>>,
}

impl Network for Acts<'_> {
    fn answer(&mut self, request: &Outgoing) -> Received {
        let header = |name: &str| request.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str());
        if CHECKS.contains(&header(":path").unwrap_or_default()) {
            return self.check(request);
        }
        while self.fewer && self.providers.front().is_some_and(|act| !self.is_meant(act, &request.to)) {
            self.providers.pop_front();
        }
        let Some(act) = self.providers.pop_front() else {
            self.faults.push(format!("a try was made for which the case has no act: {}", request.to));
            return Received::Nothing(300);
        };
        let name = act.provider.trim_end_matches("#fresh").to_owned();
        if !self.is_meant(&act, &request.to) {
            self.faults.push(format!("the try went to {} instead of {name}", request.to));
        }
        let is_ours = |name: &str, value: &str| {
            name.starts_with("x-envoy-") || name.starts_with("x-headgate-") || value.contains("hg-test-")
        };
        if let Some((name, _)) = request.headers.iter().find(|(name, value)| is_ours(name, value)) {
            self.faults.push(format!("the provider got {name}"));
        }
        let headers = request.headers.iter().cloned().collect();
        self.seen.push(Upstream { provider: name, headers, body: request.body.clone() });
        answer(&act, request.timeout_ms, self.split)
    }
}

impl Acts<'_> {
    /// Whether an act is of the provider at this address.
    fn is_meant(&self, act: &ProviderAct, to: &str) -> bool {
        let name = act.provider.trim_end_matches("#fresh");
        let provider = self.document.providers.iter().find(|one| one.name == name);
        provider.is_some_and(|one| to.starts_with(&one.authority))
    }

    fn check(&mut self, request: &Outgoing) -> Received {
        match self.checks.pop_front() {
            Some(CheckAct { fails: None, status, body }) => Received::Answer {
                status,
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                chunks: vec![body.into_bytes()],
                breaks_off: false,
            },
            Some(CheckAct { fails: Some(Failure::Timeout), .. }) => Received::Nothing(request.timeout_ms * 1_000),
            _ => Received::Nothing(300),
        }
    }
}

fn answer(act: &ProviderAct, timeout_ms: u64, split: &dyn Fn(&[u8]) -> Vec<Vec<u8>>) -> Received {
    match act.fails {
        Some(Failure::Timeout | Failure::Silence) => Received::Nothing(timeout_ms * 1_000),
        Some(Failure::Connect | Failure::Reset | Failure::Lost) => Received::Nothing(300),
        None => Received::Answer {
            status: act.status,
            headers: act.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            chunks: if act.body.is_empty() { Vec::new() } else { split(act.body.as_bytes()) },
            breaks_off: act.breaks_off,
        },
    }
}

/// Returns the case as it is expected here. `ai-proxy-multi` writes the body of a stream's request anew, with its keys in another order.
#[must_use]
pub fn expected(case: &Case) -> Case {
    let mut case = case.clone();
    case.expect = case.expect.on_apisix();
    let asked = serde_json::from_str::<serde_json::Value>(case.request.body.as_deref().unwrap_or_default());
    let is_stream = case.request.path != DIRECT && asked.is_ok_and(|body| body["stream"] == true);
    for one in case.expect.upstream.iter_mut().flatten().filter(|_| is_stream) {
        let body = one.body.as_deref().and_then(|body| serde_json::from_str::<serde_json::Value>(body).ok());
        one.body = body.map(|body| body.to_string()).or(one.body.take());
    }
    case
}

/// Plays a case. Returns its outcome, and whatever the case does not have.
///
/// # Panics
/// If the real host would have crashed.
#[must_use]
pub fn play(nginx: &mut Nginx, document: &Document, case: &Case) -> (Outcome, Vec<String>) {
    play_split(nginx, document, case, &|body| vec![body.to_vec()])
}

/// The same with answers in chunks.
///
/// # Panics
/// If the real host would have crashed.
#[must_use]
pub fn play_split(
    nginx: &mut Nginx,
    document: &Document,
    case: &Case,
    split: &dyn Fn(&[u8]) -> Vec<Vec<u8>>,
) -> (Outcome, Vec<String>) {
    let fewer = case.expect.apisix.as_ref().is_some_and(|apisix| apisix.fewer_tries);
    let mut acts = Acts {
        split,
        fewer,
        document,
        providers: case.providers.clone().into(),
        checks: case.checks.clone().into(),
        seen: Vec::new(),
        faults: Vec::new(),
    };
    let answer = nginx.serve(&request(case), &mut acts);
    if !acts.providers.is_empty() && !fewer {
        acts.faults.push(format!("{} acts were not played", acts.providers.len()));
    }
    let record = serde_json::from_slice::<RequestRecord>(&answer.record).ok();
    if !answer.whole && record.as_ref().is_some_and(|record| record.ended_by != EndedBy::Gateway) {
        acts.faults.push("the answer was cut off".to_owned());
    }
    let is_record = record.is_some();
    let mut headers: std::collections::BTreeMap<String, String> = answer.headers.into_iter().collect();
    headers.insert(":status".to_owned(), answer.status.to_string());
    let outcome = Outcome {
        status: answer.status,
        headers,
        body: answer.body,
        upstream: acts.seen,
        aside: !is_record,
        record: if is_record { answer.record } else { Vec::new() },
        ..Outcome::default()
    };
    (outcome, acts.faults)
}

fn request(case: &Case) -> ClientRequest {
    let request = &case.request;
    let mut headers = vec![("host".to_owned(), "gateway.example".to_owned())];
    headers.extend(request.fields());
    ClientRequest {
        method: request.method.clone(),
        path: request.path.clone(),
        headers,
        body: request.body.clone().unwrap_or_default().into_bytes(),
    }
}
