//! A request whose targets the host tries by itself, from the same policy: it sets credentials and models, and makes the tries.
//!
//! The gate admits the request, gives it a body, and reads of the answer how the tries went.

use super::state::{Gate, Phase};
use crate::attempt::{answer, silence};
use crate::call::{Timestamp, Try};
use crate::effect::{Effect, Effects};
use crate::header_view::HeaderView;
use crate::status::status_error;
use headgate_exchange::{endpoint, rewrite};
use headgate_record::{AttemptError, AttemptKind, RejectedBy};
use headgate_routing::{Cooldowns, Retry};
use std::borrow::Cow;

/// Most tries of the host's own that a record lists.
const MAX_TRIES: usize = 32;

impl Gate {
    /// Returns the body that the host is to send: the client's, masked, asking for the usage of a stream; its model is still the alias.
    #[must_use]
    pub fn delegated_body(&self) -> Vec<u8> {
        let call = &self.call;
        let asks = call.route_plan.first().is_none_or(|step| call.asks_for_usage(step));
        call.scan.as_ref().map_or_else(Vec::new, |scan| rewrite(scan, &scan.model, asks).apply(&call.body))
    }

    /// The host has taken the request over.
    pub fn delegate(&mut self) {
        self.release_request();
    }

    /// The response headers, when the host has made tries that ended with these statuses, in order. Without one it found no target that
    /// answered, or another plugin has answered.
    pub fn delegated_response_headers(
        &mut self,
        head: HeaderView<'_>,
        statuses: &[u16],
        now: Timestamp,
        cooldowns: &Cooldowns,
        out: &mut Effects,
    ) {
        if self.phase == Phase::Sent && self.call.tries.is_empty() {
            self.note_host_tries(statuses, now);
            let status = head.text(":status").and_then(|status| status.parse().ok());
            match status {
                // A success without a try may still be a provider's, such as one from a cache: it is examined like one.
                Some(status) if self.call.tries.is_empty() && status < 400 => self.note_host_tries(&[status], now),
                _ if self.call.tries.is_empty() => return self.leave_alone(status.unwrap_or(0), out),
                _ => {}
            }
            let from_provider = !is_error_page(status.unwrap_or(0), head);
            match self.call.tries.last_mut() {
                Some(one) if from_provider && one.status == status => {
                    one.passed_on = true;
                    one.answer = answer(head);
                }
                Some(one) => (one.status, one.error) = (None, Some(AttemptError::Connect)),
                None => {}
            }
        }
        if let Some(one) = self.call.served_try() {
            silence(head, self.call.echo(one.step), out);
        }
        self.response_headers(head, now, false, cooldowns, out);
    }

    /// Another plugin of the host has answered: its answer passes as it is.
    fn leave_alone(&mut self, status: u16, out: &mut Effects) {
        self.status = status;
        self.rejected_by = (status >= 400).then_some(RejectedBy::Host);
        (self.phase, self.response_whole) = (Phase::Answered, true);
        out.push(Effect::SetResponseHeader("x-headgate-request-id", Cow::Owned(self.call.id.to_text())));
    }

    /// Another plugin has answered before the gate saw the request, such as one that authenticates. Its answer passes as it is.
    pub fn answered_by_host(&mut self, request: HeaderView<'_>, response: HeaderView<'_>, out: &mut Effects) {
        if let Some((method, path)) = request.text(":method").zip(request.text(":path")) {
            self.note_client(request, path, &endpoint(method, path));
            // The record names the caller; its permissions do not matter here.
            let _ = self.identify(request);
        }
        self.leave_alone(response.text(":status").and_then(|status| status.parse().ok()).unwrap_or(0), out);
    }

    /// Whether the answer is another plugin's, and the gate has no further part in it.
    #[must_use]
    pub fn is_left_alone(&self) -> bool {
        self.phase == Phase::Answered && self.rejection.is_none() && self.response_whole
    }

    /// Puts the tries of the host on record. Nothing is known of their times.
    fn note_host_tries(&mut self, statuses: &[u16], now: Timestamp) {
        for status in statuses.iter().take(MAX_TRIES) {
            let call = &mut self.call;
            let first = call.tries.is_empty();
            // It tries another target each time, in the order of the policy.
            let step = if first { call.route_plan.begin() } else { call.route_plan.advance(Retry::OtherTarget) };
            let Some(step) = step else { return };
            let kind = if first { AttemptKind::First } else { AttemptKind::Failover };
            let mut one = Try::begun(step, kind, call.started);
            one.decided = Some(now);
            one.status = Some(*status).filter(|status| *status != 0);
            one.error = if *status == 0 { Some(AttemptError::Connect) } else { status_error(*status) };
            call.tries.push(one);
        }
    }
}

/// Whether this is the host's own page for a target that it could not reach.
fn is_error_page(status: u16, head: HeaderView<'_>) -> bool {
    status >= 500 && head.bytes("content-type").is_some_and(|media_type| media_type.starts_with(b"text/html"))
}
