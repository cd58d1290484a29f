//! The end of a request, whichever it was: one record, once.

use super::account::{cost_with_others, is_the_answer_s, other_models, tier, usage};
use super::reader::Seen;
use super::state::{Gate, Phase};
use crate::call::Timestamp;
use crate::request_env::RequestEnv;
use crate::status::status_error;
use headgate_exchange::error_status;
use headgate_limits::Ledger;
use headgate_record::{AttemptError, Cost, EndedBy, ModelUsage, RejectedBy, Usage};
use std::collections::BTreeMap;

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

/// The facts of an exchange that is over.
#[derive(Debug)]
pub struct Closing {
    pub(super) now: Timestamp,
    pub(super) ended_by: EndedBy,
    pub(super) seen: Seen,
    pub(super) redactions: BTreeMap<String, u32>,
    pub(super) usage: Option<Usage>,
    pub(super) other_models: Vec<ModelUsage>,
    pub(super) cost: Option<Cost>,
}

impl Closing {
    fn nano_usd(&self) -> u64 {
        self.cost.as_ref().map_or(0, |cost| cost.nano_usd)
    }
}

impl Gate {
    /// Whether [`Gate::close`] needs to be told how the stream ended; asking costs the host a call.
    #[must_use]
    pub fn ended_early(&self) -> bool {
        !self.response_whole
    }

    /// Settles the reservations, and writes the record to the end of `out`: a [`headgate_record::RequestRecord`] as JSON. Call
    /// it once. Returns the facts of the end, for [`Gate::facts`] and [`Gate::access_log`].
    pub fn close<L: Ledger>(
        &mut self,
        now: Timestamp,
        disconnect: Disconnect,
        number: RecordSeq<'_>,
        env: RequestEnv<'_, L>,
        out: &mut Vec<u8>,
    ) -> Closing {
        let closing = self.close_without_record(now, disconnect, env);
        self.write_record(&closing, number, out);
        closing
    }

    /// Settles the reservations of a request that leaves no record. Call it once, instead of [`Gate::close`].
    pub fn close_without_record<L: Ledger>(
        &mut self,
        now: Timestamp,
        disconnect: Disconnect,
        mut env: RequestEnv<'_, L>,
    ) -> Closing {
        let closing = self.closing(now, disconnect);
        self.settle_limits(closing.usage.as_ref(), closing.nano_usd(), now.as_s(), &mut env);
        closing
    }

    /// Takes stock of the exchange.
    fn closing(&mut self, now: Timestamp, disconnect: Disconnect) -> Closing {
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
        Closing { now, ended_by, seen, redactions, usage, other_models, cost }
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

    pub(super) fn time_to_first_token(&self) -> Option<u64> {
        if !matches!(self.phase, Phase::Sent | Phase::Aborted) {
            None
        } else {
            self.first_byte.map(|at| at.us_since(self.call.started))
        }
    }
}
