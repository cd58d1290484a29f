//! The bodies of rejections: OpenAI's JSON, Anthropic's JSON, and the event that ends a stream.

use super::rejection::Rejection;
use crate::json::push_quoted;
use crate::surface::{Dialect, Surface};

impl Rejection {
    /// Returns the answer's body in this dialect. `request_id` is the gateway's; only Anthropic's format contains it.
    #[must_use]
    pub fn body(&self, dialect: Dialect, request_id: &str) -> Vec<u8> {
        match dialect {
            Dialect::Openai => self.openai_body(),
            Dialect::Anthropic => self.anthropic_body(request_id),
        }
    }

    /// `{"error":{"message","type","param","code"}}`, always with these four, and `policy{id}` if a policy decided.
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

    /// `{"type":"error","error":{"type","message"},"request_id"}`, with `policy{id}` in `error` if a policy decided.
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

/// Returns the event that ends a stream in the middle, for a client of this surface: `event: error`, with the body of the
/// same rejection before the stream as its data. It is the last event, and must not be written inside of another one.
#[must_use]
pub fn error_event(surface: Surface, rejection: &Rejection, request_id: &str) -> Vec<u8> {
    let mut out = b"event: error\ndata: ".to_vec();
    out.extend(rejection.body(surface.dialect(), request_id));
    out.extend_from_slice(b"\n\n");
    out
}
