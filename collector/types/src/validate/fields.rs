//! Bounds of a record's fields that its types do not enforce.

use super::MAX_NAME_CHARS;
use headgate_record::{AttemptRecord, CallerIdentity, ClientContext, Decision, RequestRecord};

const MAX_ATTEMPTS: usize = 64;
const MAX_DECISIONS: usize = 256;
const MAX_TAGS: usize = 16;
const MAX_REDACTIONS: usize = 256;
const MAX_OTHER_MODELS: usize = 16;
const TOO_LONG: &str = "is longer than 256 characters";

/// Returns whether a name is neither empty nor too long.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && fits(text)
}

fn fits(text: &str) -> bool {
    text.len() <= MAX_NAME_CHARS || text.chars().nth(MAX_NAME_CHARS).is_none()
}

/// Checks all bounds; the error names the first field out of bounds.
pub(super) fn check(record: &RequestRecord) -> Result<(), String> {
    counts(record)?;
    // Any three digits are a status (RFC 9110, 15): proxies pass on even 600 and 999, and the record must show it.
    if record.status != 0 && !(100..=999).contains(&record.status) {
        return Err("`status` is neither 0 nor an HTTP status".to_owned());
    }
    trace_ids(record)?;
    match texts(record).find(|(_, text)| !fits(text)) {
        Some((name, _)) => Err(format!("`{name}` {TOO_LONG}")),
        None => Ok(()),
    }
}

fn trace_ids(record: &RequestRecord) -> Result<(), String> {
    let request = [
        ("trace_id", &record.trace_id, 32),
        ("parent_span_id", &record.parent_span_id, 16),
        ("span_id", &record.span_id, 16),
    ];
    let attempts = record.attempts.iter().map(|one| ("attempts[].span_id", &one.span_id, 16));
    let is_hex = |text: &str, digits: usize| text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
    let mut all = request.into_iter().chain(attempts);
    match all.find(|(_, id, digits)| id.as_ref().is_some_and(|text| !is_hex(text, *digits))) {
        Some((name, _, digits)) => Err(format!("`{name}` is not {digits} hex digits")),
        None => Ok(()),
    }
}

fn counts(record: &RequestRecord) -> Result<(), String> {
    let bounds = [
        ("attempts", record.attempts.len(), MAX_ATTEMPTS),
        ("decisions", record.decisions.len(), MAX_DECISIONS),
        ("client.tags", record.client.tags.len(), MAX_TAGS),
        ("payload.redactions", record.payload.redactions.len(), MAX_REDACTIONS),
        ("other_models", record.other_models.len(), MAX_OTHER_MODELS),
    ];
    match bounds.iter().find(|(_, found, most)| found > most) {
        Some((name, _, most)) => Err(format!("`{name}` has more than {most} entries")),
        None => Ok(()),
    }
}

type Text<'a> = (&'static str, &'a str);

/// Returns every free text of a record with its field's name.
fn texts(record: &RequestRecord) -> impl Iterator<Item = Text<'_>> {
    own(record)
        .chain(record.caller.iter().flat_map(caller))
        .chain(client(&record.client))
        .chain(record.attempts.iter().flat_map(attempt))
        .chain(record.decisions.iter().flat_map(decision))
        .chain(record.other_models.iter().map(|one| ("other_models.model", one.model.as_str())))
        .chain(record.payload.redactions.keys().map(|kind| ("payload.redactions", kind.as_str())))
}

fn own(record: &RequestRecord) -> impl Iterator<Item = Text<'_>> {
    let served = record.served_by.as_ref();
    [
        ("config_revision", Some(&record.config_revision)),
        ("environment", Some(&record.environment)),
        ("surface", Some(&record.surface)),
        ("retention_class", Some(&record.retention_class)),
        ("provider_request_id", record.provider_request_id.as_ref()),
        ("requested_model", record.requested_model.as_ref()),
        ("served_by.provider", served.map(|s| &s.provider)),
        ("served_by.model", served.map(|s| &s.model)),
        ("response_model", record.response_model.as_ref()),
        ("requested_service_tier", record.requested_service_tier.as_ref()),
        ("service_tier", record.service_tier.as_ref()),
        ("requested_speed", record.requested_speed.as_ref()),
        ("speed", record.speed.as_ref()),
        ("finish_reason", record.finish_reason.as_ref()),
        ("error_code", record.error_code.as_ref()),
        ("cost.price_revision", record.cost.as_ref().map(|c| &c.price_revision)),
        ("payload.request_fingerprint", record.payload.request_fingerprint.as_ref()),
        ("payload.response_fingerprint", record.payload.response_fingerprint.as_ref()),
    ]
    .into_iter()
    .filter_map(present)
}

fn present<'a>((name, text): (&'static str, Option<&'a String>)) -> Option<Text<'a>> {
    text.map(|text| (name, text.as_str()))
}

fn caller(caller: &CallerIdentity) -> impl Iterator<Item = Text<'_>> {
    [
        ("caller.key_id", Some(&caller.key_id)),
        ("caller.owner", caller.owner.as_ref()),
        ("caller.team", caller.team.as_ref()),
        ("caller.project", caller.project.as_ref()),
        ("caller.application", caller.application.as_ref()),
        ("caller.cost_center", caller.cost_center.as_ref()),
        ("caller.tenant", caller.tenant.as_ref()),
        ("caller.use_case", caller.use_case.as_ref()),
    ]
    .into_iter()
    .filter_map(present)
}

fn client(client: &ClientContext) -> impl Iterator<Item = Text<'_>> {
    let tags = client.tags.iter();
    [
        ("client.end_user", client.end_user.as_ref()),
        ("client.session_id", client.session_id.as_ref()),
        ("client.agent_id", client.agent_id.as_ref()),
        ("client.user_agent", client.user_agent.as_ref()),
    ]
    .into_iter()
    .filter_map(present)
    .chain(tags.flat_map(|(name, value)| [("client.tags", name.as_str()), ("client.tags", value.as_str())]))
}

fn attempt(attempt: &AttemptRecord) -> impl Iterator<Item = Text<'_>> {
    [
        ("attempts.provider", Some(&attempt.provider)),
        ("attempts.model", Some(&attempt.model)),
        ("attempts.provider_error", attempt.provider_error.as_ref()),
    ]
    .into_iter()
    .filter_map(present)
}

fn decision(decision: &Decision) -> impl Iterator<Item = Text<'_>> {
    [
        ("decisions.stage", Some(&decision.stage)),
        ("decisions.policy_id", decision.policy_id.as_ref()),
        ("decisions.reason", decision.reason.as_ref()),
    ]
    .into_iter()
    .filter_map(present)
}

/// Returns the 16 bytes of a request's id: a UUIDv7, or the UUIDv4 that a proxy gives a request that it refuses by itself.
pub(super) fn request_id(text: &str) -> Option<[u8; 16]> {
    let random =
        |id: &[u8; 16]| id.get(6).is_some_and(|byte| byte >> 4 == 4) && id.get(8).is_some_and(|byte| byte >> 6 == 0b10);
    uuid_v7(text).or_else(|| super::parse_uuid(text).filter(random))
}

/// Returns the 16 bytes of a UUIDv7 (RFC 9562). Only the lower-case text form is accepted, so that an id has one text.
#[must_use]
pub fn uuid_v7(text: &str) -> Option<[u8; 16]> {
    let id = super::parse_uuid(text)?;
    let version = id.get(6)? >> 4;
    let variant = id.get(8)? >> 6;
    (version == 7 && variant == 0b10).then_some(id)
}
