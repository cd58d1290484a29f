//! Limits and budgets around one request: its likely usage, the reservation, and the settlement.

use super::account::{prompt_tokens, seen_usage, tier};
use super::state::{Gate, Phase};
use crate::call::Call;
use crate::effect::{Effect, Effects};
use crate::price::cost_in_tier;
use crate::request_env::{RequestEnv, Unsettled};
use headgate_exchange::{AnswerFacts, LimitReached, LimitScope, Rejection};
use headgate_limits::{
    Amounts, Dimension, Facts, Kind, Ledger, Meter, Note, OutputEstimates, Quota, Quotas, Refusal, Rule, Unit, Why,
};
use headgate_record::{Decision, Usage, UsageSource, Verdict};
use std::borrow::Cow;

impl Gate {
    /// Asks every limit and budget that applies, and reserves. A request belongs to the moment when it is whole: one that
    /// is sent slowly would else be counted in a window that is over.
    pub(super) fn admit_limits<L: Ledger>(&mut self, now_s: u64, env: &mut RequestEnv<'_, L>) -> Result<(), Rejection> {
        let call = &mut self.call;
        let policy = &call.policy;
        if !policy.has_limits(self.stages) {
            return Ok(());
        }
        let odd = call.scan.as_ref().and_then(|scan| scan.odd_number.filter(|_| scan.surface.generates()));
        if let Some(odd) = odd.filter(|_| policy.limits.depend_on_tokens(call)) {
            return Err(Rejection::BadBody(odd));
        }
        let usage = likely_usage(call, env.output_estimates);
        let amounts = amounts(1, &usage, dearest(call, &usage));
        match policy.limits.admit(call, &amounts, env.fleet_status, now_s, env.ledger) {
            Ok(admission) => {
                self.decisions
                    .extend(admission.notes.iter().filter_map(|note| noted(policy.limits.get(note.rule)?, note)));
                self.held = admission.held;
                self.reserved = Some(usage).filter(|_| !self.held.is_empty());
                self.max_cost = admission.max_cost;
                self.watched_costs = admission.watched_costs;
                call.quotas = admission.quotas;
                self.affordable(&usage, now_s, env)
            }
            Err(refusal) if self.may_await_share && refusal.why == Why::Share => {
                self.phase = Phase::AwaitingShare;
                Ok(())
            }
            Err(refusal) => {
                let Some(rule) = policy.limits.get(refusal.rule) else { return Err(Rejection::Misconfigured) };
                self.decisions.push(refused(rule, &refusal));
                call.quotas = refused_quotas(&refusal);
                Err(rejection(rule, &refusal, now_s))
            }
        }
    }

    /// Whether the prompt alone does not cost more than the whole request may.
    fn affordable<L: Ledger>(
        &mut self,
        usage: &Usage,
        now_s: u64,
        env: &mut RequestEnv<'_, L>,
    ) -> Result<(), Rejection> {
        let Some((max, index)) = self.max_cost else { return Ok(()) };
        let prompt = Usage { output_tokens: 0, ..*usage };
        let prompt_cost = dearest(&self.call, &prompt);
        if prompt_cost <= max {
            return Ok(());
        }
        self.settle(&Amounts::default(), now_s, env);
        let policy_id = self.call.policy.limits.get(index).map(|rule| rule.id.clone()).unwrap_or_default();
        self.decisions.push(over_max_cost(&policy_id, Verdict::Deny, prompt_cost, max));
        Err(Rejection::TooExpensive { policy: policy_id })
    }

    /// Settles the reservation with the usage on record, and its cost.
    pub(super) fn settle_limits<L: Ledger>(
        &mut self,
        usage: Option<&Usage>,
        nano_usd: u64,
        now_s: u64,
        env: &mut RequestEnv<'_, L>,
    ) {
        let reported = usage.filter(|usage| usage.source == UsageSource::Reported);
        if let (Some(model), Some(usage)) = (self.call.counted_model(), reported) {
            env.output_estimates.learn(model, usage.output_tokens);
        }
        let over = self.watched_costs.iter().filter(|(max, _)| nano_usd > *max).filter_map(|(max, index)| {
            Some(over_max_cost(&self.call.policy.limits.get(*index)?.id, Verdict::Monitor, nano_usd, *max))
        });
        self.decisions.extend(over);
        if self.held.is_empty() {
            return;
        }
        // A request that the gateway rejected after its limits had admitted it does not count.
        let requests = u64::from(!self.call.tries.is_empty());
        let used = amounts(requests, &usage.copied().unwrap_or_default(), nano_usd);
        let notes = self.settle(&used, now_s, env);
        let policy = &self.call.policy;
        self.decisions.extend(notes.iter().filter_map(|note| noted(policy.limits.get(note.rule)?, note)));
    }

