//! The gate: the state of one client request, and the phases that it passes.

use super::guarding::Guarding;
use super::reader::Reader;
use crate::call::{Call, Timestamp};
use crate::credentials::Masking;
use crate::document::{Stage, Stages};
use crate::id::RequestId;
use crate::memory::Hold;
use crate::policy::Policy;
use headgate_exchange::Rejection;
use headgate_limits::Held;
use headgate_record::{Decision, RejectedBy, Usage};
use std::borrow::Cow;
use std::sync::Arc;

/// Headers of an answer.
pub(super) type Headers = Vec<(&'static str, Cow<'static, str>)>;

/// The next action of the host on the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Pass it on.
    Continue,
    /// Hold headers and body back until the body is whole.
    Pause,
    /// It has been answered.
    Answered,
}

/// See the module's text.
#[derive(Debug)]
pub struct Gate {
    pub(super) call: Call,
    pub(super) phase: Phase,
    /// Stages that are on for this request.
    pub(super) stages: Stages,
    /// The name of the caller, as the proxy told it.
    pub(super) caller_name: Option<Vec<u8>>,
    /// The body that goes to the provider is not the client's.
    pub(super) changed_body: bool,
    /// Status the client sees; 0 until there is one.
    pub(super) status: u16,
    pub(super) rejection: Option<Rejection>,
    pub(super) rejected_by: Option<RejectedBy>,
    pub(super) decisions: Vec<Decision>,
    /// Bytes of the VM that the request takes, and an answer that waits.
    pub(super) held_request: Hold,
    pub(super) held_answer: Hold,
    /// Reservations of limits and budgets.
    pub(super) held: Vec<Held>,
    /// The usage for which they did.
    pub(super) reserved: Option<Usage>,
    /// Most that it may cost, nano-USD, and the rule that says so.
    pub(super) max_cost: Option<(u64, usize)>,
    /// The same of rules that only watch.
    pub(super) watched_costs: Vec<(u64, usize)>,
    /// The host can hold a request until its proxy has a share of the limits.
    pub(super) may_await_share: bool,
    pub(super) reader: Reader,
    pub(super) guarding: Guarding,
    pub(super) first_byte: Option<Timestamp>,
    pub(super) response_bytes: u64,
    pub(super) response_whole: bool,
    /// It is no request for a model, and leaves no record.
    pub(super) aside: bool,
    /// Headers that let a web page read the answer.
    pub(super) cors: Headers,
    /// Replaces the operator's credential in a provider's answer.
    pub(super) masking: Option<Masking>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before the request's headers.
    New,
    /// Waiting for the body.
    Body,
    /// Waiting for the share of a limit.
    AwaitingShare,
    /// Waiting for external checks.
    AwaitingChecks,
    /// With a provider.
    Sent,
    /// Answered by the gateway itself.
    Answered,
    /// The host's own answer, put into our words.
    RewrittenLocalReply,
    /// Stopped by the gateway in the middle of a provider's stream.
    Aborted,
}

impl Gate {
    /// For one request under this policy. `random` makes its id.
    #[must_use]
    pub fn new(policy: &Arc<Policy>, now: Timestamp, random: [u8; 16]) -> Self {
        let id = RequestId::new(now.as_ms(), random);
        Self {
            call: Call::new(Arc::clone(policy), id, now),
            phase: Phase::New,
            stages: policy.stages,
            caller_name: None,
            changed_body: false,
            status: 0,
            rejection: None,
            rejected_by: None,
            decisions: Vec::new(),
            held_request: Hold::default(),
            held_answer: Hold::default(),
            held: Vec::new(),
            reserved: None,
            max_cost: None,
            watched_costs: Vec::new(),
            may_await_share: false,
            reader: Reader::None,
            guarding: Guarding::default(),
            first_byte: None,
            response_bytes: 0,
            response_whole: false,
            aside: false,
            cors: Headers::new(),
            masking: None,
        }
    }

    /// The same with other stages than the policy's.
    #[must_use]
    pub fn with_stages(mut self, stages: Stages) -> Self {
        self.stages = stages;
        self
    }

    /// Takes the name of the caller that the proxy tells, see [`Policy::identity_property`].
    pub fn take_caller_name(&mut self, name: Vec<u8>) {
        self.caller_name = Some(name);
    }

    /// Whether the gateway chooses the provider. Otherwise the proxy does, and there are no attempts.
    #[must_use]
    pub fn routes(&self) -> bool {
        self.stages.has(Stage::Routing)
    }

    /// Whether the request leaves a record.
    #[must_use]
    pub fn logs(&self) -> bool {
        self.stages.has(Stage::Logging)
    }

    /// Whether limits or budgets count the request.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.call.policy.has_limits(self.stages)
    }

    /// Returns the facts of the request.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// Returns the facts of the request for one of its attempts.
    #[must_use]
    pub fn call_mut(&mut self) -> &mut Call {
        &mut self.call
    }

    /// Id of the request.
    #[must_use]
    pub fn id(&self) -> RequestId {
        self.call.id
    }

    /// Largest request body the policy takes, bytes.
    #[must_use]
    pub fn max_request_bytes(&self) -> u64 {
        self.call.policy.max_request_bytes
    }

    /// Returns the reservations of limits and budgets.
    #[must_use]
    pub fn reservations(&self) -> &[Held] {
        &self.held
    }

    /// Another worker has given back the reservations; the usage is still counted.
    pub fn reservations_are_gone(&mut self) {
        self.held.iter_mut().for_each(Held::empty);
    }

    /// Whether the request is held until its body is whole.
    #[must_use]
    pub fn awaits_body(&self) -> bool {
        self.phase == Phase::Body
    }

    /// Whether the response's body is to be shown to [`Gate::response_body`].
    #[must_use]
    pub fn wants_response_body(&self) -> bool {
        self.phase != Phase::Answered && self.call.policy.reads_answers(self.stages)
    }
}
