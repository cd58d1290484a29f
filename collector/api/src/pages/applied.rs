//! The policy in force as pages for viewers show it: names, permissions and rules, taken from the masked resources.
//!
//! Words and patterns of guardrails, values of headers, addresses and hashes stay out; readers of the audit log see the rest on
//! the Policy page.

mod key_rules;

pub(super) use key_rules::rules_of;

use crate::values::time;
use headgate_collector_pages::guardrails::Guardrail;
use headgate_collector_pages::keys::{Key, KeyState};
use headgate_collector_pages::models::{Model, Target};
use serde_json::Value;

/// Most aliases that a page shows.
pub(super) const MAX_MODELS: usize = 200;

/// Returns the resources of a kind: their ids and bodies.
fn of_kind<'a>(resources: &'a [Value], kind: &'static str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let is_kind = move |resource: &&Value| resource.get("kind").and_then(Value::as_str) == Some(kind);
    resources.iter().filter(is_kind).filter_map(|one| Some((one.get("id")?.as_str()?, one.get("body")?)))
}

fn text(body: &Value, name: &str) -> Option<String> {
    match body.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// Returns the values of a member that is one value or a list.
fn texts(body: &Value, name: &str) -> Vec<String> {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match body.get(name) {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(all)) => all.iter().map(word).collect(),
        Some(one) => vec![word(one)],
    }
}

/// Returns the names of all resources of a kind.
pub(super) fn names(resources: &[Value], kind: &'static str) -> Vec<String> {
    of_kind(resources, kind).map(|(id, _)| id.to_owned()).collect()
}

/// Returns the keys in the order of the policy. `now` is in µs.
pub(super) fn keys(resources: &[Value], now: i64) -> Vec<Key> {
    let teams: std::collections::HashMap<_, _> = of_kind(resources, "team").collect();
    let key = |(id, body): (&str, &Value)| {
        let team = text(body, "team");
        let of_team = |name: &str| team.as_deref().and_then(|team| text(teams.get(team)?, name));
        Key {
            id: id.to_owned(),
            owner: text(body, "owner"),
            project: text(body, "project").or_else(|| of_team("project")),
            application: text(body, "application").or_else(|| of_team("application")),
            models: texts(body, "models"),
            state: state(body, now),
            team,
        }
    };
    of_kind(resources, "key").map(key).collect()
}

fn state(body: &Value, now: i64) -> KeyState {
    let expires = text(body, "expires").and_then(|text| time("expires", &text).ok());
    match (text(body, "disabled").as_deref(), expires) {
        (Some("true"), _) => KeyState::Disabled,
        (_, Some(at)) if at <= now => KeyState::Expired(at),
        (_, Some(at)) => KeyState::Until(at),
        _ => KeyState::Active,
    }
}

/// Returns the aliases in the order of the policy.
pub(super) fn models(resources: &[Value]) -> Vec<Model> {
    let model = |(alias, body): (&str, &Value)| {
        let listed = body.get("targets").and_then(Value::as_array);
        let mut targets: Vec<_> = listed.into_iter().flatten().map(|body| target(alias, body)).collect();
        targets.sort_by_key(|target| target.tier.parse::<u64>().unwrap_or(u64::MAX));
        Model { alias: alias.to_owned(), targets }
    };
    of_kind(resources, "model").map(model).collect()
}

fn target(alias: &str, body: &Value) -> Target {
    let one = || "1".to_owned();
    Target {
        provider: text(body, "provider").unwrap_or_default(),
        model: text(body, "model").unwrap_or_else(|| alias.to_owned()),
        tier: text(body, "tier").unwrap_or_else(one),
        weight: text(body, "weight").unwrap_or_else(one),
        when: body.get("when").map(when).unwrap_or_default(),
    }
}

