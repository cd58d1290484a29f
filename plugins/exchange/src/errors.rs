//! The one table of the gateway's own rejections: status, type, code, and what the client reads.
//!
//! An SDK turns these into exception classes and decides by them whether to try again, so each case is what OpenAI
//! or Anthropic itself would have said, with a message that tells who said no, by which policy, and what to do. No byte
//! of a body or a credential is in any of them; a model's name only if it is shaped like one.

use crate::json::push_quoted;
use crate::request::ScanError;
use crate::surface::{Dialect, Surface};
use crate::word::is_model_name;

const INVALID_REQUEST: &str = "invalid_request_error";
const RATE_LIMIT: &str = "rate_limit_exceeded";
const KEY_HEADERS: &str = "Send a virtual key of this gateway as `Authorization: Bearer <key>` or `x-api-key: <key>`.";
const SERVED: &str = "Served are `POST /v1/chat/completions`, `POST /v1/completions`, `POST /v1/embeddings`, `POST /v1/messages`, \
    `POST /v1/messages/count_tokens`, `GET /v1/models` and `GET /v1/models/{model}`.";
const ASK_OPERATOR: &str = "Ask the gateway's operator";

/// A request that the gateway answers by itself, with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// No virtual key in any header.
    MissingKey,
    /// A key that the policy does not know.
    UnknownKey,
    /// The key's time is over.
    KeyExpired {
        /// The key's id in the policy.
        key_id: String,
    },
    /// The key is switched off.
    KeyDisabled {
        /// The key's id in the policy.
        key_id: String,
    },
    /// The key may not use this model.
    ModelNotAllowed {
        /// As the client named it.
        model: String,
        /// The key's id in the policy.
        key_id: String,
    },
    /// No such model.
    ModelNotFound {
        /// As the client named it.
        model: String,
    },
    /// The model is there, but no target of it speaks the API it was asked for through.
    WrongApi {
        /// As the client named it.
        model: String,
        /// The path that serves it.
        served_at: &'static str,
    },
    /// The body cannot be read.
    BadBody(ScanError),
    /// The body is compressed, or in another charset than UTF-8.
    UnreadableBody {
        /// It is `content-encoding` that says so, else the charset of `content-type`.
        encoded: bool,
    },
    /// The body is larger than the policy lets through.
    BodyTooLarge {
        /// Most bytes that are let through.
        limit: u64,
    },
    /// The request broke off or broke HTTP's rules while its body was read.
    MalformedRequest,
    /// The body did not come to its end in time.
    RequestTimeout,
    /// Not a path of this gateway.
    UnknownPath,
    /// A path of this gateway, with another method.
    MethodNotAllowed {
        /// For the `allow` header.
        allow: &'static str,
    },
    /// The key may use some models only, and this field of the body would let the provider take others.
    FieldNotAllowed {
        /// The field.
        field: &'static str,
        /// The key's id in the policy.
        key_id: String,
    },
    /// The provider sent the request elsewhere.
    ProviderRedirect,
    /// Every target failed or rests.
    AllTargetsUnavailable {
        /// The alias that was asked for.
        model: String,
        /// Whole seconds until it is worth trying again.
        retry_after_s: u64,
    },
    /// A guardrail does not let the request through, or the answer.
    Guardrail {
        /// The guardrail's id in the policy.
        id: String,
        /// It is the answer that does not pass.
        answer: bool,
    },
    /// There is more to mask in the request, or in the answer, than one exchange may have.
    TooManyFindings {
        /// The guardrail's id in the policy.
        id: String,
        /// Most that is masked.
        limit: u32,
        /// It is the answer that does not pass.
        answer: bool,
    },
    /// A guardrail has to read the prompt, which is token ids.
    TokenIds {
        /// The guardrail's id in the policy.
        id: String,
    },
    /// A guardrail has to look at the answer, and nobody can read it: it is compressed, or broken.
    UnreadableAnswer {
        /// The guardrail's id in the policy.
        id: String,
    },
    /// A guardrail that asks somebody else got no answer, and its policy lets nothing through without one.
    GuardrailUnreachable {
        /// The guardrail's id in the policy.
        id: String,
    },
    /// A limit has no room for the request.
    RateLimited {
        /// Id of the limit.
        policy: String,
        /// What is counted.
        scope: LimitScope,
        /// What of it is reached.
        reached: LimitReached,
        /// Whole seconds until it is worth trying again; none if it never is.
        retry_after_s: Option<u64>,
    },
    /// A budget has no room for the request.
    BudgetExceeded {
        /// Id of the budget.
        policy: String,
        /// `day`, `week`, `month` or `total`.
        period: &'static str,
        /// When the next period begins, seconds since the Unix epoch.
        resets_at: Option<u64>,
        /// Whole seconds until then.
        retry_after_s: Option<u64>,
    },
    /// The request's prompt alone costs more than one request may.
    TooExpensive {
        /// Id of the limit.
        policy: String,
    },
    /// A stream has come to cost more than one request may.
    MaxCostReached {
        /// Id of the limit.
        policy: String,
    },
    /// A limit or a budget cannot be checked, and its policy is to refuse then.
    LimitUnavailable {
        /// Id of the limit or the budget.
        policy: String,
        /// Whole seconds until it is worth trying again.
        retry_after_s: u64,
    },
    /// The body has more strings than external checks are asked about.
    TooManyTexts,
    /// The memory for requests, or for answers that wait for a guardrail, is in use.
    Overloaded {
        /// Whole seconds until it is worth trying again.
        retry_after_s: u64,
    },
    /// The request speaks a version of HTTP that the proxy does not.
    HttpVersion,
    /// The request asks for another protocol, such as a WebSocket.
    UpgradeRefused,
    /// The request's headers are too many or too large.
    HeadersTooLarge,
    /// The request's head breaks HTTP's rules.
    MalformedHead,
    /// The request's `transfer-encoding` is not `chunked`.
    TransferEncoding,
    /// The gateway cannot work as it is configured.
    Misconfigured,
}

