//! The settings in force, written as a file of settings, with the source of each.

use super::file::SettingsFile;
use super::tables::Written;
use crate::args::serve_options;
use crate::log_key::PRIVATE;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use std::collections::BTreeMap;

/// Secrets, of which only the names are shown.
const SECRETS: [&str; 2] = ["HEADGATE_INGEST_TOKEN", "HEADGATE_OWNER_TOKEN"];

pub(super) fn show(matches: &ArgMatches, file: &SettingsFile) -> String {
    let serve = serve_options();
    let settings = serve.get_arguments().filter_map(|arg| line(arg, matches, file));
    let secrets = SECRETS.iter().map(|name| {
        let set = std::env::var_os(name).is_some_and(|value| !value.is_empty());
        format!("# {name} is {}set", if set { "" } else { "not " })
    });
    settings.chain(secrets).chain(oidc(file)).chain(tables(file)).collect::<Vec<_>>().join("\n")
}

/// Returns the names of all settings with their values, secrets by the names of their variables alone.
pub(super) fn values(matches: &ArgMatches, file: &SettingsFile) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for arg in serve_options().get_arguments() {
        let name = arg.get_id().as_str();
        let value = value(arg, matches, file).map(|(value, _)| value);
        let shown = value.map(|value| if value.contains(PRIVATE) { "a private key".to_owned() } else { value });
        values.extend(shown.map(|value| (name.to_owned(), value)));
    }
    let mut add = |table: &str, written: &[(String, usize)]| {
        let pairs = written.iter().filter_map(|(text, _)| text.split_once(" = "));
        values.extend(pairs.map(|(name, value)| (format!("{table}.{name}"), value.to_owned())));
    };
    if let Some(table) = &file.oidc {
        add("oidc", &table.written);
    }
    for (name, tables) in repeated(file) {
        for (index, written) in tables.iter().enumerate() {
            add(&format!("{name}[{index}]"), written);
        }
    }
    values
}

/// Returns the lines of the table `[oidc]`. A secret has only its name there.
fn oidc(file: &SettingsFile) -> Vec<String> {
    let Some(table) = &file.oidc else { return Vec::new() };
    let line = |(text, line): &(String, usize)| format!("{text:<40} # {}:{line}", file.path.display());
    ["".to_owned(), "[oidc]".to_owned()].into_iter().chain(table.written.iter().map(line)).collect()
}

/// Returns the tables that may be there several times, with their names.
fn repeated(file: &SettingsFile) -> [(&'static str, &[Written]); 4] {
    [
        ("forwarders", &file.forwarders.written),
        ("witnesses", &file.witnesses.written),
        ("anchors", &file.anchors.written),
        ("sources", &file.sources.written),
    ]
}

/// Returns the lines of these tables.
fn tables(file: &SettingsFile) -> Vec<String> {
    let line = |(text, line): &(String, usize)| format!("{text:<40} # {}:{line}", file.path.display());
    let table = |name: &'static str, written: &Written| {
        ["".to_owned(), format!("[[{name}]]")].into_iter().chain(written.iter().map(line)).collect::<Vec<_>>()
    };
    repeated(file)
        .into_iter()
        .flat_map(|(name, all)| all.iter().flat_map(move |written| table(name, written)))
        .collect()
}

fn line(arg: &Arg, matches: &ArgMatches, file: &SettingsFile) -> Option<String> {
    let (value, from) = value(arg, matches, file)?;
    let value = if value.parse::<u64>().is_ok() { value } else { format!("{value:?}") };
    Some(format!("{:<40} # {from}", format!("{} = {value}", arg.get_id())))
}

/// Returns the value of a setting as it is shown, and its source.
fn value(arg: &Arg, matches: &ArgMatches, file: &SettingsFile) -> Option<(String, String)> {
    let name = arg.get_id().as_str();
    let in_file = file.settings.iter().find(|setting| setting.name == name);
    Some(match (matches.value_source(name)?, in_file) {
        (ValueSource::CommandLine, _) => (without_password(&given(name, matches)?), "option".to_owned()),
        (ValueSource::EnvVariable, _) => {
            (without_password(&given(name, matches)?), arg.get_env()?.to_string_lossy().into_owned())
        }
        // A file contains the name of a password's variable, not the password.
        (_, Some(setting)) => (setting.written.clone(), format!("{}:{}", file.path.display(), setting.line)),
        (_, None) => (given(name, matches)?, "default".to_owned()),
    })
}

fn given(name: &str, matches: &ArgMatches) -> Option<String> {
    let raw = matches.get_raw(name)?.next()?;
    Some(raw.to_string_lossy().into_owned())
}

/// Removes the password from an address: `scheme://user:…@host`, and likewise from a parameter `password`. Of a private key, only
/// the beginning is shown.
fn without_password(text: &str) -> String {
    if let Some((before, _)) = text.split_once(PRIVATE) {
        return format!("{before}{PRIVATE}…");
    }
    let text = match text.split_once("password=") {
        Some((before, after)) => {
            let rest = after.find('&').and_then(|end| after.get(end..)).unwrap_or_default();
            format!("{before}password=…{rest}")
        }
        None => text.to_owned(),
    };
    let parts = text.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some(format!("{scheme}://{user}:…@{host}"))
    });
    parts.unwrap_or(text)
}
