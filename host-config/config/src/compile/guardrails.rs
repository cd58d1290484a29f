//! Compiles guardrails: detectors, scopes and external checks.

use super::providers::{address, upstream};
use super::references::{Known, is_known, matches_any};
use crate::diagnostic::Report;
use crate::proxy_settings::{Upstream, guardrail_cluster};
use crate::scalar;
use crate::typed_view::View;
use headgate_guardrails::MAX_POLICIES;
use headgate_policy::document::{
    Action, DetectorSpec, ExternalCheck, ExternalKind, Guardrail, GuardrailMatch, RequestLimits, UrlSpec,
};
use std::collections::BTreeMap;

/// Default time that a request waits for an external check, ms.
const DEFAULT_TIMEOUT_MS: u64 = 2_000;

/// Keys of `detect`.
const LOOKS_FOR: [&str; 10] = [
    "secrets",
    "pii",
    "words",
    "regex",
    "prompt_injection",
    "invisible_text",
    "urls",
    "max_input",
    "max_attachments",
    "tools",
];

/// Compiles guardrails in the order of the file, and adds a cluster for each external check.
pub(super) fn guardrails(
    root: View<'_>,
    known: &Known,
    upstreams: &mut Vec<Upstream>,
    report: &mut Report,
) -> Vec<Guardrail> {
    if let Some(beyond) = root.items("guardrails").nth(MAX_POLICIES) {
        let message = format!("there are more than {MAX_POLICIES} guardrails");
        report.error(beyond.span, &message, "combine guardrails that have the same action and scope");
    }
    once(root, report);
    scopes(root, known, report);
    root.items("guardrails").take(MAX_POLICIES).map(|view| guardrail(view, upstreams, report)).collect()
}

fn guardrail(view: View<'_>, upstreams: &mut Vec<Upstream>, report: &mut Report) -> Guardrail {
    let id = view.string("id").unwrap_or_default();
    let external = view.get("external").map(|section| external(&id, section, upstreams, report));
    let both = view.get("on").is_none();
    let on = view.strings("on");
    let looks = |way: &str| on.iter().any(|one| one == way);
    let guardrail = Guardrail {
        on_request: both || looks("request"),
        on_response: (both && external.is_none()) || looks("response"),
        detect: detect(id, view),
        restore: view.read("restore", scalar::flag).unwrap_or_default(),
        only: only(view.get("match")),
        limits: limits(view.get("detect")),
        external,
    };
    judge(view, &guardrail, report);
    guardrail
}

fn detect(id: String, view: View<'_>) -> DetectorSpec {
    let spec = DetectorSpec { policy: id, action: action(view), ..DetectorSpec::default() };
    let Some(detect) = view.get("detect") else { return spec };
    let mut kinds = all_or(detect, "secrets");
    kinds.extend(all_or(detect, "pii"));
    let injection = detect.get("prompt_injection");
    kinds.extend(injection.map(|_| "prompt_injection".to_owned()));
    let invisible = detect.read("invisible_text", scalar::flag).unwrap_or_default();
    kinds.extend(invisible.then(|| "invisible_text".to_owned()));
    let threshold = injection.and_then(|section| section.read("threshold", scalar::share));
    DetectorSpec {
        kinds,
        words: detect.strings("words"),
        patterns: detect.strings("regex"),
        urls: detect.get("urls").map(|urls| UrlSpec { allow: urls.strings("allow"), deny: urls.strings("deny") }),
        // An f32 has room for all digits of a threshold.
        threshold: threshold.map(|millionths| (f64::from(millionths) / 1e6) as f32),
        ..spec
    }
}

fn action(view: View<'_>) -> Action {
    match view.text_at("action") {
        Some("mask") => Action::Mask,
        Some("monitor") => Action::Monitor,
        _ => Action::Block,
    }
}

/// Returns the listed kinds, or the group itself for `all`.
fn all_or(detect: View<'_>, group: &str) -> Vec<String> {
    if detect.text_at(group) == Some("all") { vec![group.to_owned()] } else { detect.strings(group) }
}

