//! Reads addresses of providers and the collector, and addresses to listen on.
//!
//! An address consists of the parts that a cluster needs: scheme, host, port, path. Parts that could carry a secret (user,
//! query) are refused and not shown.

use super::error::ScalarError;
use super::number::{TOO_LARGE, whole};
use std::net::{IpAddr, SocketAddr};

/// The parts of `http[s]://host[:port][/path]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Whether the scheme is `https`.
    pub tls: bool,
    /// Lower-case DNS name, or an IP address without brackets.
    pub host: String,
    /// Port, explicit or the scheme's.
    pub port: u16,
    /// `host[:port]` for `:authority`: with a port only if it is not the scheme's.
    pub authority: String,
    /// Path without a slash at the end; empty for none.
    pub path: String,
}

impl Url {
    /// Returns whether others can read the traffic: it is in clear, and goes neither to this machine nor to a name without
    /// a dot, which only a private network resolves.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        !self.tls && !address.map_or(!self.host.contains('.'), |address| address.is_loopback())
    }
}

/// Parses an address.
///
/// # Errors
/// Returns the reason if no cluster can be made of it. A user, a query or a fragment is never shown.
pub fn url(value: &str) -> Result<Url, ScalarError> {
    let help = "write `https://host[:port][/path]`, as in `https://api.openai.com/v1`";
    if let Some((_, message, help)) = SURPLUS.iter().find(|(sign, ..)| value.contains(*sign)) {
        return Err(ScalarError::hidden(message, help));
    }
    let (tls, rest) = scheme(value).ok_or_else(|| ScalarError::hidden(no_scheme(value), help))?;
    let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len())).unwrap_or((rest, ""));
    let (host, port) = host_and_port(authority).map_err(|message| ScalarError::hidden(message, help))?;
    if !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._~-%:+,=".contains(&b)) {
        return Err(ScalarError::hidden("the path contains a character that is not allowed", help));
    }
    let default = if tls { 443 } else { 80 };
    let port = port.unwrap_or(default);
    let shown = host_in_url(&host);
    let authority = if port == default { shown } else { format!("{shown}:{port}") };
    Ok(Url { tls, host, port, authority, path: path.trim_end_matches('/').to_owned() })
}

/// Returns a host as an address has it: an IPv6 address in brackets.
#[must_use]
pub fn host_in_url(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Characters that could begin a secret, or that other programs interpret differently.
const SURPLUS: [(char, &str, &str); 5] = [
    (
        '@',
        "an address must not contain a user or a password",
        "write the address without them; a key goes into `credential`",
    ),
    ('?', "an address must not contain a query", "write the address without `?` and what follows it"),
    ('#', "an address must not contain a fragment", "write the address without `#` and what follows it"),
    ('\\', "an address must not contain a backslash", "write `/`"),
    (' ', "there is a space in this address", "remove it"),
];

fn no_scheme(value: &str) -> &'static str {
    match value.split_once("://") {
        _ if value.is_empty() => "there is no address here",
        Some((scheme, _)) if matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") => {
            "`http://` and `https://` must be in lower case"
        }
        Some(_) => "only http:// and https:// are supported",
        None if value.starts_with("https:/") || value.starts_with("http:/") => "a slash is missing after the scheme",
        None => "this address does not begin with http:// or https://",
    }
}

fn scheme(value: &str) -> Option<(bool, &str)> {
    let secure = value.strip_prefix("https://").map(|rest| (true, rest));
    secure.or_else(|| value.strip_prefix("http://").map(|rest| (false, rest)))
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    const NO_HOST: &str = "the host name is not valid";
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
        return Err("an IPv6 address must be in brackets");
    }
    let (host, port_text) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let port = port_text.map(port).transpose()?;
    match host {
        "" => Err("this address has no host"),
        host if !host.is_ascii() => Err("the host name is not ASCII: write its form that begins with `xn--`"),
        host if host.len() > 1 && host.ends_with('.') => Err("the host name ends with a dot"),
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

/// Checks the origin of a page, as browsers send it (RFC 6454, section 6.2), or `*` for any.
pub(super) fn origin(value: &str) -> Result<(), ScalarError> {
    let help = "write scheme, host and port as browsers send them: `https://app.example.com`, or `\"*\"` for any";
    if value == "*" {
        return Ok(());
    }
    let url = url(value).map_err(|wrong| ScalarError::hidden(&wrong.message, help))?;
    let scheme = if url.tls { "https" } else { "http" };
    match value.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://")) {
        Some(authority) if authority == url.authority => Ok(()),
        Some(authority) if authority.contains('/') => {
            Err(ScalarError::new("an origin must not have a path or a slash at its end", help))
        }
        Some(authority) if authority.eq_ignore_ascii_case(&url.authority) => {
            Err(ScalarError::new("an origin must be in lower case", help))
        }
        _ => Err(ScalarError::new("an origin must not contain the default port of its scheme", help)),
    }
}

/// Reads an address to listen on.
///
/// # Errors
/// Returns the reason for names, and for addresses without a port.
pub fn socket(value: &str) -> Result<SocketAddr, ScalarError> {
    let parsed = value.parse::<SocketAddr>().ok().filter(|socket| socket.port() != 0);
    parsed.ok_or_else(|| {
        ScalarError::new(
            no_socket(value),
            "write an IP address and a port: `0.0.0.0:8080` for all interfaces, `127.0.0.1:8080` for this machine",
        )
    })
}

fn no_socket(value: &str) -> &'static str {
    let bare = value.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let (host, port_text) = value.rsplit_once(':').unwrap_or(("", value));
    match (bare, port(port_text)) {
        _ if value.is_empty() => "there is no address here",
        _ if value.contains("://") => "an address to listen on has no scheme",
        (Ok(_), _) => "the port of this address is missing",
        _ if value.starts_with("unix:") => "unix sockets are not supported",
        (_, Err(flaw)) if value.contains(':') => flaw,
        _ if host.parse::<std::net::Ipv6Addr>().is_ok() => "an IPv6 address must be in brackets",
        (_, Ok(_)) if host.is_empty() => "there is no IP address before this port",
        _ => "this is not an IP address",
    }
}
