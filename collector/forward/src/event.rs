//! A stored entry on its way to a receiver.

use headgate_collector_types::{Log, StoredEntry};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// An entry of a log.
#[derive(Debug, Clone)]
pub struct Event {
    /// The log.
    pub log: Log,
    /// The position in the log, from 1.
    pub position: i64,
    /// The stored bytes: one JSON object.
    pub text: String,
    /// The members of that object.
    pub members: Map<String, Value>,
}

impl Event {
    /// Returns the event of stored bytes; `None` if they are no JSON object.
    #[must_use]
    pub fn read(log: Log, position: i64, bytes: Vec<u8>) -> Option<Self> {
        let text = String::from_utf8(bytes).ok()?;
        let members = serde_json::from_str(&text).ok()?;
        Some(Self { log, position, text, members })
    }

    /// Returns the event of an entry as it was read; `None` if it is damaged.
    pub(crate) fn of(log: Log, position: i64, entry: StoredEntry) -> Option<Self> {
        match entry {
            StoredEntry::Intact(bytes) => Self::read(log, position, bytes),
            StoredEntry::Damaged(_) => None,
        }
    }

    /// Returns the id of the entry.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text_at("id").unwrap_or_default()
    }

    /// Returns a name for the entry that no other one has: several senders may give records the same id.
    #[must_use]
    pub fn unique_id(&self) -> String {
        format!("{}-{}", self.id(), self.position)
    }

    /// Returns the time of the event, µs since the Unix epoch: the begin of a request, or the time of an audit entry.
    #[must_use]
    pub fn time_us(&self) -> i64 {
        let member = match self.log {
            Log::Requests => "started_at",
            Log::Audit => "time",
        };
        self.members.get(member).and_then(Value::as_i64).unwrap_or(0)
    }

    /// Returns that time in RFC 3339, with µs.
    #[must_use]
    pub fn rfc3339(&self) -> String {
        let time = Timestamp::from_microsecond(self.time_us()).unwrap_or(Timestamp::UNIX_EPOCH);
        format!("{time:.6}")
    }

    /// Returns the proxy of a request, or the source of an audit entry.
    #[must_use]
    pub fn host(&self) -> &str {
        let member = match self.log {
            Log::Requests => "node",
            Log::Audit => "source",
        };
        self.text_at(member).unwrap_or("headgate")
    }

    /// Returns whether the request or the operation succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self.log {
            Log::Requests => self.status().is_none_or(|status| status < 400),
            Log::Audit => self.text_at("outcome") == Some("success"),
        }
    }

    /// Returns the status of a request.
    #[must_use]
    pub fn status(&self) -> Option<u64> {
        self.members.get("status").and_then(Value::as_u64)
    }

    /// Returns the value at a path of names with dots, such as `served_by.model`.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Value> {
        let mut names = path.split('.');
        let first = self.members.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    }

    /// Returns the text at a path.
    #[must_use]
    pub fn text_at(&self, path: &str) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// Returns the name of the log's events in receivers: `request` or `audit`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.log {
            Log::Requests => "request",
            Log::Audit => "audit",
        }
    }
    /// Returns that name as receivers have it that know versions.
    #[must_use]
    pub const fn versioned_type(&self) -> &'static str {
        match self.log {
            Log::Requests => "headgate.request.v1",
            Log::Audit => "headgate.audit.v1",
        }
    }
}
