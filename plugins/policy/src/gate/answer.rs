//! The answer on its way to the client: its server, its usage, and the part of a stream that the client did not ask for.

use super::guarding::GuardMode;
use super::limit::set_quotas;
use super::reader::{Reader, hides_usage, reader};
use super::state::{Gate, Phase};
use crate::call::{Timestamp, Try};
use crate::credentials::Echo;
use crate::effect::{Effect, Effects};
use crate::header_view::HeaderView;
use crate::headers::RETRY_HEADER;
use crate::status::is_redirect;
use headgate_exchange::Rejection;
use headgate_record::{AttemptError, RejectedBy};
use headgate_routing::{Cooldowns, TargetHealth};
use std::borrow::Cow;

impl Gate {
    /// Whether [`Gate::response_headers`] needs to be shown them: an attempt has seen those it passed on, and asking
    /// costs the host a call.
    #[must_use]
    pub fn wants_response_head(&self) -> bool {
        self.phase != Phase::Answered && self.call.served_try().is_none()
    }

    /// The response headers, a provider's or the host's own. `head` is read only where the attempts do not tell.
    /// `cooldowns` tells when a resting target is back.
    pub fn response_headers(
        &mut self,
        head: HeaderView<'_>,
        now: Timestamp,
        whole: bool,
        cooldowns: &Cooldowns,
        out: &mut Effects,
    ) {
        self.response_whole |= whole;
        if self.phase == Phase::Answered {
            return;
        }
        let refused_retry =
            self.call.last_try().is_some_and(|one| !one.passed_on && one.status.is_some()) && head.has(RETRY_HEADER);
        if refused_retry {
            out.push(Effect::RemoveResponseHeader(Cow::Borrowed(RETRY_HEADER)));
            if let Some(one) = self.call.tries.last_mut() {
                one.passed_on = true;
            }
        }
        let answered = self.call.served_try().is_some();
        self.set_cors(out);
        if answered && self.is_redirected() {
            self.refuse_redirect(whole, out);
        } else if answered {
            self.pass_on(whole, out);
        } else {
            self.host_answer(head, now, cooldowns, out);
            if whole {
                // No body follows that could be replaced.
                out.push(Effect::SetResponseHeader("content-length", Cow::Borrowed("0")));
            }
        }
    }

    /// A chunk of the response's body; `last` says that no more follows.
    pub fn response_body(&mut self, chunk: &[u8], last: bool, now: Timestamp, out: &mut Effects) {
        self.response_whole |= last;
        match self.phase {
            Phase::RewrittenLocalReply => self.rejection_body(out),
            // The host resets it with its next chance; chunks before that are dropped.
            Phase::Aborted => out.push(Effect::ReplaceChunk(Vec::new())),
            Phase::Sent => {
                if self.first_byte.is_none() && !chunk.is_empty() {
                    self.first_byte = Some(now);
                }
                self.response_bytes = self.response_bytes.saturating_add(chunk.len() as u64);
                let masked = self.masking.as_mut().and_then(|masking| masking.push(chunk, last));
                let effects = out.len();
                self.pass_chunk(masked.as_deref().unwrap_or(chunk), last, out);
                let replaces = |effect: &Effect| matches!(effect, Effect::ReplaceChunk(_));
                if let Some(masked) = masked.filter(|_| !out.iter().skip(effects).any(replaces)) {
                    out.push(Effect::ReplaceChunk(masked));
                }
            }
            _ => {}
        }
    }

    /// Reads a chunk, and lets the guardrails and the limit on the cost decide on it.
    fn pass_chunk(&mut self, chunk: &[u8], last: bool, out: &mut Effects) {
        let passage = self.reader.read(chunk, last);
        if self.holds_response() {
            self.guard_whole(chunk, out);
        } else {
            self.guard_chunk(chunk, passage, last, out);
        }
        if self.phase == Phase::Sent && self.max_cost.is_some() && !last {
            self.enforce_max_cost(chunk, out);
        }
    }

    /// Whether the response is a guarded stream that may end with trailers. The host then has to keep its chunks paused, so
    /// that there is a buffer for held text when the trailers come.
    #[must_use]
    pub fn paces_response(&self) -> bool {
        let may_have_trailers = self.call.served_try().is_some_and(|one| one.answer.may_have_trailers);
        may_have_trailers && matches!(&self.guarding.mode, GuardMode::Stream(pair) if !pair.1.only_watches())
    }

    /// The response ends with trailers, and its last chunk did not say so. `paced` says that the host still takes bytes of the
    /// body; else a stream with held text is reset, because the client must not take it for whole. Returns whether it is.
    pub fn response_trailers(&mut self, paced: bool, now: Timestamp, out: &mut Effects) -> bool {
        if std::mem::replace(&mut self.response_whole, true) || self.phase != Phase::Sent {
            return false;
        }
        let done = out.len();
        self.response_body(&[], true, now, out);
        let held = out.iter().skip(done).any(|one| matches!(one, Effect::ReplaceChunk(bytes) if !bytes.is_empty()));
        let lost = held && !paced;
        if lost {
            out.truncate(done);
            out.push(Effect::ResetStream);
            self.phase = Phase::Aborted;
            self.response_whole = false;
        }
        lost
    }

    fn is_redirected(&self) -> bool {
        self.call.served_try().and_then(|one| one.status).is_some_and(is_redirect)
    }

