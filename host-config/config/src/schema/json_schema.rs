//! JSON Schema of gateway.yaml, for editors.

use super::key::{Key, Kind, Need};
use super::keys::GATEWAY;
use serde_json::{Map, Value, json};

/// Returns the schema, draft 2020-12.
#[must_use]
pub fn json_schema() -> Value {
    let mut schema = section(GATEWAY);
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        fields.insert("title".to_owned(), json!("gateway.yaml"));
    }
    schema
}

fn section(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), described(key))).collect();
    let required: Vec<&str> =
        keys.iter().filter(|key| matches!(key.need, Need::Required)).map(|key| key.name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn described(key: &Key) -> Value {
    let mut schema = kind(key.kind);
    let about = match key.need {
        Need::Default(default) => format!("{} Default: {default}.", key.about),
        _ => key.about.to_owned(),
    };
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("description".to_owned(), json!(about));
    }
    schema
}

fn kind(of: Kind) -> Value {
    match of {
        Kind::One(scalar) => scalar.json_schema(),
        Kind::Several(scalar) => {
            let one = scalar.json_schema();
            json!({"anyOf": [one, {"type": "array", "items": one}]})
        }
        Kind::List(item) => json!({"type": "array", "items": kind(*item)}),
        Kind::AllOr(scalar) => {
            json!({"anyOf": [{"const": "all"}, {"type": "array", "items": scalar.json_schema()}]})
        }
        Kind::Map(names, each) => {
            json!({"type": "object", "propertyNames": names.json_schema(), "additionalProperties": kind(*each)})
        }
        Kind::Section(keys) => section(keys),
    }
}
