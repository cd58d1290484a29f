//! The end of a request, whichever it was: one record, once.

use super::account::{cost_with_others, is_the_answer_s, other_models, tier, usage};
use super::reader::Seen;
use super::state::{Gate, Phase};
use crate::call::{Call, Identity, Timestamp, Try};
use crate::request_env::RequestEnv;
use crate::status::status_error;
use headgate_exchange::{error_status, is_model_name};
use headgate_limits::Ledger;
use headgate_record::{
    AttemptError, AttemptRecord, CallerIdentity, EndedBy, PayloadFacts, RejectedBy, RequestRecord, RequestSource,
    SCHEMA, ServedBy,
};

/// The reason for an early end of the stream, as the host reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnect {
    /// The client's connection or stream went first.
    ClientGone,
    /// The provider's did.
    ProviderGone,
    /// It does not say.
    Unknown,
}

/// The place of a record among the others.
#[derive(Debug, Clone, Copy)]
pub struct RecordSeq<'a> {
    /// The proxy, as it names itself.
    pub node: &'a str,
    /// The run of its worker.
    pub boot: &'a str,
    /// 1, 2, 3 … within the run.
    pub seq: u64,
}

impl Gate {
    /// Whether [`Gate::close`] needs to be told how the stream ended; asking costs the host a call.
    #[must_use]
    pub fn ended_early(&self) -> bool {
        !self.response_whole
    }

    /// Settles the reservations and returns the record. Call it once.
    pub fn close<L: Ledger>(
        &mut self,
        now: Timestamp,
        disconnect: Disconnect,
        number: RecordSeq<'_>,
        mut env: RequestEnv<'_, L>,
    ) -> RequestRecord {
        let mut record = self.record(now, disconnect, number);
        self.settle_limits(&mut record, now.as_s(), &mut env);
        record
    }

    fn record(&mut self, now: Timestamp, disconnect: Disconnect, number: RecordSeq<'_>) -> RequestRecord {
        let mut seen = self.reader.finish(self.response_bytes);
        let redactions = self.redactions();
        let ended_by = self.ended_by(disconnect);
        // Before the tries are settled: a client that leaves because of an error has got the provider's answer.
        self.note_answer_error(&seen);
        self.settle_tries(now, ended_by);
        self.note_provider_error(seen.facts.error.take());
        let call = &self.call;
        let served = call.served_try();
        let usage = usage(call, served, &seen, ended_by, self.charged_when_left().as_ref());
        let tier = tier(call, &seen.facts);
        let upstream = served.or(call.last_try()).and_then(|one| call.upstream(one.step));
        let other_models = other_models(usage.as_ref(), &seen.other_models);
        let priced = usage.as_ref().zip(upstream);
        let cost = priced.map(|(usage, upstream)| cost_with_others(&call.policy, upstream, tier, usage, &other_models));
        RequestRecord {
            schema: SCHEMA,
            id: call.id.to_text(),
            node: number.node.to_owned(),
            boot: number.boot.to_owned(),
            seq: number.seq,
            started_at: call.started.0,
            duration_us: now.us_since(call.started),
            time_to_first_token_us: self.time_to_first_token(),
            trace_id: call.trace_id.clone(),
            parent_span_id: call.parent_span_id.clone(),
            provider_request_id: served.and_then(|one| one.answer.provider_request_id.clone()),
            config_revision: call.policy.revision.clone(),
            environment: call.policy.environment.clone(),
            caller: call.caller.as_ref().map(|caller| identity(call, caller)),
            client: call.client.clone(),
            surface: call.surface.map_or("unknown", |surface| surface.as_str()).to_owned(),
            requested_model: requested_model(call),
            served_by: served.and_then(|one| served_by(call, one)),
            response_model: seen.facts.model,
            requested_service_tier: call.scan.as_ref().and_then(|scan| scan.service_tier.clone()),
            service_tier: seen.facts.service_tier,
            requested_speed: call.scan.as_ref().and_then(|scan| scan.speed.clone()),
            speed: seen.facts.speed,
            stream: call.stream(),
            attempts: call.tries.iter().filter_map(|one| attempt(call, one)).collect(),
            status: self.status,
            finish_reason: seen.finish_reason,
            ended_by,
            decisions: std::mem::take(&mut self.decisions),
            rejected_by: self.rejected_by,
            error_code: self.rejection.as_ref().map(|rejection| rejection.code().to_owned()),
            cost,
            other_models,
            usage,
            payload: PayloadFacts {
                request_bytes: call.request_bytes,
                response_bytes: self.response_bytes,
                request_fingerprint: call.request_fingerprint.clone(),
                response_fingerprint: seen.fingerprint,
                redactions,
                attachments: call.scan.as_ref().map_or(0, |scan| scan.attachments),
                ..PayloadFacts::default()
            },
            retention_class: call.policy.retention_class.clone(),
        }
    }

