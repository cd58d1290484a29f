//! One try at one provider, seen from inside that provider's cluster.
//!
//! The proxy makes the tries; this machine prepares each one, judges how it went, and says where the next one goes.
//! The next target is named as soon as a try begins, because a provider that hangs gives no later chance to do so.

use crate::call::{Answer, Call, CallRef, Moment, Try};
use crate::client::{GATEWAY_PREFIX, provider_request_id};
use crate::credentials::Echo;
use crate::effect::{Effect, Effects};
use crate::gate::is_quota_header;
use crate::head::Head;
use crate::policy::Provider;
use headgate_exchange::{Dialect, Splices, Surface, rewrite};
use headgate_limits::Quotas;
use headgate_record::{AttemptError, AttemptKind};
use headgate_routing::{Retriable, Step, StepKind};
use std::borrow::Cow;
use std::rc::Rc;

/// A response with this header is tried again by the proxy; it never reaches the client.
pub(crate) const RETRY_HEADER: &str = "x-headgate-retry";
/// With this in a response Envoy makes no other try. Providers behind an Envoy of their own send it.
const NOT_AGAIN: &str = "x-envoy-ratelimited";
/// Longest rest a provider can ask for, ms.
const MAX_REST_MS: u64 = 3_600_000;
/// A timer of the proxy may come early by what its event loop's turn had taken when it was set, ms. Without this a
/// timeout would now and then be taken for a reset, which the policy may treat otherwise.
const EARLY_MS: u64 = 50;

/// What the host can tell of a try that ended without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It failed before there was a connection.
    NotConnected,
    /// There was a connection, but no response headers.
    NoResponse,
}

/// See the module's text.
#[derive(Debug)]
pub struct Attempt {
    call: CallRef,
    index: usize,
}

impl Attempt {
    /// Begins a try in the cluster of `provider`: sets path, authority, credential and length, and names the next target.
    /// `None` if the request is not one of the gate's or the try was not meant for this provider: then nothing must
    /// go out, for it would carry another provider's credential.
    pub fn begin(call: &CallRef, provider: &str, now: Moment, out: &mut Effects) -> Option<Self> {
        let mut borrowed = call.borrow_mut();
        let call_mut = &mut *borrowed;
        let step = next_step(call_mut)?;
        let way = call_mut.way(step)?;
        let policy = Rc::clone(&call_mut.policy);
        let target = policy.providers.get(way.provider).filter(|target| &*target.name == provider)?;
        let scan = call_mut.scan.as_ref()?;
        let splices = rewrite(scan, &way.model, true);
        let again = !call_mut.tries.is_empty();
        prepare(call_mut, target, &splices, again, out);
        let next = call_mut.course.peek_next(Retriable::Again).and_then(|next| call_mut.provider_name(next));
        out.extend(next.filter(|next| **next != *provider).map(Effect::Route));
        let index = call_mut.tries.len();
        call_mut.tries.push(Try {
            step,
            kind: kind(step.kind),
            started: now,
            decided: None,
            status: None,
            error: None,
            provider_error: None,
            passed_on: false,
            answer: Answer::default(),
            splices: Some(splices),
            busy: false,
            ended: false,
        });
        drop(borrowed);
        Some(Self { call: Rc::clone(call), index })
    }

    /// Hands the pieces of this provider's body, in order, to `each`.
    pub fn body(&self, mut each: impl FnMut(&[u8])) {
        let call = self.call.borrow();
        if let Some(splices) = call.tries.get(self.index).and_then(|one| one.splices.as_ref()) {
            splices.pieces(&call.body).for_each(&mut each);
        }
    }

    /// The response headers: judges the status, and asks the proxy to try again where the policy says so.
    pub fn response_headers(&mut self, now: Moment, head: Head<'_>, out: &mut Effects) {
        let mut borrowed = self.call.borrow_mut();
        let call = &mut *borrowed;
        silence(head, call.tries.get(self.index).and_then(|one| call.echo(one.step)), out);
        let status = head.text(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        let error = status_error(status);
        if call.quotas != Quotas::default() {
            remove_headers(head, is_quota_header, out);
        }
        let Some(one) = call.tries.get_mut(self.index) else { return };
        one.status = Some(status);
        one.decided = Some(now);
        one.error = error;
        one.passed_on = true;
        one.answer = answer(head);
        let step = one.step;
        let asked_ms = retry_after_ms(head, now);
        one.busy = status == 429 || asked_ms.is_some();
        let retriable = retriable(one.busy);
        if fails_over(call, status) {
            rest(call, step, now, asked_ms, out);
            self.move_on(call, retriable, out);
        }
    }

    /// Whether there were no response headers yet.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.call.borrow().tries.get(self.index).is_some_and(|one| one.decided.is_none())
    }

