//! The answer's way out: whose it is, what it used, and, in a stream, what the client did not ask for.

use super::limit::set_quotas;
use super::{Gate, Phase};
use crate::attempt::{RETRY_HEADER, is_redirect};
use crate::call::{Call, Moment};
use crate::credentials::Echo;
use crate::effect::{Effect, Effects};
use crate::fingerprint::Fingerprint;
use crate::head::Head;
use headgate_exchange::{
    AnswerFacts, AnswerReader, ModelTokens, Passage, Progress, Rejection, Surface, Tokens, UsageScan,
};
use headgate_record::{AttemptError, RejectedBy};
use headgate_routing::{Cooldowns, Rest};
use std::borrow::Cow;

/// Reads usage off the response as it passes.
#[derive(Debug)]
pub(super) enum Reader {
    /// There is nothing to read, or it is compressed.
    None,
    /// A successful answer.
    Answer(Box<AnswerReader>, Option<Fingerprint>),
    /// A provider's refusal: it used nothing, but it may say why.
    Error(Box<UsageScan>),
}

impl Gate {
    /// Whether [`Gate::response_headers`] needs to be shown them: an attempt has seen those it passed on, and asking
    /// costs the host a call.
    #[must_use]
    pub fn wants_response_head(&self) -> bool {
        self.phase != Phase::Answered && self.call.borrow().served_try().is_none()
    }

