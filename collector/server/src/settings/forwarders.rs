//! The tables `[[forwarders]]` of the file of settings: receivers of both logs.
//!
//! They have no options on the command line: there may be several.

use super::oidc::{Problem, path, quoted, variable};
use super::variables::resolved;
use headgate_collector_api::request_filters;
use headgate_collector_forward::{Format, Kind, Secret, Settings, Start};
use headgate_collector_types::Log;
use headgate_collector_types::validate::is_name;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The name of the tables.
pub(super) const TABLES: &str = "forwarders";
/// The keys, in the order of the documentation.
const KEYS: [&str; 10] = ["id", "kind", "url", "token", "logs", "format", "start", "index", "filter", "ca_file"];
/// The most forwarders.
const MOST: usize = 16;
/// The longest text, bytes.
const MAX_TEXT: usize = 2_048;

/// The keys of a table as `config show` writes them, with their lines.
type Written = Vec<(String, usize)>;

/// The tables, read.
#[derive(Debug, Default)]
pub(super) struct ForwarderTables {
    /// The settings.
    pub(super) settings: Vec<Settings>,
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
) -> Result<ForwarderTables, Vec<Problem>> {
    let form = || vec![(start, "`forwarders` are tables; begin each with a line `[[forwarders]]`".to_owned())];
    let DeValue::Array(list) = value else { return Err(form()) };
    let (mut read, mut problems) = (ForwarderTables::default(), Vec::new());
    for one in list.iter() {
        let DeValue::Table(table) = one.get_ref() else { return Err(form()) };
        let place = table.iter().next().map_or(start, |(key, _)| key.span().start);
        match forwarder(table, place, &line_of) {
            Ok((settings, _)) if read.settings.iter().any(|other| other.id == settings.id) => {
                let why = format!("two forwarders have the id {}; give each its own", quoted(&settings.id));
                problems.push((place, why));
            }
            Ok((settings, written)) => {
                read.settings.push(settings);
                read.written.push(written);
            }
            Err(more) => problems.extend(more),
        }
    }
    if list.len() > MOST {
        problems.push((start, format!("there are {} forwarders; {MOST} are the most", list.len())));
    }
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}

