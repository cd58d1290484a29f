//! The cookie of a session.
//!
//! Its name begins with `__Host-`, so browsers take it over TLS alone, and from no other host. A browser on the same machine
//! has no TLS to it: if the page's address is a loopback one, the cookie has a plain name and no `Secure`. The address is the
//! `Host` header and not that of the listener, because a TLS terminator on the same machine reaches the collector by loopback
//! too, and its browsers do not.

use super::origin::is_loopback;
use axum::http::{HeaderMap, HeaderValue, header};
use headgate_collector_db::StoreError;
use std::str::from_utf8;

const SECURE: &str = "__Host-headgate";
const PLAIN: &str = "headgate";

fn name(headers: &HeaderMap) -> &'static str {
    if is_loopback(headers.get(header::HOST)) { PLAIN } else { SECURE }
}

/// Returns the secret of the session that a request names. Anything that no collector has given out is ignored, and so are two
/// cookies of this name, one of which may be another's.
pub(crate) fn secret(headers: &HeaderMap) -> Option<&str> {
    let mut values = values(headers, name(headers));
    let value = from_utf8(values.next()?).ok().filter(|value| is_secret(value))?;
    values.next().is_none().then_some(value)
}

/// Returns the values of the cookies of this name.
pub(crate) fn values<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h [u8]> {
    let pairs = headers.get_all(header::COOKIE).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b';'));
    pairs.filter_map(move |pair| pair.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

fn is_secret(value: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    value.strip_prefix("hgs_").is_some_and(|digits| digits.len() == 64 && digits.bytes().all(digit))
}

/// Returns the `Set-Cookie` that gives a browser a session. It has no `Max-Age`: a browser that is closed forgets it.
pub(crate) fn given(headers: &HeaderMap, secret: &str) -> Result<HeaderValue, StoreError> {
    let mut value = HeaderValue::try_from(set(name(headers), secret)).map_err(|_| StoreError::Other)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Returns the `Set-Cookie` that takes it away.
pub(crate) fn taken(headers: &HeaderMap) -> HeaderValue {
    let value = format!("{}; Max-Age=0", set(name(headers), ""));
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("headgate=; Path=/; Max-Age=0"))
}

fn set(name: &str, value: &str) -> String {
    let secure = if name == SECURE { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "hgs_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn headers(host: &'static str, cookies: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static(host));
        for cookie in cookies {
            headers.append(header::COOKIE, HeaderValue::from_bytes(cookie).unwrap());
        }
        headers
    }

    #[test]
    fn the_name_depends_on_the_host() {
        let [secure, plain] = [SECURE, PLAIN].map(|name| format!("{name}={SECRET}").into_bytes());
        for (host, read) in [("collector", &secure), ("127.0.0.1:4180", &plain), ("[::1]:1", &plain)] {
            let other = if read == &secure { &plain } else { &secure };
            assert_eq!(secret(&headers(host, &[read])), Some(SECRET), "{host}");
            assert_eq!(secret(&headers(host, &[other])), None, "{host}");
            let given = given(&headers(host, &[]), SECRET).unwrap();
            assert_eq!(given.to_str().unwrap().ends_with("; Secure"), read == &secure, "{host}");
        }
    }

    #[test]
    fn anything_else_is_no_session() {
        let good = format!("a=1; {SECURE}={SECRET};b=2").into_bytes();
        assert_eq!(secret(&headers("h", &[b"x=\xff\xfe", &good])), Some(SECRET), "other cookies do not matter");
        for bad in
            ["", "=", ";;;=;", "__Host-headgate", "__Host-headgate=", "__Host-headgate=hgs_", "__host-headgate=x"]
        {
            assert_eq!(secret(&headers("h", &[bad.as_bytes()])), None, "{bad}");
        }
        for value in [SECRET.to_uppercase(), format!("{SECRET}0"), format!("\"{SECRET}\""), "x".repeat(60_000)] {
            assert_eq!(secret(&headers("h", &[format!("{SECURE}={value}").as_bytes()])), None);
        }
        assert_eq!(secret(&headers("h", &[&good, &good])), None, "two of them");
    }
}
