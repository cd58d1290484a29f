//! How a response is judged: its class, whether another target is tried, and the cooldown of this one.

use crate::call::{Answer, Call, Timestamp};
use crate::client::provider_request_id;
use crate::effect::{Effect, Effects};
use crate::header_view::HeaderView;
use crate::status::is_redirect;
use headgate_record::AttemptKind;
use headgate_routing::{self as routing, NextAttempt, Retry};

/// Longest cooldown that a provider can ask for, ms.
const MAX_COOLDOWN_MS: u64 = 3_600_000;

/// A target that is busy is not asked again by the same request.
pub(super) fn retriable(busy: bool) -> Retry {
    if busy { Retry::OtherTarget } else { Retry::SameTarget }
}

pub(super) fn kind(kind: routing::AttemptKind) -> AttemptKind {
    match kind {
        routing::AttemptKind::First => AttemptKind::First,
        routing::AttemptKind::Retry => AttemptKind::Retry,
        routing::AttemptKind::Failover => AttemptKind::Failover,
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

/// Puts the target of this try in cooldown: for its `Retry-After`, else for the time that the policy sets.
pub(super) fn set_cooldown(call: &Call, step: NextAttempt, now: Timestamp, asked_ms: Option<u64>, out: &mut Effects) {
    let (Some(upstream), Some(alias)) = (call.upstream(step), call.alias()) else { return };
    let cooldown_ms = asked_ms.unwrap_or(alias.failover.cooldown_ms).min(MAX_COOLDOWN_MS);
    if cooldown_ms > 0 {
        let until_ms = now.as_ms().saturating_add(cooldown_ms);
        out.push(Effect::SetCooldown { target: upstream.key, until_ms, unavailable: asked_ms.is_some() });
    }
}

pub(crate) fn answer(head: HeaderView<'_>) -> Answer {
    let media_type = head.bytes("content-type").unwrap_or_default();
    let event_stream = media_type.get(..17).is_some_and(|start| start.eq_ignore_ascii_case(b"text/event-stream"));
    let encoded = head.bytes("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
    let may_have_trailers = !head.has("transfer-encoding") && !head.has("content-length");
    Answer { event_stream, encoded, may_have_trailers, provider_request_id: provider_request_id(head) }
}

/// `Retry-After` in ms: seconds or an HTTP date (RFC 9110, 10.2.3); OpenAI's `retry-after-ms` goes first.
pub(super) fn retry_after_ms(head: HeaderView<'_>, now: Timestamp) -> Option<u64> {
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
