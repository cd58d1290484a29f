//! The page to go to after signing in.

/// The path after a sign-in that no page has asked for.
const HOME: &str = "/";
/// Longest path, bytes. Encoded in a form it stays below the form's own limit.
const MAX_BYTES: usize = 2_000;

/// Returns the path if it is one of this collector's, else the first page. A browser takes `//host`, `/\host` and `/⇥/host` for
/// another host.
pub(crate) fn local(path: Option<&str>) -> &str {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'\\';
    let is_local = |path: &&str| {
        path.len() <= MAX_BYTES && path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain)
    };
    path.filter(is_local).unwrap_or(HOME)
}

/// Returns the path of the page to sign in on, from which one goes on to `path`.
pub(crate) fn login(path: &str) -> String {
    match local(Some(path)) {
        HOME => "/login".to_owned(),
        path => format!(
            "/login?{}",
            form_urlencoded::Serializer::new(String::new()).append_pair("return_to", path).finish()
        ),
    }
}

/// Returns the path that the query string of the page to sign in on names.
pub(crate) fn of_query(query: Option<&str>) -> String {
    let mut pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let found = pairs.find(|(name, _)| name == "return_to").map(|(_, path)| path);
    local(found.as_deref()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_paths_are_gone_to() {
        for good in ["/", "/logs", "/logs?team=a&q=%2F%2Fevil.example", "/audit#x", "/.//evil.example"] {
            assert_eq!(local(Some(good)), good);
            assert_eq!(of_query(login(good).strip_prefix("/login?")), good);
        }
        let long = format!("/{}", "a".repeat(MAX_BYTES));
        for bad in [
            "",
            "logs",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            " /logs",
            "/lo gs",
            "/é",
            "/\u{202e}",
            "/a\0",
            &long,
        ] {
            assert_eq!(local(Some(bad)), "/", "{bad:?}");
        }
        assert_eq!(of_query(Some("return_to=%2F%09%2Fevil.example")), "/");
        assert_eq!(of_query(Some("return_to=%2Flogs&return_to=%2F%2Fevil.example")), "/logs");
        assert_eq!(of_query(None), "/");
    }
}
