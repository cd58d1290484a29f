//! Holds the checked-in page of the record's fields to the types.
//!
//! `UPDATE_EXPECT=1 cargo test -p headgate-record --test reference` writes it again.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, its helper functions too")]

use headgate_record::RequestRecord;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const HEAD: &str = "# Fields of the request record

Generated from the JSON Schema of the types in `plugins/record/src`; a test holds this page to it.

A record holds metadata only. It has no field for a prompt, an answer or a credential, and unknown fields are refused at
every level. Times are microseconds, money is integer nano-USD. A field without *always* can be absent. The last column is the
attribute of the OpenTelemetry conventions for generative AI, from `plugins/record/otel.json`; an exporter puts `headgate.` before the
names of fields that have none.
";

fn page() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.unwrap().join("docs/reference/record.md")
}

/// Returns a description in the form that a table cell needs.
fn described(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|").replace("[`", "`").replace("`]", "`")
}

/// Returns the name of a field's type, and the name of its section.
fn type_of(schema: &Value) -> (String, Option<String>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return (name.to_owned(), Some(name.to_owned()));
    }
    if let Some(items) = schema.get("items") {
        let (name, below) = type_of(items);
        return (format!("list of {name}"), below);
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        return (format!("map to {}", type_of(values).0), None);
    }
    if let Some(first) = schema["anyOf"].as_array().and_then(|choices| choices.first()) {
        return type_of(first);
    }
    if let Some(first) = schema["allOf"].as_array().and_then(|choices| choices.first()) {
        return type_of(first);
    }
    let name = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("value");
    (name.to_owned(), None)
}

struct Page {
    schema: Value,
    names: Value,
    text: String,
    done: Vec<String>,
}

impl Page {
    /// Adds the table of an object, then those of the types below it.
    fn object(&mut self, title: &str, prefix: &str, schema: &Value) {
        let _ = writeln!(self.text, "\n## {title}\n\n{}\n", described(schema));
        self.text.push_str("| field | type | | description | OpenTelemetry |\n|---|---|---|---|---|\n");
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut below = Vec::new();
        for (field, schema) in schema["properties"].as_object().unwrap() {
            let (kind, section) = type_of(schema);
            let always = if required.contains(&field.as_str()) { "always" } else { "" };
            let otel = self.names[format!("{prefix}{field}")].as_str().map(|name| format!("`{name}`"));
            let text = described(schema);
            let _ = writeln!(self.text, "| `{field}` | {kind} | {always} | {text} | {} |", otel.unwrap_or_default());
            below.extend(section.map(|section| (section, format!("{prefix}{field}."))));
        }
        for (name, prefix) in below {
            self.named(&name, &prefix);
        }
    }

    fn named(&mut self, name: &str, prefix: &str) {
        if self.done.iter().any(|done| done == name) {
            return;
        }
        self.done.push(name.to_owned());
        let schema = self.schema["$defs"][name].clone();
        if schema.get("properties").is_some() {
            self.object(name, prefix, &schema);
        } else {
            self.words(name, &schema);
        }
    }

    /// Adds the list of a closed vocabulary.
    fn words(&mut self, name: &str, schema: &Value) {
        let _ = writeln!(self.text, "\n## {name}\n\n{}\n", described(schema));
        for word in schema["oneOf"].as_array().into_iter().flatten() {
            let _ = writeln!(self.text, "- `{}`: {}", word["const"].as_str().unwrap_or_default(), described(word));
        }
    }
}

#[test]
fn record_page_is_current() {
    let schema = serde_json::to_value(schemars::schema_for!(RequestRecord)).unwrap();
    let names: Value = serde_json::from_str(include_str!("../otel.json")).unwrap();
    let mut built =
        Page { schema: schema.clone(), names: names["fields"].clone(), text: HEAD.to_owned(), done: vec![] };
    built.object("RequestRecord", "", &schema);
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| !value.is_empty()) {
        fs::write(page(), &built.text).unwrap();
    }
    assert!(
        fs::read_to_string(page()).unwrap_or_default() == built.text,
        "docs/reference/record.md is out of date: run UPDATE_EXPECT=1 cargo test -p headgate-record --test reference"
    );
}
