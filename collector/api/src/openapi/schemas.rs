//! JSON Schemas of requests and answers, generated from the types that are deserialized and serialized.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

const COMPONENTS: &str = "/components/schemas";

/// Builds a schema; the schemas that it refers to are added to the [`Schemas`].
pub type SchemaOf = fn(&mut Schemas) -> Value;

/// Collects the schemas that a document refers to. The schema of a type may differ between a request body (members may be left
/// out) and an answer, so there is a generator for each.
#[derive(Debug)]
pub struct Schemas {
    answers: SchemaGenerator,
    bodies: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Self {
        let settings = || SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = COMPONENTS.into());
        Self {
            answers: settings().for_serialize().into_generator(),
            bodies: settings().for_deserialize().into_generator(),
        }
    }
}

impl Schemas {
    /// Returns the schema of a list: `object`, `data` and these members. A member whose name ends in `?` may be absent.
    pub fn list(&mut self, item: &Value, more: &[(&str, Value)]) -> Value {
        let mut members = vec![("object", json!({"const": "list"})), ("data", json!({"type": "array", "items": item}))];
        members.extend(more.iter().cloned());
        object(&members)
    }

    /// Returns the collected schemas by name. A type that is both read and written gets the schema of its written form.
    pub(super) fn take(&mut self) -> Map<String, Value> {
        let mut all = self.bodies.take_definitions(true);
        all.extend(self.answers.take_definitions(true));
        all.values_mut().for_each(tidy);
        all
    }
}

/// Returns the schema of a type in answers.
pub(crate) fn of<T: JsonSchema>(schemas: &mut Schemas) -> Value {
    tidied(schemas.answers.subschema_for::<T>())
}

/// Returns the schema of a type in request bodies.
pub(crate) fn read_as<T: JsonSchema>(schemas: &mut Schemas) -> Value {
    tidied(schemas.bodies.subschema_for::<T>())
}

/// Returns the schema of a type in request bodies, without references.
pub(crate) fn inline<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize().with(|settings| settings.inline_subschemas = true);
    tidied(settings.into_generator().subschema_for::<T>())
}

/// Returns the schema of a list without pages.
pub(crate) fn list_of<T: JsonSchema>(schemas: &mut Schemas) -> Value {
    let item = of::<T>(schemas);
    schemas.list(&item, &[])
}

/// Returns the schema of an object with exactly these members; a member whose name ends in `?` may be absent.
pub(crate) fn object(members: &[(&str, Value)]) -> Value {
    let bare = |name: &str| name.trim_end_matches('?').to_owned();
    let required: Vec<_> = members.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('?')).collect();
    let properties: Map<_, _> = members.iter().map(|(name, schema)| (bare(name), schema.clone())).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// Adds a member to an object.
pub(crate) fn set_member(object: &mut Value, name: &str, member: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), member);
    }
}

/// Returns the schema of a list whose items are checked individually: invalid items are refused and the others accepted.
pub(crate) fn individually_checked(item: &Value, most: usize) -> Value {
    let about = "Each is checked by itself; what does not fit the first of these is named in `refused`.";
    json!({"type": "array", "maxItems": most, "items": {"anyOf": [item, {}], "description": about}})
}

/// Returns the schema of an optional cursor.
pub(crate) fn cursor() -> Value {
    json!({"type": ["string", "null"], "description": "Opaque. Send it back unchanged."})
}

fn tidied(schema: Schema) -> Value {
    let mut schema = schema.to_value();
    tidy(&mut schema);
    schema
}

/// Replaces number formats by bounds, and links between Rust items by plain names.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(members) => {
            if let Some((least, greatest)) = members.get("format").and_then(Value::as_str).and_then(bounds) {
                members.entry("minimum").or_insert(least);
                members.entry("maximum").or_insert(greatest);
                members.remove("format");
            }
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = text.replace("[`", "`").replace("`]", "`");
            }
            members.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn bounds(format: &str) -> Option<(Value, Value)> {
    Some(match format {
        "uint8" => (json!(0), json!(u8::MAX)),
        "uint16" => (json!(0), json!(u16::MAX)),
        "uint32" => (json!(0), json!(u32::MAX)),
        "uint64" => (json!(0), json!(u64::MAX)),
        "int32" => (json!(i32::MIN), json!(i32::MAX)),
        "int64" => (json!(i64::MIN), json!(i64::MAX)),
        _ => return None,
    })
}
