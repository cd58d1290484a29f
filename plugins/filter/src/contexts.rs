//! The SDK's contexts: each hands its callbacks to a context of the shell.

use crate::apisix::{self, Apisix};
use crate::envoy::Envoy;
use crate::host::{self, Buffer};
use crate::logger;
use headgate_shell::{Action, AttemptContext, GateContext, Root, SoleContext, StreamContext};
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
pub(crate) struct SdkRoot {
    root: Root,
    in_apisix: bool,
}

impl Context for SdkRoot {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        if !self.in_apisix {
            self.root.call_answered(&Envoy, token, body_size);
        }
    }

    fn on_done(&mut self) -> bool {
        self.in_apisix || self.root.done(&Envoy)
    }
}

impl RootContext for SdkRoot {
    fn on_configure(&mut self, size: usize) -> bool {
        logger::install();
        self.in_apisix = apisix::is_host();
        let configuration = host::buffer(Buffer::PluginConfiguration, size).unwrap_or_default();
        let taken = if self.in_apisix {
            self.root.configure(&Apisix, b"", &configuration)
        } else {
            let role = host::property("plugin_root_id").unwrap_or_default();
            self.root.configure(&Envoy, &role, &configuration)
        };
        if let Err(problem) = &taken {
            log::error!("configuration refused: {problem}");
        }
        taken.is_ok()
    }

    fn on_tick(&mut self) {
        if !self.in_apisix {
            self.root.tick(&Envoy);
        }
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        if self.in_apisix {
            return Some(match self.root.sole_stream(&Apisix) {
                Some(sole) => Box::new(SdkSole(sole)),
                None => Box::new(SdkNothing),
            });
        }
        // The SDK panics on `None`: a context that refuses is returned instead.
        Some(match self.root.stream(&Envoy, id) {
            StreamContext::Gate(gate) => Box::new(SdkGate(gate)),
            StreamContext::Attempt(attempt) => Box::new(SdkAttempt(attempt)),
        })
    }

    /// An access log is told of a stream or a connection in its root: no context was made for it.
    fn on_log(&mut self) {
        if !self.in_apisix {
            self.root.log(&Envoy);
        }
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

/// A request in APISIX.
struct SdkSole(SoleContext);

impl Context for SdkSole {
    fn on_http_call_response(&mut self, token: u32, _: usize, body_size: usize, _: usize) {
        self.0.call_answered(&Apisix, token, body_size);
    }
}

impl HttpContext for SdkSole {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> SdkAction {
        sdk(self.0.request_headers(&Apisix))
    }

    fn on_http_request_body(&mut self, size: usize, _: bool) -> SdkAction {
        sdk(self.0.request_body(&Apisix, size))
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> SdkAction {
        sdk(self.0.response_headers(&Apisix))
    }

    fn on_http_response_body(&mut self, size: usize, last: bool) -> SdkAction {
        sdk(self.0.response_body(&Apisix, size, last))
    }
}

impl Drop for SdkSole {
    fn drop(&mut self) {
        self.0.done(&Apisix);
    }
}

/// A request under a root without a policy, which APISIX never makes: it answers 503 to a configuration that was refused.
struct SdkNothing;

impl Context for SdkNothing {}

impl HttpContext for SdkNothing {}
