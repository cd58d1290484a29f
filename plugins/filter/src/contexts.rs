//! The SDK's contexts: each hands its callbacks to a context of the shell.

use crate::envoy::Envoy;
use crate::host::{self, Buffer};
use crate::logger;
use headgate_shell::{Action, AttemptContext, GateContext, Root, StreamContext};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action as SdkAction, ContextType};

fn sdk(action: Action) -> SdkAction {
    match action {
        Action::Continue => SdkAction::Continue,
        Action::Pause => SdkAction::Pause,
    }
}

/// A root: one per configuration of the filter in a worker.
#[derive(Default)]
pub(crate) struct SdkRoot(Root);

impl Context for SdkRoot {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        self.0.call_answered(&Envoy, token, body_size);
    }

    fn on_done(&mut self) -> bool {
        self.0.done(&Envoy)
    }
}

impl RootContext for SdkRoot {
    fn on_configure(&mut self, size: usize) -> bool {
        logger::install();
        let role = host::property("plugin_root_id").unwrap_or_default();
        let configuration = host::buffer(Buffer::PluginConfiguration, size).unwrap_or_default();
        let taken = self.0.configure(&Envoy, &role, &configuration);
        if let Err(problem) = &taken {
            log::error!("configuration refused: {problem}");
        }
        taken.is_ok()
    }

    fn on_tick(&mut self) {
        self.0.tick(&Envoy);
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(match self.0.stream(&Envoy, id) {
            StreamContext::Gate(gate) => Box::new(SdkGate(gate)),
            StreamContext::Attempt(attempt) => Box::new(SdkAttempt(attempt)),
        })
    }

    /// An access log is told of a stream or a connection in its root: no context was made for it.
    fn on_log(&mut self) {
        self.0.log(&Envoy);
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// A client's request in the listener.
struct SdkGate(GateContext);

impl Context for SdkGate {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        self.0.call_answered(&Envoy, token, body_size);
    }
}

impl HttpContext for SdkGate {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> SdkAction {
        sdk(self.0.request_headers(&Envoy, end_of_stream))
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> SdkAction {
        sdk(self.0.request_body(&Envoy, size, end_of_stream))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> SdkAction {
        sdk(self.0.request_trailers(&Envoy))
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> SdkAction {
        sdk(self.0.response_headers(&Envoy, end_of_stream))
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> SdkAction {
        sdk(self.0.response_body(&Envoy, size, end_of_stream))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> SdkAction {
        sdk(self.0.response_trailers(&Envoy))
    }

    fn on_log(&mut self) {
        self.0.close(&Envoy);
    }
}

impl Drop for SdkGate {
    fn drop(&mut self) {
        self.0.close(&Envoy);
    }
}

/// A try in a provider's cluster.
struct SdkAttempt(AttemptContext);

impl Context for SdkAttempt {
    fn on_done(&mut self) -> bool {
        self.0.done(&Envoy);
        true
    }
}

impl HttpContext for SdkAttempt {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> SdkAction {
        sdk(self.0.request_headers(&Envoy))
    }

    fn on_http_request_body(&mut self, _: usize, _: bool) -> SdkAction {
        sdk(self.0.request_body(&Envoy))
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> SdkAction {
        sdk(self.0.response_headers(&Envoy, end_of_stream))
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> SdkAction {
        sdk(self.0.response_body(&Envoy, size, end_of_stream))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> SdkAction {
        sdk(self.0.response_trailers(&Envoy))
    }
}
