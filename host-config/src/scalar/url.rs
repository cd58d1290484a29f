//! Addresses: of providers and the collector, and to listen on.
//!
//! Only what a cluster can be made of is read: scheme, host, port, path. What could carry a secret (user, query) is
//! refused and not shown.

use super::Wrong;
use std::net::{IpAddr, SocketAddr};

/// `http[s]://host[:port][/path]`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `https`.
    pub tls: bool,
    /// Lower-case DNS name, or an IP address without brackets.
    pub host: String,
    /// Port, given or implied.
    pub port: u16,
    /// `host[:port]` as `:authority` wants it: a port only if it is not the scheme's.
    pub authority: String,
    /// Path without a slash at the end; empty for none.
    pub path: String,
}

impl Url {
    /// Whether what is sent there can be read on the way: in clear, and not to this machine or to a name without a dot, which
    /// only a private network knows.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        !self.tls && !address.map_or(!self.host.contains('.'), |address| address.is_loopback())
    }
}

/// Takes an address apart.
///
/// # Errors
/// What a cluster cannot be made of. A user, a query or a fragment is never shown.
pub fn url(value: &str) -> Result<Url, Wrong> {
    let help = "write `https://host[:port][/path]`, as in `https://api.openai.com/v1`";
    if value.contains(['@', '?', '#', '\\']) {
        return Err(Wrong::hidden("an address here has no user, query or fragment", help));
    }
    let wrong = || Wrong::hidden("this is not an address that begins with http:// or https://", help);
    let (tls, rest) = scheme(value).ok_or_else(wrong)?;
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).ok_or_else(wrong)?;
    let (host, port) =
        host_and_port(authority).ok_or_else(|| Wrong::hidden("this address has no usable host and port", help))?;
    if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._~-%:+,=".contains(&b)) {
        return Err(Wrong::hidden("this address has a path with unusable characters", help));
    }
    let default = if tls { 443 } else { 80 };
    let port = port.unwrap_or(default);
    let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let authority = if port == default { shown } else { format!("{shown}:{port}") };
    Ok(Url { tls, host, port, authority, path: path.trim_end_matches('/').to_owned() })
}

fn scheme(value: &str) -> Option<(bool, &str)> {
    let secure = value.strip_prefix("https://").map(|rest| (true, rest));
    secure.or_else(|| value.strip_prefix("http://").map(|rest| (false, rest)))
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let address = address.parse::<std::net::Ipv6Addr>().ok()?;
        let port = if rest.is_empty() { None } else { Some(port(rest.strip_prefix(':')?)?) };
        return Some((address.to_string(), port));
    }
    let (host, port_text) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let port = match port_text {
        Some(text) => Some(port(text)?),
        None => None,
    };
    is_host(host).then(|| (host.to_ascii_lowercase(), port))
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port| *port != 0 && !text.starts_with('+'))
}

/// RFC 1123, section 2.1, and the underscore that container networks use.
fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let numeric = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    host.len() <= 253 && host.split('.').all(label) && (!numeric || host.parse::<IpAddr>().is_ok())
}

/// An address to listen on.
///
/// # Errors
/// Names, and anything without a port.
pub fn socket(value: &str) -> Result<SocketAddr, Wrong> {
    value.parse::<SocketAddr>().ok().filter(|socket| socket.port() != 0).ok_or_else(|| {
        Wrong::new("this is not an address to listen on", "write an IP address and a port: `0.0.0.0:8080`, `[::]:8080`")
    })
}
