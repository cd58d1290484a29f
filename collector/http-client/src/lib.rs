//! The HTTP client of the programs: for calls to the collector, and of the collector to webhooks and receivers of its logs;
//! and connections without HTTP.

mod stream;
mod trust;

pub use stream::Stream;
pub use trust::Trust;

use std::time::Duration;

/// Returns a client with the user agent `user_agent` that gives up a call after `call_time`.
///
/// It trusts the operating system's certificate store, returns every status as an answer, and follows no redirect, so
/// that a token or a message goes only to the address that the operator named.
#[must_use]
pub fn agent(user_agent: &str, call_time: Duration) -> ureq::Agent {
    agent_with(user_agent, call_time, &Trust::default())
}

/// Does the same as [`agent`] with other authorities.
#[must_use]
pub fn agent_with(user_agent: &str, call_time: Duration, trust: &Trust) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(call_time))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .tls_config(trust.tls_config())
        .user_agent(user_agent)
        .build();
    config.into()
}
