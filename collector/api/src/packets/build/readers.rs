//! Reads of the logs in the period, by actor.

use headgate_collector_packet::page::Table;
use headgate_collector_types::audit::{Entry, Operation};
use headgate_collector_types::visible;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most actors and kinds of reads that are counted one by one.
const MAX_READERS: usize = 10_000;

/// Reads of the logs, counted by actor and kind of read.
#[derive(Debug, Default)]
pub(super) struct Readers {
    counts: BTreeMap<(String, String, String), u64>,
    others: u64,
}

impl Readers {
    /// Counts an entry, if it is about a read.
    pub(super) fn add(&mut self, entry: &Entry) {
        if !matches!(entry.operation, Operation::Read | Operation::Search | Operation::Export) {
            return;
        }
        let times = entry.count.unwrap_or(1);
        let key = (entry.actor.id.clone(), entry.actor.name.clone().unwrap_or_default(), entry.kind.clone());
        if self.counts.len() >= MAX_READERS && !self.counts.contains_key(&key) {
            self.others = self.others.saturating_add(times);
            return;
        }
        let sum = self.counts.entry(key).or_default();
        *sum = sum.saturating_add(times);
    }

    /// Returns the counts as a table.
    pub(super) fn table(&self) -> Table {
        let cells = |((id, name, kind), times): (&(String, String, String), &u64)| {
            vec![visible(id), visible(name), visible(kind), times.to_string()]
        };
        let mut rows: Vec<_> = self.counts.iter().map(cells).collect();
        if self.others > 0 {
            rows.push(vec!["others".to_owned(), String::new(), String::new(), self.others.to_string()]);
        }
        Table { head: vec!["actor", "name", "read", "times"], rows }
    }

    /// Returns the counts for programs.
    pub(super) fn json(&self) -> Vec<Value> {
        let one = |((id, name, kind), times): (&(String, String, String), &u64)| json!({"actor": id, "name": name, "type": kind, "times": times});
        self.counts.iter().map(one).collect()
    }
}
