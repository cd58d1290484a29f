//! The conventions' names of a record's fields: those of v0.1.0, and of v1.36 those that were others.

use crate::settings::Semconv;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::LazyLock;

/// The names of fields by their paths, for each version of the conventions.
static NAMES: LazyLock<[HashMap<String, Vec<String>>; 3]> = LazyLock::new(|| {
    let mut file: Value =
        serde_json::from_str(include_str!("../../../../../plugins/record/otel.json")).unwrap_or_default();
    let mut take = |name: &str| match file.get_mut(name).map(Value::take) {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let (now, former) = (take("fields"), take("fields_v1.36"));
    let table = |semconv| now.keys().map(|path| (path.clone(), of_field(semconv, path, &now, &former))).collect();
    [table(Semconv::V0_1), table(Semconv::V1_36), table(Semconv::Both)]
});

/// Returns the names of a field; none if it has no name in that version.
pub(super) fn names(semconv: Semconv, path: &str) -> &'static [String] {
    let [v0_1, v1_36, both] = &*NAMES;
    let table = match semconv {
        Semconv::V0_1 => v0_1,
        Semconv::V1_36 => v1_36,
        Semconv::Both => both,
    };
    table.get(path).map(Vec::as_slice).unwrap_or_default()
}

fn of_field(semconv: Semconv, path: &str, now: &Map<String, Value>, former: &Map<String, Value>) -> Vec<String> {
    let name = |names: &Map<String, Value>| names.get(path).and_then(Value::as_str).map(str::to_owned);
    let new = name(now);
    // In the former ones a field without a name is null, and a field that is missing has the same name.
    let old = if former.contains_key(path) { name(former) } else { new.clone() };
    let names = match semconv {
        Semconv::V0_1 => [new, None],
        Semconv::V1_36 => [old, None],
        Semconv::Both if new == old => [new, None],
        Semconv::Both => [new, old],
    };
    names.into_iter().flatten().collect()
}
