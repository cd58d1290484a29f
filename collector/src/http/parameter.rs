//! The parameters of query strings, as data.
//!
//! Each route's table says which parameters there are. A layer holds every query string against it before a handler
//! reads it, and `/openapi.json` is made of it: what is accepted is what is described, because nothing else gets through.

use super::error::ApiError;
use super::openapi::put;
use super::values::{bad, invalid, shown};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Longest value, characters.
const MAX_TEXT: usize = 1024;
/// Most values of a list.
const MAX_LIST: usize = 20;
/// Most keys of one parameter: as many tags as a record may have.
const MAX_KEYS: usize = 16;
/// Largest time, µs.
const MAX_TIME: u64 = i64::MAX as u64;

/// One parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name, brackets included; of [`Shape::Keyed`] what stands before the bracket.
    pub name: Cow<'static, str>,
    /// What it asks for, in a sentence.
    pub about: Cow<'static, str>,
    /// What its value looks like.
    pub shape: Shape,
}

/// What a value looks like.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A text of 1 to 1024 characters.
    Text,
    /// One of these words.
    Word(Vec<&'static str>),
    /// Some of these words, joined by commas.
    Words(Vec<&'static str>),
    /// Some of these words, each in a parameter of its own.
    Choices(Vec<&'static str>),
    /// Up to 20 HTTP statuses, or 0 for none, each in a parameter of its own.
    Statuses,
    /// Up to 20 texts of this pattern (ECMA-262), each in a parameter of its own; the second is one that fits.
    Patterns(&'static str, &'static str),
    /// `true` or `false`.
    Truth,
    /// A whole number between these two.
    Whole(u64, u64),
    /// Up to 20 whole numbers between these two, each in a parameter of its own.
    Wholes(u64, u64),
    /// A text of this pattern (ECMA-262); the second is one that fits.
    Pattern(&'static str, &'static str),
    /// RFC 3339, a day or a time, or µs since 1970.
    Time,
    /// Up to 20 texts, each in a parameter of its own.
    List,
    /// `name[KEY]=text`, for any key, up to 16 of them, each up to 20 times.
    Keyed,
}

impl Parameter {
    /// A parameter by its name, with a sentence on what it asks for.
    pub(super) fn new(name: impl Into<Cow<'static, str>>, about: impl Into<Cow<'static, str>>, shape: Shape) -> Self {
        Self { name: name.into(), about: about.into(), shape }
    }

    fn is(&self, name: &str) -> bool {
        match self.shape {
            Shape::Keyed => {
                let key = name.strip_prefix(&*self.name).and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'));
                key.is_some_and(|key| !key.is_empty())
            }
            _ => name == self.name,
        }
    }

    /// As the answer to an unknown one lists it.
    fn listed(&self) -> String {
        match self.shape {
            Shape::Keyed => format!("{}[NAME]", self.name),
            _ => self.name.to_string(),
        }
    }

    /// A query string with a good value, for the tests.
    #[must_use]
    pub fn example(&self) -> String {
        let value = match &self.shape {
            Shape::Text | Shape::List => "text".to_owned(),
            Shape::Word(words) | Shape::Words(words) | Shape::Choices(words) => {
                words.first().map_or(String::new(), |word| (*word).to_owned())
            }
            Shape::Truth => "true".to_owned(),
            Shape::Whole(least, _) | Shape::Wholes(least, _) => least.to_string(),
            Shape::Statuses => "200".to_owned(),
            Shape::Pattern(_, example) | Shape::Patterns(_, example) => (*example).to_owned(),
            Shape::Time => "2026-01-31T12:00:00Z".to_owned(),
            Shape::Keyed => return format!("{}[key]=text", self.name),
        };
        format!("{}={value}", self.name)
    }

    /// As OpenAPI describes it.
    pub(super) fn described(&self) -> Value {
        let mut parameter =
            json!({"name": self.name, "in": "query", "description": self.about, "schema": self.shape.schema()});
        let (style, explode) = match self.shape {
            Shape::Words(_) => ("form", false),
            Shape::Keyed => ("deepObject", true),
            _ => return parameter,
        };
        put(&mut parameter, "style", json!(style));
        put(&mut parameter, "explode", json!(explode));
        parameter
    }
}

impl Shape {
    /// The JSON Schema of the value.
    pub(super) fn schema(&self) -> Value {
        let text = json!({"type": "string", "minLength": 1, "maxLength": MAX_TEXT});
        match self {
            Self::Text => text,
            Self::Word(words) => json!({"type": "string", "enum": words}),
            Self::Words(words) | Self::Choices(words) => {
                json!({"type": "array", "minItems": 1, "uniqueItems": true, "items": {"type": "string", "enum": words}})
            }
            Self::Truth => json!({"type": "boolean"}),
            Self::Whole(least, greatest) => json!({"type": "integer", "minimum": least, "maximum": greatest}),
            Self::Wholes(least, greatest) => list(&json!({"type": "integer", "minimum": least, "maximum": greatest})),
            Self::Statuses => list(&status()),
            Self::Pattern(pattern, _) => json!({"type": "string", "pattern": pattern}),
            Self::Patterns(pattern, _) => list(&json!({"type": "string", "pattern": pattern})),
            Self::Time => json!({"anyOf": times()}),
            Self::List => list(&text),
            Self::Keyed => json!({
                "type": "object", "maxProperties": MAX_KEYS, "propertyNames": {"minLength": 1},
                "additionalProperties": text,
            }),
        }
    }

    const fn most(&self) -> usize {
        match self {
            Self::List | Self::Statuses | Self::Wholes(..) | Self::Patterns(..) => MAX_LIST,
            Self::Choices(words) => words.len(),
            Self::Keyed => MAX_KEYS,
            _ => 1,
        }
    }
}

fn status() -> Value {
    json!({"type": "integer", "anyOf": [{"const": 0}, {"minimum": 100, "maximum": 999}]})
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "maxItems": MAX_LIST, "items": items})
}