    /// Ends a stream that has come to cost more than one request may, behind the last event that is whole.
    pub(super) fn enforce_max_cost(&mut self, chunk: &[u8], out: &mut Effects) {
        let Some((max, rule)) = self.max_cost else { return };
        let Some(cost) = self.cost_so_far().filter(|cost| *cost > max) else { return };
        let replaced = out.iter().rposition(|effect| matches!(effect, Effect::ReplaceChunk(_)));
        let passing = match replaced.and_then(|at| out.get(at)) {
            Some(Effect::ReplaceChunk(bytes)) => bytes.as_slice(),
            _ => chunk,
        };
        let Some(whole) = whole_events(passing).map(<[u8]>::to_vec) else { return };
        if let Some(at) = replaced {
            out.remove(at);
        }
        let policy_id = self.call.policy.limits.get(rule).map(|rule| rule.id.clone()).unwrap_or_default();
        self.decisions.push(over_max_cost(&policy_id, Verdict::Deny, cost, max));
        self.cut(Rejection::MaxCostReached { policy: policy_id }, whole, out);
    }

    /// Returns the cost of a stream so far; none when its end is near or nothing is known of it.
    fn cost_so_far(&self) -> Option<u64> {
        let (reading, facts) = self.reader.stream()?;
        if reading.ends {
            return None;
        }
        let call = &self.call;
        let price = &call.upstream(call.served_try()?.step)?.price;
        let usage = seen_usage(call, reading.begun.as_ref(), reading.output_text_bytes);
        Some(cost_in_tier(price, tier(call, facts), &usage).nano_usd)
    }

    /// Returns the least charge for a client that leaves before the usage is known: the prompt, and a part of the reserved output.
    /// The provider may go on generating, so the bytes that the client has read are no measure.
    pub(super) fn charged_when_left(&self) -> Option<Usage> {
        let reserved = self.reserved?;
        let percent = u64::from(self.call.policy.disconnect_charge_percent);
        let output_tokens = reserved.output_tokens.saturating_mul(percent).div_ceil(100);
        Some(Usage { output_tokens, ..reserved })
    }

    fn settle<L: Ledger>(&mut self, used: &Amounts, now_s: u64, env: &mut RequestEnv<'_, L>) -> Vec<Note> {
        let (call, held) = (&self.call, std::mem::take(&mut self.held));
        let settlement = call.policy.limits.settle(held, call, used, env.fleet_status, now_s, env.ledger);
        if !settlement.left.is_empty() {
            env.unsettled.push(Unsettled::new(&call.policy, settlement.left));
        }
        settlement.notes
    }
}

impl Facts for Call {
    fn value(&self, dimension: &Dimension) -> Option<&str> {
        let caller = self.caller.as_ref();
        match dimension {
            Dimension::Key => caller.map(|caller| caller.key_id.as_str()),
            Dimension::Owner => caller?.owner.as_deref(),
            Dimension::Team => self.team_of_key().map(|team| team.name.as_str()),
            Dimension::Project => self.project(),
            Dimension::Application => self.application(),
            Dimension::Model => self.counted_model(),
            Dimension::Provider => self.provider(),
            Dimension::Organization => Some(self.policy.organization.as_str()).filter(|name| !name.is_empty()),
            Dimension::Environment => Some(self.policy.environment.as_str()),
            Dimension::Tag(name) => self.client.tags.get(name).map(String::as_str),
        }
    }
}

impl Call {
    /// The provider of the last try, or of the first one to come.
    fn provider(&self) -> Option<&str> {
        let provider = match &self.proxied {
            Some(proxied) => proxied.upstream.provider,
            None => self.upstream(self.last_try().map(|one| one.step).or_else(|| self.route_plan.first())?)?.provider,
        };
        self.policy.providers.get(provider).map(|provider| &*provider.name)
    }
}

/// Returns the likely usage of a request: its text's bytes, and as much output as it allows or as answers usually have.
fn likely_usage(call: &Call, output_estimates: &OutputEstimates) -> Usage {
    let Some(scan) = call.scan.as_ref().filter(|scan| scan.surface.is_metered()) else { return Usage::default() };
    let likely = || call.counted_model().map_or(0, |model| output_estimates.output_tokens(model));
    let each = match scan.surface.generates() {
        true => scan.max_output_tokens.unwrap_or_else(likely).max(scan.min_output_tokens),
        false => 0,
    };
    Usage {
        input_tokens: prompt_tokens(scan),
        output_tokens: each.saturating_mul(scan.choices.max(1)),
        source: UsageSource::Estimated,
        ..Usage::default()
    }
}

/// Returns its cost at the most expensive eligible target.
fn dearest(call: &Call, usage: &Usage) -> u64 {
    let nothing_yet = AnswerFacts::default();
    let tier = tier(call, &nothing_yet);
    call.candidates().map(|upstream| cost_in_tier(&upstream.price, tier, usage).nano_usd).max().unwrap_or(0)
}

fn amounts(requests: u64, usage: &Usage, nano_usd: u64) -> Amounts {
    Amounts { requests, input_tokens: usage.input_tokens, output_tokens: usage.output_tokens, nano_usd }
}

fn stage(rule: &Rule) -> String {
    match rule.kind {
        Kind::Limit => "limits",
        Kind::Budget => "budgets",
    }
    .to_owned()
}