fn when(conditions: &Value) -> Vec<String> {
    let Some(conditions) = conditions.as_object() else { return Vec::new() };
    let word = |(name, value): (&String, &Value)| match (name.as_str(), value) {
        ("header", Value::Object(headers)) => {
            format!("header {}", headers.keys().cloned().collect::<Vec<_>>().join(" and "))
        }
        (_, Value::Object(bounds)) => {
            let bounds: Vec<_> =
                bounds.keys().filter_map(|bound| Some(format!("{bound} {}", text(value, bound)?))).collect();
            format!("{name} {}", bounds.join(", "))
        }
        _ => condition(name, &texts(&Value::Object(conditions.clone()), name)),
    };
    conditions.iter().map(word).collect()
}

/// Returns a condition in words.
fn condition(name: &str, any: &[String]) -> String {
    format!("{} is {}", name.replace('_', " "), any.join(" or "))
}

/// Returns the guardrails in the order of the policy.
pub(super) fn guardrails(resources: &[Value]) -> Vec<Guardrail> {
    let guardrail = |(id, body): (&str, &Value)| {
        let on = texts(body, "on");
        let is_external = body.get("external").is_some_and(Value::is_object);
        let only = body.get("match").map(when).unwrap_or_default();
        Guardrail {
            id: id.to_owned(),
            detects: detects(body),
            action: text(body, "action").unwrap_or_else(|| "block".to_owned()),
            on: match on.is_empty() {
                false => on,
                true if is_external => vec!["request".to_owned()],
                true => vec!["request".to_owned(), "response".to_owned()],
            },
            only,
        }
    };
    of_kind(resources, "guardrail").map(guardrail).collect()
}

fn detects(body: &Value) -> Vec<String> {
    let detectors = body.get("detect").and_then(Value::as_object);
    let word = |(name, value): (&String, &Value)| match (name.as_str(), value) {
        (_, Value::Bool(false)) => None,
        ("secrets" | "pii", _) => {
            let kinds = detectors.map(|all| texts(&Value::Object(all.clone()), name)).unwrap_or_default();
            Some(format!("{name}: {}", kinds.join(", ")))
        }
        (_, Value::Array(all)) => Some(format!("{name}: {}", all.len())),
        _ => Some(name.replace('_', " ")),
    };
    let mut all: Vec<_> = detectors.into_iter().flatten().filter_map(word).collect();
    all.extend(body.get("external").and_then(|external| text(external, "kind")).map(|kind| format!("external {kind}")));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revision::masked;

    #[test]
    fn viewers_see_names_and_no_contents() {
        let policy = "
teams: {search: {project: assistant}}
keys:
  - {id: a, sha256: aaaa1111, owner: ann, team: search, models: ['chat*'], expires: 2020-01-01}
  - {id: b, sha256: bbbb2222, disabled: true}
models:
  chat:
    targets: [{provider: late, tier: 2}, {provider: early, model: m, weight: 3, when: {team: [search, ops], stream: true, header: {x-a: secret-value}}}]
guardrails:
  - {id: g, detect: {words: [hush, hush-hush], pii: [email, card], invisible_text: true}, action: mask, on: [request]}
";
        let resources = masked(policy);
        let keys = keys(&resources, 1_800_000_000_000_000);
        assert_eq!((keys[0].project.as_deref(), keys[0].team.as_deref()), (Some("assistant"), Some("search")));
        assert!(matches!((keys[0].state, keys[1].state), (KeyState::Expired(_), KeyState::Disabled)));
        let models = models(&resources);
        assert_eq!((models[0].targets[0].provider.as_str(), models[0].targets[1].model.as_str()), ("early", "chat"));
        assert_eq!(models[0].targets[0].when, ["header x-a", "stream is true", "team is search or ops"]);
        let guardrails = guardrails(&resources);
        assert_eq!(guardrails[0].detects, ["invisible text", "pii: email, card", "words: 2"]);
        let shown = format!("{keys:?}{models:?}{guardrails:?}");
        assert!(!["aaaa1111", "hush", "secret-value"].iter().any(|text| shown.contains(text)), "{shown}");
    }
}
