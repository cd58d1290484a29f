//! One client request on its way: the facts that the gate read and the attempts saw, and that the record will have.
//!
//! The gate owns it. Gate and attempts run in turn in one worker, so an attempt borrows it for the time of one method.

use crate::credentials::Echo;
use crate::document::Team;
use crate::id::RequestId;
use crate::identity::Identity;
use crate::policy::{Alias, LoadedProvider, Policy, Upstream};
use crate::trace::{SpanId, Trace};
use headgate_exchange::{Dialect, RequestScan, Splices, Surface};
use headgate_limits::Quotas;
use headgate_record::{AttemptError, AttemptKind, ClientContext, RiskClass};
use headgate_routing::{Facts, NextAttempt, RoutePlan};
use std::sync::Arc;

/// Time that the proxy's own timer is given to end a try, ms.
const GRACE_MS: u64 = 500;

/// A point in time, µs since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn as_ms(self) -> u64 {
        self.0 / 1_000
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub fn as_s(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Microseconds since `earlier`; 0 if the clock was set back.
    #[must_use]
    pub fn us_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// See the module's text.
#[derive(Debug)]
pub struct Call {
    pub(crate) policy: Arc<Policy>,
    pub(crate) id: RequestId,
    pub(crate) started: Timestamp,
    pub(crate) surface: Option<Surface>,
    /// Of its path, served or not.
    pub(crate) dialect: Dialect,
    /// `?…` of the client's path without parameters that could be a credential, or empty.
    pub(crate) query: String,
    /// Something was taken out of it.
    pub(crate) query_cleaned: bool,
    pub(crate) caller: Option<Identity>,
    pub(crate) client: ClientContext,
    pub(crate) trace: Option<Trace>,
    /// Values of the headers that conditions ask for.
    pub(crate) condition_headers: Vec<(String, String)>,
    /// The client sent `accept-encoding`; towards a provider it is removed, or nothing could be read of the answer.
    pub(crate) accepts_encoding: bool,
    pub(crate) body: Vec<u8>,
    pub(crate) request_bytes: u64,
    pub(crate) scan: Option<RequestScan>,
    pub(crate) request_fingerprint: Option<String>,
    /// Index of the alias in the policy.
    pub(crate) alias: Option<usize>,
    /// Provider and model, where the proxy chooses them.
    pub(crate) proxied: Option<Proxied>,
    pub(crate) route_plan: RoutePlan,
    pub(crate) tries: Vec<Try>,
    /// The next try is the last one again, on a fresh connection.
    pub(crate) fresh: bool,
    /// The rest under the tightest limits.
    pub(crate) quotas: Quotas,
}

/// The target of a request that the proxy routes.
#[derive(Debug)]
pub(crate) struct Proxied {
    pub(crate) upstream: Upstream,
    /// Name by which limits know the model. Clients choose the model's own name, and could make up any number of them.
    pub(crate) listed: String,
}

/// One attempt as it went.
#[derive(Debug)]
pub(crate) struct Try {
    pub(crate) step: NextAttempt,
    pub(crate) kind: AttemptKind,
    pub(crate) started: Timestamp,
    /// When the response headers came, or when it failed.
    pub(crate) decided: Option<Timestamp>,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<AttemptError>,
    /// The provider's own word for it.
    pub(crate) provider_error: Option<String>,
    /// Its success waits until its body begins.
    pub(crate) held: bool,
    /// It has a connection of its own.
    pub(crate) fresh: bool,
    /// Its answer goes to the client.
    pub(crate) passed_on: bool,
    pub(crate) answer: Answer,
    pub(crate) splices: Option<Splices>,
    /// It said that it is busy.
    pub(crate) busy: bool,
    /// The host has told that it is over.
    pub(crate) ended: bool,
    /// Its span, where the provider was told of it.
    pub(crate) span: Option<SpanId>,
}

impl Try {
    /// Returns a try that has just begun.
    pub(crate) fn begun(step: NextAttempt, kind: AttemptKind, started: Timestamp) -> Self {
        Self {
            step,
            kind,
            started,
            decided: None,
            status: None,
            error: None,
            provider_error: None,
            held: false,
            fresh: false,
            passed_on: false,
            answer: Answer::default(),
            splices: None,
            busy: false,
            ended: false,
            span: None,
        }
    }
}

/// The facts of an answer's head that the gate needs.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) event_stream: bool,
    /// It is compressed and cannot be read.
    pub(crate) encoded: bool,
    /// It may end with trailers: only HTTP/2 has an answer of no known length without `transfer-encoding`.
    pub(crate) may_have_trailers: bool,
    pub(crate) provider_request_id: Option<String>,
}

impl Call {
    pub(crate) fn new(policy: Arc<Policy>, id: RequestId, started: Timestamp) -> Self {
        Self {
            policy,
            id,
            started,
            surface: None,
            dialect: Dialect::default(),
            query: String::new(),
            query_cleaned: false,
            caller: None,
            client: ClientContext::default(),
            trace: None,
            condition_headers: Vec::new(),
            accepts_encoding: false,
            body: Vec::new(),
            request_bytes: 0,
            scan: None,
            request_fingerprint: None,
            alias: None,
            proxied: None,
            route_plan: RoutePlan::default(),
            tries: Vec::new(),
            fresh: false,
            quotas: Quotas::default(),
        }
    }

