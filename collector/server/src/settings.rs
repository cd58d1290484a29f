//! Sources of the settings: options, then environment, then a file, then defaults.
//!
//! The settings are declared once, as the options of `serve`. The values of a file are given to the parser of the command line
//! as defaults, so one parser checks all of them, and every setting is available in every source.

mod anchors;
mod buckets;
mod file;
mod forwarders;
mod oidc;
mod show;
mod sources;
mod tables;
mod variables;
mod witnesses;

use crate::anchors::AnchorSettings;
use crate::args::{Args, CONFIG_VARIABLE};
use crate::witnesses::WitnessSettings;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};
use file::SettingsFile;
use headgate_collector_api::StatedSource;
use headgate_collector_forward::Settings as ForwarderSettings;
use headgate_collector_oidc::Settings as OidcSettings;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

const OPTION: &str = "--config";

/// A parsed command line.
#[derive(Debug)]
pub struct Parsed {
    /// The command and its settings.
    pub args: Args,
    /// The settings of `config show`; empty for other commands.
    pub shown: String,
    /// Names and values of the settings of `serve`, as they are shown; empty for other commands.
    pub values: BTreeMap<String, String>,
    /// Sign-in of persons at an identity provider, which only the file can set.
    pub oidc: Option<OidcSettings>,
    /// Receivers of the logs, which only the file can set.
    pub forwarders: Vec<ForwarderSettings>,
    /// Outside parties that confirm checkpoints, which only the file can set.
    pub witnesses: Vec<WitnessSettings>,
    /// Places outside that hold checkpoints, which only the file can set.
    pub(crate) anchors: Vec<AnchorSettings>,
    /// The proxies that write to this log, which only the file can set.
    pub sources: Vec<StatedSource>,
}

/// Reads command line, environment and file. Help and errors of the command line end the process, as is usual.
///
/// # Errors
/// All problems of the file, one per line.
pub fn parse() -> Result<Parsed, String> {
    let file = match path() {
        Some(path) => file::read(&path)?,
        None => SettingsFile::default(),
    };
    let matches = with_defaults(Args::command(), &file).get_matches();
    let args = Args::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let shown = inner(&matches, "config").and_then(|config| inner(config, "show"));
    let shown = shown.map_or(String::new(), |settings| show::show(settings, &file));
    let values = inner(&matches, "serve").map_or_else(BTreeMap::new, |settings| show::values(settings, &file));
    let SettingsFile { oidc, forwarders, witnesses, anchors, sources, .. } = file;
    let (oidc, forwarders) = (oidc.map(|table| table.settings), forwarders.settings);
    let (witnesses, anchors, sources) = (witnesses.settings, anchors.settings, sources.settings);
    Ok(Parsed { args, shown, values, oidc, forwarders, witnesses, anchors, sources })
}

/// Returns the path of the file, which is needed before the command line can be parsed.
fn path() -> Option<PathBuf> {
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == OPTION {
            return words.next().map(PathBuf::from);
        }
        if let Some(path) = text.strip_prefix(OPTION).and_then(|rest| rest.strip_prefix('=')) {
            return Some(PathBuf::from(path));
        }
    }
    std::env::var_os(CONFIG_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn with_defaults(mut command: Command, file: &SettingsFile) -> Command {
    for setting in &file.settings {
        if command.get_arguments().any(|arg| arg.get_id() == setting.name.as_str()) {
            let value = OsString::from(&setting.value);
            command = command.mut_arg(&setting.name, |arg| arg.required(false).default_value(value));
        }
    }
    command.mut_subcommands(|inner| with_defaults(inner, file))
}

fn inner<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a ArgMatches> {
    matches.subcommand().filter(|(known, _)| *known == name).map(|(_, inner)| inner)
}
