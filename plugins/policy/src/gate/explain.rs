//! The reasons behind a decision, for people who try a policy: nothing here is called for a request in a proxy.

use super::guard::guarded_request;
use super::state::Gate;
use crate::call::Timestamp;
use crate::guard::{RequestFinding, request_findings};
use headgate_limits::{Count, Ledger, Rule};
use headgate_routing::{Cooldowns, TargetHealth};

/// The reason why a target is not in the plan of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetOut {
    /// Its weight is 0, or its provider's credential is not set.
    OutOfRotation,
    /// This part of its condition does not hold; `api` if the provider has another API.
    Condition(&'static str),
    /// It asked to be left alone until this time, ms since the Unix epoch.
    CoolingDown(u64),
    /// There is no plan, for another reason.
    NotPlanned,
}

/// A target of the model of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetState {
    /// The provider's name.
    pub provider: String,
    /// The provider's model.
    pub model: String,
    /// Lower tiers are tried first.
    pub tier: u32,
    /// Share of the requests within its tier.
    pub weight: u32,
    /// Its place in the plan, from 0.
    pub place: Option<usize>,
    /// It failed lately, and comes last.
    pub degraded: bool,
    /// The reason why it is not in the plan.
    pub out: Option<TargetOut>,
}

impl Gate {
    /// Returns all targets of the request's model, in the order of the policy.
    #[must_use]
    pub fn targets(&self, cooldowns: &Cooldowns) -> Vec<TargetState> {
        let call = &self.call;
        let Some(alias) = call.alias() else { return Vec::new() };
        let now_ms = call.started.as_ms();
        let states = alias.targets.iter().zip(&alias.upstreams).enumerate().map(|(index, (target, upstream))| {
            let place = call.route_plan.order().position(|planned| planned == index);
            let health = cooldowns.health(upstream.key, now_ms);
            let out = match (target.weight, target.when.failing(call), health) {
                (0, ..) => TargetOut::OutOfRotation,
                (_, Some(part), _) => TargetOut::Condition(part),
                (.., TargetHealth::Unavailable(until)) => TargetOut::CoolingDown(until),
                _ => TargetOut::NotPlanned,
            };
            let provider = call.policy.providers.get(upstream.provider);
            TargetState {
                provider: provider.map(|provider| provider.name.to_string()).unwrap_or_default(),
                model: upstream.model.clone(),
                tier: target.tier,
                weight: target.weight,
                place,
                degraded: health == TargetHealth::Degraded,
                out: Some(out).filter(|_| place.is_none()),
            }
        });
        states.collect()
    }

    /// Returns the counts of all limits and budgets that apply to the request, each with its rule.
    pub fn counts_now(&self, now: Timestamp, ledger: &mut impl Ledger) -> Vec<(&Rule, Count)> {
        let limits = &self.call.policy.limits;
        if !self.counts() {
            return Vec::new();
        }
        let counts = limits.counts(&self.call, now.as_s(), ledger);
        counts.into_iter().filter_map(|count| Some((limits.get(count.rule)?, count))).collect()
    }

    /// Returns the body from which every try starts, if guardrails have changed it.
    #[must_use]
    pub fn masked_body(&self) -> Option<&[u8]> {
        self.changed_body.then_some(self.call.body.as_slice())
    }

    /// Returns the findings of the guardrails that apply to the request in this body, the client's.
    #[must_use]
    pub fn request_findings(&self, body: &[u8]) -> Vec<RequestFinding> {
        let policy = &self.call.policy;
        if !policy.has_guardrails(self.stages) || self.call.scan.is_none() {
            return Vec::new();
        }
        let applying = policy.guardrails.applying(&guarded_request(&self.call));
        request_findings(&policy.guardrails, applying.request, body)
    }
}