/// Reads one table, which begins at `place`.
fn forwarder(
    table: &DeTable<'_>,
    place: usize,
    line_of: impl Fn(usize) -> usize,
) -> Result<(Settings, Written), Vec<Problem>> {
    let (mut draft, mut problems, mut written) = (ForwarderDraft::default(), Vec::new(), Vec::new());
    for (key, value) in table {
        let (name, place) = (key.get_ref().as_ref(), key.span().start);
        match draft.take(name, value) {
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
struct ForwarderDraft {
    id: Option<String>,
    kind: Option<Kind>,
    url: Option<Secret>,
    token: Option<Secret>,
    logs: Option<Vec<Log>>,
    format: Format,
    start: Start,
    index: Option<String>,
    filter: Option<String>,
    ca_file: Option<std::path::PathBuf>,
}

impl ForwarderDraft {
    /// Reads the value of a key; returns it as it is shown.
    fn take(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, String> {
        let in_key = |why: String| format!("`{name}`: {why}");
        if name == "logs" {
            return self.take_logs(value.get_ref()).map_err(in_key);
        }
        if !KEYS.contains(&name) {
            return Err(unknown(name));
        }
        let DeValue::String(text) = value.get_ref() else {
            return Err(in_key("it must be a text in quotes".to_owned()));
        };
        if text.is_empty() || text.len() > MAX_TEXT || text.contains(char::is_control) {
            return Err(in_key(format!("it must have 1 to {MAX_TEXT} visible characters")));
        }
        self.take_text(name, text).map_err(in_key)?;
        Ok(quoted(text))
    }

    fn take_text(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "id" => self.id = Some(id(text)?),
            "kind" => self.kind = Some(one_of(text, &Kind::ALL, Kind::as_str)?),
            "url" => self.url = Some(Secret(url(text)?)),
            "token" => {
                variable(text).map_err(|_| {
                    "a secret does not belong into this file; write \"${NAME}\" and set NAME in the environment"
                        .to_owned()
                })?;
                self.token = Some(Secret(resolved(text)?));
            }
            "format" => self.format = one_of(text, &Format::ALL, Format::as_str)?,
            "start" => {
                self.start = match text {
                    "now" => Start::Now,
                    "oldest" => Start::Oldest,
                    _ => return Err("it must be \"now\" or \"oldest\"".to_owned()),
                }
            }
            "index" => self.index = Some(index(text)?),
            "filter" => {
                request_filters(text)?;
                self.filter = Some(text.to_owned());
            }
            // All other keys are known not to be there.
            _ => self.ca_file = Some(path(text)?),
        }
        Ok(())
    }

    fn take_logs(&mut self, value: &DeValue<'_>) -> Result<String, String> {
        let form = "write a list of logs: [\"requests\", \"audit\"], or one of them";
        let DeValue::Array(list) = value else { return Err(form.to_owned()) };
        let mut logs = Vec::new();
        for one in list.iter() {
            let DeValue::String(text) = one.get_ref() else { return Err(form.to_owned()) };
            let log = Log::ALL.into_iter().find(|log| log.as_str() == text).ok_or(form)?;
            if !logs.contains(&log) {
                logs.push(log);
            }
        }
        if logs.is_empty() {
            return Err(form.to_owned());
        }
        let shown = logs.iter().map(|log| quoted(log.as_str())).collect::<Vec<_>>().join(", ");
        self.logs = Some(logs);
        Ok(format!("[{shown}]"))
    }

    fn settings(self) -> Result<Settings, String> {
        let id = self.id.ok_or("a forwarder has no `id`; give it a name such as \"siem\"")?;
        let lacks = |what: &str| format!("the forwarder {} has no {what}", quoted(&id));
        let kinds = Kind::ALL.map(Kind::as_str).join(", ");
        let kind = self.kind.ok_or_else(|| lacks(&format!("`kind`; there are: {kinds}")))?;
        let url = self.url.ok_or_else(|| lacks("`url`; set it to the address of the receiver"))?;
        if let Some(why) = wrong_scheme(kind, &url.0) {
            return Err(format!("the forwarder {}: {why}", quoted(&id)));
        }
        if matches!(kind, Kind::SplunkHec | Kind::Datadog) && self.token.is_none() {
            return Err(lacks("`token`; write \"${NAME}\" and set NAME in the environment"));
        }
        let filters = self.filter.as_deref().map(request_filters).transpose()?.unwrap_or_default();
        Ok(Settings {
            id,
            kind,
            url,
            token: self.token,
            logs: self.logs.unwrap_or_else(|| Log::ALL.to_vec()),
            format: self.format,
            start: self.start,
            index: self.index,
            filters,
            filter_text: self.filter,
            ca_file: self.ca_file,
        })
    }
}

fn unknown(name: &str) -> String {
    let shown: String = name.chars().take(40).collect();
    format!("`{}` is no setting of a forwarder; there are: {}", shown.escape_debug(), KEYS.join(", "))
}

fn id(text: &str) -> Result<String, String> {
    let is_shaped = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_shaped && is_name(text) && text.len() <= 64 {
        Ok(text.to_owned())
    } else {
        Err("it must have 1 to 64 letters, digits, `-`, `_` or `.`".to_owned())
    }
}

fn one_of<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    let names: Vec<_> = all.iter().map(|one| name(*one)).collect();
    all.iter().find(|one| name(**one) == text).copied().ok_or_else(|| format!("there are: {}", names.join(", ")))
}

fn index(text: &str) -> Result<String, String> {
    let is_shaped =
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte));
    if is_shaped && !text.starts_with(['-', '_', '.']) && text.len() <= 128 {
        Ok(text.to_owned())
    } else {
        Err("it must have lower case letters, digits, `-`, `_` or `.`, and begin with a letter or digit".to_owned())
    }
}

/// Returns the address of a receiver. A password in it must come from the environment.
fn url(text: &str) -> Result<String, String> {
    let address = resolved(text)?;
    let (_, place) = address.split_once("://").ok_or("it must be an address, such as https://HOST:PORT")?;
    if place.is_empty() || address.contains(char::is_whitespace) {
        return Err("it must be an address, such as https://HOST:PORT".to_owned());
    }
    Ok(address)
}

fn wrong_scheme(kind: Kind, url: &str) -> Option<String> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme)?;
    let allowed: &[&str] = if kind == Kind::Syslog { &["tcp", "tls"] } else { &["http", "https"] };
    let port = url.rsplit_once(':').is_some_and(|(_, port)| port.trim_end_matches('/').parse::<u16>().is_ok());
    if !allowed.contains(&scheme) {
        return Some(format!("`url` must begin with {}", allowed.join(":// or ") + "://"));
    }
    (kind == Kind::Syslog && !port).then(|| "`url` must name a port, such as tls://HOST:6514".to_owned())
}
