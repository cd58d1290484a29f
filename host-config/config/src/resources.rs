//! Lists the resources of a policy: providers, models, keys, limits and so on, each with its id and its values.
//!
//! A list of changes then names the budget `search-month` instead of line 214. Values are those of the file, so that a
//! change reads as its author wrote it; spelling, order of keys, quotes, aliases and comments make no difference. A file
//! with problems has resources too, because an older version may have accepted it.

use crate::scalar::{self, Scalar};
use crate::schema::{GATEWAY, Key, Kind};
use crate::tree::{self, Node, Value as Written};
use serde_json::{Map, Value, json};

/// One resource of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// `provider`, `model`, `team`, `key`, `price`, `listed_price`, `limit`, `budget`, `guardrail`; or, of which there is
    /// one each, `collector`, `cors`, `logging` and `settings`.
    pub kind: &'static str,
    /// Its name or id; the kind, if there is one of it.
    pub id: String,
    /// Its values.
    pub body: Value,
}

/// Sections of resources, and the kind of each.
const SECTIONS: [(&str, &str); 9] = [
    ("providers", "provider"),
    ("models", "model"),
    ("teams", "team"),
    ("keys", "key"),
    ("prices", "price"),
    ("price_list", "listed_price"),
    ("limits", "limit"),
    ("budgets", "budget"),
    ("guardrails", "guardrail"),
];

/// Sections that are one resource each.
const SINGLES: [&str; 3] = ["collector", "cors", "logging"];

/// The single values at the top of the file.
const SETTINGS: &str = "settings";

/// Returns the resources of a gateway.yaml, in the order of the file. Parts that cannot be read have none.
#[must_use]
pub fn resources(source: &str) -> Vec<Resource> {
    let parsed = tree::parse(source);
    let mut found = Vec::new();
    let mut settings = Map::new();
    for entry in parsed.root.entries() {
        let kind = GATEWAY.iter().find(|key| key.name == entry.key).map(|key| key.kind);
        if let Some((_, name)) = SECTIONS.iter().find(|(section, _)| *section == entry.key) {
            found.extend(each(name, &entry.value, kind));
        } else if let Some(name) = SINGLES.into_iter().find(|section| *section == entry.key) {
            found.push(Resource { kind: name, id: name.to_owned(), body: body(&entry.value, kind) });
        } else {
            settings.insert(entry.key.clone(), body(&entry.value, kind));
        }
    }
    found.insert(0, Resource { kind: SETTINGS, id: SETTINGS.to_owned(), body: Value::Object(settings) });
    found
}

/// Returns the resources of a section: the entries of a mapping by their names, those of a list by their ids.
fn each(kind: &'static str, section: &Node, declared: Option<Kind>) -> Vec<Resource> {
    let within = declared.and_then(within);
    let named = section.entries().iter().map(|entry| (entry.key.clone(), &entry.value));
    let listed = section.items().iter().map(|node| (id_of(node), node));
    named.chain(listed).map(|(id, node)| Resource { kind, id, body: body(node, within) }).collect()
}

fn id_of(node: &Node) -> String {
    let id = node.entries().iter().find(|entry| entry.key == "id");
    id.and_then(|entry| entry.value.text()).unwrap_or_default().to_owned()
}

fn body(node: &Node, kind: Option<Kind>) -> Value {
    match &node.value {
        Written::Null => Value::Null,
        Written::Scalar(text) => single(text, kind),
        Written::List(items) => {
            let kind = kind.and_then(within);
            Value::Array(items.iter().map(|item| body(item, kind)).collect())
        }
        Written::Map(entries) => {
            let value = |entry: &tree::Entry| body(&entry.value, kind.and_then(|kind| at(kind, &entry.key)));
            Value::Object(entries.iter().map(|entry| (entry.key.clone(), value(entry))).collect())
        }
    }
}

