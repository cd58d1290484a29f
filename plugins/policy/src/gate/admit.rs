//! The admission of a request: caller, operation, permissions and route plan.

use super::state::{Flow, Gate, Phase};
use crate::call::{Call, Timestamp};
use crate::client::GATEWAY_PREFIX;
use crate::credentials::is_credential_header;
use crate::document::retries;
use crate::effect::{Effect, Effects, Reply};
use crate::header_view::HeaderView;
use crate::identity::IdentityRules;
use crate::policy::{Alias, Policy};
use crate::request_env::RequestEnv;
use crate::trace::{SpanId, TRACEPARENT};
use headgate_exchange::{
    Dialect, Endpoint, Rejection, RequestScan, Surface, endpoint, endpoint_below, model_id, scan_request, write_model,
    write_models,
};
use headgate_limits::Ledger;
use headgate_record::{Decision, Verdict};
use headgate_routing::{Cooldowns, NoTarget, plan_route};
use std::borrow::Cow;
use std::sync::Arc;

/// When every target is out of rotation, only an operator can help; clients should not come back at once.
const OUT_OF_ROTATION_RETRY_S: u64 = 30;

impl Gate {
    /// The request's headers. `whole` says that no body follows.
    pub fn request_headers(&mut self, head: HeaderView<'_>, whole: bool, out: &mut Effects) -> Flow {
        if !self.routes() {
            return self.proxied_headers(head, whole, out);
        }
        if let Some(flow) = self.answer_aside(head, out) {
            return flow;
        }
        let known = self.arrive(head);
        let surface = match known {
            Err(rejection) => return self.reject(rejection, out),
            Ok(Endpoint::RetrieveModel(raw)) => return self.retrieve_model(raw, out),
            Ok(Endpoint::Surface(Surface::Models)) => return self.list_models(out),
            Ok(Endpoint::Surface(surface)) => surface,
            Ok(_) => return self.reject(Rejection::UnknownPath, out),
        };
        if let Err(rejection) = self.expect_body(head, surface, whole) {
            return self.reject(rejection, out);
        }
        self.phase = Phase::Body;
        strip_request(head, self.call.policy.identity.as_ref(), out);
        Flow::Pause
    }