    /// Puts our words in the place of a redirect: its address may be an inner one, and following it would carry a body to
    /// a host outside of the policy.
    fn refuse_redirect(&mut self, whole: bool, out: &mut Effects) {
        self.name_server(out);
        for name in ["location", "content-encoding", "etag", "last-modified", "refresh"] {
            out.push(Effect::RemoveResponseHeader(Cow::Borrowed(name)));
        }
        self.reword(Rejection::ProviderRedirect, out);
        if whole {
            // No body follows that could be replaced.
            out.push(Effect::SetResponseHeader("content-length", Cow::Borrowed("0")));
        }
    }

    fn pass_on(&mut self, whole: bool, out: &mut Effects) {
        let (encoded, event_stream) = self.name_server(out);
        if !whole {
            self.guard_answer(encoded, event_stream, out);
        }
        self.release_request();
    }

    /// Names the server of the answer to the client; returns whether the answer is compressed, and whether it is a stream.
    fn name_server(&mut self, out: &mut Effects) -> (bool, bool) {
        let call = &self.call;
        let Some(one) = call.served_try() else { return (false, false) };
        self.status = one.status.unwrap_or(0);
        let served = call
            .upstream(one.step)
            .zip(call.provider_name(one.step))
            .map(|(upstream, provider)| [&*provider, "/", &upstream.model].concat());
        self.reader = reader(call, one.answer.encoded, one.answer.event_stream, self.status);
        if matches!(self.reader, Reader::Answer(..)) && hides_usage(call) {
            out.push(Effect::RemoveResponseHeader(Cow::Borrowed("content-length")));
        }
        out.push(Effect::AddResponseHeader("x-headgate-request-id", Cow::Owned(call.id.to_text())));
        out.push(Effect::AddResponseHeader("x-headgate-attempts", tries_text(call.tries.len())));
        set_quotas(&call.quotas, out);
        if let Some(served) = served {
            out.push(Effect::AddResponseHeader("x-headgate-served-by", Cow::Owned(served)));
        }
        if !one.answer.encoded {
            self.masking = call.echo(one.step).and_then(Echo::masking);
        }
        if self.status >= 400 {
            self.rejected_by = Some(RejectedBy::Provider);
            out.push(Effect::AddResponseHeader("x-headgate-rejected-by", Cow::Borrowed("provider")));
        }
        (one.answer.encoded, one.answer.event_stream)
    }

    /// The host answered by itself: a limit of its own, or no try that brought an answer.
    fn host_answer(&mut self, head: HeaderView<'_>, now: Timestamp, cooldowns: &Cooldowns, out: &mut Effects) {
        let status = head.text(":status").and_then(|status| status.parse::<u16>().ok()).unwrap_or(503);
        let untried = self.call.tries.is_empty();
        let rejection = match status {
            413 => Rejection::BodyTooLarge { limit: self.max_request_bytes() },
            400 if untried => Rejection::MalformedRequest,
            408 if untried => Rejection::RequestTimeout,
            _ => Rejection::AllTargetsUnavailable {
                model: self.alias_name(),
                retry_after_s: self.back_in_s(now, cooldowns),
            },
        };
        let attempts = tries_text(self.call.tries.len());
        let unanswered = |one: &&mut Try| one.error.is_none() && (one.status.is_none() || one.held);
        if let Some(one) = self.call.tries.last_mut().filter(unanswered) {
            one.error = Some(if status == 504 { AttemptError::Timeout } else { AttemptError::Connect });
            one.decided = Some(now);
        }
        out.push(Effect::SetResponseHeader("x-headgate-request-id", Cow::Owned(self.call.id.to_text())));
        out.push(Effect::SetResponseHeader("x-headgate-attempts", attempts));
        self.reword(rejection, out);
    }

    fn alias_name(&self) -> String {
        self.call.alias().map(|alias| alias.name.clone()).unwrap_or_default()
    }

    /// Seconds until the first target of the alias is back, at least 1.
    fn back_in_s(&self, now: Timestamp, cooldowns: &Cooldowns) -> u64 {
        let upstreams = self.call.alias().map(|alias| alias.upstreams.as_slice()).unwrap_or_default();
        let waits = upstreams.iter().map(|upstream| match cooldowns.health(upstream.key, now.as_ms()) {
            TargetHealth::Unavailable(until_ms) => until_ms.saturating_sub(now.as_ms()).div_ceil(1_000),
            TargetHealth::Healthy | TargetHealth::Degraded => 1,
        });
        waits.min().unwrap_or(1).max(1)
    }

    fn rejection_body(&mut self, out: &mut Effects) {
        // The first chunk becomes the whole body, later ones nothing.
        let body = if self.first_byte.is_none() { self.rejection.as_ref() } else { None };
        let body = body.map(|rejection| self.rejection_body_of(rejection));
        self.first_byte.get_or_insert_default();
        let refuses_provider = body.is_some() && self.call.served_try().is_some();
        out.push(Effect::ReplaceChunk(body.unwrap_or_default()));
        if refuses_provider {
            // The client has as many bytes as it was told to expect; the rest of the answer is dropped.
            out.push(Effect::EndStream);
        }
    }
}

/// Returns the number of tries as a header value.
fn tries_text(tries: usize) -> Cow<'static, str> {
    match tries {
        1 => Cow::Borrowed("1"),
        2 => Cow::Borrowed("2"),
        more => Cow::Owned(more.to_string()),
    }
}
