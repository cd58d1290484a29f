//! A request that the proxy routes: its route, retries and credentials are the operator's. The gateway leaves path and
//! headers alone, but for those that are meant for the gateway.

use super::admit::{key_id, rerouting_field};
use super::state::{Flow, Gate, Phase};
use crate::call::{Proxied, Timestamp, Try};
use crate::client::GATEWAY_PREFIX;
use crate::effect::{Effect, Effects};
use crate::header_view::HeaderView;
use crate::policy::Upstream;
use headgate_exchange::{Endpoint, Rejection, Surface, is_model_name, rewrite};
use headgate_keys::presented;
use headgate_record::{AttemptKind, Decision, Verdict};
use headgate_routing::{self as routing, NextAttempt, TargetKey};
use std::borrow::Cow;

/// Stands for a model that the gateway does not know, because it does not read the body, or because the text is no name.
const UNKNOWN: &str = "unknown";

impl Gate {
    /// Takes the cluster that the proxy's route has chosen.
    pub fn take_cluster(&mut self, cluster: &[u8]) {
        let policy = &self.call.policy;
        let provider = std::str::from_utf8(cluster).ok().and_then(|cluster| policy.provider_of_cluster(cluster));
        self.call.proxied = provider.and_then(|provider| self.proxied_to(provider, UNKNOWN.to_owned()));
    }

    /// The headers of a request that the proxy routes.
    pub(super) fn proxied_headers(&mut self, head: HeaderView<'_>, whole: bool, out: &mut Effects) -> Flow {
        let surface = match self.arrive(head) {
            Err(rejection) => return self.reject(rejection, out),
            Ok(Endpoint::Surface(surface)) => surface,
            Ok(_) => Surface::Models,
        };
        if self.call.proxied.is_none() {
            self.decisions.push(Decision {
                stage: "routing".to_owned(),
                verdict: Verdict::Deny,
                reason: Some("cluster_not_mapped".to_owned()),
                ..Decision::default()
            });
            return self.reject(Rejection::Misconfigured, out);
        }
        self.call.surface = Some(surface);
        self.leave_out(head, out);
        if surface == Surface::Models || !self.call.policy.reads_requests(self.stages) {
            self.send(self.call.started, out);
            return Flow::Continue;
        }
        if let Err(rejection) = self.expect_body(head, surface, whole) {
            return self.refuse_unread(rejection, out);
        }
        self.phase = Phase::Body;
        Flow::Pause
    }

    /// Removes headers that are meant for the gateway: its own, virtual keys and the name of the caller. An answer has to be
    /// readable if it is read.
    fn leave_out(&self, head: HeaderView<'_>, out: &mut Effects) {
        let policy = &self.call.policy;
        for (name, value) in head.iter() {
            let has_key = || {
                let found = policy.keys.admit_first(presented([(name, value)].into_iter()), 0);
                found.map_or_else(|refused| refused.caller.is_some(), |_| true)
            };
            let is_name = || policy.identity.as_ref().is_some_and(|rules| rules.is_header(name));
            let unreadable = name == b"accept-encoding" && policy.reads_answers(self.stages);
            let is_ours = name.starts_with(GATEWAY_PREFIX) || unreadable || is_name() || has_key();
            if let (true, Ok(name)) = (is_ours, std::str::from_utf8(name)) {
                out.push(Effect::RemoveRequestHeader(Cow::Owned(name.to_owned())));
            }
        }
    }

    /// Refuses a request whose body is not read; where no stage depends on it, the request passes.
    pub(super) fn refuse_unread(&mut self, rejection: Rejection, out: &mut Effects) -> Flow {
        if self.call.policy.must_read(self.stages) {
            return self.reject(rejection, out);
        }
        self.send(self.call.started, out);
        Flow::Continue
    }

    /// Reads the body of a request that the proxy routes, and finds the price of its model.
    pub(super) fn read_proxied(&mut self, body: Vec<u8>) -> Result<(), Rejection> {
        self.take_body(body);
        let scanned = self.scan();
        let call = &mut self.call;
        let must_read = call.policy.must_read(self.stages);
        let model = match scanned {
            Ok(scan) => call.scan.insert(scan).model.clone(),
            Err(fault) if must_read => return Err(Rejection::BadBody(fault)),
            Err(_) => return Ok(()),
        };
        // A provider may take other text for a name, such as one with a space behind it, and rules for models would not.
        match is_model_name(&model) {
            true => {}
            false if must_read => return Err(Rejection::ModelNotFound { model }),
            false => return Ok(()),
        }
        if call.caller.as_ref().is_some_and(|caller| !caller.permission.may_use(&model)) {
            self.decisions.push(denied("model_not_allowed"));
            return Err(Rejection::ModelNotAllowed { model, key_id: key_id(&self.call) });
        }
        if let Some(field) = rerouting_field(call) {
            self.decisions.push(denied("field_not_allowed"));
            return Err(Rejection::FieldNotAllowed { field, key_id: key_id(&self.call) });
        }
        let provider = call.proxied.as_ref().map(|proxied| proxied.upstream.provider);
        self.call.proxied = provider.and_then(|provider| self.proxied_to(provider, model));
        Ok(())
    }

    fn proxied_to(&self, provider: usize, model: String) -> Option<Proxied> {
        let policy = &self.call.policy;
        let of = policy.providers.get(provider)?;
        let (price, listed) = policy.listed_price(of, &model);
        let listed = listed.to_owned();
        let upstream =
            Upstream { key: TargetKey(0), provider, dialect: of.dialect, model, price, context_window: None };
        Some(Proxied { upstream, listed })
    }

    /// Lets the request go to the proxy's own provider: with a body that guardrails have masked, or that asks for the usage of
    /// a stream.
    pub(super) fn forward(&mut self, now: Timestamp, out: &mut Effects) {
        let call = &mut self.call;
        let only = NextAttempt { target: 0, kind: routing::AttemptKind::First };
        let asks = call.policy.reads_answers(self.stages) && call.asks_for_usage(only);
        let splices = call.scan.as_ref().map(|scan| rewrite(scan, &scan.model, asks)).filter(|one| !one.is_empty());
        let body = match splices {
            Some(splices) => Some(splices.apply(&call.body)),
            None => self.changed_body.then(|| std::mem::take(&mut call.body)),
        };
        if let Some(body) = body {
            out.push(Effect::SetRequestHeader("content-length", Cow::Owned(body.len().to_string())));
            out.push(Effect::ReplaceRequest(body));
        }
        call.tries.push(Try::begun(only, AttemptKind::First, now));
        self.release_request();
    }
}

fn denied(reason: &str) -> Decision {
    Decision {
        stage: "keys".to_owned(),
        verdict: Verdict::Deny,
        reason: Some(reason.to_owned()),
        ..Decision::default()
    }
}