    /// The response headers, a provider's or the host's own. `head` is read only where the attempts do not tell.
    /// `cooldowns` tells when a resting target is back.
    pub fn response_headers(
        &mut self,
        head: Head<'_>,
        now: Moment,
        whole: bool,
        cooldowns: &Cooldowns,
        out: &mut Effects,
    ) {
        self.response_whole |= whole;
        if self.phase == Phase::Answered {
            return;
        }
        let refused_retry = self.call.borrow().last_try().is_some_and(|one| !one.passed_on && one.status.is_some())
            && head.has(RETRY_HEADER);
        if refused_retry {
            out.push(Effect::RemoveResponseHeader(Cow::Borrowed(RETRY_HEADER)));
            if let Some(one) = self.call.borrow_mut().tries.last_mut() {
                one.passed_on = true;
            }
        }
        let answered = self.call.borrow().served_try().is_some();
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
    pub fn response_body(&mut self, chunk: &[u8], last: bool, now: Moment, out: &mut Effects) {
        self.response_whole |= last;
        match self.phase {
            Phase::Reworded => self.rejection_body(out),
            // The host resets it with its next chance; what comes before that is for nobody.
            Phase::Cut => out.push(Effect::ReplaceChunk(Vec::new())),
            Phase::Sent => {
                if self.first_byte.is_none() && !chunk.is_empty() {
                    self.first_byte = Some(now);
                }
                self.response_bytes = self.response_bytes.saturating_add(chunk.len() as u64);
                let passage = self.reader.read(chunk, last);
                if let Some(masking) = &mut self.masking {
                    out.extend(masking.push(chunk, last).map(Effect::ReplaceChunk));
                    return;
                }
                if self.holds_response() {
                    self.guard_whole(chunk, out);
                } else {
                    self.guard_chunk(chunk, passage, last, out);
                }
                if self.phase == Phase::Sent && self.max_cost.is_some() && !last {
                    self.enforce_max_cost(chunk, out);
                }
            }
            _ => {}
        }
    }

    /// The response ends with trailers, and its last chunk did not say so. The host takes no more of a body then, so a stream of
    /// which something is held back, because nothing said that its text is over, is reset: the client must not take it for
    /// whole. Returns whether it is.
    pub fn response_trailers(&mut self, now: Moment, out: &mut Effects) -> bool {
        if std::mem::replace(&mut self.response_whole, true) || self.phase != Phase::Sent {
            return false;
        }
        let done = out.len();
        self.response_body(&[], true, now, out);
        let lost = out.iter().skip(done).any(|one| matches!(one, Effect::ReplaceChunk(bytes) if !bytes.is_empty()));
        if lost {
            out.truncate(done);
            out.push(Effect::ResetStream);
            self.phase = Phase::Cut;
            self.response_whole = false;
        }
        lost
    }

    fn is_redirected(&self) -> bool {
        self.call.borrow().served_try().and_then(|one| one.status).is_some_and(is_redirect)
    }

    /// Puts our words in the place of a redirect: its address may be an inner one, and following it would carry a body to
    /// somebody who is not in the policy.
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

    /// Tells the client whose answer it is; whether that answer is compressed, and whether it is a stream.
    fn name_server(&mut self, out: &mut Effects) -> (bool, bool) {
        let call = self.call.borrow();
        let Some(one) = call.served_try() else { return (false, false) };
        self.status = one.status.unwrap_or(0);
        let served = call
            .way(one.step)
            .zip(call.provider_name(one.step))
            .map(|(way, provider)| format!("{provider}/{}", way.model));
        self.reader = reader(&call, one.answer.encoded, one.answer.event_stream, self.status);
        if matches!(self.reader, Reader::Answer(..)) && hides_usage(&call) {
            out.push(Effect::RemoveResponseHeader(Cow::Borrowed("content-length")));
        }
        out.push(Effect::SetResponseHeader("x-headgate-request-id", Cow::Owned(call.id.to_text())));
        out.push(Effect::SetResponseHeader("x-headgate-attempts", Cow::Owned(call.tries.len().to_string())));
        set_quotas(&call.quotas, out);
        if let Some(served) = served {
            out.push(Effect::SetResponseHeader("x-headgate-served-by", Cow::Owned(served)));
        }
        if !(200..300).contains(&self.status) && !one.answer.encoded {
            self.masking = call.echo(one.step).and_then(Echo::masking);
        }
        if self.status >= 400 {
            self.rejected_by = Some(RejectedBy::Provider);
            out.push(Effect::SetResponseHeader("x-headgate-rejected-by", Cow::Borrowed("provider")));
        }
        (one.answer.encoded, one.answer.event_stream)
    }

    /// The host answered by itself: a limit of its own, or no try that brought an answer.
    fn host_answer(&mut self, head: Head<'_>, now: Moment, cooldowns: &Cooldowns, out: &mut Effects) {
        let status = head.text(":status").and_then(|status| status.parse::<u16>().ok()).unwrap_or(503);
        let untried = self.call.borrow().tries.is_empty();
        let rejection = match status {
            413 => Rejection::BodyTooLarge { limit: self.max_request_bytes() },
            400 if untried => Rejection::MalformedRequest,
            408 if untried => Rejection::RequestTimeout,
            _ => Rejection::AllTargetsUnavailable {
                model: self.alias_name(),
                retry_after_s: self.back_in_s(now, cooldowns),
            },
        };
        {
            let mut call = self.call.borrow_mut();
            let attempts = call.tries.len().to_string();
            if let Some(one) = call.tries.last_mut().filter(|one| one.status.is_none() && one.error.is_none()) {
                one.error = Some(if status == 504 { AttemptError::Timeout } else { AttemptError::Connect });
                one.decided = Some(now);
            }
            out.push(Effect::SetResponseHeader("x-headgate-request-id", Cow::Owned(call.id.to_text())));
            out.push(Effect::SetResponseHeader("x-headgate-attempts", Cow::Owned(attempts)));
        }
        self.reword(rejection, out);
    }

    fn alias_name(&self) -> String {
        self.call.borrow().alias().map(|alias| alias.name.clone()).unwrap_or_default()
    }

    /// Seconds until the first target of the alias is back, at least 1.
    fn back_in_s(&self, now: Moment, cooldowns: &Cooldowns) -> u64 {
        let call = self.call.borrow();
        let ways = call.alias().map(|alias| alias.ways.as_slice()).unwrap_or_default();
        let waits = ways.iter().map(|way| match cooldowns.rest(way.key, now.as_ms()) {
            Rest::Barred(until_ms) => until_ms.saturating_sub(now.as_ms()).div_ceil(1_000),
            Rest::Ready | Rest::Tired => 1,
        });
        waits.min().unwrap_or(1).max(1)
    }

    fn rejection_body(&mut self, out: &mut Effects) {
        // The first chunk becomes the whole body, later ones nothing.
        let body = if self.first_byte.is_none() { self.rejection.as_ref() } else { None };
        let body = body.map(|rejection| self.rejection_body_of(rejection));
        self.first_byte.get_or_insert_default();
        let refuses_provider = body.is_some() && self.call.borrow().served_try().is_some();
        out.push(Effect::ReplaceChunk(body.unwrap_or_default()));
        if refuses_provider {
            // The client has all it was told to expect; what the provider goes on to say is for nobody.
            out.push(Effect::EndStream);
        }
    }
}

/// Whether a stream brings a usage event that was asked for on the client's behalf.
fn hides_usage(call: &Call) -> bool {
    let asked = call.served_try().is_some_and(|one| call.asks_for_usage(one.step));
    asked && call.scan.as_ref().is_some_and(|scan| scan.stream && !scan.client_wants_usage())
}

fn reader(call: &Call, encoded: bool, event_stream: bool, status: u16) -> Reader {
    let surface = call.surface.unwrap_or(Surface::ChatCompletions);
    if encoded {
        return Reader::None;
    }
    if !(200..300).contains(&status) {
        return Reader::Error(Box::new(UsageScan::new(surface.dialect())));
    }
    let reader = AnswerReader::new(surface, event_stream, hides_usage(call));
    Reader::Answer(Box::new(reader), call.policy.fingerprint.clone())
}

impl Reader {
    fn read(&mut self, chunk: &[u8], last: bool) -> Passage {
        match self {
            Self::None => Passage::AsIs,
            Self::Error(scan) => {
                scan.push(chunk);
                Passage::AsIs
            }
            Self::Answer(reader, fingerprint) => {
                update(fingerprint, chunk);
                reader.push(chunk, last)
            }
        }
    }

