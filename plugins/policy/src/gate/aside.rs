//! Answers without a key and without a record: health checks, and the preflight requests of browsers.
//!
//! Neither is a request for a model. Load balancers ask every second and browsers before each call, and a log full of them
//! would hide the requests for models.

use super::state::{Flow, Gate, Headers, Phase};
use crate::document::Cors;
use crate::effect::{Effect, Effects, Reply};
use crate::header_view::HeaderView;
use std::borrow::Cow;

/// Path of the answer that says that the gate is there.
const HEALTH: &str = "/healthz";
/// Longest list of headers that a browser may ask for.
const MAX_ASKED_HEADERS: usize = 2048;
/// Headers that scripts may read of an answer, beside those that they always may.
const EXPOSED: &str = "x-headgate-request-id, x-headgate-served-by, x-headgate-attempts, x-headgate-rejected-by, retry-after, \
    x-should-retry, request-id, x-request-id, openai-processing-ms, x-ratelimit-limit-requests, \
    x-ratelimit-remaining-requests, x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, \
    x-ratelimit-reset-tokens";
/// Headers that scripts may send if the browser does not name any.
const ALLOWED: &str = "authorization, content-type, x-api-key, anthropic-version, anthropic-beta";

impl Gate {
    /// Whether the exchange leaves no record.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        self.aside
    }

    /// Answers a health check or a preflight; none of any other request, of which a page's origin is noted.
    pub(super) fn answer_aside(&mut self, head: HeaderView<'_>, out: &mut Effects) -> Option<Flow> {
        let path = head.text(":path").unwrap_or_default();
        let method = head.text(":method").unwrap_or_default();
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        if path == HEALTH && matches!(method, "GET" | "HEAD") {
            let headers =
                vec![("content-type", Cow::Borrowed("application/json")), ("cache-control", Cow::Borrowed("no-store"))];
            return Some(self.reply_aside(200, headers, br#"{"status":"ok"}"#.to_vec(), out));
        }
        let cors = self.call.policy.cors.as_ref()?;
        let origin = head.text("origin")?;
        self.cors = allowed_origin(cors, origin);
        if method != "OPTIONS" || !head.has("access-control-request-method") {
            if !self.cors.is_empty() {
                self.cors.push(("access-control-expose-headers", Cow::Borrowed(EXPOSED)));
            }
            return None;
        }
        let mut headers = std::mem::take(&mut self.cors);
        if headers.is_empty() {
            let headers = vec![("content-type", Cow::Borrowed("text/plain")), ("vary", Cow::Borrowed("origin"))];
            let body = b"This origin is not under `cors.origins` of the gateway.\n".to_vec();
            return Some(self.reply_aside(403, headers, body, out));
        }
        headers.push(("access-control-allow-methods", Cow::Borrowed("GET, POST, OPTIONS")));
        headers.push(("access-control-allow-headers", asked_headers(head)));
        headers.push(("access-control-max-age", Cow::Owned(cors.max_age_s.to_string())));
        Some(self.reply_aside(204, headers, Vec::new(), out))
    }

    fn reply_aside(&mut self, status: u16, headers: Headers, body: Vec<u8>, out: &mut Effects) -> Flow {
        self.aside = true;
        self.phase = Phase::Answered;
        self.status = status;
        self.response_whole = true;
        out.clear();
        out.push(Effect::Reply(Reply { status, headers, body }));
        Flow::Answered
    }

    /// Lets the page that asked read the answer.
    pub(super) fn set_cors(&self, out: &mut Effects) {
        out.extend(self.cors.iter().map(|(name, value)| Effect::SetResponseHeader(name, value.clone())));
    }
}

/// The headers that let a page of this origin read an answer; none if it may not.
fn allowed_origin(cors: &Cors, origin: &str) -> Headers {
    let any = cors.origins.iter().any(|allowed| allowed == "*");
    let named = cors.origins.iter().any(|allowed| allowed == origin);
    if !any && !named {
        return Headers::new();
    }
    let shown = if named { Cow::Owned(origin.to_owned()) } else { Cow::Borrowed("*") };
    let mut headers = vec![("access-control-allow-origin", shown), ("vary", Cow::Borrowed("origin"))];
    // Browsers refuse this for any origin, and whoever could send cookies from any page would be anybody.
    if named && !any && cors.credentials {
        headers.push(("access-control-allow-credentials", Cow::Borrowed("true")));
    }
    headers
}

/// The headers that the browser asks for, if they are names; SDKs send many, and new ones come with each version.
fn asked_headers(head: HeaderView<'_>) -> Cow<'static, str> {
    let names = |text: &&str| {
        !text.is_empty()
            && text.len() <= MAX_ASKED_HEADERS
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_., ".contains(&byte))
    };
    match head.text("access-control-request-headers").filter(names) {
        Some(asked) => Cow::Owned(asked.to_owned()),
        None => Cow::Borrowed(ALLOWED),
    }
}
