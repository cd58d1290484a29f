//! The check of gateway.yaml and the machines of the filter, for the page that tries a policy in the browser.
//!
//! Everything here is a call of `headgate-config` or `headgate-simulation`: texts and numbers go in, JSON comes out. The functions
//! below are plain Rust too, so a test compares their bytes with those of the browser.

#![allow(clippy::must_use_candidate, reason = "JavaScript calls these functions")]

mod policy_text;
mod replay;
mod session;

pub use replay::Replay;
pub use session::Session;

use policy_text::PolicyText;
use serde_json::json;
use wasm_bindgen::prelude::wasm_bindgen;

/// Returns the problems of a gateway.yaml as `headgate check` finds them. `prices` is the text of its price file, if it names
/// one; `now` is in seconds since the Unix epoch.
#[wasm_bindgen]
pub fn check(yaml: &str, prices: Option<String>, now: f64) -> String {
    let (problems, revision) = match PolicyText::new(yaml, prices).and_then(|text| text.compile(now)) {
        Ok(compiled) => (compiled.warnings, Some(compiled.document.revision)),
        Err(problems) => (problems, None),
    };
    json!({"problems": problems, "revision": revision}).to_string()
}

/// Returns the JSON Schema of gateway.yaml.
#[wasm_bindgen]
pub fn schema() -> String {
    headgate_config::schema::json_schema().to_string()
}

/// Returns the differences between two texts by resource, secrets masked.
#[wasm_bindgen]
pub fn resources(yaml: &str) -> String {
    let all = headgate_config::resources::resources(yaml);
    let each = all.into_iter().map(|one| json!({"kind": one.kind, "id": one.id, "body": one.body}));
    serde_json::Value::from_iter(each).to_string()
}
