//! The tables `[[witnesses]]` of the file of settings: outside parties that confirm checkpoints.
//!
//! They have no options on the command line: there may be several.

use super::tables::{Draft, http_address, lacks, path, quoted, short_name};
use crate::witnesses::WitnessSettings;
use headgate_collector_tree::WitnessKey;
use std::path::PathBuf;

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
    const OWNER: &str = "a witness";
    const KEYS: &[&str] = &["name", "url", "vkey", "ca_file"];
    const MOST: usize = 8;

    fn take_text(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "name" => self.name = Some(short_name(text)?),
            "url" => self.url = Some(http_address(text)?.trim_end_matches('/').to_owned()),
            "vkey" => self.key = Some(WitnessKey::parse(text).map_err(|e| e.to_string())?),
            _ => self.ca_file = Some(path(text)?),
        }
        Ok(())
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
