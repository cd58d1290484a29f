//! Reads values of Envoy's configuration, in which keys may be in snake case or in camel case.

use crate::tree::{Entry, Node};

/// Returns the entry at a key.
pub(super) fn entry<'a>(node: &'a Node, key: &str) -> Option<&'a Entry> {
    node.entries().iter().find(|entry| is_same(&entry.key, key))
}

/// Returns the value at a path of keys, with dots between them.
pub(super) fn at<'a>(node: &'a Node, path: &str) -> Option<&'a Node> {
    path.split('.').try_fold(node, |node, key| Some(&*entry(node, key)?.value))
}

pub(super) fn text<'a>(node: &'a Node, path: &str) -> Option<&'a str> {
    at(node, path)?.text()
}

pub(super) fn number(node: &Node, path: &str) -> Option<u64> {
    text(node, path)?.parse().ok()
}

pub(super) fn flag(node: &Node, path: &str) -> bool {
    text(node, path) == Some("true")
}

/// Returns a duration in ms: `15s`, `0.25s`.
pub(super) fn milliseconds(node: &Node, path: &str) -> Option<u64> {
    let (whole, part) = text(node, path)?.strip_suffix('s').map(|text| text.split_once('.').unwrap_or((text, "")))?;
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    Some(whole.parse::<u64>().ok()?.saturating_mul(1_000).saturating_add(part.parse().ok()?))
}

/// Returns the type of an extension without its prefix, or its name if the type is not written.
pub(super) fn extension(node: &Node) -> &str {
    let of = |path: &str| text(node, path).map(|url| url.rsplit_once('/').map_or(url, |(_, name)| name));
    let wrapped = of("typed_config.type_url");
    wrapped.or_else(|| of("typed_config.@type")).or_else(|| text(node, "name")).unwrap_or_default()
}

/// Returns whether a text stands anywhere below.
pub(super) fn contains(node: &Node, wanted: &str) -> bool {
    node.text() == Some(wanted)
        || node.items().iter().any(|item| contains(item, wanted))
        || node.entries().iter().any(|entry| contains(&entry.value, wanted))
}

fn is_same(written: &str, key: &str) -> bool {
    let letters = |text: &str| text.bytes().filter(|b| *b != b'_').map(|b| b.to_ascii_lowercase()).collect::<Vec<_>>();
    written == key || written.len().abs_diff(key.len()) < 16 && letters(written) == letters(key)
}
