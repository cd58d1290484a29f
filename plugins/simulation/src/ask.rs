//! A request as the page and the command ask for it, in JSON, and the file of a case that is made of it.

use crate::acts::Acts;
use crate::case::{CheckAct, ProviderAct, Request};
use crate::chunks;
use crate::outcome::{Outcome, text};
use crate::play::Play;
use crate::world::World;
use headgate_policy::{Disconnect, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Most other requests that may be under way.
const MAX_BESIDE: u32 = 1_000;
/// Longest body of an answer that a saved case compares, bytes.
const MAX_SAVED_BODY: usize = 64 << 10;

/// A request, and the providers' part.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The client's request.
    pub request: Request,
    /// The acts of the providers.
    #[serde(default)]
    pub providers: Vec<ProviderAct>,
    /// Whether the acts are of the tries in order, and not of the providers by name.
    #[serde(default)]
    pub in_order: bool,
    /// The answers of external checks.
    #[serde(default)]
    pub checks: Vec<CheckAct>,
    /// Bytes of a chunk of an answer; 0 for one event of a stream each; without it the answer is one chunk.
    #[serde(default)]
    pub chunk_bytes: Option<usize>,
    /// Other requests like this one that are under way at the same time.
    #[serde(default)]
    pub beside: u32,
    /// When it is made, s since the Unix epoch; without it after the one before.
    #[serde(default)]
    pub at: Option<u64>,
}

impl Ask {
    /// Plays the request.
    ///
    /// # Errors
    /// A sentence, if the acts do not fit the tries.
    pub fn play(&self, world: &mut World) -> Result<Outcome, String> {
        if let Some(at) = self.at {
            world.set_now(Timestamp(at.saturating_mul(1_000_000)));
        }
        let beside: Vec<_> = (0..self.beside.min(MAX_BESIDE)).map(|_| world.admit(&self.request)).collect();
        let outcome = world.play(Play {
            request: &self.request,
            acts: if self.in_order { Acts::InOrder(&self.providers) } else { Acts::ByProvider(&self.providers) },
            checks: &self.checks,
            split: &|body| chunks::cut(body, self.chunk_bytes),
            stages: None,
            traced: true,
            at_close: None,
        });
        let now = world.now;
        for mut gate in beside {
            gate.close_without_record(now, Disconnect::ClientGone, world.worker.request_env());
        }
        outcome
    }

    /// Returns the text of a case file: this request on a worker that has served nothing yet, and its outcome.
    ///
    /// # Errors
    /// A sentence, if the acts do not fit the tries.
    pub fn case_file(&self, mut world: World, about: &str) -> Result<String, String> {
        let at = self.at.unwrap_or(world.now.as_s());
        let outcome = Self { beside: 0, at: Some(at), ..self.clone() }.play(&mut world)?;
        let mut file = String::new();
        for line in about.lines() {
            file.push_str(&format!("# {line}\n"));
        }
        file.push_str(&format!("at: {at}\n"));
        file.push_str(&format!("request: {}\n", yaml(&json!(self.request))));
        for (name, list) in [("providers", json!(outcome.acts)), ("checks", json!(self.played_checks(&outcome)))] {
            let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
            if !items.is_empty() {
                file.push_str(&format!("{name}:\n"));
                items.iter().for_each(|item| file.push_str(&format!("  - {}\n", yaml(item))));
            }
        }
        file.push_str("expect:\n");
        for (name, value) in expected(&outcome) {
            file.push_str(&format!("  {name}: {}\n", yaml(&value)));
        }
        Ok(file)
    }

    fn played_checks(&self, outcome: &Outcome) -> Vec<CheckAct> {
        let asked = outcome.steps.iter().filter(|one| matches!(one.step, crate::Step::Asks { .. })).count();
        let acts = self.checks.iter().cloned().chain(std::iter::repeat_with(crate::acts::clean_check));
        acts.take(asked).collect()
    }
}

/// Returns the expectation of a case: what the client gets, what the providers get, and the decisions.
fn expected(outcome: &Outcome) -> Map<String, Value> {
    let record = outcome.record();
    let names = ["status", "ended_by", "rejected_by", "error_code", "served_by", "usage", "cost"];
    let mut kept: Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), part(&record, name, &["price_revision"]))).collect();
    kept.insert("attempts".to_owned(), part(&record, "attempts", &["started_after_us", "latency_us"]));
    kept.insert("decisions".to_owned(), part(&record, "decisions", &[]));
    let mut expect = Map::new();
    expect.insert("status".to_owned(), outcome.status.into());
    if outcome.body.len() <= MAX_SAVED_BODY && record.get("rejected_by").is_none() && !outcome.aside {
        expect.insert("body".to_owned(), text(&outcome.body).into());
    }
    let upstream = outcome.upstream.iter().map(|one| {
        let mut kept = Map::new();
        kept.insert("path".to_owned(), json!(one.headers.get(":path")));
        kept.insert("body".to_owned(), text(&one.body).into());
        Value::Object(kept)
    });
    expect.insert("upstream".to_owned(), upstream.collect());
    expect.insert("record".to_owned(), if outcome.aside { Value::Null } else { Value::Object(kept) });
    expect
}

/// Returns a member without these members of its own, or of its items.
fn part(record: &Value, name: &str, without: &[&str]) -> Value {
    let mut value = record.get(name).cloned().unwrap_or_default();
    let items = match &mut value {
        Value::Array(items) => items.as_mut_slice(),
        one => std::slice::from_mut(one),
    };
    for members in items.iter_mut().filter_map(Value::as_object_mut) {
        members.retain(|name, _| !without.contains(&name.as_str()));
    }
    value
}

/// Returns a value as one line of YAML: JSON, in which the characters that YAML does not take are escaped.
fn yaml(value: &Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => {
                line.push_str(&format!("\\u{:04x}", u32::from(c)))
            }
            c => line.push(c),
        }
    }
    line
}
