//! The tables `[[witnesses]]` of the file of settings: outside parties that confirm checkpoints.
//!
//! They have no options on the command line: there may be several.

use super::tables::{Draft, http_address, lacks, path, quoted, short_name, unknown_key, visible_text};
use crate::witnesses::WitnessSettings;
use headgate_collector_tree::WitnessKey;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeValue;

/// The keys, in the order of the documentation.
const KEYS: [&str; 4] = ["name", "url", "vkey", "ca_file"];

/// The keys of one table that have been read so far.
#[derive(Default)]
pub(super) struct WitnessDraft {
    name: Option<String>,
    url: Option<String>,
    key: Option<WitnessKey>,
    ca_file: Option<PathBuf>,
}

impl Draft for WitnessDraft {
    type Settings = WitnessSettings;
    const TABLES: &str = "witnesses";
    const MOST: usize = 8;

    fn take(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, String> {
        let in_key = |why: String| format!("`{name}`: {why}");
        if !KEYS.contains(&name) {
            return Err(unknown_key(name, "a witness", &KEYS));
        }
        let text = visible_text(value.get_ref()).map_err(in_key)?;
        match name {
            "name" => self.name = Some(short_name(text).map_err(in_key)?),
            "url" => self.url = Some(http_address(text).map_err(in_key)?.trim_end_matches('/').to_owned()),
            "vkey" => self.key = Some(WitnessKey::parse(text).map_err(|e| in_key(e.to_string()))?),
            _ => self.ca_file = Some(path(text).map_err(in_key)?),
        }
        Ok(quoted(text))
    }

    fn settings(self) -> Result<WitnessSettings, String> {
        let name = self.name.ok_or("a witness has no `name`; give it one, such as \"audit-department\"")?;
        let lacks = |what: &str| lacks("witness", &name, what);
        let url = self.url.ok_or_else(|| lacks("`url`; set it to the address before `/add-checkpoint`"))?;
        let key = self.key.ok_or_else(|| lacks("`vkey`; set it to the public key that the witness has published"))?;
        Ok(WitnessSettings { name, url, key, ca_file: self.ca_file })
    }

    fn twin(before: &[WitnessSettings], one: &WitnessSettings) -> Option<String> {
        if before.iter().any(|other| other.name == one.name) {
            return Some(format!("two witnesses have the name {}; give each its own", quoted(&one.name)));
        }
        let same = before.iter().find(|other| other.key.is_same_key(&one.key))?;
        Some(format!("the witnesses {} and {} have the same key", quoted(&same.name), quoted(&one.name)))
    }
}
