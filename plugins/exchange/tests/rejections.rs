//! The table of rejections, row by row, and their bodies.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what prepares a test may panic as the test may")]

use headgate_exchange::{
    Dialect, LimitReached, LimitScope, Rejection, Surface, error_event, is_model_name, scan_request,
};
use serde_json::{Value, json};

fn all() -> Vec<(Rejection, u16, &'static str, &'static str)> {
    let key_id = || "alice".to_owned();
    let model = || "gpt".to_owned();
    let bad_body = scan_request(Surface::ChatCompletions, b"{").unwrap_err();
    let invalid = "invalid_request_error";
    let spent = "all_targets_unavailable";
    vec![
        (Rejection::MissingKey, 401, invalid, "invalid_api_key"),
        (Rejection::UnknownKey, 401, invalid, "invalid_api_key"),
        (Rejection::MissingIdentity, 401, invalid, "missing_identity"),
        (Rejection::UnknownIdentity, 403, "permission_denied", "unknown_identity"),
        (Rejection::KeyExpired { key_id: key_id() }, 401, invalid, "api_key_expired"),
        (Rejection::KeyDisabled { key_id: key_id() }, 401, invalid, "api_key_disabled"),
        (
            Rejection::ModelNotAllowed { model: model(), key_id: key_id() },
            403,
            "permission_denied",
            "model_not_allowed",
        ),
        (Rejection::ModelNotFound { model: model() }, 404, invalid, "model_not_found"),
        (Rejection::WrongApi { model: model(), served_at: "/v1/messages" }, 404, invalid, "wrong_api"),
        (Rejection::BadBody(bad_body), 400, invalid, "invalid_json"),
        (Rejection::BodyTooLarge { limit: 1024 }, 413, invalid, "request_too_large"),
        (Rejection::UnknownPath, 404, invalid, "unknown_path"),
        (Rejection::MethodNotAllowed { allow: "POST" }, 405, invalid, "method_not_allowed"),
        (Rejection::AllTargetsUnavailable { model: model(), retry_after_s: 7 }, 503, spent, spent),
        (Rejection::Misconfigured, 500, "server_error", "gateway_misconfigured"),
    ]
}

fn error(rejection: &Rejection) -> Value {
    let body: Value = serde_json::from_slice(&rejection.body(Dialect::Openai, "id")).unwrap();
    body["error"].clone()
}

fn anthropic(rejection: &Rejection) -> Value {
    serde_json::from_slice(&rejection.body(Dialect::Anthropic, "id-1")).unwrap()
}

#[test]
fn every_rejection_has_its_row() {
    for (rejection, status, kind, code) in all() {
        let error = error(&rejection);
        assert_eq!(rejection.status(), status);
        assert_eq!(error["type"], kind);
        assert_eq!(error["code"], code);
        assert_eq!(error["message"], rejection.message());
        assert_eq!(error["param"], json!(rejection.param()));
        assert!(error.as_object().unwrap().contains_key("param"));
        assert!(rejection.message().starts_with("Rejected by the gateway: "));
        assert_eq!(error.get("policy").map(|policy| policy["id"].as_str().unwrap()), rejection.policy_id());
    }
}

#[test]
fn anthropic_type_follows_the_status() {
    for (rejection, status, ..) in all() {
        let kind = match status {
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            503 => "overloaded_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        };
        says(&rejection, kind);
    }
}

/// Checks Anthropic's format, with the same policy as OpenAI's.
fn says(rejection: &Rejection, kind: &str) {
    let mut expected = json!({"type": kind, "message": rejection.message()});
    if let Some(policy) = error(rejection).get("policy") {
        expected["policy"] = policy.clone();
    }
    assert_eq!(anthropic(rejection), json!({"type": "error", "error": expected, "request_id": "id-1"}));
}

#[test]
fn anthropic_type_of_limits_and_budgets() {
    let policy = || "per-key".to_owned();
    let scope = LimitScope { unit: "tokens", period: Some("minute") };
    says(
        &Rejection::RateLimited { policy: policy(), scope, reached: LimitReached::UsedUp, retry_after_s: Some(3) },
        "rate_limit_error",
    );
    let (period, resets_at, retry_after_s) = ("month", Some(1_800_000_000), Some(60));
    let spent = Rejection::BudgetExceeded { policy: policy(), period, resets_at, retry_after_s };
    says(&spent, "billing_error");
    assert_eq!(anthropic(&spent)["error"]["policy"]["resets_at"], 1_800_000_000);
}

#[test]
fn wrong_api_names_the_right_one() {
    let message = Rejection::WrongApi { model: "claude".into(), served_at: "/v1/messages" }.message();
    assert!(message.contains("`claude`") && message.contains("`POST /v1/messages`"), "{message}");
}

#[test]
fn error_events_contain_the_body() {
    for (surface, dialect) in [(Surface::ChatCompletions, Dialect::Openai), (Surface::Messages, Dialect::Anthropic)] {
        for (rejection, ..) in all() {
            let event = String::from_utf8(error_event(surface, &rejection, "id-1")).unwrap();
            let data = event.strip_prefix("event: error\ndata: ").and_then(|rest| rest.strip_suffix("\n\n")).unwrap();
            assert!(!data.contains(['\n', '\r']), "{data}");
            assert_eq!(data.as_bytes(), rejection.body(dialect, "id-1"));
        }
    }
}

#[test]
fn retry_after_only_if_it_helps() {
    for (rejection, status, ..) in all() {
        assert_eq!(rejection.retry_after_s().is_some(), status == 503);
        assert_eq!(rejection.should_retry_false(), status == 500);
        assert_eq!(rejection.allow().is_some(), status == 405);
    }
}

#[test]
fn the_refused_key_is_the_policy() {
    let rejection = Rejection::KeyExpired { key_id: "alice \"laptop\"".into() };
    assert_eq!(error(&rejection)["policy"], json!({"id": "alice \"laptop\""}));
}

#[test]
fn only_model_names_are_repeated() {
    let message = |model: &str| Rejection::ModelNotFound { model: model.into() }.message();
    assert!(message("meta/llama-3.1:70b@x+y_z").contains("`meta/llama-3.1:70b@x+y_z`"));
    for odd in ["", "two words", "a\nb", "é", "<b>", &"x".repeat(129)] {
        assert!(!is_model_name(odd));
        assert!(odd.is_empty() || !message(odd).contains(odd));
    }
    assert!(is_model_name(&"x".repeat(128)));
}

#[test]
fn bad_bodies_name_the_field() {
    let scan = scan_request(Surface::ChatCompletions, b"{}").unwrap_err();
    let error = error(&Rejection::BadBody(scan));
    assert_eq!((error["code"].as_str(), error["param"].as_str()), (Some("missing_model"), Some("model")));
}
