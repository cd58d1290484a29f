//! `headgate.wasm`: the shell between a Proxy-Wasm host and the policy machines. It translates and decides nothing.
//!
//! The same file runs twice in a request's life: as the gate in the listener, and as an attempt in the cluster of each
//! provider that is tried. Both live in one VM per worker, which is how an attempt finds the call of its gate.
//! A trap here would answer 503 to everything on that worker, so nothing may panic: see `host.rs`.

mod attempt_context;
mod cells;
mod claims;
mod connections;
mod delivery;
mod exchange;
mod exchange_id;
mod exchanges;
mod gate_context;
mod host;
mod http_calls;
mod logger;
mod metrics;
mod overdue;
mod pending_resets;
mod pending_resumes;
mod proxy_refusals;
mod root;
mod shared_counters;
mod table;
mod worker;

use proxy_wasm::traits::RootContext;

#[allow(unsafe_code, missing_docs, reason = "the SDK's entry point is an exported symbol")]
mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| -> Box<dyn super::RootContext> { Box::new(super::root::Root::default()) });
    }}
}
