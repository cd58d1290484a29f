//! Headgate's Envoy configuration with filters that do nothing: the most that any filter could reach in their place.

use crate::Outcome;
use serde_json::{Value, json};
use std::path::Path;

/// The filters that stay, each with the empty module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filters {
    None,
    Gate,
    GateAndAttempt,
}

/// Rewrites a folder that `headgate render envoy` has written. Every request goes to the first provider then.
pub(crate) fn empty(folder: &Path, wasm: &Path, filters: Filters) -> Outcome {
    let wasm = std::path::absolute(wasm)?;
    for name in ["bootstrap.json", "cds.json", "lds.json", "rds.json", "ecds/headgate-gate.json"] {
        let file = folder.join(name);
        let mut document: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        edit(&mut document, &wasm, filters);
        std::fs::write(&file, document.to_string())?;
    }
    Ok(())
}

fn edit(value: &mut Value, wasm: &Path, filters: Filters) {
    match value {
        Value::Array(values) => {
            values.retain(|one| !leaves(one, filters));
            values.iter_mut().for_each(|one| edit(one, wasm, filters));
        }
        Value::Object(fields) => {
            if let Some(filename) = fields.get_mut("filename") {
                *filename = json!(wasm);
            }
            if let Some(matcher) = fields.get_mut("cluster_matcher").and_then(Value::as_object_mut) {
                let first =
                    matcher.get("matcher_tree").and_then(|tree| tree.pointer("/exact_match_map/map/first")).cloned();
                matcher.insert("on_no_match".into(), first.unwrap_or_default());
            }
            fields.values_mut().for_each(|one| edit(one, wasm, filters));
        }
        _ => {}
    }
}

/// Whether a member of a list is a filter that does not stay.
fn leaves(member: &Value, filters: Filters) -> bool {
    match member.get("name").and_then(Value::as_str) {
        Some("headgate-gate") => filters == Filters::None,
        Some("headgate-attempt") => filters != Filters::GateAndAttempt,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(filters: Filters) -> Value {
        let mut document = json!({"http_filters": [
            {"name": "headgate-gate", "code": {"local": {"filename": "headgate.wasm"}}},
            {"name": "headgate-attempt"},
            {"name": "router"},
        ], "cluster_matcher": {"matcher_tree": {"exact_match_map": {"map": {"first": {"action": 1}}}}}});
        edit(&mut document, Path::new("/empty.wasm"), filters);
        document
    }

    #[test]
    fn only_the_filters_that_were_asked_for_stay() {
        let names = |filters| {
            let document = edited(filters);
            let list = document["http_filters"].as_array().unwrap();
            list.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(Filters::None), ["router"]);
        assert_eq!(names(Filters::Gate), ["headgate-gate", "router"]);
        assert_eq!(names(Filters::GateAndAttempt), ["headgate-gate", "headgate-attempt", "router"]);
    }

    #[test]
    fn the_empty_module_takes_the_place_of_headgate_and_the_first_provider_gets_everything() {
        let document = edited(Filters::Gate);
        assert_eq!(document["http_filters"][0]["code"]["local"]["filename"], "/empty.wasm");
        assert_eq!(document["cluster_matcher"]["on_no_match"], json!({"action": 1}));
    }
}
