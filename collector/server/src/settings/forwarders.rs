//! The tables `[[forwarders]]` of the file of settings: receivers of both logs.
//!
//! They have no options on the command line: there may be several.

use super::oidc::variable;
use super::tables::{Draft, address, lacks, path, quoted, short_name, unknown_key, visible_text};
use super::variables::resolved;
use headgate_collector_api::request_filters;
use headgate_collector_forward::{Format, Kind, Secret, Settings, Start};
use headgate_collector_types::Log;
use toml::Spanned;
use toml::de::DeValue;

/// The keys, in the order of the documentation.
const KEYS: [&str; 10] = ["id", "kind", "url", "token", "logs", "format", "start", "index", "filter", "ca_file"];

/// The keys of one table that have been read so far.
#[derive(Default)]
pub(super) struct ForwarderDraft {
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

impl Draft for ForwarderDraft {
    type Settings = Settings;
    const TABLES: &str = "forwarders";
    const MOST: usize = 16;

    fn take(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, String> {
        let in_key = |why: String| format!("`{name}`: {why}");
        if name == "logs" {
            return self.take_logs(value.get_ref()).map_err(in_key);
        }
        if !KEYS.contains(&name) {
            return Err(unknown_key(name, "a forwarder", &KEYS));
        }
        let text = visible_text(value.get_ref()).map_err(in_key)?;
        self.take_text(name, text).map_err(in_key)?;
        Ok(quoted(text))
    }

    fn settings(self) -> Result<Settings, String> {
        let id = self.id.ok_or("a forwarder has no `id`; give it a name such as \"siem\"")?;
        let lacks = |what: &str| lacks("forwarder", &id, what);
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

    fn twin(before: &[Settings], one: &Settings) -> Option<String> {
        let is_twin = before.iter().any(|other| other.id == one.id);
        is_twin.then(|| format!("two forwarders have the id {}; give each its own", quoted(&one.id)))
    }
}

impl ForwarderDraft {
    fn take_text(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "id" => self.id = Some(short_name(text)?),
            "kind" => self.kind = Some(one_of(text, &Kind::ALL, Kind::as_str)?),
            "url" => self.url = Some(Secret(address(text)?)),
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

fn wrong_scheme(kind: Kind, url: &str) -> Option<String> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme)?;
    let allowed: &[&str] = if kind == Kind::Syslog { &["tcp", "tls"] } else { &["http", "https"] };
    let port = url.rsplit_once(':').is_some_and(|(_, port)| port.trim_end_matches('/').parse::<u16>().is_ok());
    if !allowed.contains(&scheme) {
        return Some(format!("`url` must begin with {}", allowed.join(":// or ") + "://"));
    }
    (kind == Kind::Syslog && !port).then(|| "`url` must name a port, such as tls://HOST:6514".to_owned())
}
