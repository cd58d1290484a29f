//! Callers without a virtual key: the proxy tells a name, and the first rule that matches tells the rest.

use crate::document::{self, CertificateField, IdentityRule, IdentitySource};
use crate::header_view::HeaderView;
use headgate_keys::Permission;
use headgate_record::{KnownBy, RiskClass};
use wildmatch::WildMatch;

/// Longest name of a caller, bytes.
const MAX_NAME: usize = 256;

/// The caller, copied from the key's row so that a policy change does not touch requests under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) key_id: String,
    pub(crate) owner: Option<String>,
    pub(crate) team: Option<u32>,
    pub(crate) project: Option<String>,
    pub(crate) application: Option<String>,
    pub(crate) use_case: Option<String>,
    pub(crate) risk_class: Option<RiskClass>,
    pub(crate) permission: Permission,
    pub(crate) playground: bool,
    pub(crate) known_by: KnownBy,
}

/// The source of names, and the rules in their order.
#[derive(Debug)]
pub(crate) struct IdentityRules {
    source: IdentitySource,
    /// The proxy's property with the name; none where a header has it.
    property: Option<String>,
    rules: Vec<(WildMatch, IdentityRule, Permission)>,
}

impl IdentityRules {
    pub(crate) fn load(identity: document::IdentitySection) -> Self {
        let rules = identity.rules.into_iter().map(|rule| {
            let permission = Permission::of(rule.models.as_deref());
            (WildMatch::new(&rule.name), rule, permission)
        });
        Self { property: property(&identity.source), rules: rules.collect(), source: identity.source }
    }

    pub(crate) fn property(&self) -> Option<&str> {
        self.property.as_deref()
    }

    /// Whether this header has the names.
    pub(crate) fn is_header(&self, name: &[u8]) -> bool {
        matches!(&self.source, IdentitySource::Header(header) if header.as_bytes() == name)
    }

    /// Returns the name of the caller: from its header, else the one that the proxy told. A header that is there twice tells no
    /// name, because a client may have sent one of the two.
    pub(crate) fn name<'a>(&self, head: HeaderView<'a>, told: Option<&'a [u8]>) -> Option<&'a [u8]> {
        let name = match &self.source {
            IdentitySource::Header(header) => {
                let mut values = head.iter().filter(|(name, _)| *name == header.as_bytes()).map(|(_, value)| value);
                values.next().filter(|_| values.next().is_none())
            }
            IdentitySource::JwtClaim(_) | IdentitySource::Certificate(_) => told,
        };
        name.filter(|name| !name.is_empty())
    }

    /// Returns the identity of the caller with this name; none if no rule matches, or if it is no name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Identity> {
        let is_text = |text: &&str| text.len() <= MAX_NAME && !text.chars().any(char::is_control);
        let name = std::str::from_utf8(name).ok().filter(is_text)?;
        let (_, rule, permission) = self.rules.iter().find(|(glob, ..)| glob.matches(name))?;
        Some(Identity {
            key_id: rule.id.clone(),
            owner: Some(rule.owner.clone().unwrap_or_else(|| name.to_owned())),
            team: rule.team,
            project: rule.project.clone(),
            application: rule.application.clone(),
            use_case: rule.use_case.clone(),
            risk_class: rule.risk_class,
            permission: permission.clone(),
            playground: false,
            known_by: self.known_by(),
        })
    }

    fn known_by(&self) -> KnownBy {
        match self.source {
            IdentitySource::Header(_) => KnownBy::Header,
            IdentitySource::JwtClaim(_) => KnownBy::JwtClaim,
            IdentitySource::Certificate(_) => KnownBy::Certificate,
        }
    }
}

/// Returns the path of Envoy's property. Its parts end with a zero byte, so a name with one has been refused.
fn property(source: &IdentitySource) -> Option<String> {
    let field = match source {
        IdentitySource::Header(_) => return None,
        IdentitySource::JwtClaim(path) => {
            return Some(["metadata\0filter_metadata\0envoy.filters.http.jwt_authn\0", &path.join("\0")].concat());
        }
        IdentitySource::Certificate(CertificateField::Subject) => "subject_peer_certificate",
        IdentitySource::Certificate(CertificateField::UriSan) => "uri_san_peer_certificate",
        IdentitySource::Certificate(CertificateField::DnsSan) => "dns_san_peer_certificate",
    };
    Some(["connection\0", field].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(source: IdentitySource) -> IdentityRules {
        let rule = |id: &str, name: &str, owner: Option<&str>| IdentityRule {
            id: id.to_owned(),
            name: name.to_owned(),
            owner: owner.map(str::to_owned),
            ..IdentityRule::default()
        };
        let rules =
            vec![rule("ci", "spiffe://company.example/ci/*", Some("ci")), rule("people", "*@company.example", None)];
        IdentityRules::load(document::IdentitySection { source, rules })
    }

    #[test]
    fn first_rule_that_matches_decides() {
        let rules = rules(IdentitySource::JwtClaim(vec!["jwt".to_owned(), "sub".to_owned()]));
        let found = |name: &[u8]| rules.find(name).map(|one| (one.key_id, one.owner.unwrap_or_default()));
        assert_eq!(found(b"spiffe://company.example/ci/1"), Some(("ci".to_owned(), "ci".to_owned())));
        assert_eq!(found(b"ann@company.example"), Some(("people".to_owned(), "ann@company.example".to_owned())));
        for stranger in [&b"ann@other.example"[..], b"", b"a\n@company.example", b"\xff@company.example"] {
            assert_eq!(found(stranger), None);
        }
        let long = [vec![b'a'; MAX_NAME], b"@company.example".to_vec()].concat();
        assert_eq!(found(&long), None);
        assert_eq!(rules.property(), Some("metadata\0filter_metadata\0envoy.filters.http.jwt_authn\0jwt\0sub"));
    }

    #[test]
    fn header_counts_if_it_is_there_once() {
        let rules = rules(IdentitySource::Header("x-user".to_owned()));
        let name = |fields: &[(&[u8], &[u8])]| rules.name(HeaderView::new(fields), Some(b"told")).map(<[u8]>::to_vec);
        assert_eq!(name(&[(b"x-user", b"ann")]), Some(b"ann".to_vec()));
        for other in [&[][..], &[(&b"x-user"[..], &b""[..])], &[(b"x-user", b"ann"), (b"x-user", b"bob")]] {
            assert_eq!(name(other), None);
        }
    }
}
