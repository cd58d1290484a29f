//! A request whose body is not there any more: its facts take the body's place, and its recorded usage settles it. Nothing here
//! is called for a request in a proxy.
//!
//! Guardrails read text, and there is none, so they are not asked.

use super::account::{cost_with_others, prompt_tokens, tier};
use super::state::{Gate, Phase};
use crate::call::{Timestamp, Try};
use crate::price::cost_in_tier;
use crate::request_env::RequestEnv;
use headgate_exchange::{AnswerFacts, RequestScan};
use headgate_limits::Ledger;
use headgate_record::{AttemptKind, Cost, Decision, ModelUsage, Usage};
use headgate_routing::{Cooldowns, NextAttempt};

/// The end of a request, as its record tells it.
#[derive(Debug, Clone, Copy)]
pub struct ReplayedEnd<'a> {
    /// Provider and model that serve it now, from [`Gate::planned`].
    pub target: usize,
    /// Its usage.
    pub usage: &'a Usage,
    /// The parts of other models.
    pub other_models: &'a [ModelUsage],
    /// `service_tier` of the answer.
    pub service_tier: Option<&'a str>,
    /// `speed` of the answer.
    pub speed: Option<&'a str>,
}

impl Gate {
    /// Takes facts in the place of the body, once the headers have been read, and plans the route. `Err` is the code of the
    /// rejection.
    pub fn replay_facts(
        &mut self,
        scan: RequestScan,
        request_bytes: u64,
        cooldowns: &Cooldowns,
        mut draw: impl FnMut() -> u32,
    ) -> Result<(), &'static str> {
        self.call.request_bytes = request_bytes;
        self.plan_scanned(scan, cooldowns, &mut draw).map_err(|rejection| rejection.code())
    }

    /// Asks limits and budgets, and reserves. `Err` is the code of the rejection.
    pub fn replay_limits<L: Ledger>(&mut self, now: Timestamp, mut env: RequestEnv<'_, L>) -> Result<(), &'static str> {
        self.admit_limits(now.as_s(), &mut env).map_err(|rejection| rejection.code())
    }

    /// Returns the indexes of the planned targets, as many as there may be tries.
    #[must_use]
    pub fn planned(&self) -> Vec<usize> {
        let plan = &self.call.route_plan;
        plan.order().take(plan.tries_left() as usize).collect()
    }

    /// Returns the decisions so far.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Returns a likely usage of a request that has none on record.
    #[must_use]
    pub fn likely_usage(&self) -> Usage {
        let input_tokens = self.call.scan.as_ref().map_or(0, prompt_tokens);
        self.reserved.unwrap_or(Usage { input_tokens, ..Usage::default() })
    }

    /// Ends a request that was served, settles its reservations and returns its cost.
    pub fn replay_end<L: Ledger>(&mut self, end: ReplayedEnd<'_>, now: Timestamp, mut env: RequestEnv<'_, L>) -> Cost {
        let step = NextAttempt { target: end.target, kind: headgate_routing::AttemptKind::First };
        self.phase = Phase::Sent;
        self.call.tries.push(Try { passed_on: true, ended: true, ..Try::begun(step, AttemptKind::First, now) });
        let facts = AnswerFacts {
            service_tier: end.service_tier.map(str::to_owned),
            speed: end.speed.map(str::to_owned),
            ..AnswerFacts::default()
        };
        let tier = tier(&self.call, &facts);
        let cost = self.call.upstream(step).map_or_else(Cost::default, |upstream| match end.other_models {
            [] => cost_in_tier(&upstream.price, tier, end.usage),
            others => cost_with_others(&self.call.policy, upstream, tier, end.usage, others),
        });
        self.settle_limits(Some(end.usage), cost.nano_usd, now.as_s(), &mut env);
        cost
    }

    /// Ends a request that nobody served, and gives its reservations back. `tried` says that a provider was asked.
    pub fn replay_unserved<L: Ledger>(&mut self, tried: bool, now: Timestamp, mut env: RequestEnv<'_, L>) {
        if let Some(step) = self.call.route_plan.first().filter(|_| tried) {
            self.call.tries.push(Try::begun(step, AttemptKind::First, now));
        }
        self.settle_limits(None, 0, now.as_s(), &mut env);
    }
}
