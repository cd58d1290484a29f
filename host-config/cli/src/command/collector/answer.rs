//! The answers of the collector, with the fields that are needed here, and their display.

use headgate_config::diagnostic::plain;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write as _;

/// Longest value in a list of changes, characters.
const MAX_VALUE_CHARS: usize = 100;

/// A revision of the policy.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Revision {
    pub(crate) number: i64,
    pub(crate) config_revision: String,
    effective_at: i64,
    by: Actor,
}

#[derive(Debug, Clone, Deserialize)]
struct Actor {
    id: String,
    #[serde(default)]
    address: Option<String>,
}

/// The result of a change, or of a dry run.
#[derive(Debug, Deserialize)]
pub(crate) struct Outcome {
    #[serde(default)]
    pub(crate) number: Option<i64>,
    #[serde(default)]
    pub(crate) config_revision: String,
    #[serde(default)]
    pub(crate) changed: bool,
    changes: Vec<ResourceChange>,
    total: usize,
    counts: Counts,
}

/// Numbers of resources by operation.
#[derive(Debug, Deserialize)]
struct Counts {
    created: usize,
    updated: usize,
    deleted: usize,
}

#[derive(Debug, Deserialize)]
struct ResourceChange {
    operation: String,
    resource: Resource,
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Resource {
    kind: String,
    id: String,
}

#[derive(Debug, Deserialize)]
struct Change {
    path: String,
    #[serde(default)]
    before: Option<Value>,
    #[serde(default)]
    after: Option<Value>,
}

/// A refusal.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal {
    error: ApiError,
    #[serde(default)]
    pub(crate) in_force: Option<Revision>,
    #[serde(default)]
    problems: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct ApiError {
    message: String,
    #[serde(default)]
    code: String,
}

/// Data planes, and the collector's time.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Planes {
    pub(crate) data: Vec<Plane>,
    /// µs.
    pub(crate) now: i64,
}

/// One data plane.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Plane {
    pub(crate) node: String,
    pub(crate) stale: bool,
    /// `live`, `stale`, `ended` or `gone`; empty from an older collector.
    #[serde(default)]
    pub(crate) state: String,
    /// µs.
    pub(crate) last_seen: i64,
    pub(crate) workers: Vec<Worker>,
}

/// One worker of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Worker {
    pub(crate) config_revision: String,
    /// µs.
    pub(crate) last_seen: i64,
    pub(crate) stale: bool,
}

impl Plane {
    /// Returns whether one of its workers has reported recently.
    pub(crate) fn is_live(&self) -> bool {
        if self.state.is_empty() { !self.stale } else { self.state == "live" }
    }

    /// Returns whether it has reported its end.
    pub(crate) fn has_ended(&self) -> bool {
        self.state == "ended"
    }
}

impl Revision {
    /// Returns number, age and author in one line.
    pub(crate) fn text(&self) -> String {
        let at = jiff::Timestamp::from_microsecond(self.effective_at).unwrap_or_default();
        let from = self.by.address.as_ref().map(|address| format!(" ({})", plain(address))).unwrap_or_default();
        format!(
            "revision {} ({}), in force since {at:.0} by {}{from}",
            self.number,
            plain(&self.config_revision),
            plain(&self.by.id)
        )
    }
}

impl Outcome {
    /// Returns a line for each change, sorted by resource, and one that counts them.
    pub(crate) fn text(&self) -> String {
        if self.total == 0 {
            return "  The text differs (comments, order or spelling), but no resource changes.\n".to_owned();
        }
        let mut changes: Vec<_> = self.changes.iter().collect();
        changes.sort_by_key(|change| &change.resource);
        let mut out = String::new();
        for change in changes {
            change.write(&mut out);
        }
        if self.total > self.changes.len() {
            let _ = writeln!(out, "  … and {} more resources", self.total.saturating_sub(self.changes.len()));
        }
        let Counts { created, updated, deleted } = self.counts;
        let resources = if self.total == 1 { "resource" } else { "resources" };
        let _ = writeln!(out, "{} {resources}: {created} created, {updated} updated, {deleted} deleted", self.total);
        out
    }
}

impl ResourceChange {
    fn write(&self, out: &mut String) {
        let name = format!("{} {}", plain(&self.resource.kind), plain(&self.resource.id));
        let _ = match self.operation.as_str() {
            // The values of a new resource are in the file, and those of a deleted one were.
            "create" => writeln!(out, "  + {name}"),
            "delete" => writeln!(out, "  - {name}"),
            _ => self.changes.iter().try_for_each(|change| writeln!(out, "  ~ {name} {}", change.text())),
        };
    }
}

impl Change {
    fn text(&self) -> String {
        format!("{}: {} → {}", plain(&self.path), value(self.before.as_ref()), value(self.after.as_ref()))
    }
}

fn value(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = plain(&value.to_string());
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

impl Refusal {
    /// Returns the refusal of an answer that does not come from a collector.
    pub(crate) fn of_status(status: u16) -> Self {
        let message = format!("status {status}. Check that --collector is the address of a headgate-collector");
        Self { error: ApiError { message, code: String::new() }, in_force: None, problems: Vec::new() }
    }

    /// Returns whether the collector does not know the path of the request.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.error.code == "not_found"
    }

    /// Returns whether another revision is in force than the change was made from.
    pub(crate) fn is_conflict(&self) -> bool {
        self.error.code == "policy_moved_on"
    }

    /// Returns the collector's message, with its problems.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("the collector refused: {}\n", plain(&self.error.message));
        for problem in &self.problems {
            let part = |name: &str| plain(problem.get(name).and_then(Value::as_str).unwrap_or_default());
            let line = problem.get("line").and_then(Value::as_u64).unwrap_or_default();
            let _ = writeln!(out, "  line {line}: {}; {}", part("message"), part("help"));
        }
        out
    }
}