/// What of a limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitReached {
    /// All of it, until its window ends.
    UsedUp,
    /// What this proxy may use of it before it hears from the collector again.
    ShareUsedUp,
    /// The request alone is more than the limit.
    TooLarge,
}

/// What a limit counts, in words of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitScope {
    /// `requests`, `tokens`, `input_tokens`, `output_tokens` or `concurrency`.
    pub unit: &'static str,
    /// `second`, `minute`, `hour` or `day`; none for concurrency.
    pub period: Option<&'static str>,
}

impl std::fmt::Display for LimitScope {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.unit, self.period) {
            ("concurrency", _) => out.write_str("requests at a time"),
            (unit, Some(period)) => write!(out, "{} per {period}", unit.replace('_', " ")),
            (unit, None) => out.write_str(&unit.replace('_', " ")),
        }
    }
}

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

    /// What the proxy refuses before any filter sees the request, by the status that it answers with.
    pub const BY_PROXY: [Self; 7] = [
        Self::MalformedHead,
        Self::UpgradeRefused,
        Self::RequestTimeout,
        Self::HttpVersion,
        Self::HeadersTooLarge,
        Self::TransferEncoding,
        Self::Overloaded { retry_after_s: 1 },
    ];

    /// Returns the rejection for a status that the proxy answered with by itself.
    #[must_use]
    pub fn by_proxy(status: u16) -> Self {
        let known = Self::BY_PROXY.into_iter().find(|rejection| rejection.status() == status);
        known.unwrap_or(Self::MalformedHead)
    }

    /// HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.row().status
    }

    /// `error.type`, in OpenAI's words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.row().kind
    }

    /// `error.type` in Anthropic's words, which follow from the status but for money.
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

    /// `error.code`, also the record's `error_code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.row().code
    }

    /// `error.param`: the field at fault.
    #[must_use]
    pub const fn param(&self) -> Option<&'static str> {
        self.row().param
    }

    /// Id of the policy that said no: the key, or the alias whose targets are all spent.
    #[must_use]
    pub fn policy_id(&self) -> Option<&str> {
        match self {
            Self::KeyExpired { key_id }
            | Self::KeyDisabled { key_id }
            | Self::ModelNotAllowed { key_id, .. }
            | Self::FieldNotAllowed { key_id, .. } => Some(key_id),
            Self::AllTargetsUnavailable { model, .. } => named(model),
            Self::Guardrail { id, .. }
            | Self::TooManyFindings { id, .. }
            | Self::TokenIds { id }
            | Self::UnreadableAnswer { id }
            | Self::GuardrailUnreachable { id } => Some(id),
            Self::RateLimited { policy, .. }
            | Self::BudgetExceeded { policy, .. }
            | Self::TooExpensive { policy }
            | Self::MaxCostReached { policy }
            | Self::LimitUnavailable { policy, .. } => Some(policy),
            _ => None,
        }
    }

    /// Value of `retry-after`, whole seconds.
    #[must_use]
    pub const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::AllTargetsUnavailable { retry_after_s, .. }
            | Self::LimitUnavailable { retry_after_s, .. }
            | Self::Overloaded { retry_after_s } => Some(*retry_after_s),
            Self::RateLimited { retry_after_s, .. } | Self::BudgetExceeded { retry_after_s, .. } => *retry_after_s,
            _ => None,
        }
    }

    /// Whether to send `x-should-retry: false`: an SDK would try again by the status alone, in vain.
    #[must_use]
    pub const fn should_retry_false(&self) -> bool {
        matches!(
            self,
            Self::Misconfigured
                | Self::BudgetExceeded { .. }
                | Self::MaxCostReached { .. }
                | Self::RateLimited { retry_after_s: None, .. }
                | Self::Guardrail { .. }
                | Self::TooManyFindings { .. }
                | Self::UnreadableAnswer { .. }
                | Self::TooManyTexts
                | Self::ProviderRedirect
        )
    }

    /// Value of the `allow` header.
    #[must_use]
    pub const fn allow(&self) -> Option<&'static str> {
        match self {
            Self::MethodNotAllowed { allow } => Some(allow),
            _ => None,
        }
    }

    /// Who said no, why, and what to do.
    #[must_use]
    pub fn message(&self) -> String {
        format!("Rejected by the gateway: {}", self.reason())
    }

    fn reason(&self) -> String {
        match self {
            Self::MissingKey => format!("no virtual key was sent. {KEY_HEADERS}"),
            Self::UnknownKey => format!("the key that was sent is not known. {KEY_HEADERS}"),
            Self::KeyExpired { key_id } => {
                format!("the key `{key_id}` has expired. {ASK_OPERATOR} for a new one.")
            }
            Self::KeyDisabled { key_id } => {
                format!("the key `{key_id}` is disabled. {ASK_OPERATOR} to enable it.")
            }
            Self::ModelNotAllowed { model, key_id } => format!(
                "the key `{key_id}` may not use {}. List what it may use with `GET /v1/models`.",
                the_model(model)
            ),
            Self::ModelNotFound { model } => {
                format!("{} does not exist. List the models with `GET /v1/models`.", the_model(model))
            }
            Self::WrongApi { model, served_at } => {
                format!(
                    "{} is not served through this API. Use `POST {served_at}`, or another model.",
                    the_model(model)
                )
            }
            Self::BadBody(error) => error.message(),
            Self::BodyTooLarge { limit } => {
                format!("the request's body is larger than {limit} bytes. Send a smaller one.")
            }
            Self::MalformedRequest => {
                "the request's body is not framed as HTTP wants it. Look at its chunks and its length.".into()
            }
            Self::RequestTimeout => "the request did not come to its end in time. Send it again.".into(),
            Self::FieldNotAllowed { field, key_id } => format!(
                "the key `{key_id}` may use some models only, and with `{field}` the provider may take others. Leave `{field}` out."
            ),
            Self::ProviderRedirect => format!(
                "the provider answered with a redirect, which is not followed. {ASK_OPERATOR} to look at the provider's address."
            ),
            Self::UnknownPath => format!("this path is not served. Look at the base URL and the path. {SERVED}"),
            Self::MethodNotAllowed { allow } => format!("this path takes {allow} only. Use {allow}."),
            Self::AllTargetsUnavailable { model, retry_after_s } => {
                format!("no target of {} could answer. Try again in {retry_after_s} s.", the_model(model))
            }
            Self::Guardrail { id, answer: false } => {
                format!("the guardrail `{id}` does not let this request through. Take out what it is about.")
            }
            Self::Guardrail { id, answer: true } => {
                format!("the guardrail `{id}` does not let this answer through. Ask for something else.")
            }
            Self::TooManyFindings { id, limit, answer: false } => format!(
                "the guardrail `{id}` would have to mask more than {limit} places of this request. Send it in parts."
            ),
            Self::TooManyFindings { id, limit, answer: true } => format!(
                "the guardrail `{id}` would have to mask more than {limit} places of this answer. Ask for a shorter one."
            ),
            Self::TokenIds { id } => {
                format!("the guardrail `{id}` cannot read a prompt of token ids. Send the prompt as text.")
            }
            Self::UnreadableBody { encoded: true } => {
                "the header `content-encoding` says that the request's body is encoded. Send it as it is.".into()
            }
            Self::UnreadableBody { encoded: false } => {
                "the header `content-type` names a charset other than UTF-8. Send the request's body in UTF-8.".into()
            }
            Self::UnreadableAnswer { id } => format!(
                "the provider's answer cannot be read, and the guardrail `{id}` has to. {ASK_OPERATOR} to look at the provider."
            ),
            Self::GuardrailUnreachable { id } => {
                format!("the check that the guardrail `{id}` asks for got no answer. Try again.")
            }
            Self::RateLimited { policy, scope, reached: LimitReached::TooLarge, .. } => format!(
                "this request alone is more than the limit `{policy}` allows ({scope}). Send a smaller one, or ask for fewer output tokens."
            ),
            Self::RateLimited { policy, reached: LimitReached::ShareUsedUp, retry_after_s, .. } => format!(
                "this proxy's share of the limit or budget `{policy}` is used for the moment. Try again in {} s.",
                retry_after_s.unwrap_or(1)
            ),
            Self::RateLimited { policy, scope, retry_after_s, .. } => {
                format!("the limit `{policy}` ({scope}) is reached. Try again in {} s.", retry_after_s.unwrap_or(1))
            }
            Self::BudgetExceeded { policy, period: "total", .. } => {
                format!("the budget `{policy}` is used up. {ASK_OPERATOR} for more.")
            }
            Self::BudgetExceeded { policy, period, .. } => {
                format!(
                    "the budget `{policy}` of this {period} is used up. Wait for the next {period}, or ask the gateway's operator for more."
                )
            }
            Self::TooExpensive { policy } => format!(
                "the prompt alone costs more than the limit `{policy}` allows for one request. Send a smaller one, or use a cheaper model."
            ),
            Self::MaxCostReached { policy } => format!(
                "the answer was ended because it came to cost more than the limit `{policy}` allows for one request. Ask for a shorter one, or use a cheaper model."
            ),
            Self::LimitUnavailable { policy, retry_after_s } => format!(
                "the limit or budget `{policy}` cannot be checked at the moment. Try again in {retry_after_s} s."
            ),
            Self::TooManyTexts => {
                "the body has more strings than external checks are asked about. Send it in parts.".into()
            }
            Self::Overloaded { retry_after_s } => {
                format!("its memory for requests is in use. Try again in {retry_after_s} s.")
            }
            Self::HttpVersion => {
                "only HTTP/1.1 and HTTP/2 are served. Behind nginx, set `proxy_http_version 1.1`.".into()
            }
            Self::UpgradeRefused => {
                "no other protocol, such as a WebSocket, is served. Send the request over HTTP and set `stream` for a stream.".into()
            }
            Self::HeadersTooLarge => "the request's headers are too many or too large. Send fewer.".into(),
            Self::MalformedHead => {
                "the request is not framed as HTTP wants it. Look at its request line, `host`, path, header names and length.".into()
            }
            Self::TransferEncoding => "the `transfer-encoding` is not served. Use `chunked` or a `content-length`.".into(),
            Self::Misconfigured => format!("it cannot work as it is configured. {ASK_OPERATOR} to look at its log."),
        }
    }

    /// The answer's body in the words of this dialect. `request_id` is the gateway's; only Anthropic's has a place for it.
    #[must_use]
    pub fn body(&self, dialect: Dialect, request_id: &str) -> Vec<u8> {
        match dialect {
            Dialect::Openai => self.openai_body(),
            Dialect::Anthropic => self.anthropic_body(request_id),
        }
    }

    /// `{"error":{"message","type","param","code"}}`, always these four, and `policy{id}` where a policy said no.
    fn openai_body(&self) -> Vec<u8> {
        let mut out = br#"{"error":{"message":"#.to_vec();
        push_quoted(&mut out, &self.message());
        out.extend_from_slice(br#","type":"#);
        push_quoted(&mut out, self.kind());
        out.extend_from_slice(br#","param":"#);
        match self.param() {
            Some(param) => push_quoted(&mut out, param),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(br#","code":"#);
        push_quoted(&mut out, self.code());
        self.push_policy(&mut out);
        out.extend_from_slice(b"}}");
        out
    }

    /// `{"type":"error","error":{"type","message"},"request_id"}`, and `policy{id}` in `error` where a policy said no.
    fn anthropic_body(&self, request_id: &str) -> Vec<u8> {
        let mut out = br#"{"type":"error","error":{"type":"#.to_vec();
        push_quoted(&mut out, self.anthropic_kind());
        out.extend_from_slice(br#","message":"#);
        push_quoted(&mut out, &self.message());
        self.push_policy(&mut out);
        out.extend_from_slice(br#"},"request_id":"#);
        push_quoted(&mut out, request_id);
        out.push(b'}');
        out
    }

    fn push_policy(&self, out: &mut Vec<u8>) {
        if let Some(id) = self.policy_id() {
            out.extend_from_slice(br#","policy":{"id":"#);
            push_quoted(out, id);
            if let Self::BudgetExceeded { period, resets_at, .. } = self {
                out.extend_from_slice(br#","period":"#);
                push_quoted(out, period);
                if let Some(resets_at) = resets_at {
                    out.extend_from_slice(br#","resets_at":"#);
                    out.extend_from_slice(resets_at.to_string().as_bytes());
                }
            }
            out.push(b'}');
        }
    }
}

/// The event that ends a stream in the middle, for a client of this surface: `event: error`, and as data what a rejection
/// before the stream would have had as its body. Nothing must follow it. It stands between events: one that has begun
/// has to be ended first.
#[must_use]
pub fn error_event(surface: Surface, rejection: &Rejection, request_id: &str) -> Vec<u8> {
    let mut out = b"event: error\ndata: ".to_vec();
    out.extend(rejection.body(surface.dialect(), request_id));
    out.extend_from_slice(b"\n\n");
    out
}

fn the_model(model: &str) -> String {
    match named(model) {
        Some(model) => format!("the model `{model}`"),
        None => "the model that was asked for".into(),
    }
}

fn named(model: &str) -> Option<&str> {
    is_model_name(model).then_some(model)
}