fn only(section: Option<View<'_>>) -> GuardrailMatch {
    section.map_or_else(GuardrailMatch::default, |only| GuardrailMatch {
        keys: only.strings("key"),
        teams: only.strings("team"),
        models: only.strings("model"),
        surfaces: only.strings("surface"),
    })
}

fn limits(detect: Option<View<'_>>) -> RequestLimits {
    let Some(detect) = detect else { return RequestLimits::default() };
    let tools = detect.get("tools");
    RequestLimits {
        input_bytes: detect.read("max_input", scalar::bytes),
        attachments: detect.read("max_attachments", scalar::count),
        tools_allow: tools.filter(|tools| tools.get("allow").is_some()).map(|tools| tools.strings("allow")),
        tools_deny: tools.map(|tools| tools.strings("deny")).unwrap_or_default(),
    }
}

fn external(id: &str, section: View<'_>, upstreams: &mut Vec<Upstream>, report: &mut Report) -> ExternalCheck {
    let credential_env = section.variable("credential");
    let url = address(section, credential_env.is_some(), report);
    let cluster = guardrail_cluster(id);
    upstreams.push(upstream(cluster.clone(), None, section, &url));
    ExternalCheck {
        kind: if section.text_at("kind") == Some("webhook") { ExternalKind::Webhook } else { ExternalKind::Moderation },
        cluster,
        authority: url.authority,
        path: if url.path.is_empty() { "/".to_owned() } else { url.path },
        credential_env,
        model: section.string("model"),
        timeout_ms: section.read("timeout", scalar::milliseconds).unwrap_or(DEFAULT_TIMEOUT_MS),
        sample_ppm: section.read("sample", scalar::share).unwrap_or(1_000_000),
        allow_unreachable: section.text_at("when_unreachable") == Some("allow"),
    }
}

/// Reports combinations of keys that have no effect.
fn judge(view: View<'_>, guardrail: &Guardrail, report: &mut Report) {
    let Guardrail { detect, limits, external, .. } = guardrail;
    let looks = view.get("detect").is_some_and(|detect| LOOKS_FOR.iter().any(|key| detect.get(key).is_some()));
    let at = |key: &str| view.get(key).unwrap_or(view).span;
    if !looks && external.is_none() {
        report.error(
            view.span,
            "this guardrail detects nothing",
            "add `detect: {secrets: all}`, or an `external` check",
        );
    }
    if detect.action == Action::Mask && !(limits.is_empty() && external.is_none()) {
        let help = "use `action: block` or `monitor` for `max_input`, `max_attachments`, `tools` and `external`";
        report.error(at("action"), "sizes, tools and external checks cannot be masked", help);
    }
    if guardrail.on_response && external.is_some() {
        report.error(at("on"), "an external check applies to requests only", "write `on: [request]`");
    }
    if !guardrail.on_request && !limits.is_empty() {
        report.error(
            at("on"),
            "`max_input`, `max_attachments` and `tools` apply to requests only",
            "add `request` to `on`",
        );
    }
    if guardrail.restore && !(detect.action == Action::Mask && guardrail.on_request) {
        let help = "write `action: mask` and `on: [request]`, or remove `restore`";
        report.error(at("restore"), "this guardrail masks nothing that could be restored", help);
    }
    if view.get("on").is_some() && view.items("on").next().is_none() {
        report.error(at("on"), "this guardrail applies to nothing", "write `on: [request, response]`");
    }
}

fn once(root: View<'_>, report: &mut Report) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for id in root.items("guardrails").filter_map(|guardrail| guardrail.get("id")) {
        let Some(text) = id.text() else { continue };
        if let Some(line) = seen.insert(text, id.span.line) {
            let help = format!("remove or rename one of the two; the other one is on line {line}");
            report.error(id.span, "this id is repeated", &help);
        }
    }
}

fn scopes(root: View<'_>, known: &Known, report: &mut Report) {
    for only in root.items("guardrails").filter_map(|guardrail| guardrail.get("match")) {
        only.items("team").for_each(|team| is_known(Some(team), &known.teams, report));
        only.items("key").for_each(|glob| matches_any(glob, &known.keys, report));
        only.items("model").for_each(|glob| matches_any(glob, &known.models, report));
    }
}
