//! The cookie of a session.
//!
//! Its name begins with `__Host-`, so browsers take it over TLS alone, and from no other host. A browser on the same machine
//! has no TLS to it: if the page's address is a loopback one, the cookie has a plain name and no `Secure`. The address is that of
//! the settings, or the `Host` header. It is not that of the listener, because a TLS terminator on the same machine reaches the
//! collector by loopback too, and its browsers do not.

use super::site::Site;
use axum::http::{HeaderMap, HeaderValue, header};
use headgate_collector_db::StoreError;
use std::str::from_utf8;

/// A cookie of the collector, by its name over TLS and without.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CookieKind {
    secure: &'static str,
    plain: &'static str,
}

/// The cookie of a session. It has no `Max-Age`: a browser that is closed forgets it.
const SESSION: CookieKind = CookieKind { secure: "__Host-headgate", plain: "headgate" };
/// The cookie of a sign-in at the identity provider.
pub(crate) const SIGN_IN: CookieKind = CookieKind { secure: "__Host-headgate-sign-in", plain: "headgate-sign-in" };

impl CookieKind {
    fn name(self, site: &Site, headers: &HeaderMap) -> &'static str {
        if site.is_plain(headers) { self.plain } else { self.secure }
    }

    /// Returns the value of the only cookie of this name. Of two, one may be another's.
    pub(crate) fn value<'h>(self, site: &Site, headers: &'h HeaderMap) -> Option<&'h str> {
        let mut values = values(headers, self.name(site, headers));
        let value = from_utf8(values.next()?).ok()?;
        values.next().is_none().then_some(value)
    }

    /// Returns the `Set-Cookie` that gives a browser a value, for a number of seconds or as long as it is open.
    pub(crate) fn give(
        self,
        site: &Site,
        headers: &HeaderMap,
        value: &str,
        seconds: Option<i64>,
    ) -> Result<HeaderValue, StoreError> {
        let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
        let text = format!("{}{age}", self.set(site, headers, value));
        let mut value = HeaderValue::try_from(text).map_err(|_| StoreError::Other)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Returns the `Set-Cookie` that takes it away.
    pub(crate) fn take(self, site: &Site, headers: &HeaderMap) -> HeaderValue {
        let value = format!("{}; Max-Age=0", self.set(site, headers, ""));
        HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("headgate=; Path=/; Max-Age=0"))
    }

    fn set(self, site: &Site, headers: &HeaderMap, value: &str) -> String {
        let name = self.name(site, headers);
        let secure = if name == self.secure { "; Secure" } else { "" };
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")
    }
}

/// Returns the secret of the session that a request names. Anything that no collector has given out is ignored, and so are two
/// cookies of this name, one of which may be another's.
pub(crate) fn secret<'h>(site: &Site, headers: &'h HeaderMap) -> Option<&'h str> {
    SESSION.value(site, headers).filter(|value| is_secret(value))
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

/// Returns the `Set-Cookie` that gives a browser a session.
pub(crate) fn given(site: &Site, headers: &HeaderMap, secret: &str) -> Result<HeaderValue, StoreError> {
    SESSION.give(site, headers, secret, None)
}

/// Returns the `Set-Cookie` that takes it away.
pub(crate) fn taken(site: &Site, headers: &HeaderMap) -> HeaderValue {
    SESSION.take(site, headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::HOST;
    use headgate_collector_oidc::PublicUrl;

    const SECURE: &str = SESSION.secure;
    const SECRET: &str = "hgs_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn headers(host: &'static str, cookies: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static(host));
        for cookie in cookies {
            headers.append(header::COOKIE, HeaderValue::from_bytes(cookie).unwrap());
        }
        headers
    }

    #[test]
    fn the_name_depends_on_the_host() {
        let [secure, plain] = [SECURE, SESSION.plain].map(|name| format!("{name}={SECRET}").into_bytes());
        for (host, read) in [("collector", &secure), ("127.0.0.1:4180", &plain), ("[::1]:1", &plain)] {
            let other = if read == &secure { &plain } else { &secure };
            assert_eq!(secret(&Site::default(), &headers(host, &[read])), Some(SECRET), "{host}");
            assert_eq!(secret(&Site::default(), &headers(host, &[other])), None, "{host}");
            let given = given(&Site::default(), &headers(host, &[]), SECRET).unwrap();
            assert_eq!(given.to_str().unwrap().ends_with("; Secure"), read == &secure, "{host}");
        }
    }

    #[test]
    fn a_public_address_goes_before_the_host() {
        let site = Site::at(&PublicUrl::parse("https://logs.example").unwrap());
        for host in ["127.0.0.1:4180", "localhost", "collector", ""] {
            let given = given(&site, &headers(host, &[]), SECRET).unwrap();
            assert!(
                given.to_str().unwrap().starts_with("__Host-headgate=")
                    && given.to_str().unwrap().ends_with("; Secure")
            );
            assert_eq!(secret(&site, &headers(host, &[format!("headgate={SECRET}").as_bytes()])), None, "{host}");
            assert_eq!(
                secret(&site, &headers(host, &[format!("{SECURE}={SECRET}").as_bytes()])),
                Some(SECRET),
                "{host}"
            );
        }
        let local = Site::at(&PublicUrl::parse("http://localhost:4180").unwrap());
        assert!(given(&local, &headers("collector", &[]), SECRET).unwrap().to_str().unwrap().starts_with("headgate="));
    }

    #[test]
    fn anything_else_is_no_session() {
        let good = format!("a=1; {SECURE}={SECRET};b=2").into_bytes();
        assert_eq!(
            secret(&Site::default(), &headers("h", &[b"x=\xff\xfe", &good])),
            Some(SECRET),
            "other cookies do not matter"
        );
        for bad in
            ["", "=", ";;;=;", "__Host-headgate", "__Host-headgate=", "__Host-headgate=hgs_", "__host-headgate=x"]
        {
            assert_eq!(secret(&Site::default(), &headers("h", &[bad.as_bytes()])), None, "{bad}");
        }
        for value in [SECRET.to_uppercase(), format!("{SECRET}0"), format!("\"{SECRET}\""), "x".repeat(60_000)] {
            assert_eq!(secret(&Site::default(), &headers("h", &[format!("{SECURE}={value}").as_bytes()])), None);
        }
        assert_eq!(secret(&Site::default(), &headers("h", &[&good, &good])), None, "two of them");
    }
}
