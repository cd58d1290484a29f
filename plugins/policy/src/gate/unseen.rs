//! A request that the proxy refused by itself, before it was shown to any filter.
//!
//! HTTP/1.0, upgrades, headers beyond a limit and bytes that are no HTTP end in the proxy's codec. Its answer has our
//! words, because the rendered listener rewrites it; here the request gets its record, as far as anything is known of it.

use super::{Gate, Phase};
use crate::head::Head;
use crate::id::RequestId;
use headgate_exchange::{Rejection, endpoint};
use headgate_record::RejectedBy;

impl Gate {
    /// Whether the request was never shown to the gate.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        self.phase == Phase::New
    }

    /// Notes how the proxy answered. `request` and `response` are as far as the proxy has them: either may be empty.
    /// `details` are the proxy's own words for why.
    pub fn refused_by_proxy(&mut self, request: Head<'_>, response: Head<'_>, details: &str) {
        if let Some((method, path)) = request.text(":method").zip(request.text(":path")) {
            self.note_client(request, path, &endpoint(method, path));
            // Who asked is worth knowing; whether they may is not what ended this request.
            let _ = self.identify(request);
        }
        self.status = response.text(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        if let Some(id) = response.text("x-headgate-request-id").and_then(RequestId::from_text) {
            self.call.borrow_mut().id = id;
        }
        self.rejection = Some(match self.status {
            0 if details.contains("header") && details.contains("many") => Rejection::HeadersTooLarge,
            status => Rejection::by_proxy(status),
        });
        self.rejected_by = Some(RejectedBy::Gateway);
        self.phase = Phase::Answered;
    }
}