    /// Reads the head of a request: its operation and its caller.
    pub(super) fn arrive<'h>(&mut self, head: HeaderView<'h>) -> Result<Endpoint<'h>, Rejection> {
        let path = head.text(":path").unwrap_or_default();
        let method = head.text(":method").unwrap_or_default();
        let endpoint = if self.routes() { endpoint(method, path) } else { endpoint_below(method, path) };
        self.note_client(head, path, &endpoint);
        let known = self.identify(head);
        match endpoint {
            Endpoint::Unknown => Err(Rejection::UnknownPath),
            Endpoint::MethodNotAllowed { allow } => Err(Rejection::MethodNotAllowed { allow }),
            endpoint => known.map(|()| endpoint),
        }
    }

    /// Whether a body is to come that can be read.
    pub(super) fn expect_body(&mut self, head: HeaderView<'_>, surface: Surface, whole: bool) -> Result<(), Rejection> {
        let limit = self.max_request_bytes();
        let announced = head.text("content-length").and_then(|length| length.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(Rejection::BodyTooLarge { limit });
        }
        self.expect_request(announced.unwrap_or(0))?;
        if let Some(encoded) = unreadable_body(head) {
            return Err(Rejection::UnreadableBody { encoded });
        }
        if whole {
            scan_request(surface, &[]).map_err(Rejection::BadBody)?;
            return Err(Rejection::MalformedRequest);
        }
        Ok(())
    }

    /// The headers of a request over HTTP/1.0, which has no chunks: its clients could not tell a stream that broke off from
    /// one that is over. Health checks are answered, since load balancers send them in this version.
    pub fn request_headers_of_http_1_0(&mut self, head: HeaderView<'_>, out: &mut Effects) -> Flow {
        if let Some(flow) = self.answer_aside(head, out) {
            return flow;
        }
        let path = head.text(":path").unwrap_or_default();
        self.note_client(head, path, &endpoint(head.text(":method").unwrap_or_default(), path));
        // The record names the caller; its permissions do not matter here.
        let _ = self.identify(head);
        self.reject(Rejection::HttpVersion, out)
    }

    /// More of the body is there, `buffered` bytes so far.
    pub fn request_body_grows(&mut self, buffered: u64, out: &mut Effects) -> Flow {
        let limit = self.max_request_bytes();
        match self.phase {
            Phase::Body if buffered > limit => self.refuse_unread(Rejection::BodyTooLarge { limit }, out),
            Phase::Body => match self.hold_request(buffered) {
                Ok(()) => Flow::Pause,
                Err(rejection) => self.refuse_unread(rejection, out),
            },
            Phase::AwaitingShare | Phase::AwaitingChecks => Flow::Pause,
            Phase::Answered => Flow::Answered,
            _ => Flow::Continue,
        }
    }

    /// The whole body: reads it, asks every stage, and sends it on its way or back. `draw` gives random numbers.
    pub fn request_body<L: Ledger>(
        &mut self,
        body: Vec<u8>,
        now: Timestamp,
        mut env: RequestEnv<'_, L>,
        mut draw: impl FnMut() -> u32,
        out: &mut Effects,
    ) -> Flow {
        match self.phase {
            Phase::Body => {}
            Phase::Answered => return Flow::Answered,
            _ => return Flow::Continue,
        }
        let planned = match self.routes() {
            true => self.plan(body, env.cooldowns, &mut draw),
            false => self.read_proxied(body),
        };
        match planned {
            Ok(()) => self.admit_planned(now, &mut env, draw, out),
            Err(rejection) => self.reject(rejection, out),
        }
    }

    fn plan(&mut self, body: Vec<u8>, cooldowns: &Cooldowns, draw: impl FnMut() -> u32) -> Result<(), Rejection> {
        self.take_body(body);
        let scan = self.scan().map_err(Rejection::BadBody)?;
        self.plan_scanned(scan, cooldowns, draw)
    }

    /// Plans the route of a request whose body has been read.
    pub(super) fn plan_scanned(
        &mut self,
        scan: RequestScan,
        cooldowns: &Cooldowns,
        draw: impl FnMut() -> u32,
    ) -> Result<(), Rejection> {
        let call = &mut self.call;
        let policy = Arc::clone(&call.policy);
        let alias = policy.alias(&scan.model);
        call.scan = Some(scan);
        let Some((index, alias)) = alias else {
            self.decisions.push(routing(None, Verdict::Deny, Some("model_not_found")));
            return Err(Rejection::ModelNotFound { model: asked_model(call) });
        };
        if !may_use(call, alias) {
            self.decisions.push(routing(Some(alias), Verdict::Deny, Some("model_not_allowed")));
            return Err(Rejection::ModelNotAllowed { model: asked_model(call), key_id: key_id(call) });
        }
        if let Some(field) = rerouting_field(call) {
            self.decisions.push(routing(Some(alias), Verdict::Deny, Some("field_not_allowed")));
            return Err(Rejection::FieldNotAllowed { field, key_id: key_id(call) });
        }
        call.alias = Some(index);
        if !alias.supports(call.dialect) {
            self.decisions.push(routing(Some(alias), Verdict::Deny, Some("wrong_api")));
            return Err(Rejection::WrongApi { model: asked_model(call), served_at: served_at(call.dialect) });
        }
        let now_ms = call.started.as_ms();
        let health = |target: usize| {
            alias
                .upstreams
                .get(target)
                .map_or(headgate_routing::TargetHealth::Healthy, |upstream| cooldowns.health(upstream.key, now_ms))
        };
        match plan_route(&alias.targets, call, health, alias.failover.attempts, draw) {
            Ok(plan) => {
                call.route_plan = plan;
                self.decisions.push(routing(Some(alias), Verdict::Allow, None));
                Ok(())
            }
            Err(reason) => {
                let rejection = no_target(reason, call, alias);
                self.decisions.push(routing(Some(alias), Verdict::Deny, Some(rejection.code())));
                Err(rejection)
            }
        }
    }

    /// Takes the body of the request.
    pub(super) fn take_body(&mut self, body: Vec<u8>) {
        let call = &mut self.call;
        call.request_bytes = body.len() as u64;
        call.request_fingerprint = fingerprint(&call.policy, &body);
        call.body = body;
    }

    /// Sends the request on its way.
    pub(super) fn send(&mut self, now: Timestamp, out: &mut Effects) {
        self.phase = Phase::Sent;
        if self.routes() { self.route(out) } else { self.forward(now, out) }
    }

    /// Tells the host where the first try goes and how many may follow.
    fn route(&self, out: &mut Effects) {
        let call = &self.call;
        let Some(first) = call.route_plan.first().and_then(|step| call.provider_name(step)) else { return };
        out.push(Effect::Route(first));
        // A try names its own span instead; where the host makes the tries, its providers are below the request's.
        let traceparent = call.trace.as_ref().and_then(|trace| trace.below(SpanId::of_request(call.id)));
        out.extend(traceparent.map(|text| Effect::SetRequestHeader(TRACEPARENT, Cow::Owned(text))));
        // Attempts end the tries by an empty route, so a header is needed only for fewer retries than the route has.
        let retries = retries(call.route_plan.tries_left());
        if retries != call.policy.route_retries {
            out.push(Effect::SetRequestHeader("x-envoy-max-retries", Cow::Owned(retries.to_string())));
        }
        if let Some(alias) = call.alias() {
            let timeout = alias.failover.first_byte_timeout_ms.to_string();
            out.push(Effect::SetRequestHeader("x-envoy-upstream-rq-per-try-timeout-ms", Cow::Owned(timeout)));
        }
    }

    fn list_models(&mut self, out: &mut Effects) -> Flow {
        let call = &self.call;
        let visible = call.policy.aliases.iter().filter(|alias| may_use(call, alias));
        let body = write_models(visible.map(|alias| alias.name.as_str()));
        self.answer(body, out)
    }

    fn retrieve_model(&mut self, raw: &str, out: &mut Effects) -> Flow {
        let model = model_id(raw).unwrap_or_default();
        if self.call.policy.alias(&model).is_some_and(|(_, alias)| may_use(&self.call, alias)) {
            self.answer(write_model(&model), out)
        } else {
            self.reject(Rejection::ModelNotFound { model }, out)
        }
    }

    fn answer(&mut self, body: Vec<u8>, out: &mut Effects) -> Flow {
        self.phase = Phase::Answered;
        self.status = 200;
        self.response_whole = true;
        let id = Cow::Owned(self.id().to_text());
        let mut headers = vec![("content-type", Cow::Borrowed("application/json")), ("x-headgate-request-id", id)];
        headers.extend(self.cors.iter().cloned());
        out.push(Effect::Reply(Reply { status: 200, headers, body }));
        Flow::Answered
    }
}

