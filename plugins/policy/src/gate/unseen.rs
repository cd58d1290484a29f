//! A request that the proxy refused by itself, before it was shown to any filter.
//!
//! HTTP/1.0, upgrades, headers beyond a limit and bytes that are no HTTP end in the proxy's codec. Its answer has our
//! words, because the rendered listener rewrites it; here the request gets its record, as far as anything is known of it.

use super::state::{Gate, Phase};
use crate::header_view::HeaderView;
use crate::id::RequestId;
use headgate_exchange::{Rejection, endpoint, endpoint_below};
use headgate_record::{ProxyRefusal, RejectedBy};

impl Gate {
    /// Whether the request was never shown to the gate.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        self.phase == Phase::New
    }

    /// Notes how the proxy answered. `request` and `response` are as far as the proxy has them: either may be empty.
    /// `details` are the proxy's own words for why. Returns the class of the refusal; `None` for a client that left before its
    /// request was whole, and for a refusal by another filter.
    pub fn refused_by_proxy(
        &mut self,
        request: HeaderView<'_>,
        response: HeaderView<'_>,
        details: &str,
    ) -> Option<ProxyRefusal> {
        if let Some((method, path)) = request.text(":method").zip(request.text(":path")) {
            let endpoint = if self.routes() { endpoint(method, path) } else { endpoint_below(method, path) };
            self.note_client(request, path, &endpoint);
            // The record names the caller; its permissions do not matter here.
            let _ = self.identify(request);
        }
        self.status = response.text(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        if let Some(id) = response.text("x-headgate-request-id").and_then(RequestId::from_text) {
            self.call.id = id;
        }
        self.phase = Phase::Answered;
        if self.status == 0 && LEFT.contains(&details) {
            return None;
        }
        if self.status != 0 && !Rejection::BY_PROXY.iter().any(|one| one.status() == self.status) {
            // Another filter of the proxy has answered, such as one that checks tokens.
            self.rejected_by = Some(RejectedBy::Host);
            return None;
        }
        let rejection = match self.status {
            0 if TOO_LARGE.iter().any(|words| details.contains(words)) => Rejection::HeadersTooLarge,
            status => Rejection::by_proxy(status),
        };
        let class = class(&rejection);
        self.rejection = Some(rejection);
        self.rejected_by = Some(RejectedBy::Gateway);
        Some(class)
    }
}

/// Envoy's words for a client that closed its connection or reset its stream.
const LEFT: [&str; 2] = ["downstream_remote_disconnect", "http2.remote_reset"];

/// Parts of Envoy's words for headers beyond a limit, where it gives no answer.
const TOO_LARGE: [&str; 2] = ["too_many_headers", "header_list_size_too_large"];

fn class(rejection: &Rejection) -> ProxyRefusal {
    match rejection {
        Rejection::MalformedHead | Rejection::TransferEncoding => ProxyRefusal::CodecError,
        Rejection::HeadersTooLarge => ProxyRefusal::HeaderLimit,
        Rejection::HttpVersion => ProxyRefusal::Http10,
        Rejection::UpgradeRefused => ProxyRefusal::Upgrade,
        Rejection::Overloaded { .. } => ProxyRefusal::Overload,
        _ => ProxyRefusal::Other,
    }
}
