//! The origin of a request, by the headers of the browser.

use super::site::{Site, is_loopback_name};
use axum::http::{HeaderMap, HeaderValue, header};

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// The page that made a browser send a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// One of these pages, or the person at the browser itself.
    Same,
    /// A page of somebody else.
    Other,
    /// Not said: no browser of today, or a `GET` of an older one.
    Unstated,
}

/// Returns the origin of a request.
pub(crate) fn origin(site: &Site, headers: &HeaderMap) -> Origin {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter().peekable();
    let origin = headers.get(header::ORIGIN);
    let same = if sites.peek().is_some() {
        sites.all(|site| site == "same-origin" || site == "none")
    } else if let Some(origin) = origin {
        match site.origin() {
            Some(own) => text(Some(origin)).is_some_and(|origin| origin.eq_ignore_ascii_case(own)),
            None => is_of_host(origin, headers),
        }
    } else {
        return Origin::Unstated;
    };
    if same { Origin::Same } else { Origin::Other }
}

fn is_of_host(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let both = authority(origin).zip(text(headers.get(header::HOST)));
    both.is_some_and(|(one, host)| one.eq_ignore_ascii_case(host))
}

/// Returns whether a browser shows the page without TLS, and not from its own machine. It does not keep the cookie then.
pub(crate) fn is_unprotected(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).filter(|origin| origin.as_bytes().starts_with(b"http://"));
    origin.is_some_and(|origin| !authority(origin).is_some_and(is_loopback_name))
}

fn authority(origin: &HeaderValue) -> Option<&str> {
    text(Some(origin))?.split_once("://").map(|(_, authority)| authority)
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use headgate_collector_oidc::PublicUrl;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_site_goes_before_the_origin() {
        let host = ("host", "logs.example:8443");
        for (all, expected) in [
            (vec![("sec-fetch-site", "same-origin")], Origin::Same),
            (vec![("sec-fetch-site", "none")], Origin::Same),
            (vec![("sec-fetch-site", "same-site"), ("origin", "https://logs.example:8443")], Origin::Other),
            (vec![("sec-fetch-site", "cross-site")], Origin::Other),
            (vec![("sec-fetch-site", "")], Origin::Other),
            (vec![("origin", "https://LOGS.example:8443")], Origin::Same),
            (vec![("origin", "https://logs.example")], Origin::Other),
            (vec![("origin", "null")], Origin::Other),
            (vec![("origin", "")], Origin::Other),
            (vec![("origin", "https://logs.example:8443.evil.example")], Origin::Other),
            (vec![], Origin::Unstated),
        ] {
            assert_eq!(origin(&Site::default(), &headers(&[all.as_slice(), &[host]].concat())), expected, "{all:?}");
        }
        assert_eq!(origin(&Site::default(), &headers(&[("origin", "https://")])), Origin::Other, "no host");
    }

    #[test]
    fn a_public_address_is_the_only_origin() {
        let site = Site::at(&PublicUrl::parse("https://logs.example").unwrap());
        for (from, expected) in [
            ("https://logs.example", Origin::Same),
            ("https://LOGS.example", Origin::Same),
            ("http://logs.example", Origin::Other),
            ("https://logs.example:8443", Origin::Other),
            ("https://127.0.0.1:4180", Origin::Other),
            ("null", Origin::Other),
        ] {
            let all = headers(&[("host", "127.0.0.1:4180"), ("origin", from)]);
            assert_eq!(origin(&site, &all), expected, "{from}");
        }
        assert_eq!(origin(&site, &headers(&[("sec-fetch-site", "same-origin")])), Origin::Same);
        assert_eq!(origin(&site, &headers(&[("host", "127.0.0.1:4180")])), Origin::Unstated);
    }

    #[test]
    fn plain_http_is_for_the_same_machine() {
        assert!(is_unprotected(&headers(&[("origin", "http://10.0.0.5:4180")])));
        assert!(!is_unprotected(&headers(&[("origin", "http://localhost:4180")])));
        assert!(!is_unprotected(&headers(&[("origin", "https://logs.example")])));
    }
}
