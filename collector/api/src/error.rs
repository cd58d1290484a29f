//! The one form of all refusals: `{"error":{"message","type","param","code"}}`, always with all four keys.
//!
//! The message tells the caller how to proceed. It quotes nothing from the request.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headgate_collector_db::StoreError;
use headgate_collector_types::Role;
use headgate_collector_types::audit::escape_hidden;
use serde_json::{Value, json};

/// Seconds until a retry of a request that the store could not serve.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");
/// Seconds until a retry for a token that exceeded a limit per minute.
const NEXT_MINUTE: HeaderValue = HeaderValue::from_static("60");

/// An answer that is not a success.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    param: Option<String>,
    message: String,
    /// A member beside `error`: its name and value.
    beside: Option<Box<(&'static str, Value)>>,
}

impl ApiError {
    /// Returns the refusal of a request that cannot succeed unchanged.
    pub(super) fn invalid(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind: "invalid_request_error", code, param: None, message: message.into(), beside: None }
    }

    /// Names the parameter that is wrong.
    #[must_use]
    pub(super) fn param(mut self, name: impl Into<String>) -> Self {
        self.param = Some(name.into());
        self
    }

    /// Adds a member beside `error` that a program can act on.
    #[must_use]
    pub(super) fn beside(mut self, name: &'static str, value: Value) -> Self {
        self.beside = Some(Box::new((name, value)));
        self
    }

    /// Returns the message.
    pub(super) fn into_message(self) -> String {
        self.message
    }

    /// Returns 401.
    #[must_use]
    pub(super) fn no_token() -> Self {
        Self::invalid(
            StatusCode::UNAUTHORIZED,
            "invalid_token",
            "No valid token. Send `Authorization: Bearer TOKEN`; `headgate-collector token new` makes one.",
        )
    }

    /// Returns 403.
    pub(super) fn wrong_role(role: Role, needed: &[Role]) -> Self {
        let needed: Vec<_> = needed.iter().map(|role| role.as_str()).collect();
        let (role, needed) = (role.as_str(), needed.join(" or "));
        Self {
            status: StatusCode::FORBIDDEN,
            kind: "permission_denied",
            code: "role_not_allowed",
            param: None,
            message: format!("A token of role {role} may not do this; use one of role {needed}."),
            beside: None,
        }
    }

    /// Returns 500 for an entry that the disk did not preserve; a retry does not help.
    #[must_use]
    pub(super) fn damaged(position: i64) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            kind: "server_error",
            code: "entry_damaged",
            param: None,
            message: format!(
                "The entry at position {position} is not what was stored: the disk has changed it. It is not served; \
                 GET /v1/damage lists all such entries, and a backup may still have it."
            ),
            beside: None,
        }
    }

    /// Returns 500 for a tree that contradicts itself or its checkpoint; a retry does not help.
    #[must_use]
    pub(super) fn contradicted() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            kind: "server_error",
            code: "tree_contradicted",
            param: None,
            message: "The stored tree contradicts itself or its checkpoint, so nothing is proven by it: somebody or something has \
                changed the database. `headgate-collector verify` says where."
                .to_owned(),
            beside: None,
        }
    }

    /// Returns 503 for an internal error.
    #[must_use]
    pub(super) fn internal() -> Self {
        Self::unavailable("internal", "The answer could not be written.")
    }

    /// Returns 400 for a query whose answer would exceed the maximum size.
    fn too_much() -> Self {
        Self::invalid(
            StatusCode::BAD_REQUEST,
            "too_many_results",
            "The answer would be too large. Filter, group by less, choose shorter buckets, or ask for percentiles=false.",
        )
    }

    /// Returns 409 for a delivery to a boot that belongs to another sender.
    pub(super) fn foreign_boot() -> Self {
        Self::invalid(
            StatusCode::CONFLICT,
            "boot_of_another_token",
            "This boot was opened with another ingest token, and nothing of the delivery was taken. To go on with its boots, \
             use a token that was made with `headgate-collector token new --role ingest --replaces` and that token's id.",
        )
    }

    /// Returns 429 for a token with too many boots.
    fn too_many_boots() -> Self {
        Self::invalid(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_boots",
            "This ingest token has opened 10000 boots in this hour. Boots that are known are served; new ones can come later.",
        )
    }

    /// Returns status and message, for a page.
    pub(super) fn into_parts(self) -> (StatusCode, String) {
        (self.status, self.message)
    }

    /// Returns whether the fault is in the collector and a retry may succeed.
    #[must_use]
    pub(super) fn is_server_side(&self) -> bool {
        self.status.is_server_error()
    }

    /// Returns 503 with `Retry-After`.
    #[must_use]
    pub(super) fn unavailable(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "service_unavailable",
            code,
            param: None,
            message: message.into(),
            beside: None,
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = match error {
            StoreError::TooMuch => return Self::too_much(),
            StoreError::ForeignBoot => return Self::foreign_boot(),
            StoreError::TooManyBoots => return Self::too_many_boots(),
            StoreError::Queue => "queue_full",
            StoreError::Slow => "query_timeout",
            _ => "store_unavailable",
        };
        Self::unavailable(code, format!("Try again later: {error}."))
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let [message, kind, code] = [self.message.as_str(), self.kind, self.code].map(|text| json!(text));
        let param = json!(self.param);
        let beside = self.beside.map(|beside| format!(r#","{}":{}"#, beside.0, beside.1)).unwrap_or_default();
        let body =
            format!(r#"{{"error":{{"message":{message},"type":{kind},"param":{param},"code":{code}}}{beside}}}"#);
        let mut response = json_response(self.status, body.into_bytes());
        let headers = response.headers_mut();
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => _ = headers.insert(header::RETRY_AFTER, RETRY_AFTER),
            StatusCode::TOO_MANY_REQUESTS => _ = headers.insert(header::RETRY_AFTER, NEXT_MINUTE),
            _ => {}
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Returns a JSON answer with hidden characters escaped, since clients can choose the names in it.
pub(super) fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    stored_json(status, escape_hidden(body))
}

/// Returns a JSON answer with entries as they are stored, with headers that prevent content sniffing and caching.
pub(super) fn stored_json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
