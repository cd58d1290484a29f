//! The record of an exchange, written as JSON straight from what the gate holds.
//!
//! [`headgate_record::RequestRecord`] is the list of its members. The tests of the machines read each record into that type
//! and write it again: the bytes are the same.

use super::close::{Closing, RecordSeq};
use super::state::Gate;
use crate::call::{Call, Try};
use crate::identity::Identity;
use crate::trace::SpanId;
use headgate_exchange::is_model_name;
use headgate_record::{ClientContext, JsonObject, KnownBy, PayloadMode, RequestSource, RiskClass, SCHEMA};

impl Gate {
    /// Writes the record to the end of `out`.
    pub(super) fn write_record(&self, closing: &Closing, number: RecordSeq<'_>, out: &mut Vec<u8>) {
        JsonObject::write(out, |record| {
            self.begin(record, closing, number);
            self.models(record, closing);
            self.outcome(record, closing);
            record.object("payload", |payload| self.payload(payload, closing));
            record.text("retention_class", &self.call.policy.retention_class);
        });
    }

    /// Writes its place, its times and its caller.
    fn begin(&self, record: &mut JsonObject<'_>, closing: &Closing, number: RecordSeq<'_>) {
        let call = &self.call;
        let provider_request_id = call.served_try().and_then(|one| one.answer.provider_request_id.as_deref());
        record.value("schema", &SCHEMA);
        record.text("id", std::str::from_utf8(&call.id.digits()).unwrap_or_default());
        record.text("node", number.node);
        record.text("boot", number.boot);
        record.value("seq", &number.seq);
        record.value("started_at", &call.started.0);
        record.value("duration_us", &closing.now.us_since(call.started));
        record.some("time_to_first_token_us", self.time_to_first_token());
        if let Some(trace) = &call.trace {
            record.text("trace_id", &trace.id);
            record.some_text("parent_span_id", trace.parent.as_deref());
            record.some("span_id", trace.parent.as_ref().map(|_| SpanId::of_request(call.id).to_text()));
        }
        record.some_text("provider_request_id", provider_request_id);
        record.text("config_revision", &call.policy.revision);
        record.text("environment", &call.policy.environment);
        if let Some(caller) = &call.caller {
            record.object("caller", |member| identity(member, call, caller));
        }
        if !call.client.is_empty() {
            record.object("client", |member| client(member, &call.client));
        }
    }

    /// Writes what was asked for, and who served it.
    fn models(&self, record: &mut JsonObject<'_>, closing: &Closing) {
        let call = &self.call;
        let (scan, facts) = (call.scan.as_ref(), &closing.seen.facts);
        record.word("surface", call.surface.map_or("unknown", |surface| surface.as_str()));
        record.some_text("requested_model", requested_model(call));
        if let Some((provider, model)) = call.served_try().and_then(|one| target(call, one)) {
            record.object("served_by", |served| {
                served.text("provider", provider);
                served.text("model", model);
            });
        }
        record.some_text("response_model", facts.model.as_deref());
        record.some_text("requested_service_tier", scan.and_then(|scan| scan.service_tier.as_deref()));
        record.some_text("service_tier", facts.service_tier.as_deref());
        record.some_text("requested_speed", scan.and_then(|scan| scan.speed.as_deref()));
        record.some_text("speed", facts.speed.as_deref());
        record.value("stream", &call.stream());
        let tries = call.tries.iter().filter_map(|one| Some((one, target(call, one)?)));
        record.objects("attempts", tries, |object, (one, names)| attempt(object, call, one, names));
    }

    /// Writes how it ended, and what it cost.
    fn outcome(&self, record: &mut JsonObject<'_>, closing: &Closing) {
        record.value("status", &self.status);
        record.some_text("finish_reason", closing.seen.finish_reason.as_deref());
        record.word("ended_by", closing.ended_by.as_str());
        record.objects("decisions", &self.decisions, |object, decision| decision.write(object));
        record.some("rejected_by", self.rejected_by);
        record.some_text("error_code", self.rejection.as_ref().map(|rejection| rejection.code()));
        if let Some(usage) = &closing.usage {
            record.object("usage", |member| usage.write(member));
        }
        if !closing.other_models.is_empty() {
            record.value("other_models", &closing.other_models);
        }
        if let Some(cost) = &closing.cost {
            record.object("cost", |member| cost.write(member));
        }
    }

    fn payload(&self, payload: &mut JsonObject<'_>, closing: &Closing) {
        let call = &self.call;
        payload.word("mode", PayloadMode::MetadataOnly.as_str());
        payload.value("request_bytes", &call.request_bytes);
        payload.value("response_bytes", &self.response_bytes);
        payload.some_text("request_fingerprint", call.request_fingerprint.as_deref());
        payload.some_text("response_fingerprint", closing.seen.fingerprint.as_deref());
        payload.value("attachments", &call.scan.as_ref().map_or(0, |scan| scan.attachments));
        if !closing.redactions.is_empty() {
            payload.value("redactions", &closing.redactions);
        }
    }
}

fn identity(member: &mut JsonObject<'_>, call: &Call, caller: &Identity) {
    let team = call.team_of_key();
    member.text("key_id", &caller.key_id);
    member.some_text("owner", caller.owner.as_deref());
    member.some_text("team", team.map(|team| team.name.as_str()));
    member.some_text("project", call.project());
    member.some_text("application", call.application());
    member.some_text("cost_center", team.and_then(|team| team.cost_center.as_deref()));
    member.some_text("use_case", call.use_case());
    member.some_text("risk_class", call.risk_class().map(RiskClass::as_str));
    member.some_text("tenant", team.and_then(|team| team.tenant.as_deref()));
    if caller.playground {
        member.word("source", RequestSource::Playground.as_str());
    }
    if caller.known_by != KnownBy::VirtualKey {
        member.word("known_by", caller.known_by.as_str());
    }
}

fn client(member: &mut JsonObject<'_>, client: &ClientContext) {
    member.some_text("end_user", client.end_user.as_deref());
    member.some_text("session_id", client.session_id.as_deref());
    member.some_text("agent_id", client.agent_id.as_deref());
    member.some_text("user_agent", client.user_agent.as_deref());
    if !client.tags.is_empty() {
        member.value("tags", &client.tags);
    }
}

/// Returns the alias, or the requested text if it has the form of a model name. Anything else is payload.
fn requested_model(call: &Call) -> Option<&str> {
    call.scan.as_ref().map(|scan| scan.model.as_str()).filter(|model| is_model_name(model))
}

/// Returns the provider and the model of a try.
fn target<'a>(call: &'a Call, one: &Try) -> Option<(&'a str, &'a str)> {
    Some((&call.provider_of(one.step)?.name, &call.upstream(one.step)?.model))
}

fn attempt(member: &mut JsonObject<'_>, call: &Call, one: &Try, (provider, model): (&str, &str)) {
    member.text("provider", provider);
    member.text("model", model);
    member.word("kind", one.kind.as_str());
    member.some("status", one.status);
    member.some("error", one.error);
    member.some_text("provider_error", one.provider_error.as_deref());
    member.value("started_after_us", &one.started.us_since(call.started));
    member.value("latency_us", &one.decided.map_or(0, |decided| decided.us_since(one.started)));
    member.some("span_id", one.span.map(SpanId::to_text));
}
