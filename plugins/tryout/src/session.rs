//! A policy that is loaded, and the requests that are played against it.

use crate::policy_text::{PolicyText, seconds};
use headgate_config::diagnostic;
use headgate_policy::document::{Document, Format};
use headgate_policy::{Policy, Timestamp};
use headgate_simulation::{Ask, World, load, words};
use serde_json::{Value, json};
use std::sync::Arc;
use wasm_bindgen::prelude::wasm_bindgen;

/// Most names of a kind that are listed.
const MAX_NAMES: usize = 2_000;

/// A policy, and a worker that serves its requests one after the other.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Session {
    policy: Arc<Policy>,
    world: World,
    at: Timestamp,
    names: Value,
}

#[wasm_bindgen]
impl Session {
    /// Loads a policy. `prices` is the text of its price file, if it names one; `now` is in seconds since the Unix epoch.
    ///
    /// # Errors
    /// The problems in words.
    #[wasm_bindgen(constructor)]
    pub fn new(yaml: &str, prices: Option<String>, now: f64) -> Result<Self, String> {
        let text = PolicyText::new(yaml, prices).map_err(|problems| diagnostic::text(&problems))?;
        let compiled = text.compile(now).map_err(|problems| diagnostic::text(&problems))?;
        let names = names(&compiled.document);
        let policy = load(compiled.document)?;
        let at = Timestamp(seconds(now).saturating_mul(1_000_000));
        Ok(Self { world: World::new(&policy, at), policy, at, names })
    }

    /// Returns the names that a request can have: keys, models with their targets, providers; JSON.
    pub fn names(&self) -> String {
        self.names.to_string()
    }

    /// Plays a request and returns its outcome, JSON: the steps, the client's answer, the record. A request that cannot be played
    /// has `fault` instead.
    pub fn request(&mut self, ask: &str) -> String {
        let played = read(ask).and_then(|ask| ask.play(&mut self.world));
        match played {
            Ok(outcome) => {
                let mut json = outcome.json();
                if let Some(members) = json.as_object_mut() {
                    members.insert("words".to_owned(), words(&outcome).into());
                }
                json.to_string()
            }
            Err(fault) => json!({"fault": fault}).to_string(),
        }
    }

    /// Forgets the requests so far: counts, cooldowns and the time are as they were.
    pub fn reset(&mut self) {
        self.world = World::new(&self.policy, self.at);
    }

    /// Returns a case file for `headgate test`: this request on a worker that has served nothing, and its outcome.
    ///
    /// # Errors
    /// A sentence, if the request cannot be played.
    pub fn case_file(&self, ask: &str, about: &str) -> Result<String, String> {
        read(ask)?.case_file(World::new(&self.policy, self.at), about)
    }
}

fn read(ask: &str) -> Result<Ask, String> {
    // Texts are read as bytes everywhere: the reader of texts would be in the module once more.
    serde_json::from_slice(ask.as_bytes()).map_err(|problem| format!("this is no request: {problem}"))
}

fn names(document: &Document) -> Value {
    let provider = |index: u32| document.providers.get(index as usize);
    let targets = |model: &headgate_policy::document::Model| -> Vec<Value> {
        let each = model.targets.iter().take(MAX_NAMES).map(|target| {
            let provider = provider(target.provider);
            json!({
                "provider": provider.map(|provider| provider.name.as_str()),
                "format": provider.map(|provider| format_name(provider.format)),
                "model": target.model,
            })
        });
        each.collect()
    };
    let models =
        document.models.iter().take(MAX_NAMES).map(|model| json!({"name": model.name, "targets": targets(model)}));
    let keys = document.keys.iter().take(MAX_NAMES).map(|key| key.id.as_str());
    let providers = document
        .providers
        .iter()
        .take(MAX_NAMES)
        .map(|one| json!({"name": one.name, "format": format_name(one.format), "clusters": one.clusters}));
    json!({
        "keys": keys.collect::<Vec<_>>(),
        "keys_total": document.keys.len(),
        "models": models.collect::<Vec<_>>(),
        "models_total": document.models.len(),
        "providers": providers.collect::<Vec<_>>(),
        "guardrails": document.guardrails.iter().map(|one| one.detect.policy.as_str()).collect::<Vec<_>>(),
        "routes": document.stages.has(headgate_policy::document::Stage::Routing),
        "revision": document.revision,
    })
}

const fn format_name(format: Format) -> &'static str {
    match format {
        Format::Openai => "openai",
        Format::Anthropic => "anthropic",
    }
}
