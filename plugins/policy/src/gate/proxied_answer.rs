//! The answer to a request that the proxy has routed: a provider's, or the proxy's own.

use super::limit::set_quotas;
use super::reader::{Reader, hides_usage, reader};
use super::state::{Gate, Phase};
use crate::attempt::answer;
use crate::call::{Timestamp, Try};
use crate::client::GATEWAY_PREFIX;
use crate::effect::{Effect, Effects};
use crate::header_view::HeaderView;
use crate::status::status_error;
use headgate_record::{AttemptError, AttemptKind, RejectedBy};
use std::borrow::Cow;

/// Most tries of the proxy's own that a record lists.
const MAX_TRIES: u32 = 32;

/// An answer, as the proxy tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyAnswer {
    /// It comes from a provider; else the proxy or another filter has made it.
    pub from_provider: bool,
    /// Number of tries that the proxy has made.
    pub tries: u32,
    /// The failure of the last try, if it has not answered.
    pub failure: Option<AttemptError>,
}

impl Gate {
    /// The headers of the answer to a request that the proxy has routed. `whole` says that no body follows.
    pub fn proxied_response_headers(
        &mut self,
        head: HeaderView<'_>,
        told: ProxyAnswer,
        now: Timestamp,
        whole: bool,
        out: &mut Effects,
    ) {
        self.response_whole |= whole;
        if self.phase == Phase::Answered {
            return;
        }
        self.status = head.text(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        out.push(Effect::SetResponseHeader("x-headgate-request-id", Cow::Owned(self.call.id.to_text())));
        if self.phase != Phase::Sent {
            // The proxy gave up while the request was held, such as for a body that did not come.
            self.rejected_by = Some(RejectedBy::Gateway);
            self.phase = Phase::Answered;
            return;
        }
        self.note_tries(told.tries);
        if told.from_provider { self.provider_answers(head, now, whole, out) } else { self.proxy_answers(told, now) }
    }

    /// Lists the tries before the last one, of which nothing more is known.
    fn note_tries(&mut self, tries: u32) {
        let Some(last) = self.call.tries.last_mut() else { return };
        let (step, started) = (last.step, last.started);
        let earlier = tries.min(MAX_TRIES).saturating_sub(1);
        if earlier > 0 {
            last.kind = AttemptKind::Retry;
        }
        for number in 0..earlier {
            let kind = if number == 0 { AttemptKind::First } else { AttemptKind::Retry };
            let unseen = Try {
                decided: Some(started),
                error: Some(AttemptError::NotSeen),
                ended: true,
                ..Try::begun(step, kind, started)
            };
            let at = self.call.tries.len().saturating_sub(1);
            self.call.tries.insert(at, unseen);
        }
    }

    /// A provider's answer, which passes with the headers that it has.
    fn provider_answers(&mut self, head: HeaderView<'_>, now: Timestamp, whole: bool, out: &mut Effects) {
        let status = self.status;
        if let Some(one) = self.call.tries.last_mut() {
            one.status = Some(status);
            one.decided = Some(now);
            one.passed_on = true;
            one.error = status_error(status);
            one.answer = answer(head);
        }
        for (name, _) in head.iter().filter(|(name, _)| name.starts_with(GATEWAY_PREFIX)) {
            if let Ok(name) = std::str::from_utf8(name) {
                out.insert(0, Effect::RemoveResponseHeader(Cow::Owned(name.to_owned())));
            }
        }
        set_quotas(&self.call.quotas, out);
        let Some((encoded, event_stream)) =
            self.call.served_try().map(|one| (one.answer.encoded, one.answer.event_stream))
        else {
            return;
        };
        if status >= 400 {
            self.rejected_by = Some(RejectedBy::Provider);
        }
        if !whole && self.call.policy.reads_answers(self.stages) {
            self.reader = reader(&self.call, encoded, event_stream, status);
            if matches!(self.reader, Reader::Answer(..)) && hides_usage(&self.call) {
                out.push(Effect::RemoveResponseHeader(Cow::Borrowed("content-length")));
            }
            self.guard_answer(encoded, event_stream, out);
        }
    }

    /// An answer of the proxy's own, which passes as it is.
    fn proxy_answers(&mut self, told: ProxyAnswer, now: Timestamp) {
        self.rejected_by = Some(RejectedBy::Gateway);
        match told.failure {
            Some(failure) => {
                if let Some(one) = self.call.tries.last_mut() {
                    one.error = Some(failure);
                    one.decided = Some(now);
                    one.ended = true;
                }
            }
            // It found no provider to try.
            None => self.call.tries.clear(),
        }
    }
}
