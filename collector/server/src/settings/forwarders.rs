//! The tables `[[forwarders]]` of the file of settings: receivers of both logs.
//!
//! They have no options on the command line: there may be several.

use super::buckets::{self, BucketDraft};
use super::tables::{Draft, address, lacks, path, quoted, short_name};
use super::variables::secret;
use headgate_collector_api::request_filters;
use headgate_collector_forward::{
    Archive, DEFAULT_ACK_TIMEOUT, Encoding, Format, Kind, Secret, Semconv, Settings, Signal, Start,
};
use headgate_collector_types::Log;
use std::time::Duration;
use toml::de::DeValue;

/// How long entries wait for a file to become full.
const DEFAULT_EVERY: Duration = Duration::from_secs(300);
/// The longest time that retention waits for a forwarder, days.
const MAX_HOLD_DAYS: u64 = 90;

/// The keys of one table that have been read so far.
#[derive(Default)]
pub(super) struct ForwarderDraft {
    id: Option<String>,
    kind: Option<Kind>,
    url: Option<Secret>,
    token: Option<Secret>,
    logs: Option<Vec<Log>>,
    format: Format,
    signal: Option<Signal>,
    semconv: Option<Semconv>,
    start: Start,
    acks: Option<bool>,
    ack_timeout: Option<Duration>,
    signing_key: Option<Secret>,
    hold_until_forwarded: Option<Duration>,
    encoding: Option<Encoding>,
    every: Option<Duration>,
    bucket: BucketDraft,
    index: Option<String>,
    filter: Option<String>,
    ca_file: Option<std::path::PathBuf>,
}

impl Draft for ForwarderDraft {
    type Settings = Settings;
    const TABLES: &str = "forwarders";
    const OWNER: &str = "a forwarder";
    const KEYS: &[&str] = &[
        "id",
        "kind",
        "url",
        "token",
        "logs",
        "format",
        "signal",
        "semconv",
        "start",
        "index",
        "filter",
        "acks",
        "ack_timeout",
        "signing_key",
        "hold_until_forwarded",
        "encoding",
        "every",
        "region",
        "access_key",
        "secret_key",
        "ca_file",
    ];
    const MOST: usize = 16;

