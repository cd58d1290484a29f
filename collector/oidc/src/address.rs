//! Addresses: of the issuer, of its endpoints, of this collector.

use std::net::IpAddr;
use ureq::http::Uri;

/// Longest address, bytes.
const MAX_BYTES: usize = 2_000;

/// An http or https address without user, fragment or hidden characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

impl Address {
    /// Reads an address. `None` if it has another form, or none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES
            || !text.bytes().all(|byte| byte.is_ascii_graphic())
            || text.contains(['#', '\\', '"'])
        {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        let is_tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?.as_str();
        let host = uri.host()?;
        if authority.contains('@') || host.is_empty() {
            return None;
        }
        Some(Self {
            is_tls,
            host: host.to_ascii_lowercase(),
            authority: authority.to_ascii_lowercase(),
            path: uri.path().to_owned(),
            query: uri.query().map(str::to_owned),
        })
    }

    /// Returns whether nobody on the way can read or change what is sent: https, or http on this machine.
    pub(crate) fn is_protected(&self) -> bool {
        self.is_tls || self.is_loopback()
    }

    pub(crate) fn is_loopback(&self) -> bool {
        let name = self.host.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// The address under which browsers reach the collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    is_tls: bool,
    authority: String,
}

impl PublicUrl {
    /// Reads the address.
    ///
    /// # Errors
    /// The message says which form it must have.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = "write the address that browsers use, such as \"https://logs.example.com\"";
        let found = Address::parse(text).ok_or_else(|| format!("it is no address; {form}"))?;
        if found.path != "/" || found.query.is_some() {
            return Err(format!("the pages are at the root of a host, so it has no path; {form}"));
        }
        if !found.is_protected() {
            return Err(format!("a browser keeps no session over plain http from another machine; {form}"));
        }
        let default = if found.is_tls { ":443" } else { ":80" };
        let authority = found.authority.strip_suffix(default).unwrap_or(&found.authority).to_owned();
        Ok(Self { is_tls: found.is_tls, authority })
    }

    /// Returns whether it is https.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Returns it as browsers write it in an `Origin` header.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.authority)
    }
}

/// Checks the address to which browsers go when they have signed out.
///
/// # Errors
/// The message says which form it must have.
pub fn check_logout_url(text: &str) -> Result<String, String> {
    match Address::parse(text) {
        Some(address) if address.is_protected() => Ok(text.to_owned()),
        _ => Err("it is no https address; write the one at which the provider ends its session".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_address_is_an_origin() {
        for (text, origin) in [
            ("https://logs.example.com", "https://logs.example.com"),
            ("https://LOGS.example.com/", "https://logs.example.com"),
            ("https://logs.example.com:443", "https://logs.example.com"),
            ("https://logs.example.com:8443", "https://logs.example.com:8443"),
            ("http://127.0.0.1:4180", "http://127.0.0.1:4180"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(PublicUrl::parse(text).unwrap().origin(), origin);
        }
        for (text, word) in [
            ("logs.example.com", "no address"),
            ("https://", "no address"),
            ("ftp://logs.example.com", "no address"),
            ("https://a@logs.example.com", "no address"),
            ("https://logs.example.com/#a", "no address"),
            ("https://logs.example.com/headgate", "no path"),
            ("https://logs.example.com/?a=1", "no path"),
            ("http://logs.example.com", "plain http"),
            ("https://logs.exam ple.com", "no address"),
        ] {
            let problem = PublicUrl::parse(text).unwrap_err();
            assert!(problem.contains(word) && problem.contains("https://logs.example.com"), "{text}: {problem}");
        }
    }

    #[test]
    fn signing_out_leads_to_a_protected_address() {
        assert!(check_logout_url("https://login.example/logout?client_id=headgate").is_ok());
        for bad in
            ["", "/logout", "javascript:alert(1)", "http://login.example/", "https://x/\u{202e}", "https://a/\"b"]
        {
            assert!(check_logout_url(bad).is_err(), "{bad}");
        }
    }
}
