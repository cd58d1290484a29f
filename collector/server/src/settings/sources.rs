//! The tables `[[sources]]` of the file of settings: the proxies that write to this log, as the operator states them.

use super::tables::{Draft, lacks, quoted, short_name, unknown_key, visible_text};
use headgate_collector_api::StatedSource;
use toml::Spanned;
use toml::de::DeValue;

/// The keys, in the order of the documentation.
const KEYS: [&str; 2] = ["node", "description"];

/// The keys of one table that have been read so far.
#[derive(Default)]
pub(super) struct SourceDraft {
    node: Option<String>,
    description: String,
}

impl Draft for SourceDraft {
    type Settings = StatedSource;
    const TABLES: &str = "sources";
    const MOST: usize = 256;

    fn take(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, String> {
        let in_key = |why: String| format!("`{name}`: {why}");
        if !KEYS.contains(&name) {
            return Err(unknown_key(name, "a source", &KEYS));
        }
        let text = visible_text(value.get_ref()).map_err(in_key)?;
        match name {
            "node" => self.node = Some(short_name(text).map_err(in_key)?),
            _ => text.clone_into(&mut self.description),
        }
        Ok(quoted(text))
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
