//! The context of a stream: it hands the host's callbacks to a context of the shell.

use crate::abi::Stream;
use crate::at::{At, CallAnswer};
use crate::gates::OpenGate;
use crate::native::Native;
use headgate_shell::{Action, AttemptContext, Body, GateContext, Role, StreamContext};
use std::cell::{Cell, RefCell};

thread_local! {
    /// The log of the router about the try that ends now: its connection, and whether the provider has reset its stream.
    static LOGGED: Cell<(u64, bool)> = const { Cell::new((0, false)) };
}

/// The router logs a try, just before its filter goes.
pub(crate) fn try_is_logged(connection: u64, reset: bool) {
    LOGGED.set((connection, reset));
}

/// A try has ended. If it has no answer, the next target is named here: the try's own stream can do nothing any more, so that of its gate does
/// it. It has to be done now, since the router chooses the cluster of the next try before it makes a filter for it.
fn end_try(attempt: &mut AttemptContext) {
    let (connection, reset) = LOGGED.take();
    let native = Native::after_try(connection);
    if !attempt.act_for_gate(&native) {
        return;
    }
    attempt.done(&native);
    if reset {
        Role::Resets.log(&native);
    }
}

/// See the module's text. The host may call back while it is called, so the state is borrowed only for a hook's own work.
pub(crate) struct Context {
    stream: Stream,
    role: Role,
    state: RefCell<State>,
    /// A hook has panicked; whether it was one of the response.
    broken: Cell<Option<bool>>,
    /// Whether the response has begun.
    answered: Cell<bool>,
}

enum State {
    /// No callback has come yet. The host makes filters also for streams that it refuses by itself.
    New,
    Gate(OpenGate, GateContext),
    Attempt(AttemptContext),
    Over,
}

impl Context {
    pub(crate) fn new(role: &Role, stream: Stream) -> Self {
        Self {
            stream,
            role: role.clone(),
            state: RefCell::new(State::New),
            broken: Cell::new(None),
            answered: Cell::new(false),
        }
    }

    /// Where it is, for [`crate::guard`].
    pub(crate) fn place(&self) -> &'static str {
        if matches!(self.role, Role::Gate(_) | Role::Stages(_)) { "" } else { "Attempt" }
    }

    fn native(&self) -> Native {
        Native::new(At::Stream(self.stream))
    }

    /// Makes the context of the shell.
    fn open(&self, native: &Native) -> State {
        match self.role {
            Role::Gate(_) | Role::Stages(_) => {
                let open = OpenGate::new(self.stream);
                match self.role.stream(native, open.number()) {
                    StreamContext::Gate(gate) => State::Gate(open, gate),
                    StreamContext::Attempt(attempt) => State::Attempt(attempt),
                }
            }
            _ => match self.role.stream(native, 0) {
                StreamContext::Attempt(attempt) => State::Attempt(attempt),
                StreamContext::Gate(_) => State::Over,
            },
        }
    }

    /// Runs one of two on the context of the shell; a stream without one is passed on.
    fn act(
        &self,
        native: Native,
        gate: impl FnOnce(&mut GateContext, &Native) -> Action,
        attempt: impl FnOnce(&mut AttemptContext, &Native) -> Action,
    ) -> Action {
        if let Some(response) = self.broken.get() {
            return if response { Action::Pause } else { Action::Continue };
        }
        let action = match &mut *self.state.borrow_mut() {
            State::Gate(_, context) => gate(context, &native),
            State::Attempt(context) => attempt(context, &native),
            State::New | State::Over => Action::Continue,
        };
        native.finish();
        action
    }

    /// A hook has panicked: the stream ends here. A client that has no answer yet gets one.
    pub(crate) fn is_broken(&self) -> Action {
        if self.broken.get().is_none() {
            self.broken.set(Some(self.answered.get()));
            if self.answered.get() {
                self.stream.reset();
            } else {
                self.stream.reply(500, &[("x-headgate-rejected-by", "gateway")], b"headgate: a fault in the gateway");
            }
        }
        Action::Pause
    }

    pub(crate) fn request_headers(&self, end: bool) -> Action {
        if matches!(*self.state.borrow(), State::New) {
            let opened = self.open(&self.native());
            *self.state.borrow_mut() = opened;
        }
        self.act(
            self.native(),
            |gate, native| gate.request_headers(native, end),
            |attempt, native| attempt.request_headers(native),
        )
    }

    pub(crate) fn request_body(&self, end: bool) -> Action {
        self.act(
            Native::with_body(self.stream),
            |gate, native| gate.request_body(native, native.body_size(Body::Request), end),
            |attempt, native| attempt.request_body(native),
        )
    }

    pub(crate) fn request_trailers(&self) -> Action {
        self.act(self.native(), |gate, native| gate.request_trailers(native), |_, _| Action::Continue)
    }

    pub(crate) fn response_headers(&self, end: bool) -> Action {
        self.answered.set(true);
        self.act(
            self.native(),
            |gate, native| gate.response_headers(native, end),
            |attempt, native| attempt.response_headers(native, end),
        )
    }

    pub(crate) fn response_body(&self, end: bool) -> Action {
        self.act(
            Native::with_body(self.stream),
            |gate, native| gate.response_body(native, native.body_size(Body::Response), end),
            |attempt, native| {
                let size = if attempt.holds() { native.body_size(Body::Response) } else { 0 };
                attempt.response_body(native, size, end)
            },
        )
    }

    pub(crate) fn response_trailers(&self) -> Action {
        self.act(
            self.native(),
            |gate, native| gate.response_trailers(native),
            |attempt, native| attempt.response_trailers(native),
        )
    }

    /// The answer to a call of this stream, or its failure.
    pub(crate) fn call_answered(&self, call: u64, answer: Option<CallAnswer>) {
        let Ok(call) = u32::try_from(call) else { return };
        let size = answer.as_ref().map_or(0, |answer| answer.body.len());
        let native = Native::with_answer(At::Stream(self.stream), answer);
        if let State::Gate(_, gate) = &mut *self.state.borrow_mut() {
            gate.call_answered(&native, call, size);
        }
        native.finish();
    }

    /// The stream is over, and the proxy's own loggers come next.
    pub(crate) fn complete(&self) {
        let native = self.native();
        if let (State::New, Role::Gate(_) | Role::Stages(_)) = (&*self.state.borrow(), &self.role) {
            // The host has refused it by itself.
            if let StreamContext::Gate(mut gate) = self.role.stream(&native, 0) {
                gate.close(&native);
            }
            return;
        }
        let state = self.state.replace(State::Over);
        match state {
            State::Gate(_open, mut gate) => gate.close(&native),
            other => drop(self.state.replace(other)),
        }
    }

    /// The filter goes.
    pub(crate) fn destroyed(&self) {
        match self.state.replace(State::Over) {
            State::Gate(_open, mut gate) => gate.close(&Native::new(At::Nothing)),
            State::Attempt(mut attempt) => end_try(&mut attempt),
            State::New | State::Over => {}
        }
    }
}
