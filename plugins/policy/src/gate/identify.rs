//! The caller of a request: by its virtual key, or by the name that the proxy tells.

use super::state::Gate;
use crate::client::client_context;
use crate::credentials::clean_query;
use crate::document::Stage;
use crate::header_view::HeaderView;
use crate::identity::Identity;
use crate::trace::{TRACEPARENT, Trace};
use headgate_exchange::{Dialect, Endpoint, Rejection, Surface};
use headgate_keys::{Caller, KeyRefusal, Refused, presented};
use headgate_record::{Decision, KnownBy, Verdict};

impl Gate {
    pub(super) fn note_client(&mut self, head: HeaderView<'_>, path: &str, endpoint: &Endpoint<'_>) {
        let of_path = if self.routes() { Dialect::of_path(path) } else { Dialect::of_path_below(path) };
        let call = &mut self.call;
        call.dialect = dialect(head, of_path, endpoint);
        call.client = client_context(head, &call.policy.tags);
        call.trace = head.bytes(TRACEPARENT).and_then(Trace::read);
        call.accepts_encoding = head.has("accept-encoding");
        let query = path.find('?').and_then(|at| path.get(at..)).unwrap_or_default();
        call.query = clean_query(query);
        call.query_cleaned = call.query != query;
        call.condition_headers = call
            .policy
            .condition_headers
            .iter()
            .filter_map(|name| head.text(name).map(|value| (name.clone(), value.to_owned())))
            .collect();
        call.surface = match endpoint {
            Endpoint::Surface(surface) => Some(*surface),
            Endpoint::RetrieveModel(_) => Some(Surface::Models),
            Endpoint::MethodNotAllowed { .. } | Endpoint::Unknown => None,
        };
    }

    /// Finds the caller, if a stage needs one: by the name that the proxy tells, else by a virtual key.
    pub(super) fn identify(&mut self, head: HeaderView<'_>) -> Result<(), Rejection> {
        let policy = &self.call.policy;
        if !policy.identifies(self.stages) {
            return Ok(());
        }
        let rules = policy.identity.as_ref();
        let name = rules.and_then(|rules| rules.name(head, self.caller_name.as_deref()));
        match (rules.zip(name), self.stages.has(Stage::Keys)) {
            (Some((rules, name)), _) => {
                let found = rules.find(name);
                let refused = found.is_none().then_some(Rejection::UnknownIdentity);
                self.known("identity", found, refused)
            }
            (None, true) => self.identify_key(head),
            (None, false) => self.known("identity", None, Some(Rejection::MissingIdentity)),
        }
    }

    fn identify_key(&mut self, head: HeaderView<'_>) -> Result<(), Rejection> {
        let call = &self.call;
        let (identity, refused) = match call.policy.keys.admit_first(presented(head.iter()), call.started.as_s()) {
            Ok(caller) => (Some(identity(caller)), None),
            Err(Refused { reason, caller }) => {
                let identity = caller.map(identity);
                let key_id = identity.as_ref().map(|identity| identity.key_id.clone()).unwrap_or_default();
                (identity, Some(key_rejection(reason, key_id)))
            }
        };
        self.known("keys", identity, refused)
    }

    /// Notes the caller and the decision about it.
    fn known(&mut self, stage: &str, caller: Option<Identity>, refused: Option<Rejection>) -> Result<(), Rejection> {
        self.decisions.push(Decision {
            stage: stage.to_owned(),
            policy_id: caller.as_ref().map(|identity| identity.key_id.clone()),
            verdict: if refused.is_some() { Verdict::Deny } else { Verdict::Allow },
            reason: refused.as_ref().map(|rejection| rejection.code().to_owned()),
            ..Decision::default()
        });
        self.call.caller = caller;
        refused.map_or(Ok(()), Err)
    }
}

/// By the path where it is one API's; where it is not, Anthropic's clients tell themselves by their version.
fn dialect(head: HeaderView<'_>, of_path: Dialect, endpoint: &Endpoint<'_>) -> Dialect {
    let shared = !matches!(endpoint, Endpoint::Surface(surface) if *surface != Surface::Models);
    if shared && head.has("anthropic-version") { Dialect::Anthropic } else { of_path }
}

fn identity(caller: Caller<'_>) -> Identity {
    Identity {
        key_id: caller.key_id.to_owned(),
        owner: caller.owner.map(str::to_owned),
        team: caller.team,
        project: caller.project.map(str::to_owned),
        application: caller.application.map(str::to_owned),
        use_case: caller.use_case.map(str::to_owned),
        risk_class: caller.risk_class,
        permission: caller.permission.clone(),
        playground: caller.playground,
        known_by: KnownBy::VirtualKey,
    }
}

fn key_rejection(reason: KeyRefusal, key_id: String) -> Rejection {
    match reason {
        KeyRefusal::Missing => Rejection::MissingKey,
        KeyRefusal::Unknown => Rejection::UnknownKey,
        KeyRefusal::Expired => Rejection::KeyExpired { key_id },
        KeyRefusal::Disabled => Rejection::KeyDisabled { key_id },
    }
}
