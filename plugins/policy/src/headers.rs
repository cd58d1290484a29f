//! Names of response headers that the gateway gives a meaning.

/// Asks the proxy for another try. It never reaches the client.
pub const RETRY_HEADER: &str = "x-headgate-retry";

/// Whether a header tells a provider's own quotas, which would contradict those of the gateway.
pub(crate) fn is_quota_header(name: &[u8]) -> bool {
    name.starts_with(b"x-ratelimit-") || name.starts_with(b"anthropic-ratelimit-")
}