    fn take_text(&mut self, name: &str, text: &str) -> Result<(), String> {
        match name {
            "id" => self.id = Some(short_name(text)?),
            "kind" => self.kind = Some(one_of(text, &Kind::ALL, Kind::as_str)?),
            "url" => self.url = Some(Secret(address(text)?)),
            "token" => self.token = Some(secret(text)?),
            "signing_key" => self.signing_key = Some(secret(text)?),
            "signal" => self.signal = Some(one_of(text, &Signal::ALL, Signal::as_str)?),
            "semconv" => self.semconv = Some(one_of(text, &Semconv::ALL, Semconv::as_str)?),
            "acks" => {
                self.acks = match text {
                    "auto" => Some(true),
                    "off" => Some(false),
                    _ => return Err("it must be \"auto\" or \"off\"".to_owned()),
                }
            }
            "ack_timeout" => self.ack_timeout = Some(wait(text)?),
            "encoding" => self.encoding = Some(one_of(text, &Encoding::ALL, Encoding::as_str)?),
            "every" => self.every = Some(wait(text)?),
            name if buckets::KEYS.contains(&name) => self.bucket.take(name, text)?,
            "hold_until_forwarded" => self.hold_until_forwarded = Some(hold(text)?),
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

    fn take_other(&mut self, name: &str, value: &DeValue<'_>) -> Option<Result<String, String>> {
        (name == "logs").then(|| self.take_logs(value))
    }

    fn settings(self) -> Result<Settings, String> {
        let misplaced = self.kind.map_or(Ok(()), |kind| self.belongs(kind));
        let archive = self.archive();
        let id = self.id.ok_or("a forwarder has no `id`; give it a name such as \"siem\"")?;
        let lacks = |what: &str| lacks("forwarder", &id, what);
        let kinds = Kind::ALL.map(Kind::as_str).join(", ");
        let kind = self.kind.ok_or_else(|| lacks(&format!("`kind`; there are: {kinds}")))?;
        let url = self.url.ok_or_else(|| lacks("`url`; set it to the address of the receiver"))?;
        misplaced.map_err(|why| format!("the forwarder {}: {why}", quoted(&id)))?;
        if let Some(why) = wrong_scheme(kind, &url.0) {
            return Err(format!("the forwarder {}: {why}", quoted(&id)));
        }
        if matches!(kind, Kind::SplunkHec | Kind::Datadog) && self.token.is_none() {
            return Err(lacks("`token`; write \"${NAME}\" and set NAME in the environment"));
        }
        let signal = self.signal.unwrap_or_default();
        let all = if signal == Signal::Logs { Log::ALL.to_vec() } else { vec![Log::Requests] };
        let logs = self.logs.unwrap_or(all);
        if signal != Signal::Logs && logs.contains(&Log::Audit) {
            return Err(format!(
                "the forwarder {}: {} are of requests; set `logs` to [\"requests\"], and forward the audit log by another one",
                quoted(&id),
                signal.as_str()
            ));
        }
        let archive = archive.map_err(|why| format!("the forwarder {}: {why}", quoted(&id)))?;
        let filters = self.filter.as_deref().map(request_filters).transpose()?.unwrap_or_default();
        Ok(Settings {
            id,
            kind,
            url,
            token: self.token,
            logs,
            format: self.format,
            signal,
            semconv: self.semconv.unwrap_or_default(),
            awaits_acks: self.acks.unwrap_or(true),
            ack_timeout: self.ack_timeout.unwrap_or(DEFAULT_ACK_TIMEOUT),
            signing_key: self.signing_key,
            hold_until_forwarded: self.hold_until_forwarded,
            encoding: self.encoding.unwrap_or_default(),
            archive,
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
    /// Returns the problem of a key that a forwarder of this kind does not have.
    fn belongs(&self, kind: Kind) -> Result<(), String> {
        let keys = [
            ("signal", self.signal.is_some(), Kind::Otlp),
            ("semconv", self.semconv.is_some(), Kind::Otlp),
            ("acks", self.acks.is_some(), Kind::SplunkHec),
            ("ack_timeout", self.ack_timeout.is_some(), Kind::SplunkHec),
            ("signing_key", self.signing_key.is_some(), Kind::Webhook),
            ("encoding", self.encoding.is_some(), Kind::ObjectStore),
            ("every", self.every.is_some(), Kind::ObjectStore),
            (self.bucket.first().unwrap_or_default(), self.bucket.first().is_some(), Kind::ObjectStore),
        ];
        let wrong = keys.iter().find(|(_, is_set, of)| *is_set && *of != kind);
        wrong.map_or(Ok(()), |(key, _, of)| Err(format!("`{key}` is for the kind {}; delete it", quoted(of.as_str()))))
    }

    /// Returns the bucket of an object store.
    fn archive(&self) -> Result<Option<Archive>, String> {
        let Some(url) = self.url.as_ref().filter(|_| self.kind == Some(Kind::ObjectStore)) else { return Ok(None) };
        let bucket = self.bucket.open(&url.0)?;
        Ok(Some(Archive { bucket, every: self.every.unwrap_or(DEFAULT_EVERY) }))
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

/// Reads a time of seconds or minutes, up to an hour.
pub(super) fn wait(text: &str) -> Result<Duration, String> {
    let seconds = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((number, "s")) => number.parse::<u64>().ok(),
        Some((number, "m")) => number.parse::<u64>().ok().and_then(|minutes| minutes.checked_mul(60)),
        _ => None,
    };
    let seconds = seconds.filter(|seconds| (1..=3_600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or_else(|| "it must be a time from \"1s\" to \"60m\"".to_owned())
}

/// Reads a time of days.
fn hold(text: &str) -> Result<Duration, String> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    let days = days.filter(|days| (1..=MAX_HOLD_DAYS).contains(days));
    let days = days.ok_or_else(|| format!("it must be a number of days from \"1d\" to \"{MAX_HOLD_DAYS}d\""))?;
    Ok(Duration::from_secs(days.saturating_mul(86_400)))
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
