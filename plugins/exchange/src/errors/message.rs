//! The message of each rejection: the cause, the policy that decided, and the remedy.
//!
//! Messages without a value are in one table; those with values are grouped by the stage that rejects.

use super::rejection::{LimitReached, Rejection, named};

const ASK_OPERATOR: &str = "Ask the gateway's operator";

impl Rejection {
    /// Returns the message for the client: the cause, the policy that decided, and the remedy.
    #[must_use]
    pub fn message(&self) -> String {
        let plain = self.plain_reason().map(str::to_owned);
        let reason = plain
            .or_else(|| self.access_reason())
            .or_else(|| self.guardrail_reason())
            .or_else(|| self.limit_reason())
            .or_else(|| self.availability_reason());
        format!("Rejected by the gateway: {}", reason.unwrap_or_default())
    }

    /// Returns messages without a value.
    const fn plain_reason(&self) -> Option<&'static str> {
        Some(match self {
            Self::MissingKey => {
                "no virtual key was sent. Send a virtual key of this gateway as `Authorization: Bearer <key>` or `x-api-key: <key>`."
            }
            Self::UnknownKey => {
                "the key that was sent is not known. Send a virtual key of this gateway as `Authorization: Bearer <key>` or `x-api-key: <key>`."
            }
            Self::MissingIdentity => {
                "the proxy did not say who is calling. Sign in, or send a token or a certificate, as the gateway's operator has told."
            }
            Self::UnknownIdentity => {
                "no rule is for this caller. Ask the gateway's operator to add one under `identity.rules`."
            }
            Self::MalformedRequest => {
                "the framing of the request's body is not valid HTTP. Check its chunks and its length."
            }
            Self::RequestTimeout => "the request was not complete in time. Send it again.",
            Self::ProviderRedirect => {
                "the provider answered with a redirect, which is not followed. Ask the gateway's operator to check the provider's address."
            }
            Self::UnknownPath => {
                "this path is not served. Check the base URL and the path. Served are `POST /v1/chat/completions`, \
                 `POST /v1/completions`, `POST /v1/embeddings`, `POST /v1/messages`, `POST /v1/messages/count_tokens`, \
                 `GET /v1/models` and `GET /v1/models/{model}`."
            }
            Self::UnreadableBody { encoded: true } => {
                "the header `content-encoding` says that the request's body is encoded. Send it as it is."
            }
            Self::UnreadableBody { encoded: false } => {
                "the header `content-type` names a charset other than UTF-8. Send the request's body in UTF-8."
            }
            Self::TooManyTexts => "the body has more strings than external checks accept. Send it in parts.",
            Self::HttpVersion => "only HTTP/1.1 and HTTP/2 are served. Behind nginx, set `proxy_http_version 1.1`.",
            Self::UpgradeRefused => {
                "no other protocol, such as a WebSocket, is served. Send the request over HTTP and set `stream` for a stream."
            }
            Self::HeadersTooLarge => "the request has too many or too large headers. Send fewer.",
            Self::MalformedHead => {
                "the request is not valid HTTP. Check its request line, `host`, path, header names and length."
            }
            Self::TransferEncoding => "the `transfer-encoding` is not served. Use `chunked` or a `content-length`.",
            Self::Misconfigured => "its configuration is not valid. Ask the gateway's operator to check its log.",
            _ => return None,
        })
    }

    /// Returns messages about the key, the model, the path and the body.
    fn access_reason(&self) -> Option<String> {
        Some(match self {
            Self::KeyExpired { key_id } => {
                format!("the key `{key_id}` has expired. {ASK_OPERATOR} for a new one.")
            }
            Self::KeyDisabled { key_id } => {
                format!("the key `{key_id}` is disabled. {ASK_OPERATOR} to enable it.")
            }
            Self::ModelNotAllowed { model, key_id } => {
                format!("the key `{key_id}` may not use {}. List its models with `GET /v1/models`.", the_model(model))
            }
            Self::ModelNotFound { model } => {
                format!("{} does not exist. List the models with `GET /v1/models`.", the_model(model))
            }
            Self::WrongApi { model, served_at } => {
                let model = the_model(model);
                format!("{model} is not served through this API. Use `POST {served_at}`, or another model.")
            }
            Self::FieldNotAllowed { field, key_id } => format!(
                "the key `{key_id}` may use some models only, and `{field}` lets the provider use others. Remove `{field}`."
            ),
            Self::BadBody(error) => error.message(),
            Self::BodyTooLarge { limit } => {
                format!("the request's body is larger than {limit} bytes. Send a smaller one.")
            }
            Self::MethodNotAllowed { allow } => format!("this path takes {allow} only. Use {allow}."),
            _ => return None,
        })
    }

    fn guardrail_reason(&self) -> Option<String> {
        Some(match self {
            Self::Guardrail { id, answer: false } => {
                format!("the guardrail `{id}` does not allow this request. Remove the text that it detects.")
            }
            Self::Guardrail { id, answer: true } => {
                format!("the guardrail `{id}` does not allow this answer. Change the request.")
            }
            Self::TooManyFindings { id, limit, answer: false } => format!(
                "the guardrail `{id}` would have to mask more than {limit} findings in this request. Send it in parts."
            ),
            Self::TooManyFindings { id, limit, answer: true } => format!(
                "the guardrail `{id}` would have to mask more than {limit} findings in this answer. Ask for a shorter one."
            ),
            Self::TokenIds { id } => {
                format!("the guardrail `{id}` cannot read a prompt of token ids. Send the prompt as text.")
            }
            Self::UnreadableAnswer { id } => format!(
                "the provider's answer cannot be read, so the guardrail `{id}` cannot scan it. {ASK_OPERATOR} to check the provider."
            ),
            Self::GuardrailUnreachable { id } => {
                format!("the external check of the guardrail `{id}` did not answer. Try again.")
            }
            _ => return None,
        })
    }

    fn limit_reason(&self) -> Option<String> {
        Some(match self {
            Self::RateLimited { policy, scope, reached: LimitReached::TooLarge, .. } => format!(
                "this request alone exceeds the limit `{policy}` ({scope}). Send a smaller one, or ask for fewer output tokens."
            ),
            Self::RateLimited { policy, reached: LimitReached::ShareUsedUp, retry_after_s, .. } => format!(
                "this proxy's share of the limit or budget `{policy}` is used up at the moment. Try again in {} s.",
                retry_after_s.unwrap_or(1)
            ),
            Self::RateLimited { policy, scope, retry_after_s, .. } => {
                format!("the limit `{policy}` ({scope}) is reached. Try again in {} s.", retry_after_s.unwrap_or(1))
            }
            Self::BudgetExceeded { policy, period: "total", .. } => {
                format!("the budget `{policy}` is used up. {ASK_OPERATOR} for more.")
            }
            Self::BudgetExceeded { policy, period, .. } => format!(
                "the budget `{policy}` of this {period} is used up. Wait for the next {period}, or ask the gateway's operator for more."
            ),
            Self::TooExpensive { policy } => format!(
                "the prompt alone costs more than the limit `{policy}` allows for one request. Send a smaller one, or use a cheaper model."
            ),
            Self::MaxCostReached { policy } => format!(
                "the answer was ended because it cost more than the limit `{policy}` allows for one request. Ask for a shorter one, or use a cheaper model."
            ),
            _ => return None,
        })
    }

    /// Returns messages about temporary failures.
    fn availability_reason(&self) -> Option<String> {
        Some(match self {
            Self::AllTargetsUnavailable { model, retry_after_s } => {
                format!("no target of {} could answer. Try again in {retry_after_s} s.", the_model(model))
            }
            Self::LimitUnavailable { policy, retry_after_s } => format!(
                "the limit or budget `{policy}` cannot be checked at the moment. Try again in {retry_after_s} s."
            ),
            Self::Overloaded { retry_after_s } => {
                format!("its memory for requests is full. Try again in {retry_after_s} s.")
            }
            _ => return None,
        })
    }
}

fn the_model(model: &str) -> String {
    match named(model) {
        Some(model) => format!("the model `{model}`"),
        None => "the requested model".into(),
    }
}
