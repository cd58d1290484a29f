//! A record as a row of a spreadsheet.
//!
//! Senders of requests choose some of the texts. A spreadsheet runs a cell that begins like a formula, and a terminal
//! executes control characters, so the former gets an apostrophe in front (OWASP, CSV injection) and the latter are spelled out.

use crate::csv::{time, usd};
use headgate_collector_types::StoredEntry;
use headgate_record::{AttemptKind, RequestRecord};

type RecordCell = fn(&RequestRecord) -> String;

const COLUMNS: [(&str, RecordCell); 68] = [
    ("started_at", |r| time(r.started_at)),
    ("id", |r| r.id.clone()),
    ("node", |r| r.node.clone()),
    ("boot", |r| r.boot.clone()),
    ("seq", |r| r.seq.to_string()),
    ("environment", |r| r.environment.clone()),
    ("config_revision", |r| r.config_revision.clone()),
    ("surface", |r| r.surface.clone()),
    ("requested_model", |r| text(r.requested_model.as_ref())),
    ("provider", |r| text(r.served_by.as_ref().map(|s| &s.provider))),
    ("served_model", |r| text(r.served_by.as_ref().map(|s| &s.model))),
    ("stream", |r| r.stream.to_string()),
    ("attempts", |r| r.attempts.len().to_string()),
    ("status", |r| r.status.to_string()),
    ("finish_reason", |r| text(r.finish_reason.as_ref())),
    ("ended_by", |r| r.ended_by.as_str().to_owned()),
    ("rejected_by", |r| r.rejected_by.map_or(String::new(), |by| by.as_str().to_owned())),
    ("error_code", |r| text(r.error_code.as_ref())),
    ("key_id", |r| text(r.caller.as_ref().map(|c| &c.key_id))),
    ("owner", |r| text(r.caller.as_ref().and_then(|c| c.owner.as_ref()))),
    ("team", |r| text(r.caller.as_ref().and_then(|c| c.team.as_ref()))),
    ("project", |r| text(r.caller.as_ref().and_then(|c| c.project.as_ref()))),
    ("cost_center", |r| text(r.caller.as_ref().and_then(|c| c.cost_center.as_ref()))),
    ("end_user", |r| text(r.client.end_user.as_ref())),
    ("session_id", |r| text(r.client.session_id.as_ref())),
    ("tags", |r| r.client.tags.iter().map(|(tag, value)| format!("{tag}={value}")).collect::<Vec<_>>().join(" ")),
    ("duration_us", |r| r.duration_us.to_string()),
    ("time_to_first_token_us", |r| number(r.time_to_first_token_us)),
    ("input_tokens", |r| number(r.usage.map(|u| u.input_tokens))),
    ("cached_input_tokens", |r| number(r.usage.map(|u| u.cached_input_tokens))),
    ("output_tokens", |r| number(r.usage.map(|u| u.output_tokens))),
    ("reasoning_tokens", |r| number(r.usage.map(|u| u.reasoning_tokens))),
    ("cost_nano_usd", |r| number(r.cost.as_ref().map(|c| c.nano_usd))),
    ("cost_usd", |r| r.cost.as_ref().map_or(String::new(), |c| usd(c.nano_usd))),
    ("assumed", |r| r.cost.as_ref().map_or(String::new(), |c| c.assumed.to_string())),
    ("price_revision", |r| text(r.cost.as_ref().map(|c| &c.price_revision))),
    ("usage_source", |r| r.usage.map_or(String::new(), |u| u.source.as_str().to_owned())),
    ("cache_write_input_tokens", |r| number(r.usage.map(|u| u.cache_write_input_tokens))),
    ("cache_write_1h_input_tokens", |r| number(r.usage.map(|u| u.cache_write_1h_input_tokens))),
    ("trace_id", |r| text(r.trace_id.as_ref())),
    ("provider_request_id", |r| text(r.provider_request_id.as_ref())),
    ("application", |r| text(r.caller.as_ref().and_then(|c| c.application.as_ref()))),
    ("tenant", |r| text(r.caller.as_ref().and_then(|c| c.tenant.as_ref()))),
    ("agent_id", |r| text(r.client.agent_id.as_ref())),
    ("user_agent", |r| text(r.client.user_agent.as_ref())),
    ("attempt_providers", |r| words(r.attempts.iter().map(|attempt| attempt.provider.as_str()))),
    ("attempt_errors", |r| words(r.attempts.iter().filter_map(|attempt| attempt.error.map(|error| error.as_str())))),
    ("failover", |r| r.attempts.iter().any(|attempt| attempt.kind == AttemptKind::Failover).to_string()),
    ("stages", |r| words(r.decisions.iter().map(|decision| decision.stage.as_str()))),
    ("policy_ids", |r| words(r.decisions.iter().filter_map(|decision| decision.policy_id.as_deref()))),
    ("retention_class", |r| r.retention_class.clone()),
    ("parent_span_id", |r| text(r.parent_span_id.as_ref())),
    ("response_model", |r| text(r.response_model.as_ref())),
    ("requested_service_tier", |r| text(r.requested_service_tier.as_ref())),
    ("service_tier", |r| text(r.service_tier.as_ref())),
    ("requested_speed", |r| text(r.requested_speed.as_ref())),
    ("speed", |r| text(r.speed.as_ref())),
    ("provider_errors", |r| words(r.attempts.iter().filter_map(|attempt| attempt.provider_error.as_deref()))),
    ("estimate_reason", |r| {
        r.usage.and_then(|u| u.estimate_reason).map_or(String::new(), |reason| reason.as_str().to_owned())
    }),
    ("other_models", |r| words(r.other_models.iter().map(|one| one.model.as_str()))),
    ("decision_reasons", |r| words(r.decisions.iter().filter_map(|decision| decision.reason.as_deref()))),
    ("request_bytes", |r| r.payload.request_bytes.to_string()),
    ("response_bytes", |r| r.payload.response_bytes.to_string()),
    ("source", |r| r.caller.as_ref().map_or(String::new(), |c| c.source.as_str().to_owned())),
    ("known_by", |r| r.caller.as_ref().map_or(String::new(), |c| c.known_by.as_str().to_owned())),
    ("span_id", |r| text(r.span_id.as_ref())),
    ("use_case", |r| text(r.caller.as_ref().and_then(|c| c.use_case.as_ref()))),
    ("risk_class", |r| {
        let class = r.caller.as_ref().and_then(|caller| caller.risk_class);
        class.map_or(String::new(), |class| class.as_str().to_owned())
    }),
];

/// Returns the header line.
pub(crate) fn header() -> Vec<u8> {
    let mut out = Vec::new();
    crate::csv::line(&mut out, COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    out
}

/// Writes one record. A damaged or unreadable record becomes a line that says so in its first cell.
pub(crate) fn row(out: &mut Vec<u8>, record: &StoredEntry) {
    let said = match record {
        StoredEntry::Damaged(position) => format!("damaged: position {position}"),
        StoredEntry::Intact(bytes) => match serde_json::from_slice::<RequestRecord>(bytes) {
            Ok(record) => return crate::csv::line(out, COLUMNS.iter().map(|(_, cell)| cell(&record))),
            Err(_) => "unreadable".to_owned(),
        },
    };
    let empty = std::iter::repeat_n(String::new(), COLUMNS.len() - 1);
    crate::csv::line(out, std::iter::once(said).chain(empty));
}

fn words<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.collect::<Vec<_>>().join(" ")
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}

fn number(value: Option<u64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}
