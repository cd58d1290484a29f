//! Entries that a forwarder has not delivered.

use serde::Serialize;
use std::fmt;

/// Entries that retention deleted before a forwarder had delivered them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Undelivered {
    /// The forwarder, by its name in the settings.
    pub forwarder: String,
    /// The log.
    pub log: String,
    /// How many entries there were.
    pub entries: u64,
    /// The first position of the range that they were in.
    pub first_position: i64,
    /// The last one.
    pub last_position: i64,
    /// When it was noted in the audit log, µs since the Unix epoch.
    pub noted_at: u64,
}

impl fmt::Display for Undelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { forwarder, log, entries, first_position, last_position, .. } = self;
        let noun = if *entries == 1 { "entry" } else { "entries" };
        write!(
            f,
            "not delivered to the forwarder {forwarder}: {entries} {noun} of the log {log}, positions {first_position} to {last_position}"
        )
    }
}
