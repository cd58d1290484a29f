//! The filters of a search as its audit entry shows them.
//!
//! The caller writes the query string, so it is not stored as it came. Parameters are decoded as the handlers decode them,
//! repeats and parameters of paging are left out, and the order does not matter.
//! The list is never cut at its end. A value longer than any stored name matches nothing; its beginning, length and hash
//! are kept.

use headgate_collector_types::audit;
use headgate_collector_types::validate::MAX_NAME_CHARS;
use headgate_config::diagnostic::is_hidden;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Parameters that choose a page of the results, not the results.
const PAGING: [&str; 8] = ["after", "bars", "before", "limit", "order", "page", "total", "totals"];

/// The filters of one search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotedFilters {
    /// The filters as shown: secrets masked.
    pub(super) shown: String,
    /// Digest of the filters before masking; equal for equal filters.
    pub(super) digest: [u8; 32],
}

impl NotedFilters {
    /// Returns the filters of an accepted query string. All pages of a search have the same filters.
    pub(super) fn of_search(query: &str) -> Self {
        Self::of(query, |name| !PAGING.contains(&name))
    }

    /// Returns the parameters of an export, all of which determine its content.
    pub(super) fn of_export(query: &str) -> Self {
        Self::of(query, |_| true)
    }

    fn of(query: &str, counts: impl Fn(&str) -> bool) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| counts(plain_name(name)));
        let (mut all, mut shown) = (BTreeSet::new(), Vec::new());
        for (name, value) in pairs {
            // Each value is masked alone, so that masking one cannot remove another.
            let text = format!("{}={}", escaped(&name), shown_value(&value));
            if all.insert((plain_name(&name).to_owned(), value.into_owned())) {
                shown.push(text);
            }
        }
        let mut hash = Sha256::new();
        for (name, value) in &all {
            hash.update(format!("{}:{name}{}:{value}", name.len(), value.len()));
        }
        Self { shown: shown.join("&"), digest: hash.finalize().into() }
    }
}

/// Returns the name of a list without its brackets.
fn plain_name(name: &str) -> &str {
    name.strip_suffix("[]").unwrap_or(name)
}

fn shown_value(value: &str) -> String {
    let masked = audit::mask_text(value);
    match masked.char_indices().nth(MAX_NAME_CHARS) {
        None => escaped(&masked),
        Some((end, _)) => {
            let more = masked.chars().count().saturating_sub(MAX_NAME_CHARS);
            let hash: String = Sha256::digest(value).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("{}…(+{more} characters, sha256 {hash}…)", escaped(masked.get(..end).unwrap_or_default()))
        }
    }
}

/// Percent-encodes characters that would read as another filter, control a terminal or are invisible.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '&' | '%' | '+' | '…') || is_hidden(char) {
            let mut bytes = [0; 4];
            for byte in char.encode_utf8(&mut bytes).bytes() {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(char);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::NotedFilters;

    fn shown(query: &str) -> String {
        NotedFilters::of_search(query).shown
    }

    #[test]
    fn equal_filters_are_told_the_same() {
        let one = NotedFilters::of_search("team=search&status=200&limit=5&after=c1_9");
        let other = NotedFilters::of_search("status=%32%30%30&te%61m=search&team=search&order=asc");
        assert_eq!((one.shown.as_str(), other.shown.as_str()), ("team=search&status=200", "status=200&team=search"));
        assert_eq!(one.digest, other.digest);
        let list = |query: &str| NotedFilters::of_search(query).digest;
        assert_eq!(list("event_types[]=b&event_types=a"), list("event_types=a&event_types[]=b"));
        assert_eq!(NotedFilters::of_export("limit=5&team=a").shown, "limit=5&team=a");
    }

    #[test]
    fn no_value_hides_another_one() {
        let key = format!("sk-proj-{}", "a1B2c3D4e5".repeat(6));
        assert_eq!(shown(&format!("q={key}&team=search")), "q=[masked]&team=search");
        assert_eq!(shown("q=password%3D%20hunter22hunter22&team=search").split('&').next_back(), Some("team=search"));
        let long = shown(&format!("owner={}&team=search", "x".repeat(1_000)));
        assert!(long.contains("x…(+744 characters, sha256 ") && long.ends_with("&team=search"), "{long}");
        assert_eq!(shown("q=a%26team%3Db&team=c"), "q=a%26team=b&team=c");
        assert_eq!(shown("q=%E2%80%AEabc%00%1b"), "q=%E2%80%AEabc%00%1B");
    }

    #[test]
    fn other_filters_have_another_digest() {
        let digest = |query: &str| NotedFilters::of_search(query).digest;
        assert_ne!(digest("a=1&b=2"), digest("a=1&b=3"));
        assert_ne!(digest("a=1&b="), digest("a=1%26b%3D"));
        let key = |end: &str| format!("q=sk-proj-{}{end}", "a1B2c3D4e5".repeat(6));
        assert_eq!(shown(&key("x")), shown(&key("y")));
        assert_ne!(digest(&key("x")), digest(&key("y")), "masked values are told apart");
    }
}
