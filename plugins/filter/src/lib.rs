//! `headgate.wasm`: the shell between a Proxy-Wasm host and the policy machines. It translates and decides nothing.
//!
//! The same file runs twice in a request's life: as the gate in the listener, and as an attempt in the cluster of each
//! provider that is tried. Both live in one VM per worker, which is how an attempt finds the call that its gate opened.
//! A trap here would answer 503 to everything on that worker, so nothing may panic: see `host.rs`.

mod asking;
mod attempt_context;
mod claims;
mod connections;
mod counts;
mod delivery;
mod ending;
mod gate_context;
mod host;
mod root;
mod worker;

use proxy_wasm::traits::RootContext;

#[allow(unsafe_code, missing_docs, reason = "the SDK's entry point is an exported symbol")]
mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| -> Box<dyn super::RootContext> { Box::new(super::root::Root::default()) });
    }}
}
