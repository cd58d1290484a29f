//! The settings of sign-in, each checked by itself so that a diagnostic can name its key.

use crate::address::Address;
use headgate_collector_types::Role;
use ring::digest;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The issuer: the address of the identity provider, under which it has its discovery document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer(String);

impl Issuer {
    /// Reads the address.
    ///
    /// # Errors
    /// The message says which form it must have.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form =
            "write it as the provider's discovery document has it, such as \"https://login.example.com/realms/main\"";
        let found = Address::parse(text).filter(|address| address.query.is_none());
        match found {
            Some(address) if address.is_protected() => Ok(Self(text.to_owned())),
            Some(_) => Err(format!("plain http is for a provider on this machine alone; {form}")),
            None => Err(format!("it is no https address; {form}")),
        }
    }

    /// Returns its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the name of its host, with the port.
    #[must_use]
    pub fn host(&self) -> String {
        Address::parse(&self.0).map(|address| address.authority).unwrap_or_default()
    }
}

/// The source of the client's secret, which no file of settings contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable.
    Variable(String),
    /// A file.
    File(PathBuf),
}

/// The rule that turns a person's claims into a role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleMapping {
    /// The claim with groups or roles: its name, or names joined by dots.
    pub claim: String,
    /// The role of each value.
    pub roles: BTreeMap<String, Role>,
    /// The role of a person without such a value.
    pub default: Option<Role>,
}

impl RoleMapping {
    /// Reads the word for a role that a person can have.
    ///
    /// # Errors
    /// The message lists the roles.
    pub fn role(word: &str) -> Result<Role, String> {
        match Role::from_word(word) {
            Some(Role::Ingest) => {
                Err("`ingest` is for proxies, which have tokens; use viewer, auditor, admin or owner".to_owned())
            }
            Some(role) => Ok(role),
            None => Err("there is no such role; use viewer, auditor, admin or owner".to_owned()),
        }
    }
}

/// All settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The issuer.
    pub issuer: Issuer,
    /// The name that people know the provider by.
    pub name: String,
    /// The id of this collector at the provider.
    pub client_id: String,
    /// The secret that belongs to it; `None` for a client that has only PKCE.
    pub client_secret: Option<SecretSource>,
    /// The scopes to ask for; `openid` is one of them.
    pub scopes: Vec<String>,
    /// The roles.
    pub roles: RoleMapping,
    /// The claim with the name to show.
    pub name_claim: String,
    /// The address at which the provider ends its own session.
    pub logout_url: Option<String>,
    /// A file with the certificates to trust, in place of those of the operating system.
    pub ca_file: Option<PathBuf>,
}

impl Settings {
    /// Returns the hash of everything that decides a person's role. A session that began under other settings is not valid.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let RoleMapping { claim, roles, default } = &self.roles;
        let roles: BTreeMap<_, _> = roles.iter().map(|(value, role)| (value, role.as_str())).collect();
        let all = serde_json::json!([self.issuer.0, self.client_id, claim, roles, default.map(Role::as_str)]);
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, format!("headgate oidc {all}").as_bytes()).as_ref());
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_an_https_address() {
        for good in
            ["https://a.example", "https://a.example/realms/main/", "http://localhost:8080/x", "http://127.0.0.1:1"]
        {
            assert_eq!(Issuer::parse(good).unwrap().as_str(), good);
        }
        for bad in
            ["", "a.example", "http://a.example", "https://a.example?x=1", "https://a.example#x", "https://u@a.example"]
        {
            assert!(Issuer::parse(bad).unwrap_err().contains("https://login.example.com"), "{bad}");
        }
    }

    #[test]
    fn nobody_gets_the_role_of_proxies() {
        assert_eq!(RoleMapping::role("auditor"), Ok(Role::Auditor));
        assert!(RoleMapping::role("ingest").unwrap_err().contains("proxies"));
        assert!(RoleMapping::role("root").is_err());
    }
}
