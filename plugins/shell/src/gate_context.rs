//! The filter in the listener: hands each callback of one client request to its [`Exchange`].

use crate::exchange::Exchange;
use crate::exchange_id::ExchangeId;
use crate::exchanges::{self, with_exchange};
use crate::host::Action;
use crate::member::MemberHost;
use headgate_policy::Policy;
use headgate_policy::document::Stages;
use std::sync::Arc;

/// The context of one client request.
#[derive(Debug)]
pub struct GateContext {
    exchange: Option<ExchangeId>,
}

impl GateContext {
    /// `id` is the host's number of this context.
    pub(crate) fn new(host: &impl MemberHost, id: u32, policy: &Arc<Policy>, stages: Stages) -> Self {
        Self { exchange: exchanges::add(Exchange::new(host, id, policy, stages)) }
    }

    /// Without its exchange nothing passes.
    fn act(&self, act: impl FnOnce(&mut Exchange) -> Action) -> Action {
        self.exchange.and_then(|id| with_exchange(id, act)).unwrap_or(Action::Pause)
    }

    /// The request's headers.
    pub fn request_headers(&mut self, host: &impl MemberHost, end_of_stream: bool) -> Action {
        self.act(|exchange| exchange.request_headers(host, end_of_stream))
    }

    /// More of the request's body; so many bytes are there.
    pub fn request_body(&mut self, host: &impl MemberHost, size: usize, end_of_stream: bool) -> Action {
        self.act(|exchange| exchange.request_body(host, size, end_of_stream))
    }

    /// The request's trailers.
    pub fn request_trailers(&mut self, host: &impl MemberHost) -> Action {
        self.act(|exchange| exchange.request_trailers(host))
    }

    /// The response's headers.
    pub fn response_headers(&mut self, host: &impl MemberHost, end_of_stream: bool) -> Action {
        self.act(|exchange| exchange.response_headers(host, end_of_stream))
    }

    /// More of the response's body; so many bytes are there.
    pub fn response_body(&mut self, host: &impl MemberHost, size: usize, end_of_stream: bool) -> Action {
        self.act(|exchange| exchange.response_body(host, size, end_of_stream))
    }

    /// The response's trailers.
    pub fn response_trailers(&mut self, host: &impl MemberHost) -> Action {
        self.act(|exchange| exchange.response_trailers(host))
    }

    /// The answer to a call of this stream, or its failure.
    pub fn call_answered(&mut self, host: &impl MemberHost, token: u32, body_size: usize) {
        if let Some(id) = self.exchange {
            with_exchange(id, |exchange| exchange.call_answered(host, token, body_size));
        }
    }

    /// The stream is over. A second call changes nothing.
    pub fn close(&mut self, host: &impl MemberHost) {
        if let Some(exchange) = self.exchange.take().and_then(exchanges::remove) {
            exchange.close(host);
        }
    }
}
