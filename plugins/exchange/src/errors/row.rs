//! Status, type, code and parameter of each rejection, one row for each.

use super::rejection::{LimitReached, Rejection};

const INVALID_REQUEST: &str = "invalid_request_error";
const RATE_LIMIT: &str = "rate_limit_exceeded";

struct Row {
    status: u16,
    kind: &'static str,
    code: &'static str,
    param: Option<&'static str>,
}

const fn row(status: u16, kind: &'static str, code: &'static str) -> Row {
    Row { status, kind, code, param: None }
}

const fn model_row(status: u16, kind: &'static str, code: &'static str) -> Row {
    Row { status, kind, code, param: Some("model") }
}

impl Rejection {
    const fn row(&self) -> Row {
        match self {
            Self::MissingKey | Self::UnknownKey => row(401, INVALID_REQUEST, "invalid_api_key"),
            Self::MissingIdentity => row(401, INVALID_REQUEST, "missing_identity"),
            Self::UnknownIdentity => row(403, "permission_denied", "unknown_identity"),
            Self::KeyExpired { .. } => row(401, INVALID_REQUEST, "api_key_expired"),
            Self::KeyDisabled { .. } => row(401, INVALID_REQUEST, "api_key_disabled"),
            Self::ModelNotAllowed { .. } => model_row(403, "permission_denied", "model_not_allowed"),
            Self::FieldNotAllowed { field, .. } => {
                Row { status: 403, kind: "permission_denied", code: "field_not_allowed", param: Some(field) }
            }
            Self::ProviderRedirect => row(502, "server_error", "provider_redirect"),
            Self::ModelNotFound { .. } => model_row(404, INVALID_REQUEST, "model_not_found"),
            Self::WrongApi { .. } => model_row(404, INVALID_REQUEST, "wrong_api"),
            Self::BadBody(error) => {
                Row { status: 400, kind: INVALID_REQUEST, code: error.code(), param: error.param() }
            }
            Self::BodyTooLarge { .. } => row(413, INVALID_REQUEST, "request_too_large"),
            Self::MalformedRequest => row(400, INVALID_REQUEST, "malformed_request"),
            Self::RequestTimeout => row(408, INVALID_REQUEST, "request_timeout"),
            Self::UnknownPath => row(404, INVALID_REQUEST, "unknown_path"),
            Self::MethodNotAllowed { .. } => row(405, INVALID_REQUEST, "method_not_allowed"),
            Self::AllTargetsUnavailable { .. } => row(503, "all_targets_unavailable", "all_targets_unavailable"),
            Self::Guardrail { .. } => row(422, "content_filter", "content_filter"),
            Self::TokenIds { .. } => row(422, "content_filter", "token_ids_unreadable"),
            Self::UnreadableBody { encoded: true } => row(415, INVALID_REQUEST, "unsupported_content_encoding"),
            Self::UnreadableBody { encoded: false } => row(415, INVALID_REQUEST, "unsupported_charset"),
            Self::TooManyFindings { .. } => row(422, "content_filter", "too_many_findings"),
            Self::UnreadableAnswer { .. } => row(502, "server_error", "unreadable_answer"),
            Self::GuardrailUnreachable { .. } => row(503, "server_error", "guardrail_unreachable"),
            Self::RateLimited { reached: LimitReached::TooLarge, .. } => row(429, RATE_LIMIT, "request_exceeds_limit"),
            Self::RateLimited { .. } => row(429, RATE_LIMIT, RATE_LIMIT),
            Self::BudgetExceeded { .. } => row(429, "billing_error", "budget_exceeded"),
            Self::TooExpensive { .. } => row(400, INVALID_REQUEST, "request_too_expensive"),
            Self::MaxCostReached { .. } => row(429, "billing_error", "max_cost_reached"),
            Self::LimitUnavailable { .. } => row(503, "limit_unavailable", "limit_unavailable"),
            Self::TooManyTexts => row(422, INVALID_REQUEST, "too_many_texts"),
            Self::Overloaded { .. } => row(503, "server_error", "gateway_overloaded"),
            Self::HttpVersion => row(426, INVALID_REQUEST, "http_version_not_supported"),
            Self::UpgradeRefused => row(403, INVALID_REQUEST, "upgrade_not_supported"),
            Self::HeadersTooLarge => row(431, INVALID_REQUEST, "request_headers_too_large"),
            Self::MalformedHead => row(400, INVALID_REQUEST, "malformed_request"),
            Self::TransferEncoding => row(501, INVALID_REQUEST, "transfer_encoding_not_supported"),
            Self::Misconfigured => row(500, "server_error", "gateway_misconfigured"),
        }
    }

    /// The rejections by the proxy before any filter runs, found by the status of its answer.
    pub const BY_PROXY: [Self; 7] = [
        Self::MalformedHead,
        Self::UpgradeRefused,
        Self::RequestTimeout,
        Self::HttpVersion,
        Self::HeadersTooLarge,
        Self::TransferEncoding,
        Self::Overloaded { retry_after_s: 1 },
    ];

    /// Returns the rejection for a status with which the proxy answered by itself.
    #[must_use]
    pub fn by_proxy(status: u16) -> Self {
        let known = Self::BY_PROXY.into_iter().find(|rejection| rejection.status() == status);
        known.unwrap_or(Self::MalformedHead)
    }

    /// Returns the HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.row().status
    }

    /// Returns `error.type` of OpenAI's format.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.row().kind
    }

    /// Returns `error.type` of Anthropic's format, which follows from the status except for billing errors.
    /// Source: <https://platform.claude.com/docs/en/api/errors>.
    #[must_use]
    pub fn anthropic_kind(&self) -> &'static str {
        match (self.status(), self.kind()) {
            (_, "billing_error") => "billing_error",
            (401, _) => "authentication_error",
            (403, _) => "permission_error",
            (404, _) => "not_found_error",
            (413, _) => "request_too_large",
            (429, _) => "rate_limit_error",
            (503 | 529, _) => "overloaded_error",
            (501, _) => INVALID_REQUEST,
            (500.., _) => "api_error",
            _ => INVALID_REQUEST,
        }
    }

    /// Returns `error.code`, also the record's `error_code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.row().code
    }

    /// Returns `error.param`: the faulty field.
    #[must_use]
    pub const fn param(&self) -> Option<&'static str> {
        self.row().param
    }
}
