//! The file of settings: TOML, one key for each option of `serve`, the table `[oidc]`, and tables `[[forwarders]]`, `[[witnesses]]`,
//! `[[anchors]]` and `[[sources]]`.
//!
//! All problems are reported at once, each with its line and a remedy.

use super::anchors::AnchorDraft;
use super::forwarders::ForwarderDraft;
use super::oidc::{self, OidcTable};
use super::sources::SourceDraft;
use super::tables::{self, Draft, Problem, Tables};
use super::variables::resolved;
use super::witnesses::WitnessDraft;
use crate::anchors::AnchorSettings;
use crate::args::{Args, serve_options};
use crate::log_key::PRIVATE;
use crate::witnesses::WitnessSettings;
use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use headgate_collector_api::StatedSource;
use headgate_collector_forward::Settings as ForwarderSettings;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Maximum size of the file, bytes.
const MAX_BYTES: u64 = 64 << 10;

/// A parsed file.
#[derive(Debug, Default)]
pub(super) struct SettingsFile {
    /// Path of the file.
    pub(super) path: PathBuf,
    /// The settings; each name occurs once.
    pub(super) settings: Vec<Setting>,
    /// Sign-in at an identity provider.
    pub(super) oidc: Option<OidcTable>,
    /// Receivers of the logs.
    pub(super) forwarders: Tables<ForwarderSettings>,
    /// Outside parties that confirm checkpoints.
    pub(super) witnesses: Tables<WitnessSettings>,
    /// Places outside that hold checkpoints.
    pub(super) anchors: Tables<AnchorSettings>,
    /// The proxies that write to this log.
    pub(super) sources: Tables<StatedSource>,
}

/// One setting.
#[derive(Debug)]
pub(super) struct Setting {
    /// Name of the option, `_` for `-`.
    pub(super) name: String,
    /// Line number, from 1.
    pub(super) line: usize,
    /// The value as written in the file: a secret is only named there.
    pub(super) written: String,
    /// The value with variables resolved.
    pub(super) value: String,
}

/// Reads a file.
///
/// # Errors
/// The problems of the file, one per line.
pub(super) fn read(path: &Path) -> Result<SettingsFile, String> {
    let text = text(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let (table, faults) = DeTable::parse_recoverable(&text);
    let place = |span: Option<std::ops::Range<usize>>| span.map_or(0, |span| span.start);
    let mut problems: Vec<Problem> =
        faults.iter().map(|fault| (place(fault.span()), fault.message().to_owned())).collect();
    let mut file = SettingsFile { path: path.to_owned(), ..SettingsFile::default() };
    for (key, value) in table.get_ref() {
        let (start, line) = (key.span().start, |place| line_of(&text, place));
        match (key.get_ref().as_ref(), value.get_ref()) {
            (oidc::TABLE, DeValue::Table(table)) => match oidc::read(table, start, line) {
                Ok(table) => file.oidc = Some(table),
                Err(more) => problems.extend(more),
            },
            (oidc::TABLE, _) => problems.push((start, "`oidc` is a table; begin it with a line `[oidc]`".to_owned())),
            (ForwarderDraft::TABLES, value) => match tables::read::<ForwarderDraft>(value, start, line) {
                Ok(tables) => file.forwarders = tables,
                Err(more) => problems.extend(more),
            },
            (WitnessDraft::TABLES, value) => match tables::read::<WitnessDraft>(value, start, line) {
                Ok(tables) => file.witnesses = tables,
                Err(more) => problems.extend(more),
            },
            (AnchorDraft::TABLES, value) => match tables::read::<AnchorDraft>(value, start, line) {
                Ok(tables) => file.anchors = tables,
                Err(more) => problems.extend(more),
            },
            (SourceDraft::TABLES, value) => match tables::read::<SourceDraft>(value, start, line) {
                Ok(tables) => file.sources = tables,
                Err(more) => problems.extend(more),
            },
            (name, value) => match setting(name, value, line_of(&text, start)) {
                Ok(setting) => file.settings.push(setting),
                Err(problem) => problems.push((start, problem)),
            },
        }
    }
    if problems.is_empty() {
        file.settings.sort_by_key(|setting| setting.line);
        return Ok(file);
    }
    problems.sort_by_key(|(place, _)| *place);
    let line = |(place, why): &Problem| format!("{}:{}: {why}", path.display(), line_of(&text, *place));
    Err(problems.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn text(path: &Path) -> Result<String, String> {
    let meta = std::fs::metadata(path).map_err(|e| format!("{e}; check --config"))?;
    if meta.len() > MAX_BYTES {
        return Err("the file is larger than 64 KiB; is it the right one?".to_owned());
    }
    std::fs::read_to_string(path).map_err(|e| format!("{e}; check --config"))
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn setting(name: &str, value: &DeValue<'_>, line: usize) -> Result<Setting, String> {
    if !serve_options().get_arguments().any(|arg| arg.get_id() == name) {
        return Err(unknown(name));
    }
    let written = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().replace('_', ""),
        DeValue::Boolean(truth) => truth.to_string(),
        _ => return Err(format!("`{name}` must be a text in quotes, a whole number, or true or false")),
    };
    if written.contains(PRIVATE) {
        return Err(format!(
            "`{name}` holds a private key; write \"file:PATH\", or \"${{NAME}}\" and set NAME in the environment"
        ));
    }
    if holds_password(&written) {
        return Err(format!("`{name}` holds a password; write \"${{NAME}}\" for it and set NAME in the environment"));
    }
    let value = resolved(&written)?;
    check(name, &value)?;
    Ok(Setting { name: name.to_owned(), line, written, value })
}

fn unknown(name: &str) -> String {
    let serve = serve_options();
    let names: Vec<_> = serve.get_arguments().map(|arg| arg.get_id().as_str()).filter(|id| *id != "help").collect();
    let shown: String = name.chars().take(40).collect();
    format!(
        "`{}` is no setting; there are: {}, the table [oidc], and tables [[forwarders]], [[witnesses]], [[anchors]] and [[sources]]",
        shown.escape_debug(),
        names.join(", ")
    )
}

/// Returns whether a URL contains a literal password, as `scheme://user:password@…` or as a parameter `password`.
fn holds_password(text: &str) -> bool {
    let user = text.split_once("://").and_then(|(_, rest)| rest.rsplit_once('@')).map(|(user, _)| user);
    let in_user = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
    let in_query = text.split_once("password=").map(|(_, password)| password);
    [in_user, in_query].into_iter().flatten().any(|password| !password.is_empty() && !password.starts_with("${"))
}

/// Checks a value with the parser of the command line.
fn check(name: &str, value: &str) -> Result<(), String> {
    let option = format!("--{}", name.replace('_', "-"));
    let words = ["headgate-collector", "serve", &format!("{option}={value}")];
    let Err(error) = Args::command().try_get_matches_from(words) else {
        return Ok(());
    };
    let of = error.get(ContextKind::InvalidArg).map(ContextValue::to_string);
    let this = of.is_some_and(|of| of.split(' ').next() == Some(&option));
    if !this || !matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue) {
        return Ok(());
    }
    let text = error.to_string();
    let why = text.split_once("'>'").map_or(text.as_str(), |(_, why)| why);
    let line = why.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let possible = text.lines().find(|line| line.contains("possible values")).unwrap_or_default();
    Err(format!("`{name}`: {}{possible}", line.trim_start_matches("error: ")))
}