/// Whether a header says that the body is not the UTF-8 that it is read as, and whether it is `content-encoding`. A guardrail must see
/// the same text as the provider.
fn unreadable_body(head: HeaderView<'_>) -> Option<bool> {
    let values = |wanted: &'static [u8]| head.iter().filter(move |(name, _)| *name == wanted).map(|(_, value)| value);
    let identity = |coding: &[u8]| {
        let coding = coding.trim_ascii();
        coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
    };
    let encoded = values(b"content-encoding").any(|value| !value.split(|byte| *byte == b',').all(identity));
    let utf8 = |charset: &[u8]| {
        let charset = charset.trim_ascii();
        let charset = charset.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(charset);
        charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"utf8")
    };
    let other = |parameter: &[u8]| {
        let mut parts = parameter.splitn(2, |byte| *byte == b'=');
        let name = parts.next().unwrap_or_default().trim_ascii();
        name.eq_ignore_ascii_case(b"charset") && !parts.next().is_some_and(utf8)
    };
    let foreign = || values(b"content-type").any(|value| value.split(|byte| matches!(byte, b';' | b',')).any(other));
    if encoded { Some(true) } else { foreign().then_some(false) }
}

/// Removes headers that must not leave the gateway: the caller's credential and name, those for the gateway, those in which a proxy tells
/// of the client, and the host's own controls.
fn strip_request(head: HeaderView<'_>, identity: Option<&IdentityRules>, out: &mut Effects) {
    for (name, _) in head.iter() {
        let ours = is_credential_header(name)
            || name.starts_with(GATEWAY_PREFIX)
            || name.starts_with(b"x-envoy-")
            || tells_of_client(name)
            || identity.is_some_and(|rules| rules.is_header(name));
        if ours && let Ok(name) = std::str::from_utf8(name) {
            out.push(Effect::RemoveRequestHeader(Cow::Owned(name.to_owned())));
        }
    }
}

/// Returns whether a proxy before this one, or this one, tells of the client in a header of this name. Envoy finds no route without
/// `x-forwarded-proto`, so the route removes that one.
fn tells_of_client(name: &[u8]) -> bool {
    (name.starts_with(b"x-forwarded-") && name != b"x-forwarded-proto") || name == b"forwarded"
}

fn fingerprint(policy: &Policy, body: &[u8]) -> Option<String> {
    let mut fingerprint = policy.fingerprint.clone()?;
    fingerprint.update(body);
    Some(fingerprint.finish())
}

fn may_use(call: &Call, alias: &Alias) -> bool {
    call.caller.as_ref().is_some_and(|caller| caller.permission.may_use(&alias.name))
}

/// Returns a field by which the provider could use other models than a caller may.
pub(super) fn rerouting_field(call: &Call) -> Option<&'static str> {
    let limited = call.caller.as_ref().is_some_and(|caller| caller.permission.is_limited());
    call.scan.as_ref().and_then(|scan| scan.reroute).filter(|_| limited)
}

fn asked_model(call: &Call) -> String {
    call.scan.as_ref().map(|scan| scan.model.clone()).unwrap_or_default()
}

pub(super) fn key_id(call: &Call) -> String {
    call.caller.as_ref().map(|caller| caller.key_id.clone()).unwrap_or_default()
}

fn routing(alias: Option<&Alias>, verdict: Verdict, reason: Option<&str>) -> Decision {
    Decision {
        stage: "routing".to_owned(),
        policy_id: alias.map(|alias| alias.name.clone()),
        verdict,
        reason: reason.map(str::to_owned),
        ..Decision::default()
    }
}

/// Returns the path of the other API, for an alias without a target of this one.
fn served_at(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Openai => "/v1/messages",
        Dialect::Anthropic => "/v1/chat/completions",
    }
}

fn no_target(reason: NoTarget, call: &Call, alias: &Alias) -> Rejection {
    let model = alias.name.clone();
    let retry_after_s = match reason {
        NoTarget::NoneEligible if alias.is_in_rotation(call.dialect) => {
            return Rejection::ModelNotAllowed { model, key_id: key_id(call) };
        }
        NoTarget::NoneEligible => OUT_OF_ROTATION_RETRY_S,
        NoTarget::AllUnavailable(until_ms) => until_ms.saturating_sub(call.started.as_ms()).div_ceil(1_000).max(1),
    };
    Rejection::AllTargetsUnavailable { model, retry_after_s }
}
