//! The address of the pages, as the settings name it.
//!
//! Without it, the `Host` header is believed. A TLS terminator that replaces that header by a loopback address would then make
//! the cookie lose `Secure`.

use super::origin::is_loopback;
use axum::http::{HeaderMap, header};
use headgate_collector_oidc::PublicUrl;
use std::sync::Arc;

/// The address; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Site(Option<Arc<Public>>);

#[derive(Debug)]
struct Public {
    origin: String,
    is_tls: bool,
}

impl Site {
    /// Returns the site at a public address.
    pub(crate) fn at(url: &PublicUrl) -> Self {
        Self(Some(Arc::new(Public { origin: url.origin(), is_tls: url.is_tls() })))
    }

    /// Returns the origin that forms come from, if it is set.
    pub(crate) fn origin(&self) -> Option<&str> {
        self.0.as_deref().map(|public| public.origin.as_str())
    }

    /// Returns whether the browser has no TLS, because it is on the collector's own machine.
    pub(crate) fn is_plain(&self, headers: &HeaderMap) -> bool {
        match self.0.as_deref() {
            Some(public) => !public.is_tls,
            None => is_loopback(headers.get(header::HOST)),
        }
    }
}
