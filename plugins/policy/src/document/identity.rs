//! Callers that something else than a virtual key identifies: a filter of the proxy, or a client certificate.

use headgate_record::RiskClass;
use serde::{Deserialize, Serialize};

/// The source of identities, and the rules that map them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentitySection {
    /// Where a caller's name stands.
    pub source: IdentitySource,
    /// The first rule that matches decides; without one the caller is refused.
    pub rules: Vec<IdentityRule>,
}

/// Where the proxy has the name of a caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum IdentitySource {
    /// A request header, which a filter of the proxy sets.
    Header(String),
    /// A claim of a token that `envoy.filters.http.jwt_authn` has verified: its `payload_in_metadata`, then the names of the
    /// claim and of those within it.
    JwtClaim(Vec<String>),
    /// A field of the certificate of the client.
    Certificate(CertificateField),
}

impl Default for IdentitySource {
    fn default() -> Self {
        Self::Certificate(CertificateField::default())
    }
}

/// A field of a client certificate. If it has several values, the first counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateField {
    /// The subject, as in RFC 2253: `CN=…,O=…`.
    #[default]
    Subject,
    /// A URI of the subject's alternative names, such as a SPIFFE id.
    UriSan,
    /// A DNS name among them.
    DnsSan,
}

/// The identity and the permissions of the callers whose name matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityRule {
    /// Its id, which records and limits use like that of a key.
    pub id: String,
    /// Glob over the caller's name (`*` only).
    pub name: String,
    /// The owner; the caller's name if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Index into the document's teams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<u32>,
    /// Overrides the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Overrides the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Overrides the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub use_case: Option<String>,
    /// Overrides the team's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_class: Option<RiskClass>,
    /// Globs over models; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<String>>,
}
