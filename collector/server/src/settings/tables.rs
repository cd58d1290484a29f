//! Tables of the file of settings: those that may be there several times, such as `[[forwarders]]`, and the keys of any.

use super::variables::resolved;
use headgate_collector_types::validate::is_name;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The longest text, bytes.
const MAX_TEXT: usize = 2_048;
/// The longest name, bytes.
const MAX_NAME: usize = 64;

/// The problem of a text that is no address.
pub(super) const NO_ADDRESS: &str = "it must be an address, such as https://HOST:PORT";

/// A problem, and the place of its cause in the file.
pub(super) type Problem = (usize, String);

/// The keys of a table as `config show` writes them, with their lines.
pub(super) type Written = Vec<(String, usize)>;

/// The tables of one kind, read.
#[derive(Debug)]
pub(super) struct Tables<T> {
    /// The settings.
    pub(super) settings: Vec<T>,
    /// The keys of each.
    pub(super) written: Vec<Written>,
}

impl<T> Default for Tables<T> {
    fn default() -> Self {
        Self { settings: Vec::new(), written: Vec::new() }
    }
}

/// The keys of one table that have been read so far.
pub(super) trait Draft: Default {
    /// The settings that they become.
    type Settings;
    /// The name of the tables.
    const TABLES: &str;
    /// One of the tables, as problems name it.
    const OWNER: &str;
    /// The keys, in the order of the documentation.
    const KEYS: &[&str];
    /// The most tables.
    const MOST: usize;

    /// Reads the value of a key, which is a text.
    fn take_text(&mut self, name: &str, text: &str) -> Result<(), String>;
    /// Reads the value of a key that is no text, and returns it as it is shown; `None` for all others.
    fn take_other(&mut self, _name: &str, _value: &DeValue<'_>) -> Option<Result<String, String>> {
        None
    }
    /// Returns the settings, or what they lack.
    fn settings(self) -> Result<Self::Settings, String>;
    /// Returns why a table cannot stand beside those before it.
    fn twin(before: &[Self::Settings], one: &Self::Settings) -> Option<String>;
}

/// Reads the tables of one kind, which begin at `start`.
///
/// # Errors
/// All problems.
pub(super) fn read<D: Draft>(
    value: &DeValue<'_>,
    start: usize,
    line_of: impl Fn(usize) -> usize,
) -> Result<Tables<D::Settings>, Vec<Problem>> {
    let form = || vec![(start, format!("`{0}` are tables; begin each with a line `[[{0}]]`", D::TABLES))];
    let DeValue::Array(list) = value else { return Err(form()) };
    let (mut read, mut problems) = (Tables::default(), Vec::new());
    for one in list.iter() {
        let DeValue::Table(table) = one.get_ref() else { return Err(form()) };
        let place = table.iter().next().map_or(start, |(key, _)| key.span().start);
        match one_table::<D>(table, place, &line_of) {
            Ok((settings, written)) => match D::twin(&read.settings, &settings) {
                Some(why) => problems.push((place, why)),
                None => {
                    read.settings.push(settings);
                    read.written.push(written);
                }
            },
            Err(more) => problems.extend(more),
        }
    }
    if list.len() > D::MOST {
        problems.push((start, format!("there are {} {}; {} are the most", list.len(), D::TABLES, D::MOST)));
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

/// Reads one table, which begins at `place`.
fn one_table<D: Draft>(
    table: &DeTable<'_>,
    place: usize,
    line_of: impl Fn(usize) -> usize,
) -> Result<(D::Settings, Written), Vec<Problem>> {
    let mut draft = D::default();
    let (written, problems) = keys(table, line_of, |name, value| take(&mut draft, name, value.get_ref()));
    if !problems.is_empty() {
        return Err(problems);
    }
    let settings = draft.settings().map_err(|why| vec![(place, why)])?;
    Ok((settings, written))
}

/// Reads the value of a key; returns it as it is shown.
fn take<D: Draft>(draft: &mut D, name: &str, value: &DeValue<'_>) -> Result<String, String> {
    if !D::KEYS.contains(&name) {
        return Err(unknown_key(name, D::OWNER, D::KEYS));
    }
    let taken = match draft.take_other(name, value) {
        Some(taken) => taken,
        None => visible_text(value).and_then(|text| draft.take_text(name, text).map(|()| quoted(text))),
    };
    taken.map_err(|why| format!("`{name}`: {why}"))
}

/// Hands each key of a table to `take`, which returns its value as it is shown. Returns what was taken, by lines, and the problems.
pub(super) fn keys(
    table: &DeTable<'_>,
    line_of: impl Fn(usize) -> usize,
    mut take: impl FnMut(&str, &Spanned<DeValue<'_>>) -> Result<String, String>,
) -> (Written, Vec<Problem>) {
    let (mut written, mut problems) = (Vec::new(), Vec::new());
    for (key, value) in table {
        let (name, place) = (key.get_ref().as_ref(), key.span().start);
        match take(name, value) {
            Ok(text) => written.push((format!("{name} = {text}"), line_of(place))),
            Err(why) => problems.push((place, why)),
        }
    }
    written.sort_by_key(|(_, line)| *line);
    (written, problems)
}

/// Returns the problem of a key that `owner` does not have.
pub(super) fn unknown_key(name: &str, owner: &str, keys: &[&str]) -> String {
    let shown: String = name.chars().take(40).collect();
    format!("`{}` is no setting of {owner}; there are: {}", shown.escape_debug(), keys.join(", "))
}

/// Returns a text that can be seen.
pub(super) fn visible_text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    let DeValue::String(text) = value else { return Err("it must be a text in quotes".to_owned()) };
    if text.is_empty() || text.len() > MAX_TEXT || text.contains(char::is_control) {
        return Err(format!("it must have 1 to {MAX_TEXT} visible characters"));
    }
    Ok(text)
}

/// Returns a name for the API, pages and metrics.
pub(super) fn short_name(text: &str) -> Result<String, String> {
    let is_shaped = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_shaped && is_name(text) && text.len() <= MAX_NAME {
        Ok(text.to_owned())
    } else {
        Err(format!("it must have 1 to {MAX_NAME} letters, digits, `-`, `_` or `.`"))
    }
}

/// Returns an address, of any scheme. A password in it must come from the environment.
pub(super) fn address(text: &str) -> Result<String, String> {
    let address = resolved(text)?;
    let place = address.split_once("://").map(|(_, place)| place);
    if place.is_none_or(str::is_empty) || address.contains(char::is_whitespace) {
        return Err(NO_ADDRESS.to_owned());
    }
    Ok(address)
}

/// Reads the address of a receiver that speaks HTTP.
pub(super) fn http_address(text: &str) -> Result<String, String> {
    let address = address(text)?;
    let is_http = address.starts_with("https://") || address.starts_with("http://");
    if is_http { Ok(address) } else { Err(NO_ADDRESS.to_owned()) }
}

/// Returns the problem of a table that lacks a key.
pub(super) fn lacks(owner: &str, name: &str, what: &str) -> String {
    format!("the {owner} {} has no {what}", quoted(name))
}

/// Returns a text in quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns the path of a file.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        Err("it must be the path of a file".to_owned())
    } else {
        Ok(text.into())
    }
}
