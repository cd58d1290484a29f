//! The limits and budgets that apply to a key.

use super::{condition, of_kind, text, texts};
use headgate_collector_pages::keys::{Key, Rule};
use serde_json::Value;
use wildmatch::WildMatch;

/// Returns the rules whose conditions on the key, its owner, its team and the installation hold. Conditions that depend on a
/// request are part of the rule.
pub(crate) fn rules_of(key: &Key, resources: &[Value]) -> Vec<Rule> {
    let settings = of_kind(resources, "settings").next().map(|(_, body)| body);
    let limits = of_kind(resources, "limit").map(|(id, body)| ("limit", id, body));
    let budgets = of_kind(resources, "budget").map(|(id, body)| ("budget", id, body));
    limits.chain(budgets).filter_map(|(kind, id, body)| rule(kind, id, body, key, settings)).collect()
}

fn rule(kind: &'static str, id: &str, body: &Value, key: &Key, settings: Option<&Value>) -> Option<Rule> {
    let mut only = Vec::new();
    for name in body.get("match").and_then(Value::as_object).into_iter().flat_map(|conditions| conditions.keys()) {
        let any = body.get("match").map(|conditions| texts(conditions, name)).unwrap_or_default();
        let value = match name.as_str() {
            "key" => Some(key.id.clone()),
            "owner" => key.owner.clone(),
            "team" => key.team.clone(),
            "project" => key.project.clone(),
            "application" => key.application.clone(),
            "environment" | "organization" => settings.and_then(|settings| text(settings, name)),
            _ => {
                only.push(of_request(name, body.get("match")?.get(name)?, &any));
                continue;
            }
        };
        // As in the gateway: a value that is missing matches nothing.
        let value = value?;
        if !any.iter().any(|glob| WildMatch::new(glob).matches(&value)) {
            return None;
        }
    }
    let monitor = text(body, "monitor").as_deref() == Some("true") || text(body, "action").as_deref() == Some("warn");
    Some(Rule { kind, id: id.to_owned(), amounts: amounts(body), per: texts(body, "per"), only, monitor })
}

fn of_request(name: &str, value: &Value, any: &[String]) -> String {
    match value {
        Value::Object(tags) => {
            let each = tags.keys().map(|tag| condition(&format!("{name} {tag}"), &texts(value, tag)));
            each.collect::<Vec<_>>().join(" and ")
        }
        _ => condition(name, any),
    }
}

fn amounts(body: &Value) -> Vec<String> {
    let mut amounts = Vec::new();
    for (name, unit) in [
        ("requests", "requests"),
        ("tokens", "tokens"),
        ("input_tokens", "input tokens"),
        ("output_tokens", "output tokens"),
    ] {
        amounts.extend(texts(body, name).into_iter().map(|rate| format!("{rate} {unit}")));
    }
    amounts.extend(text(body, "concurrency").map(|count| format!("{count} at a time")));
    amounts.extend(text(body, "max_cost").map(|usd| format!("${usd} a request")));
    let period = text(body, "period").unwrap_or_default();
    amounts.extend(text(body, "usd").map(|usd| format!("${usd} per {period}").replace("per total", "in total")));
    amounts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::applied::keys;
    use crate::revision::masked;

    #[test]
    fn rules_apply_by_the_keys_own_values() {
        let policy = "
environment: prod
teams: {search: {project: assistant}}
keys: [{id: alice-1, owner: ann, team: search}, {id: bob}]
limits:
  - {id: all, per: key, requests: [60/min, 5/s], concurrency: 8}
  - {id: alices, match: {key: 'alice-*'}, max_cost: 1.25, monitor: true}
  - {id: others, match: {team: ops}, requests: 1/s}
  - {id: here, match: {environment: prod, model: [chat, fast], tag: {a: [x, y]}}, tokens: 100k/min}
budgets:
  - {id: month, match: {project: assistant}, usd: 500, period: month}
  - {id: ever, usd: 7, period: total, action: warn}
";
        let resources = masked(policy);
        let keys = keys(&resources, 0);
        let of = |key: &Key| rules_of(key, &resources);
        let ids = |key: &Key| of(key).iter().map(|rule| rule.id.clone()).collect::<Vec<_>>().join(" ");
        assert_eq!(ids(&keys[0]), "all alices here month ever");
        assert_eq!(ids(&keys[1]), "all here ever");
        let rules = of(&keys[0]);
        assert_eq!(rules[0].amounts, ["60/min requests", "5/s requests", "8 at a time"]);
        assert_eq!((rules[1].amounts.join(""), rules[1].monitor), ("$1.25 a request".to_owned(), true));
        assert_eq!(rules[2].only, ["model is chat or fast", "tag a is x or y"]);
        assert_eq!(
            (rules[3].amounts.join(""), rules[4].amounts.join("")),
            ("$500 per month".into(), "$7 in total".into())
        );
    }
}