/// Returns the decision on record of a rule that admitted the request: a crossed threshold, or a rule that only watches.
fn noted(rule: &Rule, note: &Note) -> Option<Decision> {
    let (verdict, reason) = match note.crossed {
        Some(percent) => (Verdict::Warn, format!("crossed_{percent}_percent")),
        None if rule.monitor => (Verdict::Monitor, note.unit.as_str().to_owned()),
        None => return None,
    };
    Some(Decision {
        stage: stage(rule),
        policy_id: Some(rule.id.clone()),
        verdict,
        reason: Some(reason),
        observed: Some(note.observed),
        limit: Some(note.max),
        ..Decision::default()
    })
}

fn refused(rule: &Rule, refusal: &Refusal) -> Decision {
    let reason = match refusal.why {
        Why::TooLarge => "request_exceeds_limit",
        Why::Exhausted => refusal.unit.as_str(),
        Why::Share => "share",
        Why::Unreachable => "collector_unreachable",
    };
    Decision {
        stage: stage(rule),
        policy_id: Some(rule.id.clone()),
        verdict: Verdict::Deny,
        reason: Some(reason.to_owned()),
        observed: Some(refusal.observed),
        limit: Some(refusal.max),
        ..Decision::default()
    }
}

fn over_max_cost(policy_id: &str, verdict: Verdict, observed: u64, max: u64) -> Decision {
    Decision {
        stage: "limits".to_owned(),
        policy_id: Some(policy_id.to_owned()),
        verdict,
        reason: Some("max_cost".to_owned()),
        observed: Some(observed),
        limit: Some(max),
        ..Decision::default()
    }
}

/// The part of a stream up to the end of its last event that is whole.
fn whole_events(bytes: &[u8]) -> Option<&[u8]> {
    let ends: [&[u8]; 3] = [b"\n\n", b"\r\n\r\n", b"\r\r"];
    let last = |end: &&[u8]| bytes.windows(end.len()).rposition(|window| window == *end).map(|at| at + end.len());
    bytes.get(..ends.iter().filter_map(last).max()?)
}

fn rejection(rule: &Rule, refusal: &Refusal, now_s: u64) -> Rejection {
    let policy = rule.id.clone();
    if refusal.why == Why::Unreachable {
        return Rejection::LimitUnavailable { policy, retry_after_s: refusal.retry_after_s.unwrap_or(1) };
    }
    let refused = |meter: &&Meter| meter.unit == refusal.unit && meter.max == refusal.max;
    let period = rule.meters.iter().find(refused).and_then(|meter| meter.period);
    let resets_at =
        refusal.retry_after_s.filter(|_| refusal.why == Why::Exhausted).map(|wait| now_s.saturating_add(wait));
    match rule.kind {
        Kind::Budget if refusal.why != Why::Share => Rejection::BudgetExceeded {
            policy,
            period: period.map_or("total", |period| period.as_str()),
            resets_at,
            retry_after_s: refusal.retry_after_s,
        },
        _ => Rejection::RateLimited {
            policy,
            scope: LimitScope { unit: refusal.unit.as_str(), period: period.map(|period| period.as_str()) },
            reached: match refusal.why {
                Why::TooLarge => LimitReached::TooLarge,
                Why::Share => LimitReached::ShareUsedUp,
                Why::Exhausted | Why::Unreachable => LimitReached::UsedUp,
            },
            retry_after_s: refusal.retry_after_s,
        },
    }
}

fn refused_quotas(refusal: &Refusal) -> Quotas {
    let quota = refusal.retry_after_s.map(|reset_s| Quota { limit: refusal.max, remaining: 0, reset_s });
    match (refusal.unit, refusal.why) {
        (Unit::Requests, Why::Exhausted) => Quotas { requests: quota, tokens: None },
        (Unit::Tokens, Why::Exhausted) => Quotas { requests: None, tokens: quota },
        _ => Quotas::default(),
    }
}

/// The client's view of its quotas, as OpenAI names and writes it.
pub(super) fn quota_headers(quotas: &Quotas) -> Vec<(&'static str, Cow<'static, str>)> {
    let requests = ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
    let tokens = ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];
    let known = [(requests, quotas.requests), (tokens, quotas.tokens)].into_iter();
    let each = known.filter_map(|(names, quota)| Some((names, quota?)));
    each.flat_map(|(names, quota)| {
        let values = [quota.limit.to_string(), quota.remaining.to_string(), duration(quota.reset_s)];
        names.into_iter().zip(values.map(Cow::Owned))
    })
    .collect()
}

pub(super) fn set_quotas(quotas: &Quotas, out: &mut Effects) {
    out.extend(quota_headers(quotas).into_iter().map(|(name, value)| Effect::SetResponseHeader(name, value)));
}

/// `45s`, `6m0s`, `23h5m0s`.
fn duration(seconds: u64) -> String {
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, _) => format!("{minutes}m{rest}s"),
        _ => format!("{hours}h{minutes}m{rest}s"),
    }
}
