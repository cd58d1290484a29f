//! Holds the checked-in page of the gateway's errors to the table.
//!
//! `UPDATE_EXPECT=1 cargo test -p headgate-exchange --test reference` writes it again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

use headgate_exchange::{LimitReached, LimitScope, Rejection, Surface, scan_request};
use std::fs;
use std::path::{Path, PathBuf};

const HEAD: &str = "# Errors of the gateway

Generated from the table in `plugins/exchange/src/errors`; a test holds this page to it.

An error has the shape of the API that was called. OpenAI: `{\"error\": {\"message\", \"type\", \"param\", \"code\"}}`.
Anthropic: `{\"type\": \"error\", \"error\": {\"type\", \"message\"}, \"request_id\"}`. `policy.id` names the key, alias, limit, budget or
guardrail that decided, where one did. `x-headgate-rejected-by` is `gateway` for these errors and `provider` for an error of
the provider, which is passed on unmodified. The record of the request has the code as `error_code`.

*Retry*: `after` says that the answer carries `retry-after`; `no` says that it carries `x-should-retry: false`.

| status | code | OpenAI type | Anthropic type | retry | message |
|--:|---|---|---|---|---|
";

const TAIL: &str = "
A guardrail or `max_cost` can end a stream that has begun. Its status stays 200. The error comes as `event: error` with the
same JSON, and no `[DONE]` follows.

Upgrades (403), header limits (431) and malformed HTTP (400, 501) are refused by Envoy before any filter sees the request. They have the same shape, a request id and a record. Where the head of the request could not be read, the error
has OpenAI's shape. Over HTTP/2 Envoy resets such a stream without an answer, and the record has status 0.
";

fn page() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.unwrap().join("docs/reference/gateway-errors.md")
}

/// Returns one sample for each row. [`listed`] does not compile while a kind of rejection is missing there.
#[allow(clippy::too_many_lines, reason = "a table")]
fn samples() -> Vec<Rejection> {
    let id = || "ID".to_owned();
    let model = || "MODEL".to_owned();
    let scope = LimitScope { unit: "tokens", period: Some("minute") };
    let reached = |reached, retry_after_s| Rejection::RateLimited { policy: id(), scope, reached, retry_after_s };
    let mut samples = vec![
        Rejection::MissingKey,
        Rejection::UnknownKey,
        Rejection::KeyExpired { key_id: id() },
        Rejection::KeyDisabled { key_id: id() },
        Rejection::MissingIdentity,
        Rejection::UnknownIdentity,
        Rejection::ModelNotAllowed { model: model(), key_id: id() },
        Rejection::FieldNotAllowed { field: "models", key_id: id() },
        Rejection::ModelNotFound { model: model() },
        Rejection::WrongApi { model: model(), served_at: "/v1/messages" },
        Rejection::UnknownPath,
        Rejection::MethodNotAllowed { allow: "POST" },
        Rejection::UnreadableBody { encoded: true },
        Rejection::UnreadableBody { encoded: false },
        Rejection::BodyTooLarge { limit: 20_971_520 },
        Rejection::MalformedRequest,
        Rejection::MalformedHead,
        Rejection::RequestTimeout,
        Rejection::Guardrail { id: id(), answer: false },
        Rejection::Guardrail { id: id(), answer: true },
        Rejection::TokenIds { id: id() },
        Rejection::TooManyFindings { id: id(), limit: 10_000, answer: false },
        Rejection::TooManyFindings { id: id(), limit: 10_000, answer: true },
        Rejection::TooManyTexts,
        Rejection::UnreadableAnswer { id: id() },
        Rejection::GuardrailUnreachable { id: id() },
        reached(LimitReached::UsedUp, Some(30)),
        reached(LimitReached::ShareUsedUp, Some(1)),
        reached(LimitReached::TooLarge, None),
        Rejection::BudgetExceeded {
            policy: id(),
            period: "month",
            resets_at: Some(1_798_761_600),
            retry_after_s: Some(60),
        },
        Rejection::BudgetExceeded { policy: id(), period: "total", resets_at: None, retry_after_s: None },
        Rejection::TooExpensive { policy: id() },
        Rejection::MaxCostReached { policy: id() },
        Rejection::LimitUnavailable { policy: id(), retry_after_s: 1 },
        Rejection::ProviderRedirect,
        Rejection::AllTargetsUnavailable { model: model(), retry_after_s: 7 },
        Rejection::Overloaded { retry_after_s: 1 },
        Rejection::HttpVersion,
        Rejection::UpgradeRefused,
        Rejection::HeadersTooLarge,
        Rejection::TransferEncoding,
        Rejection::Misconfigured,
    ];
    samples.extend(bad_bodies());
    samples.sort_by_key(Rejection::status);
    samples
}

