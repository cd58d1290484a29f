//! The routes of APISIX: one for each alias and API, whose targets `ai-proxy-multi` tries, and one for everything else, which the filter
//! answers.

use super::lua::BODY_SHIM;
use crate::compile::Compiled;
use headgate_policy::document::{Document, Failover, Format, Model, Provider, Target};
use serde_json::{Map, Value, json};

/// Place of the line of Lua: before `ai-proxy-multi` (1041).
const BODY_SHIM_PRIORITY: u32 = 1_090;
/// Places of targets: a higher number is used first.
const FIRST_PRIORITY: u32 = 1_000;

/// An API, as providers of it are reached.
struct Api {
    format: Format,
    path: &'static str,
    /// Behind the provider's own prefix.
    suffix: &'static str,
    kind: &'static str,
    header: &'static str,
}

const APIS: [Api; 2] = [
    Api {
        format: Format::Openai,
        path: "/v1/chat/completions",
        suffix: "/chat/completions",
        kind: "openai-compatible",
        header: "Authorization",
    },
    Api {
        format: Format::Anthropic,
        path: "/v1/messages",
        suffix: "/v1/messages",
        kind: "anthropic",
        header: "x-api-key",
    },
];

/// Returns the environment variables that APISIX itself reads: for OpenAI's API the whole value of the header.
pub(super) fn variables(document: &Document) -> impl Iterator<Item = String> {
    document.providers.iter().filter_map(credential)
}

fn credential(provider: &Provider) -> Option<String> {
    let name = provider.credential_env.as_ref()?;
    Some(if provider.format == Format::Openai { format!("{name}_BEARER") } else { name.clone() })
}

pub(super) fn routes(compiled: &Compiled) -> Vec<Value> {
    let models = compiled.document.models.iter().enumerate();
    let each = models.flat_map(|(index, model)| APIS.iter().filter_map(move |api| route(compiled, index, model, api)));
    let rest = json!({"id": "headgate-rest", "uri": "/v1/*", "upstream_id": "headgate-none"});
    each.chain([rest]).collect()
}

fn route(compiled: &Compiled, index: usize, model: &Model, api: &Api) -> Option<Value> {
    let instances: Vec<Value> = model
        .targets
        .iter()
        .enumerate()
        .filter(|(_, target)| may_serve(target))
        .filter_map(|(number, target)| instance(compiled, number, target, api))
        .collect();
    if instances.is_empty() {
        return None;
    }
    let failover = &model.failover;
    Some(json!({
        "id": format!("headgate-{index}-{}", api.kind),
        "uri": api.path,
        "priority": 10,
        "vars": [["post_arg.model", "==", model.name]],
        "plugins": {
            "serverless-pre-function": {
                "_meta": {"priority": BODY_SHIM_PRIORITY},
                "phase": "access",
                "functions": [BODY_SHIM],
            },
            "ai-proxy-multi": {
                "balancer": {"algorithm": "roundrobin"},
                "fallback_strategy": strategy(failover),
                "max_retries": failover.attempts.saturating_sub(1),
                "timeout": failover.first_byte_timeout_ms,
                "instances": instances,
            },
        },
    }))
}

/// Whether a target can serve some request that is left to APISIX. It cannot look at callers, headers or lengths of prompts.
fn may_serve(target: &Target) -> bool {
    let when = &target.when;
    let looks = !when.headers.is_empty() || !when.teams.is_empty() || !when.keys.is_empty();
    let counts = when.prompt_bytes_min.is_some() || when.prompt_bytes_max.is_some();
    target.weight > 0 && !looks && !counts && when.stream != Some(false)
}

fn instance(compiled: &Compiled, number: usize, target: &Target, api: &Api) -> Option<Value> {
    let index = target.provider as usize;
    let provider = compiled.document.providers.get(index).filter(|one| one.format == api.format)?;
    let origin = super::origin(compiled.settings.upstreams.get(index)?);
    let mut header = Map::new();
    if let Some(name) = credential(provider) {
        header.insert(api.header.to_owned(), json!(format!("$env://{name}")));
    }
    Some(json!({
        // Two targets of one provider need two names.
        "name": format!("{}-{number}", provider.name),
        "provider": api.kind,
        "weight": target.weight,
        "priority": FIRST_PRIORITY.saturating_sub(target.tier),
        "auth": {"header": header},
        "options": {"model": target.model},
        "override": {"endpoint": format!("{origin}{}{}", provider.path_prefix, api.suffix)},
    }))
}

/// Returns the failures after which another target is tried. No connection and no answer in time always are.
fn strategy(failover: &Failover) -> Vec<&'static str> {
    let busy = failover.on_status.contains(&429).then_some("http_429");
    busy.into_iter().chain(failover.on_5xx.then_some("http_5xx")).collect()
}
