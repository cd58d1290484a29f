//! Compares an outcome with the expected part of a case file. Every difference has its path in the file, so that it can be
//! reported, or written into the file.

use crate::case::{Case, ExpectUpstream};
use crate::outcome::{Outcome, text};
use serde_json::Value;
use std::collections::BTreeMap;

/// A step on the way from the root of the case file to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    /// A member of a mapping.
    Key(String),
    /// An item of a list.
    Item(usize),
}

/// A value that differs from the case file.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Path in the case file.
    pub path: Vec<PathStep>,
    /// The value of the case file.
    pub expected: Value,
    /// The value of the outcome; null if there is none.
    pub found: Value,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for step in &self.path {
            match step {
                PathStep::Key(name) => write!(f, ".{name}")?,
                PathStep::Item(index) => write!(f, "[{index}]")?,
            }
        }
        write!(f, ": {} instead of {}", self.found, self.expected)
    }
}

/// Lists the differences between a case's expectation and its outcome.
#[must_use]
pub fn compare(case: &Case, outcome: &Outcome) -> Vec<Difference> {
    let expect = &case.expect;
    let mut found = Differences { path: vec![PathStep::Key("expect".to_owned())], list: Vec::new() };
    found.member("status", &expect.status.into(), &outcome.status.into());
    found.within("headers", |found| found.headers(&expect.headers, &outcome.headers));
    if let Some(body) = &expect.body {
        found.member("body", &body.clone().into(), &text(&outcome.body).into());
    }
    if let Some(json) = &expect.json {
        found.member("json", json, &serde_json::from_slice(&outcome.body).unwrap_or_default());
    }
    let record = if outcome.aside { Value::Null } else { outcome.record() };
    found.member("record", &expect.record, &record);
    if let (Some(expected), false) = (&expect.upstream, outcome.aside) {
        found.within("upstream", |found| found.upstream(expected, outcome));
    }
    found.list
}

struct Differences {
    path: Vec<PathStep>,
    list: Vec<Difference>,
}

impl Differences {
    fn within(&mut self, name: &str, compare: impl FnOnce(&mut Self)) {
        self.at(PathStep::Key(name.to_owned()), compare);
    }

    fn at(&mut self, step: PathStep, compare: impl FnOnce(&mut Self)) {
        self.path.push(step);
        compare(self);
        self.path.pop();
    }

    fn member(&mut self, name: &str, expected: &Value, found: &Value) {
        self.within(name, |this| this.value(expected, found));
    }

    /// Compares a value: every expected member must be there, a list must have as many items, and null means absent.
    fn value(&mut self, expected: &Value, found: &Value) {
        match (expected, found) {
            (Value::Object(expected), Value::Object(found)) => {
                for (name, value) in expected {
                    self.member(name, value, found.get(name).unwrap_or(&Value::Null));
                }
            }
            (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
                for (index, (value, found)) in expected.iter().zip(found).enumerate() {
                    self.at(PathStep::Item(index), |this| this.value(value, found));
                }
            }
            (expected, found) if expected == found => {}
            (expected, found) => {
                let (path, expected) = (self.path.clone(), expected.clone());
                let found = alike(&expected, found);
                self.list.push(Difference { path, expected, found });
            }
        }
    }

    fn headers(&mut self, expected: &BTreeMap<String, Option<String>>, found: &BTreeMap<String, String>) {
        for (name, value) in expected {
            self.member(name, &value.clone().into(), &found.get(name).cloned().into());
        }
    }

    fn upstream(&mut self, expected: &[ExpectUpstream], outcome: &Outcome) {
        if expected.len() != outcome.upstream.len() {
            let paths = |of: &mut dyn Iterator<Item = Option<String>>| {
                of.map(|path| serde_json::json!({"path": path})).collect::<Vec<_>>().into()
            };
            let found = paths(&mut outcome.upstream.iter().map(|one| one.headers.get(":path").cloned()));
            let expected = paths(&mut expected.iter().map(|one| one.path.clone()));
            self.list.push(Difference { path: self.path.clone(), expected, found });
            return;
        }
        for (index, (expected, found)) in expected.iter().zip(&outcome.upstream).enumerate() {
            self.at(PathStep::Item(index), |this| {
                if let Some(path) = &expected.path {
                    this.member("path", &path.clone().into(), &found.headers.get(":path").cloned().into());
                }
                this.within("headers", |this| this.headers(&expected.headers, &found.headers));
                if let Some(body) = &expected.body {
                    this.member("body", &body.clone().into(), &text(&found.body).into());
                }
            });
        }
    }
}

/// Returns the items of a list, each with the members that the expected items name: others may differ in every run.
fn alike(expected: &Value, found: &Value) -> Value {
    let (Value::Array(expected), Value::Array(items)) = (expected, found) else { return found.clone() };
    let named: Vec<&String> = expected.iter().filter_map(Value::as_object).flat_map(|one| one.keys()).collect();
    let kept = |item: &Value| match item {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| named.contains(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        other => other.clone(),
    };
    items.iter().map(kept).collect()
}