/// Returns one body error for each code.
fn bad_bodies() -> Vec<Rejection> {
    let deep = "[".repeat(200);
    let long = format!(r#"{{"model": "{}"}}"#, "m".repeat(300));
    let bodies: [&[u8]; 10] = [
        b"",
        b"\xef\xbb\xbf{}",
        b"{",
        deep.as_bytes(),
        b"3",
        b"{} {}",
        b"{}",
        long.as_bytes(),
        br#"{"model": "a", "model": "b"}"#,
        br#"{"model": 3}"#,
    ];
    let errors = bodies.iter().map(|body| scan_request(Surface::ChatCompletions, body).unwrap_err());
    errors.map(Rejection::BadBody).collect()
}

/// Names every kind of rejection, so that a new one has to be added to [`samples`].
fn listed(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::MissingKey
        | Rejection::UnknownKey
        | Rejection::MissingIdentity
        | Rejection::UnknownIdentity
        | Rejection::KeyExpired { .. }
        | Rejection::KeyDisabled { .. } => "key",
        Rejection::ModelNotAllowed { .. } | Rejection::ModelNotFound { .. } | Rejection::WrongApi { .. } => "model",
        Rejection::BadBody(_) | Rejection::UnreadableBody { .. } | Rejection::BodyTooLarge { .. } => "body",
        Rejection::MalformedRequest | Rejection::RequestTimeout | Rejection::MalformedHead => "http",
        Rejection::UnknownPath | Rejection::MethodNotAllowed { .. } | Rejection::FieldNotAllowed { .. } => "request",
        Rejection::ProviderRedirect | Rejection::AllTargetsUnavailable { .. } => "provider",
        Rejection::Guardrail { .. } | Rejection::TooManyFindings { .. } | Rejection::TokenIds { .. } => "guardrail",
        Rejection::UnreadableAnswer { .. } | Rejection::GuardrailUnreachable { .. } | Rejection::TooManyTexts => {
            "guardrail"
        }
        Rejection::RateLimited { .. } | Rejection::BudgetExceeded { .. } | Rejection::TooExpensive { .. } => "limit",
        Rejection::MaxCostReached { .. } | Rejection::LimitUnavailable { .. } => "limit",
        Rejection::Overloaded { .. } | Rejection::Misconfigured => "gateway",
        Rejection::HttpVersion | Rejection::UpgradeRefused | Rejection::HeadersTooLarge => "http",
        Rejection::TransferEncoding => "http",
    }
}

fn row(rejection: &Rejection) -> String {
    let retry = match (rejection.retry_after_s(), rejection.should_retry_false()) {
        (Some(_), true) => "after, no",
        (Some(_), false) => "after",
        (None, true) => "no",
        (None, false) => "",
    };
    let message = rejection.message().replace("Rejected by the gateway: ", "").replace('|', "\\|");
    format!(
        "| {} | `{}` | `{}` | `{}` | {retry} | {message} |\n",
        rejection.status(),
        rejection.code(),
        rejection.kind(),
        rejection.anthropic_kind(),
    )
}

#[test]
fn gateway_error_page_is_current() {
    let samples = samples();
    assert!(samples.iter().all(|sample| !listed(sample).is_empty()));
    assert!(samples.iter().all(|sample| sample.message().ends_with('.')), "a rejection has no message");
    let text = format!("{HEAD}{}{TAIL}", samples.iter().map(row).collect::<String>());
    if std::env::var_os("UPDATE_EXPECT").is_some_and(|value| !value.is_empty()) {
        fs::write(page(), &text).unwrap();
    }
    assert!(
        fs::read_to_string(page()).unwrap_or_default() == text,
        "docs/reference/gateway-errors.md is out of date: run UPDATE_EXPECT=1 cargo test -p headgate-exchange --test reference"
    );
}
