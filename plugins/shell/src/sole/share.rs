//! A request that no share of a limit is there for waits for a report. Without that, each worker would let one request of a count in that
//! it has not heard of yet.

use super::SoleContext;
use crate::exchange::with_env;
use crate::member::MemberHost;
use headgate_limits::FleetStatus;
use headgate_policy::{Flow, Timestamp};

/// Most reports that one request waits for. The report of another request may be under way.
const MOST_ASKS: u32 = 3;

impl SoleContext {
    /// Whether the collector has answered lately, and can be asked.
    pub(super) fn can_ask(&self, host: &impl MemberHost) -> bool {
        let now_ms = host.now_us() / 1_000;
        let is_quiet = host.with_member(|member| member.is_quiet(now_ms)) != Some(false);
        self.policy.collector().is_some() && !is_quiet
    }

    /// The relation to the fleet: nothing goes on without a share while the collector can be asked.
    pub(super) fn fleet_status(&self, host: &impl MemberHost) -> FleetStatus {
        let now_ms = host.now_us() / 1_000;
        let status = host.with_member(|member| member.counters.fleet_status(&self.policy, now_ms));
        FleetStatus { asks_first: self.can_ask(host), ..status.unwrap_or(FleetStatus::ALONE) }
    }

    /// Holds a request that waits for a share. Returns the decision once it needs to wait no more.
    pub(super) fn with_share(&mut self, host: &impl MemberHost, decided: Flow) -> Flow {
        if !self.gate.awaits_share() || self.asks_for_share(host) {
            return decided;
        }
        self.gate.set_may_await_share(false);
        self.decide_again(host)
    }

    /// Something was heard of the collector: the request is decided on once more.
    pub(super) fn share_has_come(&mut self, host: &impl MemberHost) {
        let decided = self.decide_again(host);
        let flow = self.with_share(host, decided);
        self.obey(host, flow);
    }

    fn decide_again(&mut self, host: &impl MemberHost) -> Flow {
        let (now_us, status) = (host.now_us(), self.fleet_status(host));
        let (gate, effects) = (&mut self.gate, &mut self.effects);
        with_env(host, status, now_us, |env, random| {
            gate.share_has_come(Timestamp(now_us), env, || random.draw(host), effects)
        })
        .unwrap_or(Flow::Pause)
    }

    /// Has the collector asked for a share, or waits until another request has asked. `false` if nobody can be asked.
    fn asks_for_share(&mut self, host: &impl MemberHost) -> bool {
        if self.asks >= MOST_ASKS || !self.can_ask(host) {
            return false;
        }
        self.asks = self.asks.saturating_add(1);
        let now_ms = host.now_us() / 1_000;
        host.with_member(|member| member.counters.tick(host, &self.policy, now_ms));
        self.carrier.deliver(host, &self.policy);
        let Some((collector, _)) = self.policy.collector() else { return false };
        let waits = self.carrier.is_under_way() || self.http_calls.wake(host, collector);
        self.under_way = self.under_way.saturating_add(u32::from(waits));
        waits
    }
}
