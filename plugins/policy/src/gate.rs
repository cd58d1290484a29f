//! One client request, seen from the listener: admitted, planned, answered and put on record.

mod account;
mod admit;
mod answer;
mod aside;
mod close;
mod guard;
mod guarded;
mod limit;
mod memory;
mod reject;
mod unseen;

use crate::call::{Call, CallRef, Moment};
use crate::credentials::Masking;
use crate::id::RequestId;
use crate::memory::Hold;
use crate::policy::Policy;
use answer::Reader;
use guard::Guarding;
use headgate_exchange::Rejection;
use headgate_limits::Held;
use headgate_record::{Decision, RejectedBy, Usage};
use std::cell::RefCell;
use std::rc::Rc;

pub(crate) use limit::is_quota_header;

pub use close::{EndSigns, Number};

/// What the host is to do with the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Pass it on.
    Continue,
    /// Hold headers and body back until the body is whole.
    Hold,
    /// It has been answered.
    Answered,
}

/// See the module's text.
#[derive(Debug)]
pub struct Gate {
    call: CallRef,
    phase: Phase,
    /// Status the client sees; 0 until there is one.
    status: u16,
    rejection: Option<Rejection>,
    rejected_by: Option<RejectedBy>,
    decisions: Vec<Decision>,
    /// Bytes of the VM that the request takes, and an answer that waits.
    held_request: Hold,
    held_answer: Hold,
    /// What limits and budgets have reserved for it.
    held: Vec<Held>,
    /// The usage for which they did.
    reserved: Option<Usage>,
    /// Most that it may cost, nano-USD, and the rule that says so.
    max_cost: Option<(u64, usize)>,
    /// The same of rules that only watch.
    watched_costs: Vec<(u64, usize)>,
    reader: Reader,
    guarding: Guarding,
    first_byte: Option<Moment>,
    response_bytes: u64,
    response_whole: bool,
    /// It is no request for a model, and leaves no record.
    aside: bool,
    /// Headers that let a web page read the answer.
    cors: aside::Headers,
    /// Looks for the operator's credential in a provider's refusal.
    masking: Option<Masking>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Before the request's headers.
    New,
    /// Waiting for the body.
    Body,
    /// Waiting for what others say about it.
    Asking,
    /// With a provider.
    Sent,
    /// Answered by the gateway itself.
    Answered,
    /// The host's own answer, put into our words.
    Reworded,
    /// Stopped by the gateway in the middle of a provider's stream.
    Cut,
}

impl Gate {
    /// For one request under this policy. `random` makes its id.
    #[must_use]
    pub fn new(policy: &Rc<Policy>, now: Moment, random: [u8; 16]) -> Self {
        let id = RequestId::new(now.as_ms(), random);
        Self {
            call: Rc::new(RefCell::new(Call::new(Rc::clone(policy), id, now))),
            phase: Phase::New,
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
            reader: Reader::None,
            guarding: Guarding::default(),
            first_byte: None,
            response_bytes: 0,
            response_whole: false,
            aside: false,
            cors: aside::Headers::new(),
            masking: None,
        }
    }

    /// What its attempts share with it.
    #[must_use]
    pub fn call(&self) -> &CallRef {
        &self.call
    }

    /// Id of the request.
    #[must_use]
    pub fn id(&self) -> RequestId {
        self.call.borrow().id
    }

    /// Largest request body the policy takes, bytes.
    #[must_use]
    pub fn max_request_bytes(&self) -> u64 {
        self.call.borrow().policy.max_request_bytes
    }

    /// What limits and budgets have reserved for it.
    #[must_use]
    pub fn reservations(&self) -> &[Held] {
        &self.held
    }

    /// Others have given back what was reserved for it; what it used is still counted.
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
        !matches!(self.phase, Phase::Answered)
    }
}
