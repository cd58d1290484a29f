//! The settings of gateway.yaml that concern only the proxy: sockets, upstream addresses, trust.
//!
//! The filter never reads them. They are kept apart from the policy document, so that a change of a port does not change
//! the revision of the policy.

use crate::scalar;
use crate::tree;
use crate::typed_view::View;
use std::collections::BTreeSet;

/// Cluster of the collector; also [`headgate_policy::document::Collector::cluster`].
pub const COLLECTOR_CLUSTER: &str = "headgate_collector";

/// Default certificate authorities for providers' certificates; `tls.ca_file` overrides them.
pub const SYSTEM_CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Settings of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxySettings {
    /// Addresses on which clients connect, at least one.
    pub listen: Vec<Socket>,
    /// TLS on these addresses; none for plain HTTP.
    pub tls: Option<ListenerTls>,
    /// An address for health checks alone.
    pub health: Option<Socket>,
    /// The proxy's admin page; loopback unless the operator wrote another address.
    pub admin: Socket,
    /// Heap above which the proxy sheds load, bytes.
    pub max_heap: u64,
    /// Providers first, in the order of [`headgate_policy::document::Document::providers`], then the collector if there
    /// is one, then the external checks of guardrails.
    pub upstreams: Vec<Upstream>,
    /// Header with the name of the caller, if the connection manager strips it from the requests of clients.
    pub early_stripped_header: Option<String>,
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

/// TLS of the addresses for clients. All files are PEM, as the proxy sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// File of the certificate and its chain.
    pub certificate_file: String,
    /// File of its private key.
    pub key_file: String,
    /// The certificates that clients show; none if they are not asked.
    pub clients: Option<ClientCertificates>,
}

/// The certificates of clients that are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificates {
    /// File of the authorities that sign them.
    pub ca_file: String,
    /// Whether a client must have one.
    pub required: bool,
}

/// A cluster to be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Name of the cluster.
    pub cluster: String,
    /// The provider that it serves; none for the collector and for external checks.
    pub provider: Option<String>,
    /// DNS name or IP address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The file of trusted certificate authorities; none without TLS.
    pub tls: Option<String>,
}

impl Upstream {
    /// Returns whether the host is an IP address, so that no name has to be resolved.
    #[must_use]
    pub fn is_address(&self) -> bool {
        self.host.parse::<std::net::IpAddr>().is_ok()
    }
}

/// Returns the name of the cluster of a guardrail's external check.
#[must_use]
pub fn guardrail_cluster(guardrail: &str) -> String {
    format!("guardrail.{guardrail}")
}

/// Returns the name of the cluster of a provider whose connections serve one request each.
#[must_use]
pub fn fresh_cluster(provider: &str) -> String {
    format!("fresh.{provider}")
}

/// Returns the name of a provider's cluster.
#[must_use]
pub fn provider_cluster(provider: &str) -> String {
    format!("provider.{provider}")
}

/// Returns the providers of a gateway.yaml and their hosts, as far as they can be read.
#[must_use]
pub fn providers_of(source: &str) -> Vec<(String, String)> {
    let parsed = tree::parse(source);
    let named = View::root(&parsed.root);
    let named = named.named("providers").filter(|named| scalar::Scalar::ProviderName.check(named.name).is_ok());
    named.filter_map(|named| Some((named.name.to_owned(), named.value.read("url", scalar::url)?.host))).collect()
}
