//! Addresses: of providers and the collector, and to listen on.
//!
//! Only what a cluster can be made of is read: scheme, host, port, path. What could carry a secret (user, query) is
//! refused and not shown.

use super::Wrong;
use super::number::{TOO_LARGE, whole};
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
    if let Some((_, what)) = SURPLUS.iter().find(|(sign, _)| value.contains(*sign)) {
        return Err(Wrong::hidden(what, help));
    }
    let (tls, rest) = scheme(value).ok_or_else(|| Wrong::hidden(no_scheme(value), help))?;
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
    let (host, port) = host_and_port(authority).map_err(|message| Wrong::hidden(message, help))?;
    if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._~-%:+,=".contains(&b)) {
        return Err(Wrong::hidden("this address has a path with unusable characters", help));
    }
    let default = if tls { 443 } else { 80 };
    let port = port.unwrap_or(default);
    let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let authority = if port == default { shown } else { format!("{shown}:{port}") };
    Ok(Url { tls, host, port, authority, path: path.trim_end_matches('/').to_owned() })
}

/// What could carry a secret, or mean something else to somebody else.
const SURPLUS: [(char, &str); 4] = [
    ('@', "an address here has no user and no password"),
    ('?', "an address here has no query"),
    ('#', "an address here has no fragment"),
    ('\\', "an address has no backslashes"),
];

fn no_scheme(value: &str) -> &'static str {
    match value.split_once("://") {
        _ if value.is_empty() => "there is no address here",
        Some(("HTTP" | "HTTPS" | "Http" | "Https", _)) => "the beginning of an address is in small letters here",
        Some(_) => "this address begins with something else than http:// or https://",
        None => "this address does not begin with http:// or https://",
    }
}

fn scheme(value: &str) -> Option<(bool, &str)> {
    let secure = value.strip_prefix("https://").map(|rest| (true, rest));
    secure.or_else(|| value.strip_prefix("http://").map(|rest| (false, rest)))
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    const NO_HOST: &str = "this address has no usable host";
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or("the bracket after this IPv6 address is missing")?;
        let address =
            address.parse::<std::net::Ipv6Addr>().map_err(|_| "there is no IPv6 address in these brackets")?;
        let port = match rest.strip_prefix(':') {
            Some(text) => Some(port(text)?),
            None if rest.is_empty() => None,
            None => return Err(NO_HOST),
        };
        return Ok((address.to_string(), port));
    }
    if authority.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err("an IPv6 address stands in brackets here");
    }
    let (host, port_text) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let port = port_text.map(port).transpose()?;
    match host {
        "" => Err("this address has no host"),
        host if !is_host(host) => Err(NO_HOST),
        host => Ok((host.to_ascii_lowercase(), port)),
    }
}

fn port(text: &str) -> Result<u16, &'static str> {
    match whole(text) {
        Ok(0) => Err("the port of this address is 0"),
        Ok(number) => u16::try_from(number).map_err(|_| "the port of this address is too large"),
        Err(TOO_LARGE) => Err("the port of this address is too large"),
        Err(_) if text.is_empty() => Err("the port of this address is missing"),
        Err(_) => Err("the port of this address is not a number"),
    }
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

/// The origin of a page, as browsers send it (RFC 6454, section 6.2), or `*` for any.
pub(super) fn origin(value: &str) -> Result<(), Wrong> {
    let help = "write scheme, host and port as browsers send them: `https://app.example.com`, or `\"*\"` for any";
    if value == "*" {
        return Ok(());
    }
    let url = url(value).map_err(|wrong| Wrong::hidden(&wrong.message, help))?;
    let scheme = if url.tls { "https" } else { "http" };
    match value.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) {
        Some(authority) if authority == url.authority => Ok(()),
        Some(authority) if authority.contains('/') => {
            Err(Wrong::new("an origin has no path and no slash at its end", help))
        }
        Some(authority) if authority.eq_ignore_ascii_case(&url.authority) => {
            Err(Wrong::new("browsers send an origin in small letters", help))
        }
        _ => Err(Wrong::new("browsers leave out a port that is the scheme's own", help)),
    }
}

/// An address to listen on.
///
/// # Errors
/// Names, and anything without a port.
pub fn socket(value: &str) -> Result<SocketAddr, Wrong> {
    let parsed = value.parse::<SocketAddr>().ok().filter(|socket| socket.port() != 0);
    parsed.ok_or_else(|| {
        Wrong::new(no_socket(value), "write an IP address and a port: `0.0.0.0:8080`, `[::]:8080`, `127.0.0.1:8080`")
    })
}

fn no_socket(value: &str) -> &'static str {
    let bare = value.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let (host, port_text) = value.rsplit_once(':').unwrap_or(("", value));
    match (bare, port(port_text)) {
        _ if value.is_empty() => "there is no address here",
        _ if value.contains("://") => "an address to listen on has no http:// before it",
        (Ok(_), _) => "the port of this address is missing",
        (_, Err(flaw)) if value.contains(':') => flaw,
        _ if host.parse::<std::net::Ipv6Addr>().is_ok() => "an IPv6 address stands in brackets here",
        (_, Ok(_)) if host.is_empty() => "there is no IP address before this port",
        _ => "this is not an IP address to listen on",
    }
}
