//! Conversions of amounts, times and subjects between the store and the wire.

use headgate_collector_types::clock;

/// Joins the values of a subject. Proxies allow it in no value.
pub(super) const SEPARATOR: char = '\u{1f}';

pub(super) fn now_ms() -> u64 {
    amount(clock::now_us()) / 1_000
}

/// Converts an amount read from the store.
pub(super) fn amount(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

pub(super) fn join_subject(parts: &[String]) -> String {
    parts.join("\u{1f}")
}

pub(super) fn split_subject(subject: &str) -> Vec<String> {
    subject.split(SEPARATOR).map(str::to_owned).collect()
}