    /// The proxy has let go of this try. Without response headers before, it failed; `end` tells what the host saw.
    pub fn ended(&mut self, now: Moment, end: AttemptEnd, out: &mut Effects) {
        let mut borrowed = self.call.borrow_mut();
        let call = &mut *borrowed;
        let Some(one) = call.tries.get_mut(self.index).filter(|one| !one.ended) else { return };
        one.ended = true;
        if one.decided.is_some() {
            return;
        }
        one.decided = Some(now);
        let waited_ms = now.us_since(one.started) / 1_000;
        let step = one.step;
        let timeout_ms = call.alias().map_or(u64::MAX, |alias| alias.failover.first_byte_timeout_ms);
        let timeout_ms = timeout_ms - EARLY_MS.min(timeout_ms / 10);
        let error = match end {
            _ if waited_ms >= timeout_ms => AttemptError::Timeout,
            AttemptEnd::NotConnected => AttemptError::Connect,
            AttemptEnd::NoResponse => AttemptError::Reset,
        };
        if let Some(one) = call.tries.get_mut(self.index) {
            one.error = Some(error);
        }
        rest(call, step, now, None, out);
        let failover = call.alias().map(|alias| alias.failover.clone()).unwrap_or_default();
        let allowed = match error {
            AttemptError::Timeout => failover.on_timeout,
            AttemptError::Connect => failover.on_connect,
            _ => failover.on_reset,
        };
        if !allowed {
            out.push(Effect::Route("".into()));
        } else if let Some(next) = call.course.peek_next(Retriable::Again).and_then(|next| call.provider_name(next)) {
            out.push(Effect::Route(next));
        }
    }

    fn move_on(&self, call: &mut Call, retriable: Retriable, out: &mut Effects) {
        let Some(next) = call.course.peek_next(retriable) else { return };
        let Some(provider) = call.provider_name(next) else { return };
        if let Some(one) = call.tries.get_mut(self.index) {
            one.passed_on = false;
        }
        out.push(Effect::Route(provider));
        out.push(Effect::RemoveResponseHeader(Cow::Borrowed(NOT_AGAIN)));
        out.push(Effect::SetResponseHeader(RETRY_HEADER, Cow::Borrowed("1")));
    }
}

/// The step this try is: the first of the course, or the one after the try that failed before.
fn next_step(call: &mut Call) -> Option<Step> {
    let Some(last) = call.tries.last_mut() else {
        return call.course.begin();
    };
    last.ended = true;
    last.passed_on = false;
    let retriable = retriable(last.busy);
    call.course.advance(retriable)
}

/// Headers of a try. The proxy keeps one header map for all tries, so each sets what an earlier one may have set.
fn prepare(call: &Call, target: &Provider, splices: &Splices, again: bool, out: &mut Effects) {
    credential(target, again, out);
    out.push(Effect::SetRequestHeader(":authority", Cow::Owned(target.authority.clone())));
    if again || call.query_cleaned || target.path_prefix != call.surface.map_or("", Surface::own_prefix) {
        let suffix = call.surface.map_or("", Surface::provider_suffix);
        let path = format!("{}{suffix}{}", target.path_prefix, call.query);
        out.push(Effect::SetRequestHeader(":path", Cow::Owned(path)));
    }
    if again || !splices.is_empty() {
        let length = splices.len_after(call.body.len()).to_string();
        out.push(Effect::SetRequestHeader("content-length", Cow::Owned(length)));
    }
    if call.accepts_encoding && !again {
        out.push(Effect::RemoveRequestHeader(Cow::Borrowed("accept-encoding")));
    }
}

/// This provider's credential, and nobody else's: an earlier try may have set one, in the same header or the other.
fn credential(target: &Provider, again: bool, out: &mut Effects) {
    let (own, other) = match target.dialect {
        Dialect::Openai => ("authorization", "x-api-key"),
        Dialect::Anthropic => ("x-api-key", "authorization"),
    };
    match &target.credential {
        Some(secret) => out.push(Effect::SetRequestHeader(own, Cow::Owned(secret.0.clone()))),
        None if again => out.push(Effect::RemoveRequestHeader(Cow::Borrowed(own))),
        None => {}
    }
    if again {
        out.push(Effect::RemoveRequestHeader(Cow::Borrowed(other)));
    }
}

/// Takes away what a provider says in the gateway's name: it could ask for other tries, put its refusals down to us, or tell
/// browsers how to reach the gateway; and what repeats the operator's credential.
fn silence(head: Head<'_>, echo: Option<&Echo>, out: &mut Effects) {
    for (name, value) in head.iter() {
        if !is_for_gateway(name) && !echo.is_some_and(|echo| echo.is_in(value)) {
            continue;
        }
        if let Ok(name) = std::str::from_utf8(name) {
            out.push(Effect::RemoveResponseHeader(Cow::Owned(name.to_owned())));
        }
    }
}

/// Whether a response header is about the host that the client speaks to: that is the gateway, of which no provider knows.
fn is_for_gateway(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"alt-svc",
        b"strict-transport-security",
        b"set-cookie",
        b"set-cookie2",
        b"clear-site-data",
        b"nel",
        b"report-to",
        b"reporting-endpoints",
    ];
    name.starts_with(GATEWAY_PREFIX) || name.starts_with(b"access-control-") || NAMES.contains(&name)
}

