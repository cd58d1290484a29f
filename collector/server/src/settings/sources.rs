//! The tables `[[sources]]` of the file of settings: the proxies that write to this log, as the operator states them.

use super::tables::{Draft, lacks, quoted, short_name};
use headgate_collector_api::StatedSource;

/// The keys of one table that have been read so far.
#[derive(Default)]
pub(super) struct SourceDraft {
    node: Option<String>,
    description: String,
}

impl Draft for SourceDraft {
    type Settings = StatedSource;
    const TABLES: &str = "sources";
    const OWNER: &str = "a source";
    const KEYS: &[&str] = &["node", "description"];
    const MOST: usize = 256;

    fn take_text(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "node" => self.node = Some(short_name(text)?),
            _ => text.clone_into(&mut self.description),
        }
        Ok(())
    }

    fn settings(self) -> Result<StatedSource, String> {
        let node = self.node.ok_or("a source has no `node`; set it to the name that the proxy gives itself")?;
        if self.description.is_empty() {
            return Err(lacks("source", &node, "`description`; say which traffic goes through this proxy"));
        }
        Ok(StatedSource { node, description: self.description })
    }

    fn twin(before: &[StatedSource], one: &StatedSource) -> Option<String> {
        let same = before.iter().any(|other| other.node == one.node);
        same.then(|| format!("two sources have the node {}; state each once", quoted(&one.node)))
    }
}