fn times() -> [Value; 3] {
    [
        json!({"type": "string", "format": "date-time"}),
        json!({"type": "string", "format": "date"}),
        json!({"type": "integer", "minimum": 0, "maximum": MAX_TIME, "description": "µs since 1970"}),
    ]
}

/// Layer of a route: lets only the parameters of its table through, none too often, empty or very long.
pub(super) async fn known(
    State(table): State<Arc<[Parameter]>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    check(&table, request.uri().query().unwrap_or_default())?;
    Ok(next.run(request).await)
}

fn check(table: &[Parameter], query: &str) -> Result<(), ApiError> {
    let mut times: HashMap<Cow<'_, str>, usize> = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let parameter = table.iter().find(|known| known.is(&name)).ok_or_else(|| unknown(&name, table))?;
        if value.is_empty() || value.chars().nth(MAX_TEXT).is_some() {
            return Err(bad(&name, "must be 1 to 1024 characters long"));
        }
        let (keyed, most) = (matches!(parameter.shape, Shape::Keyed), parameter.shape.most());
        if keyed && !bounded(&mut times, name.clone(), MAX_LIST) {
            return Err(too_often(&name, MAX_LIST));
        }
        // Of keys, each counts once.
        let again = keyed && times.get(&name).is_some_and(|count| *count > 1);
        if !again && !bounded(&mut times, Cow::Borrowed(&*parameter.name), most) {
            return Err(too_often(&name, most));
        }
    }
    Ok(())
}

/// Counts one more of this name; false if there are too many.
fn bounded<'t>(times: &mut HashMap<Cow<'t, str>, usize>, name: Cow<'t, str>, most: usize) -> bool {
    let count = times.entry(name).or_default();
    *count += 1;
    *count <= most
}

fn too_often(name: &str, most: usize) -> ApiError {
    match most {
        1 => bad(name, "is given twice"),
        _ => bad(name, &format!("is given more than {most} times")),
    }
}

/// 400 for a name that stands in no table.
pub(super) fn unknown(name: &str, table: &[Parameter]) -> ApiError {
    let name = shown(name);
    let names: Vec<_> = table.iter().map(Parameter::listed).collect();
    let there_are =
        if names.is_empty() { "This path takes none.".to_owned() } else { format!("There are: {}.", names.join(", ")) };
    invalid(format!("`{name}` is no parameter. {there_are}"), "unknown_parameter").param(name)
}

#[cfg(test)]
mod tests {
    use super::{Parameter, Shape, check};

    #[test]
    fn only_what_is_in_the_table_gets_through_and_not_too_often() {
        let table = [
            Parameter::new("team", "", Shape::Text),
            Parameter::new("sources[]", "", Shape::List),
            Parameter::new("tag", "", Shape::Keyed),
        ];
        let lists = |count: usize| vec!["sources[]=a"; count].join("&");
        let tags = |count: usize| (0..count).map(|key| format!("tag[{key}]=a")).collect::<Vec<_>>().join("&");
        for good in ["", "team=a", "tag[a]=b&tag[b]=b", "sources%5B%5D=a", &lists(20), &tags(16)] {
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
