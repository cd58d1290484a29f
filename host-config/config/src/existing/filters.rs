//! Checks the other filters of a chain with the gate: those that change bodies, compress, or stop requests before it.

use super::find::{Manager, is_gate, role, router};
use super::findings::{Findings, Place};
use super::needs::Needs;
use super::values::{at, entry, extension, flag, number, text};
use crate::tree::Node;

/// Filters that run code of an operator, which can change a body. Parts of their types and names.
const CODE: [&str; 6] = [
    ".http.lua",
    ".http.ext_proc",
    ".http.wasm",
    ".http.golang",
    ".http.dynamic_modules",
    ".http.grpc_json_transcoder",
];

/// Filters that refuse requests. Parts of their types and names.
const AUTHENTICATION: [&str; 6] =
    [".http.jwt_authn", ".http.ext_authz", ".http.rbac", ".http.oauth2", ".http.basic_auth", ".http.api_key_auth"];

/// The paths of LLM requests, for rules with a prefix.
const LLM_PATH: &str = "/v1/chat/completions";

pub(super) fn check(manager: &Manager<'_>, needs: &Needs<'_>, findings: &mut Findings) {
    let filters = manager.filters();
    let end = router(filters).unwrap_or(filters.len());
    let gate = manager.gate().unwrap_or(end);
    let others = filters.iter().enumerate().filter(|(_, filter)| !is_gate(filter) && !is_stage_set(filter));
    for (number, filter) in others {
        let first = filter.entries().first().map_or(filter.span, |entry| entry.span);
        let place = manager.object.place.key(&format!("http_filters[{number}]"), Some(first));
        if number < gate {
            before(filter, &place, needs, findings);
        } else if number < end {
            after(filter, &place, findings);
        }
    }
}

/// Returns whether a filter is a gate with a stage set.
fn is_stage_set(filter: &Node) -> bool {
    role(filter) == Some("stages")
}

fn before(filter: &Node, place: &Place, needs: &Needs<'_>, findings: &mut Findings) {
    let kind = extension(filter);
    let is = |part: &str| kind.contains(part);
    if CODE.into_iter().any(is) && changes_bodies(filter, kind) {
        findings.warning(
            place,
            "this filter can change bodies: guardrails, limits and records know only what it leaves of a request",
            "turn it off on LLM routes with `typed_per_filter_config`, unless it leaves bodies alone",
        );
    }
    let too_small = |key: &str| number(filter, key).is_some_and(|limit| limit < needs.buffer);
    if is(".http.buffer") && too_small("typed_config.max_request_bytes") {
        findings.error(
            place,
            "this filter answers larger requests with 413, before Headgate reads them",
            &format!("write `max_request_bytes: {}`, or turn it off on LLM routes", needs.buffer),
        );
    }
    let body = "typed_config.with_request_body";
    if is(".http.ext_authz")
        && too_small(&format!("{body}.max_request_bytes"))
        && !flag(filter, &format!("{body}.allow_partial_message"))
    {
        findings.error(
            place,
            "this filter answers larger requests with 413, before Headgate reads them",
            "write `allow_partial_message: true` under `with_request_body`, or turn it off on LLM routes",
        );
    }
    if is(".http.jwt_authn") && needs.compiled.document.identity.is_none() {
        tokens(filter, place, findings);
    }
}

fn after(filter: &Node, place: &Place, findings: &mut Findings) {
    let kind = extension(filter);
    let is = |part: &str| kind.contains(part);
    if is(".http.compressor") {
        findings.error(
            place,
            "answers are compressed before Headgate reads them, so that guardrails and usage see nothing",
            "move this filter before `headgate-gate`",
        );
    } else if CODE.into_iter().any(is) && changes_bodies(filter, kind) {
        findings.error(
            place,
            "this filter can change what guardrails have checked, and answers before Headgate reads them",
            "move it before `headgate-gate`, or turn it off on LLM routes",
        );
    } else if AUTHENTICATION.into_iter().any(is) {
        findings.warning(
            place,
            "a request that this filter refuses has passed Headgate: it was counted, and external checks saw it",
            "move this filter before `headgate-gate`",
        );
    }
}

/// An external processor gets bodies only if it is told so.
fn changes_bodies(filter: &Node, kind: &str) -> bool {
    let mode =
        |key: &str| text(filter, &format!("typed_config.processing_mode.{key}")).is_some_and(|mode| mode != "NONE");
    let may = flag(filter, "typed_config.allow_mode_override");
    !kind.contains(".http.ext_proc") || may || mode("request_body_mode") || mode("response_body_mode")
}

/// Reports a check of tokens in `authorization`, where clients of the gateway send their virtual keys.
fn tokens(filter: &Node, place: &Place, findings: &mut Findings) {
    let rules = at(filter, "typed_config.rules").map_or(&[][..], Node::items);
    let first = rules.iter().find(|rule| at(rule, "match").is_some_and(covers));
    let Some(rule) = first.filter(|rule| at(rule, "requires").is_some()) else { return };
    let providers = at(filter, "typed_config.providers").map_or(&[][..], Node::entries);
    let by_default = |provider: &Node| {
        ["from_headers", "from_params", "from_cookies"].iter().all(|key| entry(provider, key).is_none())
    };
    if providers.iter().any(|provider| by_default(&provider.value)) {
        let span = rule.entries().first().map(|entry| entry.span);
        findings.warning(
            &place.key("typed_config.rules", span),
            "on LLM paths a token is required in `authorization`, where clients send their virtual key",
            "let clients send the key in `x-api-key`, or read the token from another header with `from_headers`",
        );
    }
}

fn covers(matched: &Node) -> bool {
    let prefix = text(matched, "prefix").or_else(|| text(matched, "path_separated_prefix"));
    prefix.is_some_and(|prefix| LLM_PATH.starts_with(prefix))
}
