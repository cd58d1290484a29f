//! A replay of stored records under two policies.

use crate::policy_text::PolicyText;
use headgate_config::diagnostic;
use headgate_policy::document::Document;
use wasm_bindgen::prelude::wasm_bindgen;

/// See [`headgate_simulation::Replay`].
#[wasm_bindgen]
pub struct Replay(Option<headgate_simulation::Replay>);

#[wasm_bindgen]
impl Replay {
    /// Begins a replay under the policy that was in force, and another one.
    ///
    /// # Errors
    /// The problems of a policy in words.
    #[wasm_bindgen(constructor)]
    pub fn new(before: &str, after: &str, prices: Option<String>, now: f64) -> Result<Self, String> {
        let document = |yaml: &str| -> Result<Document, String> {
            let text = PolicyText::new(yaml, prices.clone()).map_err(|problems| diagnostic::text(&problems))?;
            Ok(text.compile(now).map_err(|problems| diagnostic::text(&problems))?.document)
        };
        let (before, after) = (document(before)?, document(after)?);
        Ok(Self(Some(headgate_simulation::Replay::new(before, after)?)))
    }

    /// Takes a part of the records, NDJSON. Returns whether more may follow.
    pub fn push(&mut self, part: &str) -> bool {
        self.0.as_mut().is_some_and(|replay| replay.push(part))
    }

    /// Returns the number of records so far.
    pub fn records(&self) -> usize {
        self.0.as_ref().map_or(0, headgate_simulation::Replay::records)
    }

    /// Plays the records and returns the result, JSON. Called once.
    pub fn finish(&mut self) -> String {
        self.0.take().map(headgate_simulation::Replay::finish).unwrap_or_default().to_string()
    }
}
