//! JSON Schemas of what is read and written, made from the types that read and write it.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

const COMPONENTS: &str = "/components/schemas";

/// Makes a schema; what it refers to is kept in the [`Schemas`].
pub type SchemaOf = fn(&mut Schemas) -> Value;

/// Collects the schemas that a document refers to. A type may look different in a body that is read (members may be left
/// out) and in an answer that is written, so there is a generator for each.
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
    /// A list as every route writes it: `object`, `data`, and these members beside; one whose name ends in `?` may be absent.
    pub fn list(&mut self, item: &Value, more: &[(&str, Value)]) -> Value {
        let mut members = vec![("object", json!({"const": "list"})), ("data", json!({"type": "array", "items": item}))];
        members.extend(more.iter().cloned());
        object(&members)
    }

    /// The schemas that were referred to, by name. A type that is both read and written has the name of what is written.
    pub(super) fn take(&mut self) -> Map<String, Value> {
        let mut all = self.bodies.take_definitions(true);
        all.extend(self.answers.take_definitions(true));
        all.values_mut().for_each(tidy);
        all
    }
}

/// What is written from a type.
pub(in crate::http) fn of<T: JsonSchema>(schemas: &mut Schemas) -> Value {
    tidied(schemas.answers.subschema_for::<T>())
}

/// What is read into a type.
pub(in crate::http) fn read_as<T: JsonSchema>(schemas: &mut Schemas) -> Value {
    tidied(schemas.bodies.subschema_for::<T>())
}

/// A list of all there is, without pages.
pub(in crate::http) fn list_of<T: JsonSchema>(schemas: &mut Schemas) -> Value {
    let item = of::<T>(schemas);
    schemas.list(&item, &[])
}

/// An object with exactly these members; one whose name ends in `?` may be absent.
pub(in crate::http) fn object(members: &[(&str, Value)]) -> Value {
    let bare = |name: &str| name.trim_end_matches('?').to_owned();
    let required: Vec<_> = members.iter().map(|(name, _)| *name).filter(|name| !name.ends_with('?')).collect();
    let properties: Map<_, _> = members.iter().map(|(name, schema)| (bare(name), schema.clone())).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// A list of things that are checked one by one: one that does not fit is refused by itself, the others are taken.
pub(in crate::http) fn each_by_itself(item: &Value, most: usize) -> Value {
    let about = "Each is checked by itself; what does not fit the first of these is named in `refused`.";
    json!({"type": "array", "maxItems": most, "items": {"anyOf": [item, {}], "description": about}})
}

/// A cursor that leads on, if there is one.
pub(in crate::http) fn cursor() -> Value {
    json!({"type": ["string", "null"], "description": "Opaque. Send it back unchanged."})
}

fn tidied(schema: Schema) -> Value {
    let mut schema = schema.to_value();
    tidy(&mut schema);
    schema
}

/// Makes the widths of numbers bounds, and links between Rust's items plain names.
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
