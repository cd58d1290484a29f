//! What of gateway.yaml concerns the proxy alone: sockets, upstream addresses, trust.
//!
//! The filter never reads this; it stands beside the policy document so that a change of a port does not change the
//! revision of the policy.

use crate::scalar;
use crate::tree;
use crate::view::View;
use std::collections::BTreeSet;

/// Cluster of the collector; also [`headgate_policy::document::Collector::cluster`].
pub const COLLECTOR_CLUSTER: &str = "headgate_collector";

/// Certificates that a provider's certificate is checked against, unless `tls.ca_file` says otherwise.
pub const SYSTEM_CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Settings of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where clients connect.
    pub listen: Socket,
    /// The proxy's admin page; loopback unless the operator wrote another address.
    pub admin: Socket,
    /// Heap of the proxy from which on it sheds load, bytes.
    pub max_heap: u64,
    /// Providers first, in the order of [`headgate_policy::document::Document::providers`], then the collector if there
    /// is one, then the external checks of guardrails.
    pub upstreams: Vec<Upstream>,
    /// Every environment variable that the filter reads, sorted.
    pub environment_variables: BTreeSet<String>,
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    /// IPv4 or IPv6, without brackets.
    pub address: String,
    /// Port.
    pub port: u16,
}

/// A cluster to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Name of the cluster.
    pub cluster: String,
    /// The provider it serves; none for the collector and for external checks.
    pub provider: Option<String>,
    /// DNS name or IP address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// TLS, and the file of certificate authorities to trust.
    pub tls: Option<String>,
}

impl Upstream {
    /// Whether the host is an address, so that nothing has to be looked up.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_ok()
    }
}

/// Name of the cluster of a guardrail's external check.
#[must_use]
pub fn guardrail_cluster(guardrail: &str) -> String {
    format!("guardrail.{guardrail}")
}

/// Name of the cluster of a provider whose connections each serve one request.
#[must_use]
pub fn fresh_cluster(provider: &str) -> String {
    format!("fresh.{provider}")
}

/// Name of a provider's cluster.
#[must_use]
pub fn provider_cluster(provider: &str) -> String {
    format!("provider.{provider}")
}

/// The providers of a gateway.yaml and their hosts, as far as they can be read.
#[must_use]
pub fn providers_of(source: &str) -> Vec<(String, String)> {
    let parsed = tree::parse(source);
    let named = View::root(&parsed.root);
    let named = named.named("providers").filter(|named| scalar::Scalar::ProviderName.check(named.name).is_ok());
    named.filter_map(|named| Some((named.name.to_owned(), named.value.read("url", scalar::url)?.host))).collect()
}