/// Returns numbers and flags as such, and other values as written.
fn single(text: &str, kind: Option<Kind>) -> Value {
    match kind {
        Some(Kind::One(Scalar::Flag)) => scalar::flag(text).map_or_else(|_| json!(text), |flag| json!(flag)),
        Some(Kind::One(Scalar::Count | Scalar::Positive | Scalar::Attempts)) => {
            scalar::count(text).map_or_else(|_| json!(text), |count| json!(count))
        }
        _ => json!(text),
    }
}

/// Returns the kind of the elements of a list or a mapping.
fn within(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::List(each) | Kind::Map(_, each) => Some(*each),
        Kind::AllOr(scalar) | Kind::Several(scalar) => Some(Kind::One(scalar)),
        Kind::One(_) | Kind::Section(_) => None,
    }
}

/// Returns the kind of the value at a key.
fn at(kind: Kind, name: &str) -> Option<Kind> {
    match kind {
        Kind::Section(keys) => keys.iter().find(|key: &&Key| key.name == name).map(|key| key.kind),
        _ => within(kind),
    }
}

/// Returns whether a price with this name, or glob, applies to a provider's model.
#[must_use]
pub fn is_price_of(name: &str, provider: &str, model: &str) -> bool {
    let own = name.split_once('/').filter(|(start, _)| *start == provider);
    own.is_some_and(|(_, glob)| glob == model || glob.contains('*') && wildmatch::WildMatch::new(glob).matches(model))
}

#[cfg(test)]
mod tests {
    use super::{Resource, resources};
    use serde_json::{Value, json};

    fn one(source: &str, kind: &str, id: &str) -> Option<Value> {
        let found: Vec<Resource> = resources(source);
        found.into_iter().find(|resource| (resource.kind, resource.id.as_str()) == (kind, id)).map(|found| found.body)
    }

    #[test]
    fn all_parts_of_a_policy_are_resources() {
        let source = "
environment: test
listen: '127.0.0.1:8080'
collector: {url: http://127.0.0.1:1}
providers: {openai: {format: openai, url: 'https://x/v1'}}
models: {chat: {targets: [{provider: openai, weight: 3}], failover: {on: [429]}}}
keys: [{id: alice, sha256: aa, disabled: true}]
budgets: [{id: month, per: key, usd: 500}]
";
        assert_eq!(
            one(source, "settings", "settings").unwrap(),
            json!({"environment": "test", "listen": "127.0.0.1:8080"})
        );
        assert_eq!(one(source, "provider", "openai").unwrap()["url"], "https://x/v1");
        let model = json!({"targets": [{"provider": "openai", "weight": 3}], "failover": {"on": ["429"]}});
        assert_eq!(one(source, "model", "chat").unwrap(), model);
        assert_eq!(one(source, "key", "alice").unwrap()["disabled"], true);
        assert_eq!(one(source, "budget", "month").unwrap()["usd"], "500");
        assert_eq!(one(source, "collector", "collector").unwrap(), json!({"url": "http://127.0.0.1:1"}));
        assert_eq!(resources(source).len(), 6);
    }

    #[test]
    fn spelling_makes_no_difference() {
        let plain = "teams: {a: {project: x}}\nkeys: [{id: k, team: a, disabled: false}]";
        let other =
            "# who\nkeys:\n  - disabled: 'false'\n    team: 'a'\n    \"id\": k\nteams:\n  a: {project: \"x\"}\n";
        let sorted = |source| {
            let mut all: Vec<_> = resources(source).into_iter().map(|one| (one.kind, one.id, one.body)).collect();
            all.sort_by_key(|(kind, id, _)| (*kind, id.clone()));
            all
        };
        assert_eq!(sorted(plain), sorted(other));
    }

    #[test]
    fn unreadable_parts_have_no_resources() {
        for source in ["", "[", "- a", "keys: {a: b}", "keys: [a, [b], {id: [c]}]", "\u{0}"] {
            assert!(resources(source).len() <= 4, "{source}");
        }
    }
}
