//! The address of the pages, as the settings name it.
//!
//! Without it, the `Host` header is believed. A TLS terminator that replaces that header by a loopback address would then make
//! the cookie lose `Secure`.

use axum::http::{HeaderMap, HeaderValue, header};
use headgate_collector_oidc::PublicUrl;
use std::net::IpAddr;
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

/// Returns whether a `Host` header names the browser's own machine.
fn is_loopback(host: Option<&HeaderValue>) -> bool {
    host.and_then(|host| host.to_str().ok()).is_some_and(is_loopback_name)
}

/// Returns whether an authority is on the browser's own machine.
pub(crate) fn is_loopback_name(authority: &str) -> bool {
    let name = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => authority.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_by_name_and_number() {
        for (host, expected) in [
            ("localhost", true),
            ("LocalHost:4180", true),
            ("127.8.9.1:4180", true),
            ("[::1]:4180", true),
            ("[::1]", true),
            ("::1", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1", false),
            ("[", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(Some(&HeaderValue::from_static(host))), expected, "{host}");
        }
    }
}
