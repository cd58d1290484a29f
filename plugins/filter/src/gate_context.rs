//! The filter in the listener: hands each callback of one client request to its [`Exchange`].

use crate::exchange::Exchange;
use crate::exchange_id::ExchangeId;
use crate::exchanges::{self, with_exchange};
use headgate_policy::Policy;
use headgate_policy::document::Stages;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use std::rc::Rc;

/// The context of one client request.
pub(crate) struct GateContext {
    exchange: Option<ExchangeId>,
}

impl GateContext {
    /// `id` is the host's number of this context.
    pub(crate) fn new(id: u32, policy: &Rc<Policy>, stages: Stages) -> Self {
        Self { exchange: exchanges::add(Exchange::new(id, policy, stages)) }
    }

    /// Without its exchange nothing passes.
    fn act(&self, act: impl FnOnce(&mut Exchange) -> Action) -> Action {
        self.exchange.and_then(|id| with_exchange(id, act)).unwrap_or(Action::Pause)
    }

    fn close(&mut self) {
        if let Some(exchange) = self.exchange.take().and_then(exchanges::remove) {
            exchange.close();
        }
    }
}

impl Context for GateContext {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        if let Some(id) = self.exchange {
            with_exchange(id, |exchange| exchange.call_answered(token, body_size));
        }
    }
}

impl HttpContext for GateContext {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.act(|exchange| exchange.request_headers(end_of_stream))
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.act(|exchange| exchange.request_body(size, end_of_stream))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.act(Exchange::request_trailers)
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.act(|exchange| exchange.response_headers(end_of_stream))
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.act(|exchange| exchange.response_body(size, end_of_stream))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.act(Exchange::response_trailers)
    }

    fn on_log(&mut self) {
        self.close();
    }
}

impl Drop for GateContext {
    fn drop(&mut self) {
        self.close();
    }
}
