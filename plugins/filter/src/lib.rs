//! `headgate.wasm`: a Proxy-Wasm host as the shell sees it. It hands callbacks to the shell and calls to the host.
//!
//! The same file runs twice in a request's life: as the gate in the listener, and as an attempt in the cluster of each
//! provider that is tried. Both live in one VM per worker, which is how an attempt finds the call of its gate.
//! A trap here would answer 503 to everything on that worker, so nothing may panic: see `host.rs`.

mod apisix;
mod contexts;
mod envoy;
mod host;
mod logger;
mod pairs;

use proxy_wasm::traits::RootContext;

#[allow(unsafe_code, missing_docs, reason = "the SDK's entry point is an exported symbol")]
mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| -> Box<dyn super::RootContext> { Box::new(super::contexts::SdkRoot::default()) });
    }}
}
