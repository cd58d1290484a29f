//! The facts of an exchange that is over, as metrics and the fields of the proxy's own log take them.

use super::close::Closing;
use super::state::Gate;
use headgate_metrics::RequestFacts;

impl Gate {
    /// Returns the facts for metrics. The names are those of the policy: a model that is not in it is left out.
    #[must_use]
    pub fn facts(&self, closing: &Closing) -> RequestFacts<'_> {
        let call = &self.call;
        RequestFacts {
            surface: call.surface.map_or("unknown", |surface| surface.as_str()),
            model: self.alias_asked_for().unwrap_or_default(),
            provider: call
                .served_try()
                .and_then(|one| call.provider_of(one.step))
                .map_or("", |provider| &provider.name),
            stream: call.stream(),
            status: self.status,
            ended_by: closing.ended_by,
            rejected_by: self.rejected_by,
            tried: !call.tries.is_empty(),
            duration_us: closing.now.us_since(call.started),
            first_byte_us: self.time_to_first_token(),
            usage: closing.usage,
            nano_usd: closing.cost.as_ref().map(|cost| cost.nano_usd),
            decisions: &self.decisions,
        }
    }

    /// Returns the alias that the request asks for, if the policy has it: also one that it may not use. Where the proxy routes,
    /// returns the model by its name in the price list. There is a bounded number of either.
    pub(super) fn alias_asked_for(&self) -> Option<&str> {
        let call = &self.call;
        if call.proxied.is_some() {
            return call.counted_model();
        }
        let alias = call.alias().or_else(|| Some(call.policy.alias(&call.scan.as_ref()?.model)?.1));
        alias.map(|alias| alias.name.as_str())
    }
}