    fn ended_by(&self, disconnect: Disconnect) -> EndedBy {
        match (self.phase, self.response_whole, disconnect) {
            (Phase::Aborted, _, _) => EndedBy::Gateway,
            (Phase::Answered | Phase::RewrittenLocalReply, _, _) if self.rejection.is_some() => EndedBy::Gateway,
            (_, true, _) => EndedBy::Complete,
            (_, false, Disconnect::ProviderGone) => EndedBy::Provider,
            (_, false, Disconnect::ClientGone) => EndedBy::Client,
            (_, false, Disconnect::Unknown) if self.status == 0 => EndedBy::Client,
            (_, false, Disconnect::Unknown) => EndedBy::Provider,
        }
    }

    /// A try that was still running when the stream ended, ended with it.
    fn settle_tries(&mut self, now: Timestamp, ended_by: EndedBy) {
        let error = match ended_by {
            EndedBy::Client => AttemptError::ClientGone,
            EndedBy::Provider => AttemptError::ResetMidStream,
            EndedBy::Complete | EndedBy::Gateway => return,
        };
        if let Some(one) = self.call.tries.last_mut().filter(|one| one.error.is_none()) {
            one.error = Some(error);
            one.decided.get_or_insert(now);
        }
    }

    /// An error that a provider reports under a success status, in JSON or in the middle of a stream.
    fn note_answer_error(&mut self, seen: &Seen) {
        let Some(one) = self.call.tries.last_mut().filter(|one| one.passed_on) else { return };
        if seen.error && one.error.is_none() {
            one.error = status_error(error_status(seen.facts.error.as_deref()));
        }
        if one.error.is_some_and(is_the_answer_s) {
            self.rejected_by.get_or_insert(RejectedBy::Provider);
        }
    }

    /// Notes the provider's own word for the error that its answer is, or that its stream ended with.
    fn note_provider_error(&mut self, word: Option<String>) {
        if let Some(one) = self.call.tries.last_mut().filter(|one| one.passed_on && one.error.is_some()) {
            one.provider_error = one.provider_error.take().or(word);
        }
    }

    fn time_to_first_token(&self) -> Option<u64> {
        if !matches!(self.phase, Phase::Sent | Phase::Aborted) {
            None
        } else {
            self.first_byte.map(|at| at.us_since(self.call.started))
        }
    }
}

fn identity(call: &Call, caller: &Identity) -> CallerIdentity {
    let team = caller.team.and_then(|team| call.policy.teams.get(team as usize));
    let own_or =
        |own: &Option<String>, teams: Option<&Option<String>>| own.clone().or_else(|| teams.cloned().flatten());
    CallerIdentity {
        key_id: caller.key_id.clone(),
        owner: caller.owner.clone(),
        team: team.map(|team| team.name.clone()),
        project: own_or(&caller.project, team.map(|team| &team.project)),
        application: own_or(&caller.application, team.map(|team| &team.application)),
        cost_center: team.and_then(|team| team.cost_center.clone()),
        tenant: team.and_then(|team| team.tenant.clone()),
        source: if caller.playground { RequestSource::Playground } else { RequestSource::Key },
    }
}

/// Returns the alias, or the requested text if it has the form of a model name. Anything else is payload.
fn requested_model(call: &Call) -> Option<String> {
    call.scan.as_ref().map(|scan| scan.model.clone()).filter(|model| is_model_name(model))
}

fn served_by(call: &Call, one: &Try) -> Option<ServedBy> {
    let provider = call.provider_name(one.step)?;
    Some(ServedBy { provider: provider.to_string(), model: call.upstream(one.step)?.model.clone() })
}

fn attempt(call: &Call, one: &Try) -> Option<AttemptRecord> {
    let ServedBy { provider, model } = served_by(call, one)?;
    Some(AttemptRecord {
        provider,
        model,
        kind: one.kind,
        status: one.status,
        error: one.error,
        provider_error: one.provider_error.clone(),
        started_after_us: one.started.us_since(call.started),
        latency_us: one.decided.map_or(0, |decided| decided.us_since(one.started)),
    })
}