fn remove_headers(head: Head<'_>, which: impl Fn(&[u8]) -> bool, out: &mut Effects) {
    for (name, _) in head.iter().filter(|(name, _)| which(name)) {
        if let Ok(name) = std::str::from_utf8(name) {
            out.push(Effect::RemoveResponseHeader(Cow::Owned(name.to_owned())));
        }
    }
}

/// A target that is busy is not asked again by the same request.
fn retriable(busy: bool) -> Retriable {
    if busy { Retriable::NotThisTarget } else { Retriable::Again }
}

fn kind(kind: StepKind) -> AttemptKind {
    match kind {
        StepKind::First => AttemptKind::First,
        StepKind::Retry => AttemptKind::Retry,
        StepKind::Failover => AttemptKind::Failover,
    }
}

fn status_error(status: u16) -> Option<AttemptError> {
    match status {
        // A redirect would lead the body and the credential to somebody who is not in the policy.
        300..400 => Some(AttemptError::Redirect),
        429 => Some(AttemptError::RateLimited),
        400..500 => Some(AttemptError::ClientError),
        0 | 500.. => Some(AttemptError::ServerError),
        _ => None,
    }
}

fn fails_over(call: &Call, status: u16) -> bool {
    call.alias().is_some_and(|alias| {
        let failover = &alias.failover;
        // A redirect is a server that is not where the policy says.
        (failover.on_5xx && ((500..600).contains(&status) || is_redirect(status)))
            || failover.on_status.contains(&status)
    })
}

/// Whether an answer sends the client elsewhere, or to its own copy.
pub(crate) fn is_redirect(status: u16) -> bool {
    (300..400).contains(&status)
}

/// Lets the target of this step rest: as long as it asked for, else as long as the policy says.
fn rest(call: &Call, step: Step, now: Moment, asked_ms: Option<u64>, out: &mut Effects) {
    let (Some(way), Some(alias)) = (call.way(step), call.alias()) else { return };
    let rest_ms = asked_ms.unwrap_or(alias.failover.cooldown_ms).min(MAX_REST_MS);
    if rest_ms > 0 {
        let until_ms = now.as_ms().saturating_add(rest_ms);
        out.push(Effect::Rest { target: way.key, until_ms, barred: asked_ms.is_some() });
    }
}

fn answer(head: Head<'_>) -> Answer {
    let media_type = head.bytes("content-type").unwrap_or_default();
    let event_stream = media_type.get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"));
    let encoded = head.bytes("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
    Answer { event_stream, encoded, provider_request_id: provider_request_id(head) }
}

/// `Retry-After` in ms: seconds or an HTTP date (RFC 9110, 10.2.3); OpenAI's `retry-after-ms` goes first.
fn retry_after_ms(head: Head<'_>, now: Moment) -> Option<u64> {
    if let Some(exact) = head.text("retry-after-ms").and_then(|value| value.trim().parse().ok()) {
        return Some(exact);
    }
    let value = head.text("retry-after")?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(seconds.saturating_mul(1_000));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let date_ms = date.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis();
    Some(u64::try_from(date_ms).ok()?.saturating_sub(now.as_ms()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Secret;

    fn provider(dialect: Dialect, credential: Option<&str>) -> Provider {
        Provider {
            name: "p".into(),
            authority: String::new(),
            path_prefix: String::new(),
            dialect,
            credential: credential.map(|credential| Secret(credential.to_owned())),
            echo: Echo::default(),
        }
    }

    /// The credentials that a try sends, after one that left these two behind.
    fn sent(target: &Provider, again: bool) -> (Option<String>, Option<String>) {
        let (mut authorization, mut x_api_key) = match again {
            true => (Some("Bearer of another".to_owned()), Some("another's".to_owned())),
            false => (None, None),
        };
        let mut out = Effects::new();
        credential(target, again, &mut out);
        for effect in out {
            let (name, value) = match effect {
                Effect::SetRequestHeader(name, value) => (name.to_owned(), Some(value.into_owned())),
                Effect::RemoveRequestHeader(name) => (name.into_owned(), None),
                other => panic!("{other:?} is about no credential"),
            };
            if name == "authorization" { authorization = value } else { x_api_key = value }
        }
        (authorization, x_api_key)
    }

    #[test]
    fn a_try_carries_the_credential_of_its_own_provider_in_its_own_header_and_no_other() {
        for again in [false, true] {
            let own = Some("own".to_owned());
            assert_eq!(sent(&provider(Dialect::Openai, Some("own")), again), (own.clone(), None));
            assert_eq!(sent(&provider(Dialect::Anthropic, Some("own")), again), (None, own));
            assert_eq!(sent(&provider(Dialect::Openai, None), again), (None, None));
            assert_eq!(sent(&provider(Dialect::Anthropic, None), again), (None, None));
        }
    }
}
