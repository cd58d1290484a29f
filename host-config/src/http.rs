//! Calls to addresses that an operator named: the collector from the command, webhooks from the collector.

use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{RootCerts, TlsConfig};

/// A client that names itself `user_agent` and gives a call up after `call_time`. Certificates are held against the trust store
/// of the operating system; answers with any status are answers. It follows no redirect: what it carries goes to the
/// address that was named and to no other.
#[must_use]
pub fn agent(user_agent: &str, call_time: Duration) -> ureq::Agent {
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(call_time))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .tls_config(tls)
        .user_agent(user_agent)
        .build();
    config.into()
}