    /// What was seen of a stream so far.
    pub(super) fn stream(&self) -> Option<(Progress, &AnswerFacts)> {
        match self {
            Self::Answer(reader, _) => reader.progress(),
            _ => None,
        }
    }

    /// What was read of an answer of so many bytes.
    pub(super) fn finish(&mut self, answer_bytes: u64) -> Seen {
        match std::mem::replace(self, Self::None) {
            Self::None => Seen { unreadable_bytes: answer_bytes, answer_bytes, ..Seen::default() },
            Self::Error(scan) => Seen {
                facts: AnswerFacts { error: scan.finish().facts.error, ..AnswerFacts::default() },
                ..Seen::default()
            },
            Self::Answer(reader, fingerprint) => {
                let read = reader.reading();
                Seen {
                    usage: read.usage,
                    begun: read.begun,
                    other_models: read.other_models,
                    flawed: read.flawed,
                    finish_reason: read.finish_reason,
                    facts: read.facts,
                    output_text_bytes: read.output_text_bytes,
                    unreadable_bytes: read.unreadable_bytes,
                    answer_bytes,
                    error: read.error,
                    fingerprint: fingerprint.map(Fingerprint::finish),
                }
            }
        }
    }
}

/// What was read of an answer.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) usage: Option<Tokens>,
    pub(super) begun: Option<Tokens>,
    pub(super) finish_reason: Option<String>,
    pub(super) output_text_bytes: u64,
    pub(super) facts: AnswerFacts,
    pub(super) other_models: Vec<ModelTokens>,
    /// Something stood where a count belongs that is none.
    pub(super) flawed: bool,
    /// Bytes in which text may stand that could not be read.
    pub(super) unreadable_bytes: u64,
    /// All bytes of its body.
    pub(super) answer_bytes: u64,
    /// It reported an error.
    pub(super) error: bool,
    pub(super) fingerprint: Option<String>,
}

fn update(fingerprint: &mut Option<Fingerprint>, chunk: &[u8]) {
    if let Some(fingerprint) = fingerprint {
        fingerprint.update(chunk);
    }
}
