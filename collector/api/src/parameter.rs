//! The parameters of query strings, as data.
//!
//! They are derived from the structs that handlers deserialize: a field is a parameter, its doc comment the description, its
//! type the schema. A layer checks each query string against them before a handler reads it. `/openapi.json` is generated from
//! the same data, so the description matches the check.

use super::error::ApiError;
use super::openapi::{inline, set_member};
use super::query_string::group_by_name;
use super::values::{bad, invalid, shown};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Maximum length of a value, characters.
const MAX_TEXT: usize = 1024;
/// Maximum number of values of a list.
const MAX_LIST: usize = 20;
/// Maximum number of keys: the maximum number of tags of a record.
const MAX_KEYS: usize = 16;

/// A parameter of a query string.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// The name, including brackets; for `name[KEY]=text`, the part before the bracket.
    pub name: String,
    about: String,
    /// JSON Schema of the value: of a list if the parameter may be repeated, of an object if it has keys.
    schema: Value,
    /// Whether the values of a list are separated by commas.
    joined: bool,
}

impl Parameter {
    /// Returns the parameters for the fields of a struct.
    pub(super) fn of<T: JsonSchema>() -> Vec<Self> {
        let mut schema = inline::<T>();
        let fields = schema.get_mut("properties").and_then(Value::as_object_mut).map(std::mem::take);
        fields.unwrap_or_default().into_iter().flat_map(|(name, schema)| Self::with_spellings(name, schema)).collect()
    }

    /// Returns the parameter, twice if its name may be written with or without `[]`.
    fn with_spellings(name: String, schema: Value) -> Vec<Self> {
        let Value::Object(mut schema) = schema else { return Vec::new() };
        let mut taken = |member: &str| schema.remove(member);
        let about = taken("description").and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default();
        let (both, joined) = (taken("brackets").is_some(), taken("joined").is_some());
        add_bounds(&mut schema);
        let plain = Self { name, about, schema: Value::Object(schema), joined };
        if !both {
            return vec![plain];
        }
        let with = Self { name: format!("{}[]", plain.name), ..plain.clone() };
        vec![Self { about: format!("As `{}`.", with.name), ..plain }, with]
    }

    fn is_kind(&self, kind: &str) -> bool {
        self.schema.get("type").is_some_and(|known| known == kind)
    }

    fn matches(&self, name: &str) -> bool {
        if !self.is_kind("object") {
            return name == self.name;
        }
        let key = name.strip_prefix(&*self.name).and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'));
        key.is_some_and(|key| !key.is_empty())
    }

    /// Returns how often the parameter may occur, per key if it has keys.
    fn max_count(&self) -> usize {
        let most = self.schema.get("maxItems").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
        match most.filter(|_| !self.joined) {
            Some(most) => most,
            None if self.is_kind("object") => MAX_LIST,
            None => 1,
        }
    }

    /// Returns the parameter as the error for an unknown one lists it.
    fn usage(&self) -> String {
        if self.is_kind("object") { format!("{}[NAME]", self.name) } else { self.name.clone() }
    }

    /// Returns a query string with a valid value, for tests.
    #[must_use]
    pub fn example(&self) -> String {
        let key = if self.is_kind("object") { "[key]" } else { "" };
        format!("{}{key}={}", self.name, example(&self.schema))
    }

    /// Returns the OpenAPI description.
    pub(super) fn to_openapi(&self) -> Value {
        let mut parameter = json!({"name": self.name, "in": "query", "description": self.about, "schema": self.schema});
        let (style, explode) = match self.joined {
            true => ("form", false),
            false if self.is_kind("object") => ("deepObject", true),
            false => return parameter,
        };
        set_member(&mut parameter, "style", json!(style));
        set_member(&mut parameter, "explode", json!(explode));
        parameter
    }
}

/// Adds the bounds that the layer enforces, and removes null, since a parameter is either present or absent.
fn add_bounds(schema: &mut Map<String, Value>) {
    remove_null(schema);
    let kind = schema.get("type").cloned().unwrap_or_default();
    let is_plain = ["enum", "pattern", "format"].iter().all(|member| !schema.contains_key(*member));
    if kind == "string" && is_plain {
        schema.extend([("minLength".to_owned(), json!(1)), ("maxLength".to_owned(), json!(MAX_TEXT))]);
    }
    if kind == "object" {
        schema.insert("maxProperties".to_owned(), json!(MAX_KEYS));
        schema.insert("propertyNames".to_owned(), json!({"minLength": 1}));
    }
    let words = schema.get("items").and_then(|items| items.get("enum")?.as_array()).map(Vec::len);
    if kind == "array" {
        schema.insert("maxItems".to_owned(), json!(words.unwrap_or(MAX_LIST)));
    }
    if words.is_some() {
        schema.extend([("minItems".to_owned(), json!(1)), ("uniqueItems".to_owned(), json!(true))]);
    }
    for member in ["items", "additionalProperties"] {
        schema.get_mut(member).and_then(Value::as_object_mut).into_iter().for_each(add_bounds);
    }
}

