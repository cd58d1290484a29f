//! A Proxy-Wasm filter without any effect.
//!
//! It measures the cost of entering a VM at every callback on stock Envoy. The difference to Headgate is Headgate's own
//! work.
#![allow(missing_docs, reason = "the macro makes the module's entry point, which nobody calls by name")]

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Empty));
}}

struct Empty;

impl Context for Empty {}

impl RootContext for Empty {
    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Self))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl HttpContext for Empty {}