    /// Whether the last try has had its time and more, without an answer. The proxy's own timer ends such a try, unless an
    /// interim answer (100, 102, 103) has stopped that timer.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let Some((one, alias)) = self.last_try().zip(self.alias()) else { return false };
        let unanswered = one.decided.is_none() || one.held;
        let due_ms = alias.failover.first_byte_timeout_ms.saturating_add(GRACE_MS);
        unanswered && !one.ended && now.us_since(one.started) / 1_000 >= due_ms
    }

    pub(crate) fn alias(&self) -> Option<&Alias> {
        self.policy.aliases.get(self.alias?)
    }

    pub(crate) fn upstream(&self, step: NextAttempt) -> Option<&Upstream> {
        match &self.proxied {
            Some(proxied) => Some(&proxied.upstream),
            None => self.alias()?.upstreams.get(step.target),
        }
    }

    /// The model by the name that guardrails match: its alias, or as the client named it where the proxy routes.
    pub(crate) fn model(&self) -> Option<&str> {
        match &self.proxied {
            Some(proxied) => Some(&proxied.upstream.model),
            None => Some(&self.alias()?.name),
        }
    }

    /// The model by the name that limits count. There is a bounded number of them.
    pub(crate) fn counted_model(&self) -> Option<&str> {
        match &self.proxied {
            Some(proxied) => Some(&proxied.listed),
            None => Some(&self.alias()?.name),
        }
    }

    /// The targets of which one serves the request.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Upstream> {
        let proxied = self.proxied.iter().map(|proxied| &proxied.upstream);
        let upstreams = self.alias().map(|alias| alias.upstreams.as_slice()).unwrap_or_default();
        proxied.chain(upstreams.iter().filter(|upstream| upstream.dialect == self.dialect))
    }

    pub(crate) fn provider_of(&self, step: NextAttempt) -> Option<&LoadedProvider> {
        self.policy.providers.get(self.upstream(step)?.provider)
    }

    pub(crate) fn provider_name(&self, step: NextAttempt) -> Option<Arc<str>> {
        self.provider_of(step).map(|provider| Arc::clone(&provider.name))
    }

    /// Whether the provider of this step is asked to tell the usage of a stream.
    pub(crate) fn asks_for_usage(&self, step: NextAttempt) -> bool {
        self.provider_of(step).is_none_or(|provider| provider.stream_usage)
    }

    /// The credential of a step's provider, as its own answer may repeat it.
    pub(crate) fn echo(&self, step: NextAttempt) -> Option<&Echo> {
        self.provider_of(step).map(|provider| &provider.echo)
    }

    /// The team of its key.
    pub(crate) fn team_of_key(&self) -> Option<&Team> {
        self.policy.teams.get(self.caller.as_ref()?.team? as usize)
    }

    /// The project of its key, else of the team.
    pub(crate) fn project(&self) -> Option<&str> {
        self.caller.as_ref()?.project.as_deref().or_else(|| self.team_of_key()?.project.as_deref())
    }

    /// The application of its key, else of the team.
    pub(crate) fn application(&self) -> Option<&str> {
        self.caller.as_ref()?.application.as_deref().or_else(|| self.team_of_key()?.application.as_deref())
    }

    /// The use case of its key, else of the team.
    pub(crate) fn use_case(&self) -> Option<&str> {
        self.caller.as_ref()?.use_case.as_deref().or_else(|| self.team_of_key()?.use_case.as_deref())
    }

    /// The risk class of its key, else of the team.
    pub(crate) fn risk_class(&self) -> Option<RiskClass> {
        self.caller.as_ref()?.risk_class.or_else(|| self.team_of_key()?.risk_class)
    }

    pub(crate) fn stream(&self) -> bool {
        self.scan.as_ref().is_some_and(|scan| scan.stream)
    }

    /// Returns when the last try began.
    #[must_use]
    pub fn last_try_started(&self) -> Option<Timestamp> {
        self.tries.last().map(|one| one.started)
    }

    pub(crate) fn last_try(&self) -> Option<&Try> {
        self.tries.last()
    }

    /// The try that answers the client.
    pub(crate) fn served_try(&self) -> Option<&Try> {
        self.tries.last().filter(|one| one.passed_on)
    }

    /// Nothing can be tried any more, so the body is not needed any more.
    pub(crate) fn release_body(&mut self) {
        self.body = Vec::new();
        for one in &mut self.tries {
            one.splices = None;
        }
    }
}

impl Facts for Call {
    fn dialect(&self) -> &str {
        self.dialect.as_str()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.condition_headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    fn team(&self) -> Option<&str> {
        self.team_of_key().map(|team| team.name.as_str())
    }

    fn key_id(&self) -> &str {
        self.caller.as_ref().map_or("", |caller| caller.key_id.as_str())
    }

    fn stream(&self) -> bool {
        Self::stream(self)
    }

    fn prompt_bytes(&self) -> u64 {
        self.scan.as_ref().map_or(0, |scan| scan.text_bytes)
    }
}