/// Removes the null that an `Option` adds to a schema.
fn remove_null(schema: &mut Map<String, Value>) {
    schema.retain(|member, value| member != "default" || value.is_boolean());
    for member in ["type", "enum", "anyOf"] {
        let Some(Value::Array(all)) = schema.get_mut(member) else { continue };
        all.retain(|value| !value.is_null() && value != "null" && value.get("type").is_none_or(|kind| kind != "null"));
        if let (true, Some(only)) = (all.len() == 1 && member != "enum", all.first().cloned()) {
            schema.remove(member);
            match only {
                Value::Object(inner) => schema.extend(inner),
                kind => _ = schema.insert(member.to_owned(), kind),
            }
        }
    }
}

fn example(schema: &Value) -> String {
    let first = |member: &str| schema.get(member).and_then(|all| all.get(0));
    if let Some(example) = first("examples").or_else(|| first("enum")).or_else(|| first("oneOf")?.get("const")) {
        return example.as_str().map_or_else(|| example.to_string(), str::to_owned);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => schema.get("items").map(example).unwrap_or_default(),
        Some("boolean") => "true".to_owned(),
        Some("integer") => schema.get("minimum").map(Value::to_string).unwrap_or_default(),
        _ => "text".to_owned(),
    }
}

/// Checks the parameters of a request as the layer of a route: it refuses parameters that are not in its
/// table, repeated too often, empty or too long.
pub(super) async fn check_parameters(
    State(table): State<Arc<[Parameter]>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    check(&table, request.uri().query().unwrap_or_default())?;
    Ok(next.run(request).await)
}

fn check(table: &[Parameter], query: &str) -> Result<(), ApiError> {
    let mut keys = 0;
    for (name, values) in group_by_name(query) {
        let parameter = table.iter().find(|parameter| parameter.matches(&name)).ok_or_else(|| unknown(&name, table))?;
        if values.iter().any(|value| value.is_empty() || value.chars().nth(MAX_TEXT).is_some()) {
            return Err(bad(&name, "must be 1 to 1024 characters long"));
        }
        if values.len() > parameter.max_count() {
            return Err(too_often(&name, parameter.max_count()));
        }
        keys += usize::from(parameter.is_kind("object"));
        if keys > MAX_KEYS {
            return Err(too_often(&parameter.name, MAX_KEYS));
        }
    }
    Ok(())
}

fn too_often(name: &str, most: usize) -> ApiError {
    match most {
        1 => bad(name, "is given twice"),
        _ => bad(name, &format!("is given more than {most} times")),
    }
}

/// Returns 400 for a name that is not in the table.
fn unknown(name: &str, table: &[Parameter]) -> ApiError {
    let name = shown(name);
    let names: Vec<_> = table.iter().map(Parameter::usage).collect();
    let there_are =
        if names.is_empty() { "This path takes none.".to_owned() } else { format!("There are: {}.", names.join(", ")) };
    invalid(format!("`{name}` is no parameter. {there_are}"), "unknown_parameter").param(name)
}

#[cfg(test)]
mod tests {
    use super::{Parameter, check};
    use schemars::JsonSchema;
    use std::collections::BTreeMap;

    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only its schema counts")]
    struct ExampleQuery {
        team: Option<String>,
        #[schemars(extend("brackets" = true))]
        sources: Vec<String>,
        tag: BTreeMap<String, String>,
    }

    #[test]
    fn only_known_parameters_get_through() {
        let table = Parameter::of::<ExampleQuery>();
        let lists = |count: usize| vec!["sources[]=a"; count].join("&");
        let tags = |count: usize| (0..count).map(|key| format!("tag[{key}]=a")).collect::<Vec<_>>().join("&");
        for good in ["", "team=a", "tag[a]=b&tag[b]=b", "sources%5B%5D=a&sources=b", &lists(20), &tags(16)] {
            assert!(check(&table, good).is_ok(), "{good}");
        }
        let long = format!("team={}", "a".repeat(1025));
        let values = |count: usize| vec!["tag[a]=b"; count].join("&");
        assert!(check(&table, &format!("{}&{}", values(20), "tag[b]=c")).is_ok());
        for bad in [
            "teams=a",
            "team=a&team=a",
            "team=",
            &long,
            "tag[]=a",
            "tag=a",
            &values(21),
            &format!("{}&tag[c]=d", tags(16)),
            &lists(21),
            &tags(17),
        ] {
            assert!(check(&table, bad).is_err(), "{bad}");
        }
    }
}
