//! How a response is judged: its class, whether another target is to be tried, how long this one rests.

use crate::call::{Answer, Call, Moment};
use crate::client::provider_request_id;
use crate::effect::{Effect, Effects};
use crate::head::Head;
use headgate_record::{AttemptError, AttemptKind};
use headgate_routing::{Retriable, Step, StepKind};

/// Longest rest a provider can ask for, ms.
const MAX_REST_MS: u64 = 3_600_000;

/// A target that is busy is not asked again by the same request.
pub(super) fn retriable(busy: bool) -> Retriable {
    if busy { Retriable::NotThisTarget } else { Retriable::Again }
}

pub(super) fn kind(kind: StepKind) -> AttemptKind {
    match kind {
        StepKind::First => AttemptKind::First,
        StepKind::Retry => AttemptKind::Retry,
        StepKind::Failover => AttemptKind::Failover,
    }
}

pub(crate) fn status_error(status: u16) -> Option<AttemptError> {
    match status {
        // A redirect would lead the body and the credential to somebody who is not in the policy.
        300..400 => Some(AttemptError::Redirect),
        429 => Some(AttemptError::RateLimited),
        400..500 => Some(AttemptError::ClientError),
        0 | 500.. => Some(AttemptError::ServerError),
        _ => None,
    }
}

pub(super) fn fails_over(call: &Call, status: u16) -> bool {
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
pub(super) fn rest(call: &Call, step: Step, now: Moment, asked_ms: Option<u64>, out: &mut Effects) {
    let (Some(way), Some(alias)) = (call.way(step), call.alias()) else { return };
    let rest_ms = asked_ms.unwrap_or(alias.failover.cooldown_ms).min(MAX_REST_MS);
    if rest_ms > 0 {
        let until_ms = now.as_ms().saturating_add(rest_ms);
        out.push(Effect::Rest { target: way.key, until_ms, barred: asked_ms.is_some() });
    }
}

pub(super) fn answer(head: Head<'_>) -> Answer {
    let media_type = head.bytes("content-type").unwrap_or_default();
    let event_stream = media_type.get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"));
    let encoded = head.bytes("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
    Answer { event_stream, encoded, provider_request_id: provider_request_id(head) }
}

/// `Retry-After` in ms: seconds or an HTTP date (RFC 9110, 10.2.3); OpenAI's `retry-after-ms` goes first.
pub(super) fn retry_after_ms(head: Head<'_>, now: Moment) -> Option<u64> {
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
