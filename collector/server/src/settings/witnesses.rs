//! The tables `[[witnesses]]` of the file of settings: outside parties that confirm checkpoints.
//!
//! They have no options on the command line: there may be several.

use super::oidc::{Problem, path, quoted};
use super::variables::resolved;
use crate::witnesses::WitnessSettings;
use headgate_collector_tree::WitnessKey;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// The name of the tables.
pub(super) const TABLES: &str = "witnesses";
/// The keys, in the order of the documentation.
const KEYS: [&str; 4] = ["name", "url", "vkey", "ca_file"];
/// The most witnesses.
const MOST: usize = 8;
/// The longest text, bytes.
const MAX_TEXT: usize = 2_048;

/// The keys of a table as `config show` writes them, with their lines.
type Written = Vec<(String, usize)>;

/// The tables, read.
#[derive(Debug, Default)]
pub(super) struct WitnessTables {
    /// The settings.
    pub(super) settings: Vec<WitnessSettings>,
    /// The keys of each.
    pub(super) written: Vec<Written>,
}

/// Reads the tables, which begin at `start`.
///
/// # Errors
/// All problems.
pub(super) fn read(
    value: &DeValue<'_>,
    start: usize,
    line_of: impl Fn(usize) -> usize,
) -> Result<WitnessTables, Vec<Problem>> {
    let form = || vec![(start, "`witnesses` are tables; begin each with a line `[[witnesses]]`".to_owned())];
    let DeValue::Array(list) = value else { return Err(form()) };
    let (mut read, mut problems) = (WitnessTables::default(), Vec::new());
    for one in list.iter() {
        let DeValue::Table(table) = one.get_ref() else { return Err(form()) };
        let place = table.iter().next().map_or(start, |(key, _)| key.span().start);
        match witness(table, place, &line_of) {
            Ok((settings, written)) => match twin(&read.settings, &settings) {
                Some(why) => problems.push((place, why)),
                None => {
                    read.settings.push(settings);
                    read.written.push(written);
                }
            },
            Err(more) => problems.extend(more),
        }
    }
    if list.len() > MOST {
        problems.push((start, format!("there are {} witnesses; {MOST} are the most", list.len())));
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

/// Returns why a witness cannot stand beside those before it.
fn twin(before: &[WitnessSettings], one: &WitnessSettings) -> Option<String> {
    if before.iter().any(|other| other.name == one.name) {
        return Some(format!("two witnesses have the name {}; give each its own", quoted(&one.name)));
    }
    let same = before.iter().find(|other| other.key.is_same_key(&one.key))?;
    Some(format!("the witnesses {} and {} have the same key", quoted(&same.name), quoted(&one.name)))
}

fn witness(
    table: &DeTable<'_>,
    place: usize,
    line_of: impl Fn(usize) -> usize,
) -> Result<(WitnessSettings, Written), Vec<Problem>> {
    let (mut draft, mut problems, mut written) = (WitnessDraft::default(), Vec::new(), Vec::new());
    for (key, value) in table {
        let (name, place) = (key.get_ref().as_ref(), key.span().start);
        match draft.take(name, value.get_ref()) {
            Ok(text) => written.push((format!("{name} = {text}"), line_of(place))),
            Err(why) => problems.push((place, why)),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    written.sort_by_key(|(_, line)| *line);
    let settings = draft.settings().map_err(|why| vec![(place, why)])?;
    Ok((settings, written))
}

/// The keys of one table that have been read so far.
#[derive(Default)]
struct WitnessDraft {
    name: Option<String>,
    url: Option<String>,
    key: Option<WitnessKey>,
    ca_file: Option<PathBuf>,
}

impl WitnessDraft {
    /// Reads the value of a key; returns it as it is shown.
    fn take(&mut self, name: &str, value: &DeValue<'_>) -> Result<String, String> {
        let in_key = |why: String| format!("`{name}`: {why}");
        if !KEYS.contains(&name) {
            let shown: String = name.chars().take(40).collect();
            return Err(format!(
                "`{}` is no setting of a witness; there are: {}",
                shown.escape_debug(),
                KEYS.join(", ")
            ));
        }
        let DeValue::String(text) = value else { return Err(in_key("it must be a text in quotes".to_owned())) };
        if text.is_empty() || text.len() > MAX_TEXT || text.contains(char::is_control) {
            return Err(in_key(format!("it must have 1 to {MAX_TEXT} visible characters")));
        }
        match name {
            "name" => self.name = Some(short_name(text).map_err(in_key)?),
            "url" => self.url = Some(url(text).map_err(in_key)?),
            "vkey" => self.key = Some(WitnessKey::parse(text).map_err(|e| in_key(e.to_string()))?),
            _ => self.ca_file = Some(path(text).map_err(in_key)?),
        }
        Ok(quoted(text))
    }

    fn settings(self) -> Result<WitnessSettings, String> {
        let name = self.name.ok_or("a witness has no `name`; give it one, such as \"audit-department\"")?;
        let lacks = |what: &str| format!("the witness {} has no {what}", quoted(&name));
        let url = self.url.ok_or_else(|| lacks("`url`; set it to the address before `/add-checkpoint`"))?;
        let key = self.key.ok_or_else(|| lacks("`vkey`; set it to the public key that the witness has published"))?;
        Ok(WitnessSettings { name, url, key, ca_file: self.ca_file })
    }
}

fn short_name(text: &str) -> Result<String, String> {
    let is_shaped = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_shaped && text.len() <= 64 {
        Ok(text.to_owned())
    } else {
        Err("it must have 1 to 64 letters, digits, `-`, `_` or `.`".to_owned())
    }
}

fn url(text: &str) -> Result<String, String> {
    let address = resolved(text)?;
    let place = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    match place {
        Some(place) if !place.is_empty() && !address.contains(char::is_whitespace) => {
            Ok(address.trim_end_matches('/').to_owned())
        }
        _ => Err("it must be an address, such as https://HOST:PORT".to_owned()),
    }
}
